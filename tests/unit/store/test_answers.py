"""Remembered answers: what lies where an entry points must be what was asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.errands import ANSWER, Errand, key_of

from weft.ids import RowKey
from weft.kit.clocks import VirtualClock
from weft.protocols import NewRow
from weft.store.answers import checksum, is_intact
from weft.store.engines.memory import store as memory


@given(
    key=st.binary(min_size=32, max_size=32), answer=st.binary(min_size=1, max_size=200), bit=st.integers(0)
)
def test_every_flipped_bit_is_noticed(key, answer, bit):
    """S54: one flipped bit anywhere in key or answer does not pass."""
    check = checksum(key, answer)
    damaged = bytearray(key + answer)
    damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8

    assert is_intact(check, key, answer)
    assert not is_intact(check, bytes(damaged[:32]), bytes(damaged[32:]))


def test_nothing_is_not_intact():
    """An entry that points at a row without an answer is damaged."""
    assert not is_intact(0, None, None)
    assert not is_intact(0, b"key", None)


@pytest.mark.parametrize("ask", ["recall", "waiting", "known"])
async def test_keys_that_begin_alike_are_two_questions(ask):
    """I2, law 6: a key that shares its first bytes with a remembered one gets no answer of it."""
    store = memory.open("memory://", clock=VirtualClock())
    first = await Errand.begin(store)
    await first.settled(0)
    alike = RowKey(key_of(0)[:8] + bytes(24))
    second = await Errand.begin(store, rows=0)
    await store.add_rows(second.id, [NewRow(0, 2, b'["a","b"]', alike)])

    found = {
        "recall": lambda: store.recall(second.id, epoch=second.epoch),
        "waiting": lambda: store.waiting(second.id, after=-1, limit=1),
        "known": lambda: store.known([alike]),
    }

    answer = await found[ask]()
    assert not answer or answer[0].remembered is None
    assert await store.known([key_of(0)]) == {key_of(0)}
    assert (await store.cache_stats())["damaged"] == 0
    assert first.outcomes()[0].answer == {"tldr": ANSWER.decode().split('"')[3]}
