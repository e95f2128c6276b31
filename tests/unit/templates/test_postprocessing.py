from __future__ import annotations

from typing import Any

import pytest

from weft.templates.postprocessing import (
    COUNTED_LIST_STEPS,
    COUNTED_TEXT_STEPS,
    LIST_STEPS,
    TEXT_STEPS,
    step_of,
)

TABLE = [
    ("trim", "  a b ", "a b"),
    ("lower", "ÀB", "àb"),
    ("upper", "àb", "ÀB"),
    ("title", "two words", "Two Words"),
    ("sentence_case", "two Words", "Two Words"),
    ("sentence_case", "", ""),
    ("collapse_spaces", " a\n\tb  c ", "a b c"),
    ("strip_quotes", '"quoted"', "quoted"),
    ("strip_quotes", "„so“", "so"),
    ("strip_quotes", '"a" and "b"', '"a" and "b"'),
    ("strip_quotes", '"', '"'),
    ("strip_period", "Done. ", "Done"),
    ("strip_period", "Well...", "Well..."),
    ("first_sentence", "One. Two. Three.", "One."),
    ("first_sentence", "Version 1.2 works! Yes.", "Version 1.2 works!"),
    ("first_sentence", 'He said "go." Then left.', 'He said "go."'),
    ("first_sentence", "no end", "no end"),
    ("truncate_words(2)", "one two  three", "one two"),
    ("truncate_words(3)", "one two  three", "one two  three"),
    ("truncate_chars(7)", "one two three", "one two"),
    ("truncate_chars(6)", "one two three", "one"),
    ("truncate_chars(2)", "onetwo", "on"),
    ("unique", ["a", "B", "b ", 1, 1, "a"], ["a", "B", 1]),
    ("sort", ["b", "a"], ["a", "b"]),
    ("sort", [{"x": 1}], [{"x": 1}]),
    ("first(2)", [1, 2, 3], [1, 2]),
    ("lower", ["A", 1, "B"], ["a", 1, "b"]),
    ("lower", 3, 3),
    ("unique", "aa", "aa"),
]


@pytest.mark.parametrize(("step", "value", "tidy"), TABLE)
def test_step_tidies_what_it_is_for(step: str, value: Any, tidy: Any) -> None:
    """P18: every step has an effect, and leaves other kinds of values alone."""
    assert step_of(step).run(value) == tidy


def test_every_step_is_in_the_table() -> None:
    """P18: no step is without a test."""
    steps = {*TEXT_STEPS, *COUNTED_TEXT_STEPS, *LIST_STEPS, *COUNTED_LIST_STEPS}

    assert {step.partition("(")[0] for step, _, _ in TABLE} == steps


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("trimm", "did you mean `trim`?"),
        ("zzz", "known: "),
        ("truncate_words", "needs a number"),
        ("truncate_words(0)", "needs a number from 1"),
        ("trim(3)", "takes no number"),
        ("truncate_words(1, 2)", "There is no step"),
        ("__import__('os')", "There is no step"),
    ],
)
def test_wrong_steps_are_explained(step: str, said: str) -> None:
    """A step that does not exist, or lacks its number, is told at load."""
    with pytest.raises(ValueError, match="step") as told:
        step_of(step)

    assert said in str(told.value)


def test_steps_that_lose_words_say_so() -> None:
    """B10: shortening is never silent."""
    assert step_of("truncate_words(12)").loses
    assert not step_of("trim").loses
