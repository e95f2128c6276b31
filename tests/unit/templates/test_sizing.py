from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.definitions import parse_field
from weft.schema import Schema
from weft.templates.sizing import ROW_MOST, answer_tokens, tokens_of_text


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_estimate_never_passes_bytes(text: str) -> None:
    """No byte-level tokenizer makes more tokens than bytes, so no estimate does."""
    size = len(text.encode("utf-8", "surrogatepass"))

    assert size / 3.5 <= tokens_of_text(text) <= max(size, 0)


def test_lone_surrogates_can_be_sized() -> None:
    """A text that cannot be written as UTF-8 still has a size."""
    assert tokens_of_text("\ud800") == 1


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("x: string(max_words=12)", " ".join(["unforgettable"] * 12)),
        ("x: string(max_length=80)", "y" * 80),
        ("x: enum[practice,expert]", "practice"),
        ("x: integer", -(2**31)),
        ("x: number", 1234567.891),
        ("x: boolean", False),
        ("x: date", "2026-03-31"),
        ("x: datetime", "2026-03-31T14:05:00Z"),
        ("x: email", "somebody.with.a.name@department.example.org"),
        ("x: url", "https://example.org/a/long/path/to/something?with=query"),
        ("x: list[string(max_words=3)](max_items=4)", ["quite common words"] * 4),
        ("x: text", " ".join(["sentence"] * 200)),
    ],
)
def test_limit_holds_a_full_answer(field: str, answer: object) -> None:
    """What a prompt sets aside for a row is enough for the longest ordinary answer."""
    expected, limit = answer_tokens(Schema((parse_field(field),)))
    taken = tokens_of_text(json.dumps({"id": "k7f3zz", "x": answer}))

    assert taken <= limit
    assert 0 < expected <= limit


def test_longer_limits_take_more() -> None:
    """The estimate follows the schema."""
    small, large = (answer_tokens(Schema((parse_field(f"x: string(max_words={n})"),))) for n in (5, 50))

    assert small[0] < large[0]
    assert small[1] < large[1]


def test_runaway_schemas_are_capped() -> None:
    """A list of unlimited texts does not reserve a fortune."""
    assert answer_tokens(Schema((parse_field("x: list[list[text]]"),)))[1] == ROW_MOST
