from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.definitions import (
    describe_field,
    of_json_schema,
    parse_field,
    read_fields,
    to_json_schema,
)
from weft.errors import BadSchema
from weft.schema import Field, Kind, Schema

TEXT = Field(name="")


def problems_of(error: BadSchema) -> list[tuple[str, str]]:
    """Path and message of every problem."""
    problems: Any = error.facts["problems"]
    return [(each["path"], each["message"]) for each in problems]


# ── one line ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (
            "category: enum[bug,billing,praise] = what it is about",
            Field(
                name="category",
                kind=Kind.ENUM,
                options=("bug", "billing", "praise"),
                description="what it is about",
            ),
        ),
        ("tldr: string(max_words=12) = a: b = c", Field(name="tldr", max_words=12, description="a: b = c")),
        ("score: integer(0..10)", Field(name="score", kind=Kind.INTEGER, minimum=0, maximum=10)),
        ("score: number(-1.5..)", Field(name="score", kind=Kind.NUMBER, minimum=-1.5)),
        (
            'code: string(2..4, pattern="[A-Z(]+")',
            Field(name="code", min_length=2, max_length=4, pattern="[A-Z(]+"),
        ),
        ("tags: list[string]", Field(name="tags", kind=Kind.ARRAY, items=TEXT)),
        ("tags: string[]", Field(name="tags", kind=Kind.ARRAY, items=TEXT)),
        ("tags: list", Field(name="tags", kind=Kind.ARRAY, items=TEXT)),
        (
            "tags: enum[a,b][](1..3)",
            Field(
                name="tags",
                kind=Kind.ARRAY,
                items=Field(name="", kind=Kind.ENUM, options=("a", "b")),
                min_items=1,
                max_items=3,
            ),
        ),
        ("note?: string", Field(name="note", required=False)),
        ("note ? : TEXT", Field(name="note", kind=Kind.TEXT, required=False)),
        ("note", Field(name="note")),
        ("note = what it says", Field(name="note", description="what it says")),
        ("ok: bool", Field(name="ok", kind=Kind.BOOLEAN)),
        ("due: date", Field(name="due", kind=Kind.DATE)),
        ("at: datetime", Field(name="at", kind=Kind.DATETIME)),
        ("mail: email", Field(name="mail", kind=Kind.EMAIL)),
        ("site: url", Field(name="site", kind=Kind.URL)),
        ("x: enum[\"a, b\", 'c]', d e]", Field(name="x", kind=Kind.ENUM, options=("a, b", "c]", "d e"))),
        ("größe: int", Field(name="größe", kind=Kind.INTEGER)),
    ],
)
def test_line_is_read(line: str, field: Field) -> None:
    """A field is defined in one line, every type and limit of it."""
    assert parse_field(line) == field


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ("", 1, "a name"),
        ("1x: string", 1, "a name"),
        ("x: strng", 4, "There is no type `strng`"),
        ("x: enum[a,b", 12, "`]`"),
        ("x: enum", 8, "`[`"),
        ("x: enum[]", 9, "an option"),
        ("x: string(max_word=3)", 11, "one of the limits"),
        ("x: string(max_words=many)", 21, "a number"),
        ("x: string foo", 11, "`=` and a description"),
        ("x string", 3, "`:` and a type"),
        ("x: integer(0..1" + "0" * 5000 + ")", 12, "one of the limits"),
        ("x: string" + "[]" * 1000, 26, "inside one another"),
        ("x: " + "list[" * 20 + "string" + "]" * 20, 44, "inside one another"),
    ],
)
def test_error_in_a_line_shows_its_place(line: str, place: int, said: str) -> None:
    """A line that cannot be read says where, what was expected, and shows an example."""
    with pytest.raises(BadSchema) as caught:
        parse_field(line)

    assert said in caught.value.message
    assert caught.value.facts["place"] == place
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x: integer(5..1)", "`minimum` 5 above `maximum` 1"),
        ("x: integer(max_words=3)", "has no `max_words`"),
        ('x: string(pattern="(")', "pattern that cannot be used"),
        ('x: string(pattern="(?=a)b")', "RE2"),
        ("x: enum[a,a]", "there twice"),
        ("x: object", "does not fit into one line"),
        ("x: list[object]", "needs `fields`"),
    ],
)
def test_line_that_makes_no_sense_is_refused(line: str, said: str) -> None:
    """A definition that is written well and means nothing is refused when it is read."""
    with pytest.raises(BadSchema, match=re.escape(said)):
        parse_field(line)


@settings(max_examples=200)
@given(st.text(max_size=40) | st.text("ab:=?[]()., \"'\\x0123456789enumlistrg", max_size=40))
def test_any_line_is_read_or_refused(line: str) -> None:
    """There is no line that makes the reader fail in another way."""
    try:
        field = parse_field(line)
    except BadSchema:
        return

    assert field.name in line


# ── front matter ─────────────────────────────────────────────────────────────────────────────────


def test_every_attribute_can_be_set() -> None:
    """P18: every attribute of a field has a place in a template's front matter."""
    schema = read_fields(
        [
            {
                "name": "code",
                "type": "string",
                "description": "what",
                "label": "The code",
                "required": False,
                "default": "AB",
                "min_length": 1,
                "max_length": 4,
                "min_words": 1,
                "max_words": 2,
                "pattern": "[A-Z]+",
                "examples": ["AB", "CD"],
            },
            {"name": "n", "type": "integer", "minimum": 0, "maximum": 10},
            {"name": "kind", "enum": ["a", 2], "label": "Kind"},
            {
                "name": "people",
                "type": "array",
                "items": {"type": "object", "fields": {"name": "string", "site": {"type": "url"}}},
                "min_items": 1,
                "max_items": 9,
                "separator": "|",
            },
        ],
        where="inputs",
    )

    assert schema.fields == (
        Field(
            name="code",
            description="what",
            label="The code",
            required=False,
            default="AB",
            min_length=1,
            max_length=4,
            min_words=1,
            max_words=2,
            pattern="[A-Z]+",
            examples=("AB", "CD"),
        ),
        Field(name="n", kind=Kind.INTEGER, minimum=0, maximum=10),
        Field(name="kind", kind=Kind.ENUM, options=("a", "2"), label="Kind"),
        Field(
            name="people",
            kind=Kind.ARRAY,
            items=Field(
                name="", kind=Kind.OBJECT, fields=(Field(name="name"), Field(name="site", kind=Kind.URL))
            ),
            min_items=1,
            max_items=9,
            separator="|",
        ),
    )


def test_short_forms_mean_the_same() -> None:
    """Mapping, list of mappings and list of lines are three ways to write one schema."""
    mapping = read_fields(
        {"a": "string(max_words=3)", "b": {"type": "enum", "options": ["x", "y"]}}, where="r"
    )
    listed = read_fields([{"name": "a", "max_words": 3}, {"name": "b", "options": ["x", "y"]}], where="r")
    lines = read_fields(["a: string(max_words=3)", "b: enum[x,y]"], where="r")

    assert mapping == listed == lines


def test_question_mark_makes_optional() -> None:
    """`name?` means the same in a mapping as in a line."""
    mapping = read_fields({"a?": "integer", "b?": {"type": "date"}, "c?": None}, where="r")

    assert mapping == read_fields(["a?: integer", "b?: date", "c?"], where="r")
    assert not any(field.required for field in mapping)


def test_default_makes_optional_and_is_typed() -> None:
    """P03: a field with a default need not be there, and the default is a value of its type."""
    schema = read_fields(
        {
            "n": {"type": "integer", "default": "3"},
            "l": {"type": "list[integer]", "default": "1;2"},
            "s": {"default": ""},
            "b": {"type": "boolean", "default": False},
        },
        where="inputs",
    )

    assert [(f.required, f.default) for f in schema] == [
        (False, 3),
        (False, [1, 2]),
        (False, ""),
        (False, False),
    ]


def test_all_problems_are_told_at_once() -> None:
    """T29: one error names everything that is wrong, each with its path."""
    with pytest.raises(BadSchema) as caught:
        read_fields(
            {
                "a": {"typ": "string"},
                "b": {"type": "strng"},
                "c": {"type": "integer", "minimum": "low", "max_words": 3},
                "d": {"options": [True, "no"]},
                "e": 3,
                "f": {"type": "array", "items": {"type": "enum"}},
                "g": {"type": "integer", "default": "x"},
                "h": {"default": "x", "required": True},
                "i": {"required": "yes", "label": 3, "min_length": -1, "options": "a,b"},
                "no.name": "string",
                True: "string",
                "j": {"type": ["string", "null"]},
            },
            where="answer",
        )

    problems = dict(problems_of(caught.value))
    assert "did you mean `type`" in problems["answer.a.typ"]
    assert "There is no type `strng`" in problems["answer.b.type"]
    assert problems["answer.c.minimum"] == "must be a number, not 'low'."
    assert "has no `max_words`" in problems["answer.c"]
    assert "quotes" in problems["answer.d.options.0"]
    assert "must be a type or a mapping" in problems["answer.e"]
    assert "needs `options`" in problems["answer.f.items"]
    assert "default that does not fit: g must be a whole number" in problems["answer.g"]
    assert "never used" in problems["answer.h"]
    assert {
        "answer.i.required",
        "answer.i.label",
        "answer.i.min_length",
        "answer.i.options",
    } <= problems.keys()
    assert "is no name" in problems["answer.'no.name'"]
    assert "has the name true" in problems["answer.True"]
    assert "answer.j.type" in problems
    assert all(path in caught.value.message for path in problems)


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ("string", "a"),
        (3, "a"),
        (None, "a"),
        ([{}], "a.0"),
        ([3], "a.0"),
        (["x: y"], "a.0"),
        (["x", "x"], "a.x"),
    ],
)
def test_definition_of_another_shape_is_told(definition: object, path: str) -> None:
    """What is no list or mapping of fields says where it stands."""
    with pytest.raises(BadSchema) as caught:
        read_fields(definition, where="a")

    assert [each for each, _ in problems_of(caught.value)] == [path]


def test_definition_nested_without_end_is_stopped() -> None:
    """A file of a thousand levels is told, not a crash."""
    definition: dict[str, Any] = {"type": "string"}
    for _ in range(300):
        definition = {"type": "array", "items": definition}

    with pytest.raises(BadSchema, match="nested too deep"):
        read_fields({"x": definition}, where="inputs")


def test_no_fields_are_an_empty_schema() -> None:
    """A template without inputs is allowed."""
    assert len(read_fields({}, where="inputs")) == len(read_fields([], where="inputs")) == 0


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(list(Kind)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4)
            | st.sampled_from(
                ["name", "type", "items", "fields", "options", "default", "pattern", "max_words", "required"]
            )
            | st.sampled_from(
                ["properties", "enum", "anyOf", "allOf", "$ref", "const", "format", "minimum", "title"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(PLAIN)
def test_any_definition_is_read_or_refused(definition: Any) -> None:
    """Whatever YAML or JSON holds, it is a schema or a clear error."""
    for read in (read_fields, of_json_schema):
        for each in (definition, {"x": definition}, {"type": "object", "properties": {"x": definition}}):
            try:
                schema = read(each, where="here")
            except BadSchema:
                continue
            assert to_json_schema(schema)["type"] == "object"


# ── JSON Schema ──────────────────────────────────────────────────────────────────────────────────


def test_schema_is_written_for_a_model() -> None:
    """W15: fields in order, what is required, nothing else allowed; limits of words in the description."""
    schema = Schema(
        (
            Field(name="tldr", description="one sentence", max_words=12),
            Field(name="challenge", kind=Kind.ENUM, options=("practice", "expert")),
            Field(name="score", kind=Kind.INTEGER, minimum=0, maximum=10, required=False),
            Field(name="tone", kind=Kind.ENUM, options=("a",), required=False),
            Field(name="tags", kind=Kind.ARRAY, items=Field(name=""), max_items=3, label="Tags"),
            Field(name="who", kind=Kind.OBJECT, fields=(Field(name="mail", kind=Kind.EMAIL, pattern="a|b"),)),
        )
    )

    written = to_json_schema(schema)

    assert written == {
        "type": "object",
        "properties": {
            "tldr": {"type": "string", "description": "one sentence (at most 12 words)"},
            "challenge": {"type": "string", "enum": ["practice", "expert"]},
            "score": {"type": ["integer", "null"], "minimum": 0, "maximum": 10},
            "tone": {"type": ["string", "null"], "enum": ["a", None]},
            "tags": {"type": "array", "title": "Tags", "maxItems": 3, "items": {"type": "string"}},
            "who": {
                "type": "object",
                "properties": {"mail": {"type": "string", "format": "email", "pattern": "^(?:a|b)$"}},
                "required": ["mail"],
                "additionalProperties": False,
            },
        },
        "required": ["tldr", "challenge", "tags", "who"],
        "additionalProperties": False,
    }
    assert list(written["properties"]) == list(schema.names)


def test_schema_of_pydantic_is_read() -> None:
    """A schema as pydantic writes it: references, optional values, titles, defaults."""
    schema = of_json_schema(
        {
            "$defs": {
                "Tone": {"enum": ["warm", "cold"], "title": "Tone", "type": "string"},
                "Person": {
                    "properties": {"age": {"exclusiveMinimum": 0, "title": "Age", "type": "integer"}},
                    "required": ["age"],
                    "title": "Person",
                    "type": "object",
                },
            },
            "properties": {
                "tone": {"$ref": "#/$defs/Tone", "description": "how it sounds"},
                "who": {"anyOf": [{"$ref": "#/$defs/Person"}, {"type": "null"}], "default": None},
                "tags": {"items": {"type": "string"}, "maxItems": 3, "title": "Tags", "type": "array"},
                "note": {"anyOf": [{"maxLength": 5, "type": "string"}, {"type": "null"}]},
                "kind": {"allOf": [{"$ref": "#/$defs/Tone"}], "default": "warm"},
                "fixed": {"const": "yes"},
                "short": {"type": "string", "x-max-words": 3, "pattern": "^[a-z ]+$"},
            },
            "required": ["tone", "tags", "note", "fixed", "short"],
            "title": "Answer",
            "type": "object",
        },
        where="answer",
    )

    tone = Field(
        name="tone", kind=Kind.ENUM, options=("warm", "cold"), label="Tone", description="how it sounds"
    )
    assert schema.fields == (
        tone,
        Field(
            name="who",
            kind=Kind.OBJECT,
            label="Person",
            required=False,
            fields=(Field(name="age", kind=Kind.INTEGER, label="Age", minimum=1),),
        ),
        Field(name="tags", kind=Kind.ARRAY, label="Tags", items=TEXT, max_items=3),
        Field(name="note", required=False, max_length=5),
        replace(tone, name="kind", description="", required=False, default="warm"),
        Field(name="fixed", kind=Kind.ENUM, options=("yes",)),
        Field(name="short", max_words=3, pattern="[a-z ]+"),
    )


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "contentEncoding": "base64"}, "`contentEncoding`"),
        ({"type": "number", "multipleOf": 3, "not": {}}, "`multipleOf`, `not`"),
        ({"$ref": "http://example.org/schema.json"}, "only references inside the document"),
        ({"$ref": "other.json#/x"}, "only references inside the document"),
        ({"$ref": "#/nowhere"}, "which is not there"),
        ({"$ref": "#/properties/x"}, "refers on more than"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "several types"),
        ({"type": ["string", "integer"]}, "has the type 'string' or 'integer'"),
        ({"type": "null"}, "has the type"),
        ({}, "has the type null"),
        (True, "must be a JSON Schema"),
        ({"type": "string", "format": "uuid"}, "has the format 'uuid'"),
        ({"enum": ["a", 3]}, "not of text"),
        ({"type": "integer", "enum": [1, 2]}, "not of text"),
        ({"type": "array"}, "needs `items`"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "entries may be missing"),
        ({"type": "object"}, "needs `properties`"),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
            "further properties",
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}, "requires 'b'"),
        ({"type": "string", "maxLength": "3"}, "must be a number"),
        ({"type": "string", "maxLength": -3}, "must be a number"),
        ({"type": "number", "exclusiveMaximum": 0.5}, "whole numbers only"),
        ({"type": "string", "pattern": "(?=x)"}, "pattern that cannot be used"),
        ({"type": "string", "minimum": 3}, "has no `minimum`"),
    ],
)
def test_keyword_that_cannot_be_kept_is_named(schema: object, said: str) -> None:
    """P32, S41: what would restrict values and cannot be checked is an error, and nothing is fetched."""
    with pytest.raises(BadSchema, match=re.escape(said)) as caught:
        of_json_schema({"type": "object", "properties": {"x": schema}}, where="answer")

    assert all(path.startswith("answer.x") for path, _ in problems_of(caught.value))


@pytest.mark.parametrize(
    "document", [{"type": "string"}, [], None, 3, {"type": "array", "items": {"type": "string"}}]
)
def test_document_must_be_an_object(document: object) -> None:
    """An answer has named fields, so the schema describes an object."""
    with pytest.raises(BadSchema):
        of_json_schema(document, where="answer")


def test_schema_bomb_is_stopped() -> None:
    """S41: references that multiply end at a limit, at once and with one complaint."""
    bomb: dict[str, Any] = {
        f"d{n}": {
            "type": "object",
            "properties": {key: {"$ref": f"#/$defs/d{n + 1}"} for key in "abcdefgh"},
        }
        for n in range(9)
    }
    bomb["d9"] = {"type": "string"}
    recursive = {"$defs": {"r": {"type": "array", "items": {"$ref": "#/$defs/r"}}}}

    for document in (
        {"$defs": bomb, "$ref": "#/$defs/d0"},
        {**recursive, "type": "object", "properties": {"x": {"$ref": "#/$defs/r"}}},
    ):
        with pytest.raises(BadSchema, match="unfolds to more than") as caught:
            of_json_schema(document, where="answer")

        assert len(problems_of(caught.value)) == 1


def test_pattern_may_match_anywhere_in_json_schema() -> None:
    """JSON Schema looks for a pattern anywhere in a text; ours match the whole and are converted."""
    document = {"type": "object", "properties": {"x": {"type": "string", "pattern": "b+"}}, "required": ["x"]}
    schema = of_json_schema(document, where="a")

    assert to_json_schema(schema)["properties"]["x"]["pattern"] == "b+"
    assert describe_field(schema.fields[0]) == "`x` (text, matching the pattern b+)"


WORDS = st.text("abc äß!", max_size=10).map(str.strip)
COUNTS = st.integers(0, 9)


@st.composite
def fields(draw: st.DrawFn, depth: int = 2, name: str = "f") -> Field:
    """Sound fields, without what JSON Schema has no place for (defaults, separators, TEXT)."""
    kinds = [k for k in Kind if k is not Kind.TEXT and (depth or k not in (Kind.ARRAY, Kind.OBJECT))]
    kind = draw(st.sampled_from(kinds))
    least, most = sorted(draw(st.tuples(COUNTS, COUNTS)))
    limits = draw(st.sampled_from([(None, None), (least, None), (None, most), (least, most)]))
    field = Field(
        name=name, kind=kind, description=draw(WORDS), label=draw(WORDS), required=draw(st.booleans())
    )
    if kind is Kind.STRING:
        names = draw(st.sampled_from([("min_length", "max_length"), ("min_words", "max_words")]))
        pattern = draw(st.sampled_from(["", "[a-z]+", "a|b", "(a)(b)", "(?s:.*)(?:b)(?s:.*)", "[(]", r"\(a"]))
        return replace(field, **dict(zip(names, limits, strict=True)), pattern=pattern)
    if kind in (Kind.INTEGER, Kind.NUMBER):
        return replace(field, minimum=limits[0], maximum=limits[1])
    if kind is Kind.ENUM:
        return replace(
            field, options=tuple(draw(st.lists(st.text("abc", min_size=1), min_size=1, unique=True)))
        )
    if kind is Kind.ARRAY:
        entry = replace(draw(fields(depth - 1, "")), required=True)
        return replace(field, items=entry, min_items=limits[0], max_items=limits[1])
    if kind is Kind.OBJECT:
        return replace(field, fields=draw(members(depth - 1)).fields)
    return field


@st.composite
def members(draw: st.DrawFn, depth: int = 2) -> Schema:
    """Sound schemas."""
    names = draw(st.lists(st.from_regex("[a-z_]{1,3}", fullmatch=True), min_size=1, max_size=3, unique=True))
    return Schema(tuple(draw(fields(depth, name)) for name in names))


@settings(max_examples=150)
@given(members())
def test_json_schema_round_trip(schema: Schema) -> None:
    """Writing a schema and reading it again gives the same schema, limits of words included."""
    assert of_json_schema(to_json_schema(schema), where="answer") == schema


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "tldr: string(max_words=12) = one-sentence summary",
            "`tldr` (text, at most 12 words): one-sentence summary",
        ),
        ("x: string(min_words=2, max_words=5)", "`x` (text, 2 to 5 words)"),
        ("x: string(1..1)", "`x` (text, exactly 1 character)"),
        ("c: enum[a,b c] = which", "`c` (exactly one of `a`, `b c`): which"),
        ("n?: integer(0..10) = score", "`n` (whole number from 0 to 10, or null): score"),
        ("n: number(..0.5)", "`n` (number of at most 0.5)"),
        ("n: number(1..)", "`n` (number of at least 1)"),
        ("ok: boolean", "`ok` (true or false)"),
        ("t: list[enum[a,b]](1..3)", "`t` (list of 1 to 3 entries, each: exactly one of `a`, `b`)"),
        ("d: date", "`d` (date such as 2026-03-31)"),
    ],
)
def test_field_is_described_in_a_line(line: str, words: str) -> None:
    """W16: what a field holds, its limits and its description, in one line for the model."""
    assert describe_field(parse_field(line)) == words


def test_object_is_described_with_its_members() -> None:
    """W16: members of an object are described too, and line breaks do not break the line."""
    field = Field(
        name="o",
        kind=Kind.OBJECT,
        description="first\n  second",
        fields=(Field(name="a", label="The A"), Field(name="b", kind=Kind.URL)),
    )

    assert describe_field(field) == "`o` (object with `a` (text): The A; `b` (web address)): first second"
