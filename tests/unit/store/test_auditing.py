"""The audit finds what does not add up, on every kind of store."""

from __future__ import annotations

import pytest
from tests.contracts.errands import Errand
from tests.contracts.servers import emptied_store

from weft import errors
from weft.kit.clocks import VirtualClock
from weft.kit.registries import Registry
from weft.run import RunState

STORES = Registry("weft.store.engines", "store", what="store", group="weft.stores")
LOST = errors.Disconnected("The connection broke.")


@pytest.fixture(params=["memory", "postgresql"])
async def errand(request):
    """A run with calls in every state."""
    url = emptied_store() if request.param == "postgresql" else "memory://"
    store = STORES.get(request.param).open(url, clock=VirtualClock())
    errand = await Errand.begin(store)
    await errand.settled(0, 1)
    await store.unknown(await errand.sent(2), LOST)
    await store.void(await errand.sent(3), LOST)
    await errand.answered(4)
    yield errand
    await store.close()


async def test_sound_books_add_up(errand):
    """I6: whatever was only written by weft adds up, also at rest and beside a run of unknown price."""
    other = await Errand.begin(errand.store)
    call = await other.answered(0, reserved=None)
    await other.store.settle(other.settlement(call, cost=None))
    await errand.store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch)

    assert await errand.store.audit() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE runs SET spent = spent + 1", "its rows cost $0.000001903, its calls $0.000001903"),
        ("UPDATE rows SET cost = cost + 1 WHERE state = 2", "its rows cost $0.000001905"),
        ("UPDATE rows SET cost = NULL WHERE state = 2", "2 rows have no cost"),
        ("UPDATE calls SET cost = cost + 1 WHERE state = 5", "unknown calls cost $0.000001001"),
        ("UPDATE runs SET reserved = 0", "open calls reserve $0.000001, booked are $0.00"),
        ("UPDATE runs SET calls = 9", "4 calls were sent and 1 are unknown, booked are 9 and 1"),
        ("UPDATE rows SET answer = NULL WHERE state = 2", "2 answered rows have no answer"),
        ("UPDATE runs SET counted = '[[0,0,0,0,0,0],0]'", "the counts kept with it"),
        ("DELETE FROM cells", "6 rows have no cells"),
        ("DELETE FROM rows WHERE state = 2", "2 remembered answers point to no row"),
        ("DELETE FROM runs", "6 rows belong to no run"),
        ("DELETE FROM calls WHERE state = 3", "2 rows name a call that is not there"),
        ("DELETE FROM replies", "2 answered calls have no reply"),
    ],
)
async def test_what_does_not_add_up_is_told(errand, change, expected):
    """I6, I17: each broken law has its sentence, with both sides of what should be equal."""
    errand.store._database.writer.execute(change)

    assert expected in " ".join(await errand.store.audit())
