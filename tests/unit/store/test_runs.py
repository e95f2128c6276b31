"""Owners of runs: the dead are followed at once, the doubtful are watched."""

from __future__ import annotations

import asyncio

import pytest
from tests.contracts.errands import Errand

from weft.errors import RunBusy
from weft.kit.clocks import VirtualClock
from weft.store.engines._sqlite import memory_database
from weft.store.owners import this_owner
from weft.store.storing import SqlStore


def make_store(dead=()):
    """A store in memory that believes these owners dead."""
    return SqlStore(memory_database(), clock=VirtualClock(), is_dead=lambda owner: owner in dead)


async def test_dead_owner_is_followed_at_once():
    """L1: after a crash nobody waits for a heartbeat that cannot come."""
    store = make_store(dead={"life 1"})
    errand = await Errand.begin(store)

    epoch = await store.take_over(errand.id, owner="life 2", stale_after_s=60)

    assert (epoch, store._clock.monotonic()) == (errand.epoch + 1, 0.0)


async def test_of_two_heirs_one_wins():
    """L12: two processes that follow the same dead owner do not both get the run."""
    store = make_store()
    errand = await Errand.begin(store)
    heirs = [store.take_over(errand.id, owner=name, stale_after_s=5) for name in ("life 2", "life 3")]

    found = await asyncio.gather(*heirs, return_exceptions=True)

    assert sorted(type(each) for each in found if not isinstance(each, int)) == [RunBusy]
    assert [each for each in found if isinstance(each, int)] == [errand.epoch + 1]


async def test_busy_run_names_process_and_machine():
    """The message says which process holds the run, not how owners are written."""
    store = make_store()
    errand = await Errand.begin(store, owner=this_owner())

    async def beat():
        await store._clock.sleep(1.0)
        await store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)

    heart, told = asyncio.ensure_future(beat()), []
    with pytest.raises(RunBusy, match=r"held by process \d+ on `[^|/]+`"):
        await store.take_over(errand.id, owner="life 2", stale_after_s=5, told=told.append)
    await heart

    assert len(told) == 1
    assert told[0].startswith("process ")
