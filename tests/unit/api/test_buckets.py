"""Token buckets: what is left, when it comes back, and that memory stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.api.buckets import Buckets


def test_bucket_lets_its_whole_minute_through_at_once():
    """A burst of a minute's worth is let through; the next request is one too many."""
    buckets = Buckets("usual", 60)

    left = [buckets.take("me", 0.0).remaining for _ in range(60)]
    refused = buckets.take("me", 0.0)

    assert left == list(range(59, -1, -1))
    assert (refused.is_spent, refused.remaining, refused.retry_after_s, refused.reset_s) == (True, 0, 1, 60)


def test_bucket_fills_evenly():
    """A bucket of 60 a minute gives one request back each second, and no more than it holds."""
    buckets = Buckets("usual", 60)
    for _ in range(60):
        buckets.take("me", 0.0)

    assert not buckets.take("me", 1.0).is_spent
    assert buckets.take("me", 1.0).is_spent
    assert buckets.take("me", 1_000.0).remaining == 59


def test_refused_requests_cost_nothing():
    """Who asks again and again while the bucket is empty is let in as soon as there is room."""
    buckets = Buckets("usual", 6)
    for _ in range(100):
        buckets.take("me", 0.0)

    assert buckets.take("me", 9.9).is_spent
    assert not buckets.take("me", 10.0).is_spent


def test_waiting_as_long_as_told_is_enough():
    """After `retry_after_s` there is room."""
    buckets = Buckets("usual", 7)
    while not (found := buckets.take("me", 3.0)).is_spent:
        pass

    assert not buckets.take("me", 3.0 + found.retry_after_s).is_spent


def test_buckets_are_apart():
    """One who has spent all takes nothing from another."""
    buckets = Buckets("usual", 1)
    buckets.take("one", 0.0)

    assert buckets.take("one", 0.0).is_spent
    assert not buckets.take("other", 0.0).is_spent


def test_memory_is_bounded():
    """However many come, so many buckets are kept; the one not used for longest goes first."""
    buckets = Buckets("usual", 2, most=100)
    for number in range(1_000):
        buckets.take(str(number), 0.0)

    assert len(buckets) == 100
    assert buckets.take("999", 0.0).remaining == 0
    assert buckets.take("0", 0.0).remaining == 1


def test_full_buckets_are_not_kept():
    """What was given back leaves nothing behind."""
    buckets = Buckets("usual", 2)
    buckets.take("me", 0.0)
    buckets.give_back("me", 0.0)

    assert len(buckets) == 0
    assert buckets.take("me", 0.0).remaining == 1


def test_giving_back_never_fills_above_the_brim():
    """What is given back twice lets nobody send more than the limit."""
    buckets = Buckets("usual", 3)
    for _ in range(5):
        buckets.give_back("me", 0.0)

    assert buckets.take("me", 0.0).remaining == 2


@pytest.mark.parametrize("back", [-5.0, -1e9])
def test_clock_that_goes_back_gives_nothing(back):
    """A clock that jumps back neither fills nor empties a bucket."""
    buckets = Buckets("usual", 2)
    buckets.take("me", 0.0)

    assert buckets.take("me", back).remaining == 0


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 30),
    st.lists(st.floats(0, 40, allow_nan=False), min_size=1, max_size=120),
)
def test_no_window_lets_more_than_two_minutes_worth_through(limit, steps):
    """In no window of 60 s are more than twice the limit let through: what was saved up, and what flows in."""
    buckets = Buckets("usual", limit)
    now, let = 0.0, []
    for step in steps:
        now += step if step > 1 else 0
        if not buckets.take("me", now).is_spent:
            let.append(now)

    for at in let:
        assert sum(at <= each < at + 60 for each in let) <= 2 * limit
