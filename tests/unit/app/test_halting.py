"""Runs are paused and cancelled by another process than the one that walks them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from weft.app.halting import HEARD_S
from weft.app.houses import OneHouse
from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.engine.runner import BEAT_S
from weft.ids import RunId
from weft.kit.clocks import VirtualClock
from weft.row import RowState
from weft.run import Run, RunState, Wish
from weft.store.engines.sqlite import SqliteEngine
from weft.store.storing import SqlStore
from weft.testing.scripted import ScriptedProvider

ROWS = [{"body": f"message {n}"} for n in range(200)]
LATENCY_S = 1.0


@pytest.fixture
def clock() -> VirtualClock:
    """Time for both processes."""
    return VirtualClock()


@pytest.fixture
def model(clock: VirtualClock) -> ScriptedProvider:
    """A model that takes a second for each call."""

    def calm(found: Any) -> Mapping[str, Any]:
        del found
        return {"tone": "calm"}

    made = ScriptedProvider(calm, clock=clock)
    made.latency_s = LATENCY_S
    return made


@pytest.fixture
def open_house(
    tmp_path: Path, clock: VirtualClock, model: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Weft]:
    """Opens the same store as another process would."""
    numbers = iter(range(100))
    opened = SqliteEngine.open

    def at_once(engine: SqliteEngine, url: str, **options: Any) -> SqlStore:
        return opened(
            engine, url, **options | {"threads": False}
        )  # time stands still while a disk is written

    monkeypatch.setattr(SqliteEngine, "open", at_once)

    def open_one() -> Weft:
        settings = {"rows_per_call": 2, "concurrency": 2}
        around = look_around(keywords=settings, start=tmp_path, environment={})
        return Weft(around, clock=clock, random=Random(next(numbers)), provider=model)

    return open_one


@asynccontextmanager
async def at_work(house: Weft, clock: VirtualClock) -> AsyncIterator[Lanes]:
    """A worker over a house."""
    lanes = Lanes(OneHouse(house), clock=clock)
    working = asyncio.ensure_future(lanes.work())
    try:
        yield lanes
    finally:
        lanes.stop()
        await working


async def hand_in(house: Weft, table: object = None) -> RunId:
    """Hand a run in."""
    request = RunRequest(table=table or ROWS, prompt="Rate {{ body }}", fields=("tone: enum[calm,angry]",))
    return (await house.queue_with({}).submit(request, Submission())).id


async def until(house: Weft, run: RunId, holds: Callable[[Run], bool], clock: VirtualClock) -> Run:
    """Wait until a run stands so."""
    for _ in range(2_000):
        found = await house.queue_with({}).get(run)
        if holds(found):
            return found
        await clock.sleep(0.1)
    raise AssertionError(found)


async def test_run_is_paused_by_another_process(
    open_house: Callable[[], Weft], clock: VirtualClock, model: ScriptedProvider
) -> None:
    """W35: a pause reaches whoever walks the run within two beats; what was asked is kept, and it goes on later."""
    async with open_house() as walking, open_house() as other, at_work(walking, clock):
        run = await hand_in(other)
        await until(other, run, lambda found: found.tally.answered > 0, clock)
        began = clock.monotonic()
        paused = await other.queue_with({}).pause(run)
        took = clock.monotonic() - began
        asked = model.requests
        await clock.sleep(10 * BEAT_S)
        rested = await other.queue_with({}).get(run)
        await other.queue_with({}).resume(run)
        done = await until(other, run, lambda found: found.state is RunState.FINISHED, clock)

    assert (paused.state, paused.reason, paused.wish) == (RunState.PAUSED, "paused", Wish.NONE)
    assert took <= HEARD_S
    assert (rested.state, rested.tally.asked) == (RunState.PAUSED, 0)
    assert model.requests - asked == (len(ROWS) - rested.tally.answered) / 2
    assert done.tally.answered == len(ROWS)


async def test_run_is_cancelled_by_another_process(
    open_house: Callable[[], Weft], clock: VirtualClock
) -> None:
    """W35: a cancellation does so too; no row waits afterwards."""
    async with open_house() as walking, open_house() as other, at_work(walking, clock):
        run = await hand_in(other)
        await until(other, run, lambda found: found.tally.answered > 0, clock)
        cancelled = await other.queue_with({}).cancel(run)

    assert (cancelled.state, cancelled.reason) == (RunState.CANCELLED, "cancelled")
    assert (cancelled.tally.waiting, cancelled.tally.asked) == (0, 0)
    assert 0 < cancelled.tally.answered < len(ROWS)


async def test_pause_may_still_become_an_end(
    open_house: Callable[[], Weft], clock: VirtualClock, model: ScriptedProvider
) -> None:
    """A run that is being paused, with answers in flight, can be cancelled by another process."""
    model.latency_s = 3 * HEARD_S
    async with open_house() as walking, open_house() as other, at_work(walking, clock):
        run = await hand_in(other)
        await until(other, run, lambda found: found.tally.asked > 0, clock)
        paused = await other.queue_with({}).pause(run)
        told = await other.queue_with({}).cancel(run)
        rested = await until(other, run, lambda found: not found.wish, clock)

    assert (paused.wish, told.wish) == (Wish.PAUSE, Wish.CANCEL)
    assert (rested.state, rested.tally.waiting, rested.tally.answered) == (RunState.CANCELLED, 0, 4)


async def test_slow_answers_are_not_waited_for(
    open_house: Callable[[], Weft], clock: VirtualClock, model: ScriptedProvider
) -> None:
    """Who asks for a pause is told that it is wished for, if answers in flight take longer than two beats."""
    model.latency_s = 3 * HEARD_S
    async with open_house() as walking, open_house() as other, at_work(walking, clock):
        run = await hand_in(other)
        await until(other, run, lambda found: found.tally.asked > 0, clock)
        told = await other.queue_with({}).pause(run)
        rested = await until(other, run, lambda found: found.state is RunState.PAUSED, clock)

    assert (told.state, told.wish) == (RunState.RUNNING, Wish.PAUSE)
    assert (rested.reason, rested.wish, rested.tally.answered) == ("paused", Wish.NONE, 4)


async def test_resume_takes_a_pause_back(
    open_house: Callable[[], Weft], clock: VirtualClock, model: ScriptedProvider
) -> None:
    """A wish that nobody has heard yet is gone when the run is to go on."""
    async with open_house() as walking, open_house() as other, at_work(walking, clock):
        run = await hand_in(other)
        await until(other, run, lambda found: found.tally.asked > 0, clock)
        await other._stores.open().wish(run, Wish.PAUSE)
        found = await other.queue_with({}).resume(run)
        done = await until(other, run, lambda found: found.state is RunState.FINISHED, clock)

    assert (found.wish, done.tally.answered) == (Wish.NONE, len(ROWS))


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.CANCEL])
async def test_run_whose_table_is_being_read_is_halted_by_another_process(
    open_house: Callable[[], Weft], clock: VirtualClock, tmp_path: Path, wish: Wish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """W35: the reading ends too; a paused run reads on when it is resumed."""
    table = tmp_path / "rows.csv"
    table.write_text("body\n" + "".join(f"message {n}\n" for n in range(20_000)), encoding="utf-8")
    async with open_house() as walking, open_house() as other:
        run = await hand_in(other, table)
        store = walking._stores.open()
        add = store.add_rows

        async def slowly(run: RunId, rows: Any) -> None:
            await add(run, rows)
            await clock.sleep(2 * BEAT_S)

        monkeypatch.setattr(store, "add_rows", slowly)
        async with at_work(walking, clock):
            await until(other, run, lambda found: found.tally.total > 0, clock)
            queue = other.queue_with({})
            told = await (queue.pause(run) if wish is Wish.PAUSE else queue.cancel(run))
            rested = await until(other, run, lambda found: not found.wish, clock)
            if wish is Wish.PAUSE:
                monkeypatch.setattr(store, "add_rows", add)
                await queue.resume(run)
                await until(other, run, lambda found: found.state is RunState.RUNNING, clock)

    assert told.tally.total < 20_000
    expected = (RunState.DRAFTED, "paused") if wish is Wish.PAUSE else (RunState.CANCELLED, "cancelled")
    assert (rested.state, rested.reason) == expected


async def test_cancel_after_a_crash_leaves_no_row_waiting(
    open_house: Callable[[], Weft], clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W35, W39: open calls of a dead owner come to rest before the rest is skipped: replies that are there are kept."""
    async with open_house() as other:
        run = await hand_in(other)
        async with open_house() as walking:
            store = walking._stores.open()

            async def never(*_: Any, **__: Any) -> None:
                await asyncio.Event().wait()

            monkeypatch.setattr(store, "settle", never)
            lanes = Lanes(OneHouse(walking), clock=clock)
            working = asyncio.ensure_future(lanes.work())
            await until(other, run, lambda found: found.tally.asked == 4, clock)
            while {each["state"] for each in await other._stores.open().calls(run)} != {"answered"}:
                await clock.sleep(0.1)
            working.cancel()
            for lane in lanes.busy:
                lane.task.cancel()
            await asyncio.wait([lane.task for lane in lanes.busy])
        monkeypatch.setattr(other._stores.open(), "_is_dead", bool)  # the process that walked it is no more
        cancelled = await other.queue_with({}).cancel(run)
        states = {each.state for each in other.queue_with({}).rows(run)}
        calls = {each["state"] for each in await other._stores.open().calls(run)}

    assert (cancelled.state, cancelled.tally.waiting, cancelled.tally.answered) == (RunState.CANCELLED, 0, 4)
    assert states == {RowState.ANSWERED, RowState.SKIPPED}
    assert calls == {"settled"}
