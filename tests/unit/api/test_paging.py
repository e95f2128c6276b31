from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.api.paging import page, read_cursor, write_cursor
from weft.api.problems import Refused

KEYS = st.lists(st.text(max_size=20), unique=True, max_size=20)


@given(KEYS, st.integers(1, 10))
def test_pages_hold_each_entry_once(keys: list[str], limit: int) -> None:
    """Walking from page to page meets every entry once, in order, and ends."""
    known, found, cursor = sorted(keys), [], ""
    for _ in range(len(keys) + 1):
        entries, following = page(known, listed="keys", cursor=cursor, limit=limit, key=lambda each: each)
        found += entries
        if following is None:
            break
        cursor = following

    assert found == known


@given(KEYS, KEYS, st.integers(1, 5))
def test_changes_between_pages_move_nothing(keys: list[str], others: list[str], limit: int) -> None:
    """What is added or gone between two pages makes no other entry come twice or not at all."""
    first, cursor = page(sorted(keys), listed="keys", cursor="", limit=limit, key=lambda each: each)
    now = sorted(set(others))
    rest, _ = page(now, listed="keys", cursor=cursor or "", limit=100, key=lambda each: each)

    assert list(rest) == [each for each in now if cursor is None or each > first[-1]]


@given(st.text(max_size=100), st.one_of(st.text(max_size=100), st.integers(0, 2**60)))
def test_cursor_comes_back(listed: str, key: str | int) -> None:
    """A cursor says the key that was written into it, in characters that need no escape."""
    cursor = write_cursor(listed, key)

    assert read_cursor(listed, cursor) == key
    assert cursor.isascii()
    assert "=" not in cursor


@given(st.text(min_size=1, max_size=100))
def test_any_other_text_is_refused(text: str) -> None:
    """S39: whatever is sent as a cursor is one of ours or refused; never another error."""
    with pytest.raises(Refused, match="cursor"):
        read_cursor("keys", text)
