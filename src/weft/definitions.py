"""Definitions of fields: from a line, from front matter, from and to JSON Schema; and in words.

Knows which definitions make sense and names everything wrong with one in a single error.
Refuses to open files, to fetch anything a definition refers to, and to check values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as attributes_of
from dataclasses import replace
from typing import Any

from weft.errors import BadSchema, UnknownName
from weft.json_schemas import read_json_schema, write_json_schema
from weft.limits import bare, counted, plain_pattern, shown
from weft.notation import HINT, NUMBER_LIMITS, WHOLE_LIMITS, read_line, read_type
from weft.schema import Field, Kind, Schema
from weft.soundness import Complaints, complain, judge, judge_all, typed_default

MAX_STEPS = 24  # of a path in front matter, about ten levels; the reader is recursive


def parse_field(text: str) -> Field:
    """Read a field from one line, such as `category: enum[bug,billing] = what it is about`.

    A `?` after the name makes it optional. Types: `string`, `text`, `integer(0..10)`, `number`,
    `boolean`, `enum[a,b]`, `date`, `datetime`, `email`, `url`, `list[type]` or `type[]`.
    Limits in round brackets: `max_words=12`, `min_length=1`, `pattern="[A-Z]+"`, `1..5`.

    Raises:
        BadSchema: with the place in the line (`place`, counted from 1) or what makes no sense.
    """
    field = read_line(text)
    if field.kind is Kind.OBJECT:
        raise BadSchema(
            f"An object does not fit into one line: `{text}`.",
            hint="define it in a template's front matter, with `fields`.",
        )
    complaints: Complaints = []
    judge(field, field.name, complaints)
    if complaints:
        raise BadSchema(f"The field `{text}` {complaints[0]['message']}", hint=HINT, problems=complaints)
    return field


def read_fields(definition: Any, *, where: str) -> Schema:
    """Read the fields of a template's front matter.

    Accepts a mapping of names to types (`tldr: string(max_words=12)`) or to attributes, and a
    list of mappings with a `name` or of one-line definitions. A name in a mapping may end with `?`,
    which makes the field optional. Attributes are those of `Field`, with
    `type` for the kind (or a whole type in the one-line notation) and `enum` for `options`.
    A field with a default is optional unless `required` says otherwise.

    Args:
        definition: plain values as YAML or JSON gives them.
        where: begins every path, such as `inputs`.

    Raises:
        BadSchema: with everything that is wrong; `problems` lists path and message of each.
    """
    complaints: Complaints = []
    found = _read_members(definition, where, complaints)
    return _sound(found, where, complaints)


def of_json_schema(document: Any, *, where: str) -> Schema:
    """Read a JSON Schema of an object with properties.

    Understands `string` (with `format` email, uri, date, date-time), `number`, `integer`,
    `boolean`, `enum` and `const` of text, `array`, `object`; lengths, ranges, `pattern`, counts; `["…", "null"]`
    and `anyOf` with null; `$ref` inside the document; `x-min-words` and `x-max-words`, or a
    description that ends like ours with `(at most 12 words)`. Properties that `required` does not
    name are optional. Whatever else would restrict values is an error rather than ignored.

    Raises:
        BadSchema: with everything that is wrong; nothing is ever fetched.
    """
    complaints: Complaints = []
    found = read_json_schema(document, where, complaints)
    return _sound(found, where, complaints)


def to_json_schema(schema: Schema) -> dict[str, Any]:
    """Write a schema as a JSON Schema (2020-12) of an object without further properties.

    Properties keep the schema's order. Optional fields admit null and are not in `required`.
    Limits of words stand at the end of the description: JSON Schema has no keyword for them.
    """
    return write_json_schema(schema.fields)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def describe_field(field: Field) -> str:
    """Say in one line what a field holds, for a model or a person.

    >>> describe_field(parse_field("tldr: string(max_words=12) = one-sentence summary"))
    '`tldr` (text, at most 12 words): one-sentence summary'
    """
    shape = describe_type(field) + ("" if field.required else ", or null")
    meaning = field.description or field.label
    return f"`{field.name}` ({shape})" + (f": {' '.join(meaning.split())}" if meaning else "")


def describe_type(field: Field) -> str:
    """Say in a few words what values a field admits, such as `whole number from 0 to 10`."""
    if field.kind is Kind.ENUM:
        return "exactly one of " + ", ".join(f"`{option}`" for option in field.options)
    if field.kind is Kind.OBJECT:
        return "object with " + "; ".join(describe_field(each) for each in field.fields)
    if field.kind is Kind.ARRAY:
        count = _span(field.min_items, field.max_items, "entry") or "entries"
        return f"list of {count}, each: {describe_type(field.items or Field(name=''))}"
    words = [
        _KIND_WORDS[field.kind],
        _span(field.min_words, field.max_words, "word"),
        _span(field.min_length, field.max_length, "character"),
        f"matching the pattern {plain_pattern(field.pattern)}" if field.pattern else "",
    ]
    words[0] += _range(field.minimum, field.maximum)
    return ", ".join(word for word in words if word)


def _span(least: int | None, most: int | None, noun: str) -> str:
    if most is None:
        return "" if least is None else f"at least {counted(least, noun)}"
    if least == most:
        return f"exactly {counted(most, noun)}"
    return f"{least} to {counted(most, noun)}" if least else f"at most {counted(most, noun)}"


def _range(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        bounds = [("at least", least), ("at most", most)]
        return "".join(f" of {words} {bare(bound)}" for words, bound in bounds if bound is not None)
    return f" from {bare(least)} to {bare(most)}"


_KIND_WORDS: Mapping[Kind, str] = {
    Kind.STRING: "text",
    Kind.TEXT: "text",
    Kind.INTEGER: "whole number",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "date such as 2026-03-31",
    Kind.DATETIME: "date and time such as 2026-03-31T14:05:00Z",
    Kind.EMAIL: "e-mail address",
    Kind.URL: "web address",
}

# ── from front matter ────────────────────────────────────────────────────────────────────────────

_ATTRIBUTES = {each.name for each in attributes_of(Field)} - {"kind"}
_KEYS = sorted(_ATTRIBUTES | {"type", "enum"})


def _read_members(definition: Any, path: str, complaints: Complaints) -> tuple[Field, ...]:
    if isinstance(definition, Mapping):
        pairs = [(f"{path}.{name}", name, each) for name, each in definition.items()]
    elif isinstance(definition, list):
        pairs = [(f"{path}.{place}", None, each) for place, each in enumerate(definition)]
    else:
        complain(complaints, path, f"must be a list or a mapping of fields, not {shown(definition)}.")
        return ()
    read = [_read_member(each, name, here, complaints) for here, name, each in pairs]
    return tuple(field for field in read if field is not None)


def _read_member(definition: Any, name: Any, path: str, complaints: Complaints) -> Field | None:
    fault = ""
    if name is not None and not isinstance(name, str):
        fault = f"has the name {shown(name)}, which is no text; put it in quotes."
    elif path.count(".") > MAX_STEPS:
        fault = "is nested too deep."
    elif not isinstance(definition, str | Mapping | None):
        fault = f"must be a type or a mapping of attributes, not {shown(definition)}."
    if fault:
        complain(complaints, path, fault)
        return None
    try:
        if isinstance(definition, str) and name is None:
            return read_line(definition)
        plain = None if name is None else name.removesuffix("?")
        if isinstance(definition, str):
            field: Field | None = read_type(definition, plain or "")
        else:
            field = _read_attributes(definition or {}, plain, path, complaints)
        return field if field is None or plain == name else replace(field, required=False)
    except BadSchema as exc:
        complain(complaints, path, exc.message)
        return None


def _read_attributes(given: Mapping[Any, Any], name: Any, path: str, complaints: Complaints) -> Field | None:
    for key in given:
        if key not in _KEYS:
            near = UnknownName.among("attribute", str(key), _KEYS)
            complain(complaints, f"{path}.{key}", f"is not an attribute of a field; {near.hint}")
    name = given.get("name", name)
    if not isinstance(name, str):
        complain(
            complaints, path, "has no `name`." if name is None else f"has the name {shown(name)}: quote it."
        )
        return None
    base = _read_kind(given, name, complaints, path)
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key in _READERS and value is not None:
            found["options" if key == "enum" else key] = _READERS[key](value, f"{path}.{key}", complaints)
    found = {key: value for key, value in found.items() if value is not None}
    if "default" in given and "required" not in given and given["default"] is not None:
        found["required"] = False
    return replace(base, name=name, **found)


def _read_kind(given: Mapping[Any, Any], name: str, complaints: Complaints, path: str) -> Field:
    written = given.get("type")
    if written is None:
        for key, kind in (
            ("options", Kind.ENUM),
            ("enum", Kind.ENUM),
            ("items", Kind.ARRAY),
            ("fields", Kind.OBJECT),
        ):
            if key in given:
                return Field(name=name, kind=kind)
        return Field(name=name)
    try:
        if written in ("enum", "choice"):  # its options stand beside it
            return Field(name=name, kind=Kind.ENUM)
        return read_type(written if isinstance(written, str) else shown(written), name)
    except BadSchema as exc:
        complain(complaints, f"{path}.type", f"{exc.message} {exc.hint}")
        return Field(name=name)


def _text(value: Any, path: str, complaints: Complaints) -> str | None:
    if isinstance(value, str):
        return value
    complain(complaints, path, f"must be text, not {shown(value)}.")
    return None


def _flag(value: Any, path: str, complaints: Complaints) -> bool | None:
    if isinstance(value, bool):
        return value
    complain(complaints, path, f"must be true or false, not {shown(value)}.")
    return None


def _count(value: Any, path: str, complaints: Complaints) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return value
    complain(complaints, path, f"must be a whole number from 0, not {shown(value)}.")
    return None


def _number(value: Any, path: str, complaints: Complaints) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    complain(complaints, path, f"must be a number, not {shown(value)}.")
    return None


def _options(value: Any, path: str, complaints: Complaints) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        complain(complaints, path, f"must be a list of texts, not {shown(value)}.")
        return None
    for place, option in enumerate(value):
        if isinstance(option, bool) or not isinstance(option, str | int | float):
            complain(complaints, f"{path}.{place}", f"must be text, not {shown(option)}; put it in quotes.")
    return tuple(str(option) for option in value)


def _entry(value: Any, path: str, complaints: Complaints) -> Field | None:
    return _read_member(value, "", path, complaints)


def _samples(value: Any, path: str, complaints: Complaints) -> tuple[Any, ...]:
    del path, complaints  # any sample will do; those that do not fit are found by _judge
    return tuple(value) if isinstance(value, list) else (value,)


_READERS: Mapping[str, Any] = {
    "description": _text,
    "label": _text,
    "pattern": _text,
    "separator": _text,
    "required": _flag,
    "default": lambda value, _path, _complaints: value,
    "options": _options,
    "enum": _options,
    "items": _entry,
    "fields": _read_members,
    "examples": _samples,
    **dict.fromkeys(WHOLE_LIMITS, _count),
    **dict.fromkeys(NUMBER_LIMITS, _number),
}


def _sound(found: tuple[Field, ...], where: str, complaints: Complaints) -> Schema:
    judge_all(found, where, complaints)
    if complaints:
        said = " ".join(f"`{each['path']}` {each['message']}" for each in complaints)
        raise BadSchema(said, problems=complaints)
    return Schema(tuple(typed_default(field) for field in found))
