from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.testing.mock_limits import WINDOW_S, Window


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 6), st.lists(st.tuples(st.floats(0, 30), st.integers(1, 3)), max_size=40))
def test_no_minute_holds_more_than_the_limit(limit: int, tries: list[tuple[float, int]]) -> None:
    """L7: in no window of sixty seconds more units are admitted than allowed."""
    window, now, admitted = Window(limit), 0.0, []
    for wait, units in tries:
        now += wait
        if window.look(now, units).wait_s == 0:
            window.take(now, units)
            admitted.append((now, units))

    for start, _ in admitted:
        assert sum(units for at, units in admitted if start <= at < start + WINDOW_S) <= limit


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 6), st.lists(st.floats(0, 30), min_size=1, max_size=30), st.integers(1, 2))
def test_stated_wait_is_exact(limit: int, waits: list[float], units: int) -> None:
    """Whoever waits as told is admitted, and not a moment earlier."""
    window, now = Window(limit), 0.0
    for wait in waits:
        now += wait
        room = window.look(now, units)
        assert room.wait_s is not None
        if room.wait_s > 0:
            assert window.look(now + room.wait_s * 0.999, units).wait_s != 0
            now += room.wait_s + 1e-9  # a hair for floating point
            assert window.look(now, units).wait_s == 0
        window.take(now, units)


def test_remainder_and_reset_are_told() -> None:
    """The room says what is left and when all of it is free again."""
    window = Window(5)
    window.take(0.0, 2)
    window.take(10.0, 1)

    assert (window.look(10.0).left, window.look(10.0).reset_s) == (2, 60.0)
    assert (window.look(61.0).left, window.look(71.0).left) == (4, 5)


def test_impossible_request_never_fits() -> None:
    """What alone is above the limit has no wait that helps."""
    assert Window(5).look(0.0, 6).wait_s is None


def test_limit_below_one_is_refused() -> None:
    """A window that admits nothing is a mistake."""
    with pytest.raises(ValueError, match="admits nothing"):
        Window(0)
