"""Each mark writes a value as code that is nothing but that value, or refuses it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.templates import source_marks as marks

TEXTS = st.text(max_size=60) | st.sampled_from(
    ['"""', "\\", "'\"", "\n#", '\\"""', "x\\", "{{ v }}", "# noqa: S1"]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(PLAIN)
def test_literal_is_the_value(value: object) -> None:
    """Python reads a literal as the value that was written."""
    assert ast.literal_eval(marks.as_literal(value)) == value


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(0, 12))
def test_documentation_stays_a_docstring(text: str, indent: int) -> None:
    """Between triple quotes no text ends the docstring or adds a statement."""
    code = f'def f():\n    """{marks.as_documentation(text, indent)}"""\n'
    body = ast.parse(code).body[0].body

    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_comment_stays_on_its_line(text: str) -> None:
    """Behind `#` no text begins a new line, and no tool obeys it."""
    comment = marks.as_comment(text)

    assert len(f"# {comment}".splitlines()) == 1
    assert "#" not in comment
    assert "noqa:" not in comment.lower().replace("'noqa':", "")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_name_is_one_name(text: str) -> None:
    """What passes for a name is one identifier and no keyword."""
    try:
        name = marks.as_name(text)
    except marks.Unwritable:
        return

    assert isinstance(ast.parse(name, mode="eval").body, ast.Name)
    assert name == text


@pytest.mark.parametrize(
    "text", ["class", "None", "a b", "a\nb", "", "1a", "ｅxec", "__import__", "a.b", "a;b", "e\u0301"]
)
def test_bad_names_are_refused(text: str) -> None:
    """Keywords, several words, look-alikes and dunder names are no names."""
    with pytest.raises(marks.Unwritable):
        marks.as_name(text)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("integer", "int"),
        ("list[int] | None", "list[int] | None"),
        ("Literal['a', 'b']", "Literal['a', 'b']"),
        ("dt.date", "dt.date"),
    ],
)
def test_known_types_are_written(value: str, code: str) -> None:
    """Types of weft and of Python's annotations pass."""
    assert marks.as_type(value) == code


@pytest.mark.parametrize(
    "value",
    [
        "os.system",
        "int; import os",
        "__import__('os')",
        "Foo",
        "list[exec('x')]",
        "1",
        "dt.datetime.now()",
        "[int]",
        "",
    ],
)
def test_unknown_types_are_refused(value: str) -> None:
    """Whatever is more than a known type is refused."""
    with pytest.raises(marks.Unwritable):
        marks.as_type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a + b * 2", "a + b * 2"),
        ("max(a, 0) if b else -1", "max(a, 0) if b else -1"),
        ("sum(x * 2 for x in a if x > 1)", "sum((x * 2 for x in a if x > 1))"),
        ("a.strip().lower()", "a.strip().lower()"),
        ("[*a, b]", "[*a, b]"),
    ],
)
def test_expressions_are_written(text: str, code: str) -> None:
    """Arithmetic, choices, comprehensions and harmless methods pass."""
    assert marks.as_expression(text, ["a", "b"]) == code


def test_expression_names_are_replaced() -> None:
    """A mapping says what a name stands for; names bound inside stay."""
    assert marks.as_expression("total + x", {"total": "state.total", "x": "x"}) == "state.total + x"
    assert marks.as_expression("[total for total in x]", [["x", "event.x"]]) == "[total for total in event.x]"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('id')",
        "a.__class__",
        "().__class__.__bases__",
        "open('x')",
        "eval('1')",
        "(lambda: 1)()",
        "a if b",
        "a; b",
        "a\nimport os",
        "f'{a}'",
        "c",
        "(x := 1)",
        "a.format(b)",
        "[x for len in a for x in len]",
        "a" * 501,
        "await a",
        "b'x'",
        "getattr(a, 'b')",
        "9 ** 9 ** 9",
        "",
    ],
)
def test_other_expressions_are_refused(text: str) -> None:
    """Calls, attributes, names and syntax that could reach further are refused."""
    with pytest.raises(marks.Unwritable):
        marks.as_expression(text, ["a", "b"])


@pytest.mark.parametrize("value", ["5; import os", "5", True, float("inf"), float("nan"), None, [1]])
def test_only_finite_numbers_are_numbers(value: object) -> None:
    """Text, truth and infinity are no numbers."""
    with pytest.raises(marks.Unwritable):
        marks.as_number(value)


def test_class_names_are_made_of_words() -> None:
    """Words are joined in capitals; a finished name stays."""
    assert marks.as_class_name("order_store") == "OrderStore"
    assert marks.as_class_name("OrderStore") == "OrderStore"
    with pytest.raises(marks.Unwritable):
        marks.as_class_name("x: pass\nimport os")


def test_samples_know_dates() -> None:
    """A sample of a date is a date, any other a literal."""
    assert marks.as_sample({"type": "date", "sample": "2026-03-31"}) == "dt.date.fromisoformat('2026-03-31')"
    assert marks.as_sample({"type": "integer", "sample": 1}) == "1"
    assert marks.names_in("a + len(b) + sum(x for x in c)") == {"a", "b", "c"}
