from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.checks import MAX_PROBLEMS, STRETCH, answer_checker, answers_checker, input_coercer, rows_coercer
from weft.row import Checked
from weft.schema import Field, Kind, Schema

REVIEW = Schema(
    (
        Field(name="tldr", max_words=12),
        Field(name="challenge", kind=Kind.ENUM, options=("practice", "expert")),
    )
)


def check_inputs(field: Field, value: object) -> Checked:
    """Coerce one cell."""
    return input_coercer(Schema((field,)))({field.name: value})


def check_answers(field: Field, value: object) -> Checked:
    """Check an answer of one field."""
    return answer_checker(Schema((field,)))({field.name: value})


def codes(checked: Checked) -> list[str]:
    """The codes of all problems."""
    return [problem.code for problem in checked.problems]


# ── many rows ────────────────────────────────────────────────────────────────────────────────────

CELL = st.sampled_from(["a", "é", "", " ", "\0", "\ud800", "\u2003", 1, 2.5, None, True, ["x"]])
ROW = st.dictionaries(st.sampled_from(["x", "y", "z"]), CELL)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, max_size=12), st.integers(0, 2), st.booleans(), st.integers(0, STRETCH))
def test_many_rows_are_checked_as_one_by_one(
    rows: list[dict[str, Any]], width: int, required: bool, plain: int
) -> None:
    """T28: the quick way over many rows gives what the way of a single row gives, in schema order."""
    schema = Schema(tuple(Field(name=name, required=required) for name in "xy"[:width]))
    rows = [{"y": "b", "x": "a"}] * plain + rows
    one = input_coercer(schema)

    found = rows_coercer(schema)(rows)

    assert found == [one(cells) for cells in rows]
    assert all(list(each.values) == list(schema.names) for each in found if not each.problems)


SAID = st.sampled_from(["a", "b", "B", "é", "two words", " a", "a\0", "\ud800", 1, True, None, ["x"]])
SAYING = st.dictionaries(st.sampled_from(["x", "y", "z"]), SAID)
KINDS = [
    {"kind": Kind.STRING, "max_words": 1},
    {"kind": Kind.TEXT, "required": False},
    {"kind": Kind.ENUM, "options": ("a", "b")},
    {"kind": Kind.BOOLEAN},
    {"kind": Kind.INTEGER},
]


@settings(max_examples=200, deadline=None)
@given(st.lists(SAYING, max_size=6), st.lists(st.sampled_from(KINDS), max_size=2), st.integers(0, 5))
def test_answers_of_a_call_are_checked_as_one_by_one(
    answers: list[dict[str, Any]], kinds: list[dict[str, Any]], plain: int
) -> None:
    """B08: the quick way over the answers of a call gives what the way of a single answer gives."""
    schema = Schema(tuple(Field(name=name, **kind) for name, kind in zip("xy", kinds, strict=False)))
    sure = {
        name: True if kind["kind"] is Kind.BOOLEAN else "a" for name, kind in zip("xy", kinds, strict=False)
    }
    for found in ([dict(sure) for _ in range(plain)], [dict(sure) for _ in range(plain)] + answers):
        one = [answer_checker(schema)(dict(answer)) for answer in found]

        many = answers_checker(schema)(found)

        assert many == one
        assert all(list(each.values) == list(schema.names) for each in many if not each.problems)


# ── inputs ───────────────────────────────────────────────────────────────────────────────────────

TEN = [
    (Field(name="x", kind=Kind.STRING, max_length=3), "abc", "abc", "abcd", "too_long"),
    (Field(name="x", kind=Kind.TEXT, min_words=2), "two words", "two words", "one", "too_few_words"),
    (Field(name="x", kind=Kind.INTEGER), " 3 ", 3, "three", "not_an_integer"),
    (Field(name="x", kind=Kind.NUMBER), "0.5", 0.5, "half", "not_a_number"),
    (Field(name="x", kind=Kind.BOOLEAN), "Yes", True, "perhaps", "not_a_boolean"),
    (Field(name="x", kind=Kind.ENUM, options=("a", "b")), "a", "a", "c", "not_an_option"),
    (Field(name="x", kind=Kind.DATE), "2026-02-28", "2026-02-28", "2026-02-30", "not_a_date"),
    (
        Field(name="x", kind=Kind.DATETIME),
        "2026-02-28 14:05",
        "2026-02-28T14:05",
        "2026-02-28T25:00",
        "not_a_datetime",
    ),
    (Field(name="x", kind=Kind.EMAIL), "ada@example.org", "ada@example.org", "ada@example", "not_an_email"),
    (
        Field(name="x", kind=Kind.URL),
        "https://example.org/a?b=c",
        "https://example.org/a?b=c",
        "ftp://x",
        "not_a_url",
    ),
]


@pytest.mark.parametrize(("field", "good", "clean", "bad", "code"), TEN, ids=[each[0].kind for each in TEN])
def test_ten_kinds_accept_and_reject(field: Field, good: str, clean: object, bad: str, code: str) -> None:
    """T28: each of the ten kinds accepts a good cell and rejects a bad one."""
    accepted, rejected = check_inputs(field, good), check_inputs(field, bad)

    assert accepted.values == {"x": clean}
    assert not accepted.problems
    assert codes(rejected) == [code]


def test_message_begins_with_the_title() -> None:
    """T25: a message begins with what people call the field."""
    problem = check_inputs(Field(name="mail", label="E-mail", kind=Kind.EMAIL), "x").problems[0]

    assert problem.message == "E-mail must be a valid e-mail address, got 'x'."
    assert problem.field == "mail"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.BOOLEAN, "false", False),
        (Kind.BOOLEAN, "OFF", False),
        (Kind.BOOLEAN, "1", True),
        (Kind.BOOLEAN, 0, False),
        (Kind.BOOLEAN, 1.0, True),
        (Kind.INTEGER, "3", 3),
        (Kind.INTEGER, "+3", 3),
        (Kind.INTEGER, "3.00", 3),
        (Kind.INTEGER, 3.0, 3),
        (Kind.INTEGER, "-9223372036854775808", -(2**63)),
        (Kind.NUMBER, "3", 3),
        (Kind.NUMBER, ".5", 0.5),
        (Kind.NUMBER, "-1.5e3", -1500.0),
        (Kind.STRING, 3, "3"),
        (Kind.STRING, 3.0, "3"),
        (Kind.STRING, 0.25, "0.25"),
        (Kind.STRING, True, "true"),
        (Kind.STRING, {"a": [1, "ü"]}, '{"a":[1,"ü"]}'),
        (Kind.STRING, "  keeps its blanks ", "  keeps its blanks "),
        (Kind.DATE, " 2026-01-31 ", "2026-01-31"),
        (Kind.DATE, "2026-01-31T00:00:00", "2026-01-31"),
        (Kind.DATETIME, "2026-01-31T10:00:00.5+02:00", "2026-01-31T10:00:00.5+02:00"),
    ],
)
def test_cell_becomes_what_it_says(kind: Kind, text: object, value: object) -> None:
    """P03: text in cells becomes typed values."""
    checked = check_inputs(Field(name="x", kind=kind), text)

    assert not checked.problems
    assert checked.values["x"] == value
    assert type(checked.values["x"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INTEGER, "3.5"),
        (Kind.INTEGER, "1e3"),
        (Kind.INTEGER, "1_000"),
        (Kind.INTEGER, "٣"),
        (Kind.INTEGER, "9223372036854775808"),
        (Kind.INTEGER, "1" * 5000),
        (Kind.INTEGER, 2**64),
        (Kind.INTEGER, True),
        (Kind.INTEGER, float("inf")),
        (Kind.NUMBER, "NaN"),
        (Kind.NUMBER, "Infinity"),
        (Kind.NUMBER, "1e999"),
        (Kind.NUMBER, float("nan")),
        (Kind.NUMBER, False),
        (Kind.NUMBER, "1" * 5000),
        (Kind.NUMBER, [1]),
        (Kind.BOOLEAN, 2),
        (Kind.BOOLEAN, []),
        (Kind.STRING, float("nan")),
        (Kind.STRING, "a\0b"),
        (Kind.STRING, "a\ud800"),
        (Kind.STRING, object()),
        (Kind.DATE, "20260131"),
        (Kind.DATE, "2026-01-31T10:00:00"),
        (Kind.DATETIME, "2026-01-31"),
        (Kind.EMAIL, "a@b@example.org"),
        (Kind.EMAIL, "a b@example.org"),
        (Kind.EMAIL, ".a@example.org"),
        (Kind.EMAIL, "a@-example.org"),
        (Kind.EMAIL, "@example.org"),
        (Kind.URL, "https://"),
        (Kind.URL, "https://a b"),
        (Kind.URL, "javascript:alert(1)"),
        (Kind.URL, "https://[::1"),
        (Kind.URL, "https://example.org:99999"),
        (Kind.ARRAY, 3),
        (Kind.OBJECT, "no json"),
        (Kind.OBJECT, "[1]"),
    ],
)
def test_cell_that_does_not_fit_is_told(kind: Kind, value: object) -> None:
    """T28: what is not clearly of its kind is a problem, never a guess."""
    checked = check_inputs(
        Field(name="x", kind=kind, label="Thing", fields=(Field(name="y"),) if kind == "object" else ()),
        value,
    )

    assert len(checked.problems) == 1
    assert checked.problems[0].message.startswith("Thing ")
    assert checked.problems[0].message.isprintable()


@pytest.mark.parametrize("text", ["1,000", "12 000.5", "1'000'000"])
def test_thousands_separators_are_explained(text: str) -> None:
    """A grouped number is refused with the way to write it."""
    for kind in (Kind.INTEGER, Kind.NUMBER):
        message = check_inputs(Field(name="x", kind=kind), text).problems[0].message

        assert message.endswith("write it without thousands separators.")


def test_decimal_comma_is_explained() -> None:
    """A decimal comma is refused with the way to write it."""
    assert "decimal point" in check_inputs(Field(name="x", kind=Kind.NUMBER), "3,5").problems[0].message


@pytest.mark.parametrize("cells", [{}, {"x": None}, {"x": ""}, {"x": "  \t"}])
def test_missing_cell_takes_the_default(cells: dict[str, Any]) -> None:
    """P03, P04: an absent column and a blank cell of an optional input give the default or None."""
    optional = Schema((Field(name="x", kind=Kind.INTEGER, required=False, default=5),))
    plain = Schema((Field(name="x", required=False),))

    assert input_coercer(optional)(cells).values == {"x": 5}
    assert input_coercer(plain)(cells).values == {"x": None}


@pytest.mark.parametrize("cells", [{}, {"x": None}, {"x": ""}, {"x": "  \t"}])
def test_missing_required_cell_is_a_problem(cells: dict[str, Any]) -> None:
    """A required input that is absent or blank is told with the code `missing`."""
    checked = input_coercer(Schema((Field(name="x", label="The X"),)))(cells)

    assert codes(checked) == ["missing"]
    assert checked.problems[0].message == "The X is missing."


def test_zero_and_false_are_not_missing() -> None:
    """Values that Python calls false are values."""
    schema = Schema((Field(name="a", kind=Kind.INTEGER), Field(name="b", kind=Kind.BOOLEAN)))

    assert input_coercer(schema)({"a": 0, "b": False}).values == {"a": 0, "b": False}


def test_inputs_keep_order_and_ignore_other_columns() -> None:
    """Values stand in the order of the schema; columns that nobody asked for do not matter."""
    coerce = input_coercer(Schema((Field(name="b"), Field(name="a"))))

    assert list(coerce({"a": "1", "z": "3", "b": "2"}).values.items()) == [("b", "2"), ("a", "1")]


def test_every_problem_of_a_row_is_told() -> None:
    """A row with two bad cells has two problems."""
    coerce = input_coercer(Schema((Field(name="a", kind=Kind.INTEGER), Field(name="b", kind=Kind.DATE))))

    assert [p.field for p in coerce({"a": "x", "b": "y"}).problems] == ["a", "b"]


@pytest.mark.parametrize(
    "cell", ['["red", "blue"]', "red; blue", " red ;; blue;", ["red", "blue"], ("red", "blue")]
)
def test_list_comes_as_json_or_split(cell: object) -> None:
    """T71: a cell is accepted as a JSON list or split at the separator."""
    field = Field(name="tags", kind=Kind.ARRAY, items=Field(name=""))

    assert check_inputs(field, cell).values == {"tags": ["red", "blue"]}


def test_list_takes_its_own_separator_and_type() -> None:
    """T71: entries are typed, and the separator is the field's."""
    field = Field(name="n", kind=Kind.ARRAY, items=Field(name="", kind=Kind.INTEGER), separator="|")

    assert check_inputs(field, "1|2|3").values == {"n": [1, 2, 3]}
    assert check_inputs(field, "[]").values == {"n": []}
    assert check_inputs(field, "1|x").problems[0].message == "`n.1` must be a whole number, got 'x'."


def test_broken_json_list_is_not_split() -> None:
    """A cell that starts as a JSON list and is none is told rather than split."""
    field = Field(name="tags", label="Tags", kind=Kind.ARRAY, items=Field(name=""))

    assert (
        check_inputs(field, '["a"; "b"').problems[0].message == 'Tags must be a JSON list, got \'["a"; "b"\'.'
    )


def test_object_comes_as_json_or_typed() -> None:
    """An object is read from JSON text, its members like cells."""
    field = Field(
        name="o",
        kind=Kind.OBJECT,
        fields=(Field(name="n", kind=Kind.INTEGER), Field(name="t", required=False, default="-")),
    )

    assert check_inputs(field, '{"n": "3"}').values == {"o": {"n": 3, "t": "-"}}
    assert check_inputs(field, {"n": 3, "t": "x", "more": 1}).values == {"o": {"n": 3, "t": "x"}}
    assert check_inputs(field, {"n": "x"}).problems[0].field == "o.n"


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def test_good_answer_passes_unchanged() -> None:
    """An answer that fits comes back in schema order, without notes."""
    checked = answer_checker(REVIEW)({"challenge": "expert", "tldr": "Short."})

    assert list(checked.values.items()) == [("tldr", "Short."), ("challenge", "expert")]
    assert checked == Checked({"tldr": "Short.", "challenge": "expert"})


def test_thirteen_words_are_too_many() -> None:
    """B10: a summary of 13 words where 12 are allowed is told, never stored."""
    problem = answer_checker(REVIEW)({"tldr": "w " * 13, "challenge": "expert"}).problems[0]

    assert problem.message == "`tldr` has 13 words, at most 12 are allowed."
    assert (problem.field, problem.code) == ("tldr", "too_many_words")


@pytest.mark.parametrize(
    ("field", "given", "clean"),
    [
        (Field(name="x", kind=Kind.ENUM, options=("practice", "Expert")), "EXPERT", "Expert"),
        (Field(name="x", kind=Kind.ENUM, options=("a",)), " a\n", "a"),
        (Field(name="x"), " text ", "text"),
        (Field(name="x", kind=Kind.INTEGER), "3", 3),
        (Field(name="x", kind=Kind.INTEGER), 3.0, 3),
        (Field(name="x", kind=Kind.NUMBER), "0.5", 0.5),
        (Field(name="x", kind=Kind.BOOLEAN), "True", True),
    ],
)
def test_declared_coercion_leaves_a_note(field: Field, given: object, clean: object) -> None:
    """F26: the few exact coercions are made and each is recorded."""
    checked = check_answers(field, given)

    assert checked.values == {"x": clean}
    assert type(checked.values["x"]) is type(clean)
    assert [note.code for note in checked.notes] == ["coerced"]
    assert checked.notes[0].message.startswith("`x` was read as ")


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        (Field(name="x"), 3, "not_text"),
        (Field(name="x"), True, "not_text"),
        (Field(name="x"), ["a"], "not_text"),
        (Field(name="x", min_length=1), "  ", "too_short"),
        (Field(name="x", pattern="[A-Z]{2}"), "ABC", "no_match"),
        (Field(name="x"), "a\0", "unstorable"),
        (Field(name="x"), "\udfff", "unstorable"),
        (Field(name="x", kind=Kind.INTEGER), True, "not_an_integer"),
        (Field(name="x", kind=Kind.INTEGER), 3.5, "not_an_integer"),
        (Field(name="x", kind=Kind.INTEGER), "3.0", "not_an_integer"),
        (Field(name="x", kind=Kind.INTEGER), "about 3", "not_an_integer"),
        (Field(name="x", kind=Kind.INTEGER, maximum=10), 11, "too_large"),
        (Field(name="x", kind=Kind.NUMBER, minimum=0), -0.5, "too_small"),
        (Field(name="x", kind=Kind.NUMBER), float("nan"), "not_finite"),
        (Field(name="x", kind=Kind.NUMBER), 10**400, "too_many_digits"),
        (Field(name="x", kind=Kind.BOOLEAN), "yes", "not_a_boolean"),
        (Field(name="x", kind=Kind.BOOLEAN), 1, "not_a_boolean"),
        (Field(name="x", kind=Kind.ENUM, options=("a", "b")), "A or b", "not_an_option"),
        (Field(name="x", kind=Kind.ENUM, options=("1", "2")), 1, "not_an_option"),
        (Field(name="x", kind=Kind.ENUM, options=("a", "A")), "á", "not_an_option"),
        (Field(name="x", kind=Kind.ARRAY, items=Field(name="")), "a;b", "not_a_list"),
        (Field(name="x", kind=Kind.ARRAY, items=Field(name=""), max_items=1), ["a", "b"], "too_many_items"),
        (Field(name="x", kind=Kind.ARRAY, items=Field(name=""), min_items=1), [], "too_few_items"),
        (Field(name="x", kind=Kind.ARRAY, items=Field(name="")), ["a", None], "null"),
        (Field(name="x", kind=Kind.OBJECT, fields=(Field(name="y"),)), "{}", "not_an_object"),
        (Field(name="x", kind=Kind.OBJECT, fields=(Field(name="y"),)), {}, "missing"),
        (Field(name="x", kind=Kind.OBJECT, fields=(Field(name="y"),)), {"y": "", "z": 1}, "unknown_field"),
        (Field(name="x"), None, "null"),
    ],
)
def test_wrong_answer_is_never_repaired(field: Field, given: object, code: str) -> None:
    """F20, F26: whatever is not exact is a problem that a model and a person can read."""
    checked = check_answers(field, given)

    assert codes(checked) == [code]
    assert checked.problems[0].message.startswith("`x")
    assert checked.problems[0].message.endswith(".")
    assert checked.problems[0].message.isprintable()


def test_options_that_differ_in_case_only_are_exact() -> None:
    """Where folding the case would be a guess, only the exact option is taken."""
    field = Field(name="x", kind=Kind.ENUM, options=("US", "us", "eu"))

    assert check_answers(field, "us").values == {"x": "us"}
    assert codes(check_answers(field, "Us")) == ["not_an_option"]
    assert check_answers(field, "EU").values == {"x": "eu"}


def test_missing_and_unknown_fields_are_told() -> None:
    """Fields must be there, and only they."""
    checked = answer_checker(REVIEW)({"tldr": "x", "chalenge": "expert"})

    assert [(p.field, p.code) for p in checked.problems] == [
        ("challenge", "missing"),
        ("chalenge", "unknown_field"),
    ]


def test_optional_answer_may_be_null_or_absent() -> None:
    """Null is a value only where the field is not required; the default belongs to inputs."""
    check = answer_checker(Schema((Field(name="a"), Field(name="b", required=False, default="d"))))

    assert check({"a": "x", "b": None}) == check({"a": "x"}) == Checked({"a": "x", "b": None})


def test_an_extra_field_cannot_hide_behind_an_absent_one() -> None:
    """Counting fields is not enough: an unknown one is found beside a missing optional one."""
    check = answer_checker(Schema((Field(name="a"), Field(name="b", required=False))))

    assert codes(check({"a": "x", "c": "y"})) == ["unknown_field"]


@pytest.mark.parametrize("found", [None, [], "text", 3, True])
def test_answer_that_is_no_object_is_told(found: Any) -> None:
    """An answer that is no object names the fields that were expected."""
    checked = answer_checker(REVIEW)(found)

    assert codes(checked) == ["not_an_object"]
    assert "`tldr`, `challenge`" in checked.problems[0].message


def test_nested_problems_carry_their_path() -> None:
    """A complaint inside a list of objects says where, counted from 0 as JSON does."""
    people = Field(
        name="people",
        kind=Kind.ARRAY,
        items=Field(name="", kind=Kind.OBJECT, fields=(Field(name="age", kind=Kind.INTEGER),)),
    )
    checked = check_answers(people, [{"age": 3}, {"age": "x"}, {"age": "4"}])

    assert [p.field for p in checked.problems] == ["people.1.age"]
    assert [n.field for n in checked.notes] == ["people.2.age"]


def test_problems_are_bounded() -> None:
    """A reply of ten thousand wrong entries does not become ten thousand sentences."""
    numbers = Field(name="x", kind=Kind.ARRAY, items=Field(name="", kind=Kind.INTEGER))
    unknown = answer_checker(REVIEW)({f"k{n}": 1 for n in range(10_000)})

    assert len(check_answers(numbers, ["no"] * 10_000).problems) == MAX_PROBLEMS
    assert len(unknown.problems) <= MAX_PROBLEMS


def test_hostile_pattern_takes_linear_time() -> None:
    """S40: a pattern that would explode elsewhere answers at once."""
    check = answer_checker(Schema((Field(name="x", pattern="(a+)+"),)))
    begin = time.perf_counter()

    assert codes(check({"x": "a" * 50_000 + "!"})) == ["no_match"]
    assert time.perf_counter() - begin < 0.25


def test_number_of_five_thousand_digits_is_told() -> None:
    """F20: a number that Python itself would not print is a problem like any other."""
    for field in EVERYTHING:
        assert len(check_answers(field, 10**5000).problems) == 1
        assert len(check_inputs(field, 10**5000).problems) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))  # with surrogates and NUL
    | st.sampled_from(
        ["3", " a ", "TRUE", "[1]", '{"n":1}', "2026-01-01", "a@b.de", "https://x.de", 10**400]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from("abcdefghijkl"), inner, max_size=6)
    ),
    max_leaves=12,
)
EVERYTHING = Schema(
    (
        Field(name="a", max_words=3, min_length=1, pattern="[a-z ]*"),
        Field(name="b", kind=Kind.TEXT, required=False),
        Field(name="c", kind=Kind.INTEGER, minimum=0, maximum=9),
        Field(name="d", kind=Kind.NUMBER, maximum=1.5),
        Field(name="e", kind=Kind.BOOLEAN),
        Field(name="f", kind=Kind.ENUM, options=("a", "B"), required=False),
        Field(name="g", kind=Kind.DATE),
        Field(name="h", kind=Kind.DATETIME),
        Field(name="i", kind=Kind.EMAIL),
        Field(name="j", kind=Kind.URL),
        Field(
            name="k", kind=Kind.ARRAY, items=Field(name="", kind=Kind.INTEGER), max_items=2, required=False
        ),
        Field(
            name="l",
            kind=Kind.OBJECT,
            fields=(Field(name="a"), Field(name="n", kind=Kind.NUMBER, required=False)),
        ),
    )
)


@settings(max_examples=150)
@given(found=st.fixed_dictionaries({}, optional=dict.fromkeys("abcdefghijklx", JSON)) | JSON)
def test_checking_is_total(found: Any) -> None:
    """F20: any JSON value at all gives a Checked with printable sentences, never an exception."""
    answers = answer_checker(EVERYTHING)(found)
    inputs = input_coercer(EVERYTHING)(found) if isinstance(found, dict) else Checked({})

    for checked in (answers, inputs):
        assert all(p.message.isprintable() and len(p.message) < 400 for p in checked.problems + checked.notes)
    assert answers.problems or isinstance(found, dict)


@settings(max_examples=150)
@given(found=st.fixed_dictionaries(dict.fromkeys("ef", JSON)))
def test_checked_answer_is_checked_again_unchanged(found: Any) -> None:
    """What was accepted is accepted again as it is: coercion is done once and for all."""
    check = answer_checker(Schema(tuple(f for f in EVERYTHING if f.name in "ef")))
    first = check(found)

    if not first.problems:
        assert check(first.values) == Checked(first.values)
