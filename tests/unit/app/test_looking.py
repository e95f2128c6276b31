from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.errands import Errand

from weft.app.looking import SHARE, LookingDesk
from weft.app.stores import Stores
from weft.kit.clocks import VirtualClock
from weft.run import RunState
from weft.settings import Settings

COUNTING_S = 1.0


class Slow(VirtualClock):
    """A clock by which every look at it comes a second later, as if counting took that long."""

    is_slow = False

    def monotonic(self) -> float:
        """Seconds; they go by while somebody asks."""
        now = super().monotonic()
        if self.is_slow:
            self._gone = getattr(self, "_gone", 0.0) + COUNTING_S
        return now + getattr(self, "_gone", 0.0)


@pytest.fixture
def clock() -> Slow:
    """Stands still, or goes on while it is asked."""
    return Slow()


@pytest.fixture
async def stores(tmp_path: Path, clock: Slow) -> AsyncIterator[Stores]:
    """A store in a file."""
    found = Stores(Settings(store=f"sqlite:///{tmp_path}/weft.db"), clock=clock)
    yield found
    await found.close()


async def test_count_is_exact_where_counting_takes_no_time(stores: Stores, clock: Slow) -> None:
    """A small run is told as the store has it, at every moment, alone and in the list."""
    run = await Errand.begin(stores.open(), rows=6)
    desk = LookingDesk(stores, clock=clock)

    for place in range(6):
        await run.settled(place)
        found, (listed,) = await desk.get(run.id), await desk.newest(5)

        assert found == listed == await stores.open().run(run.id)
        assert found.tally.answered == place + 1


async def test_count_is_shared_where_it_takes_long(stores: Stores, clock: Slow) -> None:
    """A count that took a second is good for ten; money, tokens and calls are those of now."""
    run = await Errand.begin(stores.open(), rows=6)
    desk = LookingDesk(stores, clock=clock)
    clock.is_slow = True
    await desk.get(run.id)
    await run.settled(0)

    soon, exact = await desk.get(run.id), await stores.open().run(run.id)
    for _ in range(SHARE):
        later = await desk.get(run.id)

    assert (soon.tally.answered, exact.tally.answered, later.tally.answered) == (0, 1, 1)
    assert (soon.tally.spent, soon.tally.calls) == (exact.tally.spent, exact.tally.calls)


async def test_run_at_rest_is_told_as_it_is(stores: Stores, clock: Slow) -> None:
    """However long counting takes, a run that has come to rest shows its last row at once."""
    store = stores.open()
    run = await Errand.begin(store, rows=2)
    desk = LookingDesk(stores, clock=clock)
    clock.is_slow = True
    await desk.get(run.id)
    await run.settled(0, 1)
    await store.move_run(run.id, RunState.FINISHED, epoch=run.epoch)

    found = await desk.get(run.id)

    assert (found.state, found.tally.answered) == (RunState.FINISHED, 2)
    assert found == await store.run(run.id)


async def test_nothing_is_made_by_looking(stores: Stores, clock: Slow, tmp_path: Path) -> None:
    """A list of runs where there is no store is empty, and no store is made."""
    assert await LookingDesk(stores, clock=clock).newest(5) == []
    assert not (tmp_path / "weft.db").exists()
