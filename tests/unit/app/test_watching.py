"""Who looks on sees every row, its changes, and how the run goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.errands import Errand, draft_row, draft_run

from weft.app import watching
from weft.app.opening import look_around
from weft.app.watching import WINDOW_S, WatchingDesk
from weft.app.weft import Weft
from weft.errors import UnknownName
from weft.ids import RunId
from weft.kit.clocks import VirtualClock
from weft.row import RowState
from weft.run import RunState
from weft.store import news

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def clock() -> VirtualClock:
    """Time that a test moves."""
    return VirtualClock(auto=False)


@pytest.fixture
async def house(folder: Path, clock: VirtualClock) -> AsyncIterator[Weft]:
    """A house with a store in memory, which lasts as long as it is open."""
    around = look_around(keywords={"store": "memory://"}, start=folder, environment={})
    async with Weft(around, clock=clock) as found:
        yield found


@pytest.fixture
async def errand(house: Weft) -> Errand:
    """A running run of six rows."""
    return await Errand.begin(house._stores.open())


async def test_counts_follow_the_changes(house: Weft, errand: Errand) -> None:
    """W46: how many rows stand how is known without counting them again, and is the run's own tally."""
    grid = await house.watching.grid(errand.id)
    await errand.settled(0, 1)
    await errand.sent(2)
    told = await house.watching.changes(errand.id, since=grid.cursor)
    await errand.store.add_rows(errand.id, [draft_row(7)])
    later = await house.watching.changes(errand.id, since=told.cursor)

    assert (grid.codes, dict(told.codes)) == ("qqqqqq", {0: "s", 1: "s", 2: "r"})
    assert told.progress is not None
    assert later.progress is not None
    assert dict(told.progress.counts) == {"s": 2, "r": 1, "q": 3}
    assert dict(later.progress.counts) == {"s": 2, "r": 1, "q": 4}
    assert later.progress.total == (await errand.tally()).total
    assert (await house.watching.grid(errand.id)).codes == "ssrqqq-q"


async def test_nothing_new_is_nothing(house: Weft, errand: Errand) -> None:
    """Who has the newest cursor is told neither rows nor progress."""
    grid = await house.watching.grid(errand.id)
    await errand.store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)
    told = await house.watching.changes(errand.id, since=grid.cursor)

    assert (told.cursor, told.progress, told.codes, told.is_last) == (grid.cursor, None, {}, True)


async def test_late_reader_is_sent_to_the_grid(house: Weft, errand: Errand) -> None:
    """A cursor that is not known any more is answered with a new start, and with how the run stands."""
    told = await house.watching.changes(errand.id, since=10**6)

    assert (told.is_reset, told.codes) == (True, {})
    assert told.progress is not None
    assert dict(told.progress.counts) == {"q": 6}


async def test_desk_that_fell_behind_looks_again(
    house: Weft, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shared picture is taken anew where the feed has become too short for it."""
    monkeypatch.setattr(news, "KEPT_AT_REST", 2)
    await house.watching.grid(errand.id)
    for place in range(6):
        await errand.settled(place)
    await errand.store.move_run(errand.id, RunState.FINISHED, epoch=errand.epoch)

    assert (await house.watching.grid(errand.id)).codes == "ssssss"


async def test_pace_is_that_of_the_last_half_minute(house: Weft, errand: Errand, clock: VirtualClock) -> None:
    """W51: rows per second and the time that is left are measured; a run at rest has neither."""
    looks = []
    cursor = (await house.watching.grid(errand.id)).cursor
    for place in range(4):
        told = await house.watching.changes(errand.id, since=cursor)
        cursor = told.cursor
        looks.append(told.progress)
        clock.advance(WINDOW_S / 6)
        await errand.settled(place)
    told = await house.watching.changes(errand.id, since=cursor)
    await errand.store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch)
    rested = await house.watching.changes(errand.id, since=told.cursor)

    assert told.progress is not None
    assert rested.progress is not None
    assert told.progress.rows_per_s == pytest.approx(6 / WINDOW_S, rel=0.4)
    assert told.progress.left_s == pytest.approx(2 / told.progress.rows_per_s)
    assert (rested.progress.rows_per_s, rested.progress.left_s) == (None, None)


async def test_run_is_watched_while_its_table_is_read(house: Weft) -> None:
    """W46: rows appear as they are read."""
    store = house._stores.open()
    run = draft_run()
    await store.create_run(run)
    empty = await house.watching.grid(run.id)
    await store.add_rows(run.id, [draft_row(0), draft_row(1, state=RowState.REJECTED, problem="x")])
    told = await house.watching.changes(run.id, since=empty.cursor)

    assert empty.codes == ""
    assert (await house.watching.grid(run.id)).codes == "qi"
    assert told.progress is not None
    assert (told.progress.total, told.progress.run.state) == (2, RunState.DRAFTED)


async def test_pictures_are_bounded(house: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many runs only those that were looked at last are remembered, and unknown ones never."""
    monkeypatch.setattr(watching, "MOST_PICTURES", 2)
    store = house._stores.open()
    runs = [draft_run() for _ in range(4)]
    for run in runs:
        await store.create_run(run)
        await house.watching.grid(run.id)
    with pytest.raises(UnknownName):
        await house.watching.grid(RunId("r0"))

    assert len(house.watching._pictures) <= 2
    assert isinstance(house.watching, WatchingDesk)
