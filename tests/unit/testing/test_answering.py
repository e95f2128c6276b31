from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.testing.answering import Oracle


def answer_of(field: dict[str, Any], content: Any = "the quick brown fox jumps over the lazy dog") -> Any:
    """The value that an oracle gives for one field."""
    return Oracle({"type": "object", "properties": {"it": field}}).answer(content)["it"]


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        ({"type": "string", "enum": ["a", "b"]}, lambda v: v in ("a", "b")),
        ({"const": 7}, lambda v: v == 7),
        ({"type": "boolean"}, lambda v: isinstance(v, bool)),
        ({"type": "integer", "minimum": 3, "maximum": 5}, lambda v: isinstance(v, int) and 3 <= v <= 5),
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}, lambda v: v == 4),
        ({"type": "integer", "minimum": 1, "maximum": 20, "multipleOf": 7}, lambda v: v in (7, 14)),
        ({"type": "number", "minimum": 0, "maximum": 1}, lambda v: isinstance(v, float) and 0 <= v <= 1),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, lambda v: 0 < v < 1),
        ({"type": "string", "maxLength": 9}, lambda v: v == "the quick"),
        ({"type": "string", "minLength": 90}, lambda v: len(v) >= 90),
        ({"type": "string", "minLength": 5, "maxLength": 5}, lambda v: len(v) == 5),
        ({"type": "string", "description": "(at most 2 words)"}, lambda v: v == "the quick"),
        ({"type": "string", "description": "(12 to 14 words)"}, lambda v: 12 <= len(v.split()) <= 14),
        ({"type": "string", "description": "exactly 3 words"}, lambda v: len(v.split()) == 3),
        ({"type": "string", "format": "date"}, lambda v: re.fullmatch(r"\d{4}-\d\d-\d\d", v)),
        ({"type": "string", "format": "date-time"}, lambda v: v.endswith("Z")),
        ({"type": "string", "format": "email"}, lambda v: "@" in v),
        ({"type": "string", "format": "uri"}, lambda v: v.startswith("https://")),
        (
            {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
            lambda v: re.fullmatch("[A-Z]{2}-[0-9]{3}", v),
        ),
        ({"type": "string", "pattern": "[0-9]{4}"}, lambda v: re.fullmatch("[0-9]{4}", v)),
        ({"type": ["string", "null"]}, lambda v: isinstance(v, str)),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, lambda v: isinstance(v, int)),
        ({"type": "null"}, lambda v: v is None),
        ({"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 2}, lambda v: len(v) >= 2),
        (
            {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
            lambda v: len(set(v)) == len(v) > 0,
        ),
        ({"type": "object", "properties": {"x": {"type": "boolean"}}}, lambda v: set(v) == {"x"}),
        ({}, lambda v: isinstance(v, str)),
    ],
)
def test_answer_fits_its_schema(field: dict[str, Any], fits: Any) -> None:
    """Every kind of field gets a value within its limits, for many rows."""
    for number in range(20):
        value = answer_of(field, f"the quick brown fox jumps over lazy dog number {number} and rests a while")
        assert fits(value), value


def test_local_references_are_followed() -> None:
    """`$ref` inside the schema leads to its definition, and a recursive one ends."""
    schema = {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/node"}},
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"deep": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}},
            }
        },
    }

    assert isinstance(Oracle(schema).answer("x")["node"]["n"], int)


def test_options_are_all_used() -> None:
    """Many rows spread over the options instead of falling on one."""
    chosen = {answer_of({"enum": ["a", "b", "c"]}, f"row {number}") for number in range(60)}

    assert chosen == {"a", "b", "c"}


def test_fields_of_a_row_differ() -> None:
    """Two fields with the same options do not always agree."""
    field = {"enum": [str(n) for n in range(10)]}
    oracle = Oracle({"type": "object", "properties": {"first": field, "second": field}})

    answers = [oracle.answer(f"row {number}") for number in range(40)]

    assert any(each["first"] != each["second"] for each in answers)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=6), st.one_of(st.text(max_size=40), st.integers(-(2**60), 2**60), st.none())
    )
)
def test_answer_depends_on_content_alone(content: dict[str, Any]) -> None:
    """L2: another oracle, in another order of keys, gives the same answer."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    turned = dict(reversed(content.items()))

    first = Oracle(schema).answer(content)
    second = Oracle(schema).answer(turned)

    assert first == second


def test_framed_schema_is_recognised() -> None:
    """A schema with `rows` is answered row by row without the label."""
    row = {"type": "object", "properties": {"id": {"type": "string"}, "ok": {"type": "boolean"}}}
    oracle = Oracle({"type": "object", "properties": {"rows": {"type": "array", "items": row}}})

    assert oracle.is_framed
    assert set(oracle.answer({"x": "y"})) == {"ok"}
