from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from weft.kit.fingerprints import canonical, fingerprint
from weft.money import Usd
from weft.schema import Field


class Tone(StrEnum):
    """A text enum."""

    WARM = "wärm"


def test_form_is_sorted_and_tight() -> None:
    """Keys are sorted, at every level, and no blank is wasted."""
    assert canonical({"b": [1, 2.5, None, True], "a": {"d": "ü", "c": ""}}) == (
        '{"a":{"c":"","d":"ü"},"b":[1,2.5,null,true]}'.encode()
    )


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [1, {"a": float("inf")}],
        [2**70, float("nan")],
        [Usd(1), float("-inf")],
        {1: "a"},
        {"a": {None: 1}},
        {("a", "b"): 1},
        b"bytes",
        {1, 2},
        object(),
        date(2026, 1, 1),
        Decimal(1),
        Field(name="a"),
        lambda: 1,
    ],
)
def test_what_is_no_plain_json_is_refused(value: Any) -> None:
    """There is no fallback: a key that depends on a repr, or on a key's text form, is no key."""
    with pytest.raises(TypeError):
        canonical(value)


def test_thousands_of_levels_are_refused() -> None:
    """A value that nobody could write as JSON is an error, not a crash."""
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]

    with pytest.raises(TypeError, match="not plain JSON"):
        canonical(deep)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Tone.WARM, "wärm"),
        ([Usd(3), {"a": Tone.WARM}], [3, {"a": "wärm"}]),
        ({Tone.WARM: 1, "ü": 2}, {"wärm": 1, "ü": 2}),
        ((1, (2,)), [1, [2]]),
    ],
)
def test_kinds_of_plain_values_are_written_as_such(value: Any, plain: Any) -> None:
    """An enum of texts, an amount and a tuple give the text of what they are equal to."""
    assert canonical(value) == canonical(plain)


def test_large_numbers_and_half_characters_keep_apart() -> None:
    """What the fast writer refuses has a form too, different from everything near it."""
    values: list[Any] = [
        2**64,
        2**64 + 1,
        float(2**64),
        str(2**64),
        "\ud800",
        "\\ud800",
        "\ud801",
        "\ud800\udc00",
    ]

    assert len({canonical(value) for value in values}) == len(values)


def test_boundaries_of_parts_count() -> None:
    """P27: parts that differ only in where one ends and the next begins have different prints."""
    prints = {
        fingerprint("k", "ab", "c"),
        fingerprint("k", "a", "bc"),
        fingerprint("k", "abc"),
        fingerprint("k", "ab,c"),
        fingerprint("k", 'ab","c'),
        fingerprint("k", ["ab", "c"]),
        fingerprint("k", "ab", "c", ""),
        fingerprint("ka", "b", "c"),
    }

    assert len(prints) == 8


def test_print_is_the_same_in_every_process() -> None:
    """Law 6: another process with another hash seed computes the same print."""
    code = (
        "from weft.kit.fingerprints import fingerprint; "
        "print(fingerprint('k', {'b': 1, 'a': ['ü', None, 2.5]}, '\\ud800'))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )

    assert found.stdout.strip() == fingerprint("k", {"a": ["ü", None, 2.5], "b": 1}, "\ud800")


def test_print_of_this_version_is_pinned() -> None:
    """Keys are kept for years: a change of the form must come with a new version."""
    assert fingerprint("template", {"a": 1}) == (
        "9215caa4f2b93a5da1b7f552c187ad699a6e9ebe000ff9e110823352f1764f0f"
    )
