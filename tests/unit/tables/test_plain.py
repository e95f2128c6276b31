from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from uuid import UUID

import numpy as np
import pytest

from weft.tables.plain import plain


class Colour(Enum):
    """An enumeration."""

    RED = "red"


class Shout(str):  # noqa: SLOT000 - as libraries make them
    """A text of some library."""


PLAIN = [
    (None, None),
    (True, True),
    ("x", "x"),
    (Shout("x"), "x"),
    (1.5, 1.5),
    (float("nan"), None),
    (float("-inf"), "-inf"),
    (Colour.RED, "red"),
    (Decimal("1.10"), "1.10"),
    (dt.date(2024, 2, 29), "2024-02-29"),
    (dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC), "2024-01-02T03:00:00+00:00"),
    (dt.time(1, 2), "01:02:00"),
    (dt.timedelta(minutes=2), 120.0),
    (b"\xff", "/w=="),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (PurePosixPath("a/b"), "a/b"),
    ((1, {2: {3}}), [1, {"2": [3]}]),
    (np.int64(7), 7),
    (np.bool_(True), True),
    (np.float64(0.5), 0.5),
    (np.float32("nan"), None),
    (np.array([[1, 2]]), [[1, 2]]),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=[repr(value)[:40] for value, _ in PLAIN])
def test_value_becomes_plain(value: object, expected: object) -> None:
    """Foreign values become text, numbers, booleans, nothing, lists and mappings."""
    found = plain(value)

    assert (found, type(found)) == (expected, type(expected))


def test_unknown_value_is_refused() -> None:
    """Nobody guesses what an unknown type means."""
    with pytest.raises(TypeError, match="type `object`"):
        plain([object()])
