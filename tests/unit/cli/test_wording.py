"""Figures as people read them."""

from __future__ import annotations

import pytest

from weft.cli.wording import count, duration, money, percent, rate, size
from weft.money import Usd


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (0, "0.0 s"),
        (9.96, "10.0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3_700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_duration_has_two_units(seconds, wanted) -> None:
    """Durations are told in at most two units."""
    assert duration(seconds) == wanted


def test_unknown_is_said() -> None:
    """P07: an unknown price is said, never shown as zero; a share of nothing is none (B24)."""
    assert money(None) == "unknown"
    assert money(Usd(0)) == "$0.00"
    assert percent(None) == "n/a"
    assert rate(None) == "unknown"


def test_counts_carry_their_noun() -> None:
    """Numbers agree with their nouns."""
    assert [count(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert count(2, "batch", "batches") == "2 batches"
    assert size(3 * 1024**3) == "3.0 GB"
