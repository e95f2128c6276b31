"""What a runner promises beside the laws: taking in again, signs of life, opening what had ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.laws.test_way import House, check_answers, check_conservation, check_money

from weft import errors
from weft.engine.pacing import WINDOW_S, Paces
from weft.engine.runner import BEAT_S, STALE_AFTER_S, Runner
from weft.money import Budget, Usd
from weft.row import BrokenRow, Row, RowState
from weft.run import RunState
from weft.schema import Problem


def table(bodies):
    return [Row(place, place + 2, {"body": body}) for place, body in enumerate(bodies)]


def said(house, name):
    return [event for event in house.events if type(event).__name__ == name]


async def test_a_table_may_be_taken_in_again():
    """L5, L22: a process that died while it read begins anew; no row stands twice, and what was read counts."""
    house = House([f"row {n}" for n in range(2500)], rows_per_call=50)
    run = await house.start(walk=False)
    once = (await house.store.run(run.id)).tally

    again = house.runner(run)
    await again.take_in(table(house.bodies))
    ended = await again.walk()

    assert once.total == ended.tally.total == 2500
    check_conservation(house, ended)
    check_answers(house, ended)
    assert house.provider.requests == 50


async def test_a_source_that_breaks_leaves_what_was_read():
    """A table that cannot be read to its end raises; taken in whole afterwards, the run is complete."""
    house = House([], rows_per_call=50)
    run = await house.start(walk=False)
    house.bodies = [f"row {n}" for n in range(1500)]

    def broken():
        yield from table(house.bodies)[:1200]
        raise errors.UnreadableTable("Line 1202 cannot be read.")

    with pytest.raises(errors.UnreadableTable):
        await house.runner(run).take_in(broken())
    again = house.runner(run)
    await again.take_in(table(house.bodies))
    ended = await again.walk()

    assert ended.tally.answered == 1500
    check_conservation(house, ended)


@pytest.mark.parametrize("failing", [1, 3])
async def test_a_block_that_cannot_be_written_ends_the_reading(monkeypatch, failing):
    """L4: with several blocks on their way, one that fails is told, and the next reading fills the hole."""
    house = House([], rows_per_call=50)
    run = await house.start(walk=False)
    house.bodies = [f"row {n}" for n in range(6500)]
    add, begun = house.store.add_rows, []

    async def full(*arguments):
        begun.append(arguments)
        await asyncio.sleep(0)
        if len(begun) == failing:
            raise errors.DiskFull("The disk is full.", hint="free some space.")
        await add(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "add_rows", full)
        with pytest.raises(errors.DiskFull):
            await house.runner(run).take_in(table(house.bodies))
    writing = [task for task in asyncio.all_tasks() if "full" in repr(task.get_coro())]
    again = house.runner(run)
    await again.take_in(table(house.bodies))
    ended = await again.walk()

    assert writing == []
    assert ended.tally.answered == ended.tally.total == 6500
    check_conservation(house, ended)
    check_answers(house, ended)


async def test_unfit_rows_are_told_while_the_table_is_read():
    """T26: reading tells how many rows there are and how many are unfit, and asks nobody."""
    house = House([])
    run = await house.start(walk=False)
    rows = [*table(["a", ""]), BrokenRow(2, 4, {}, Problem("", "Line 4 has 2 cells.", "ragged"))]

    await house.runner(run).take_in(rows)

    told = said(house, "RowsRead")[-1]
    assert (told.rows, told.rejected, house.provider.requests) == (3, 2, 0)
    assert (await house.store.run(run.id)).state is RunState.QUEUED


async def test_a_working_run_shows_that_it_lives():
    """L12: while a call takes long the owner's sign of life is never stale, and its time is booked."""
    house = House(["a"], timeout_s=300.0)
    run = await house.start(walk=False)
    house.provider.latency_s = 90.0
    beats = []
    beat = house.store.beat

    async def noted(run_id, *, epoch, elapsed_s):
        beats.append(house.clock.monotonic())
        await beat(run_id, epoch=epoch, elapsed_s=elapsed_s)

    house.store.beat = noted

    ended = await house.runner(run).walk()

    gaps = [later - earlier for earlier, later in pairwise(beats)]
    assert len(beats) >= 90 / BEAT_S
    assert max(gaps) <= BEAT_S < STALE_AFTER_S
    assert ended.elapsed_s == pytest.approx(90.0, abs=1.0)


async def test_a_living_run_is_not_taken_over():
    """L12, I10: a second process is refused while the first one lives, and may go on once it has let go."""
    house = House([f"row {n}" for n in range(5)])
    run = await house.start(walk=False)
    await house.store.let_go(run.id, epoch=1)
    gear = house.runner(run)._gear
    one, other = [Runner(run, replace(gear, owner=name)) for name in ("one", "other")]
    house.provider.latency_s = 20.0
    begun = asyncio.Event()
    house.hear = lambda event: begun.set() if type(event).__name__ == "PackSent" else None
    first = asyncio.ensure_future(one.walk())
    await begun.wait()

    with pytest.raises(errors.RunBusy):
        await other.walk()
    ended = await first

    assert (ended.state, house.provider.requests) == (RunState.FINISHED, 1)


async def test_waiting_for_a_silent_owner_is_told_and_is_no_work():
    """L13: who waits for another process says so at once, and the wait is not booked as working time."""
    house = House(["a"])
    run = await house.start(walk=False)
    epoch = await house.store.take_over(run.id, owner="silent", stale_after_s=0)
    await house.store.move_run(run.id, RunState.RUNNING, epoch=epoch)
    began = house.clock.monotonic()

    ended = await house.runner(run).walk()

    (told,) = said(house, "RunHeld")
    assert (told.holder, told.wait_s) == ("`silent`", STALE_AFTER_S)
    assert house.clock.monotonic() - began >= STALE_AFTER_S
    assert ended.elapsed_s < 5.0


async def test_failed_rows_may_be_asked_again():
    """Rows that failed wait again when a person says so, and only they are asked and paid."""

    def sulk(draft, _random):
        for row in draft.rows:
            if row["echo"].startswith("1"):
                row["kind"] = "none"
        draft.text = None

    house = House(["a1", "b2", "c1"], habit=sulk, concurrency=1)
    first = await house.start()
    house.provider.habit = None
    requests = house.provider.requests

    runner = house.runner(first)
    opened = await runner.reopen((RowState.FAILED,))
    ended = await runner.walk()

    assert (first.tally.failed, opened) == (2, 2)
    assert (ended.state, ended.tally.answered, house.provider.requests) == (
        RunState.FINISHED,
        3,
        requests + 1,
    )
    check_answers(house, ended)
    check_money(house, ended)


async def test_one_row_may_be_asked_again():
    """Reopening a place leaves every other row as it ended."""

    def hopeless(draft, _random):
        for row in draft.rows:
            row["kind"] = "none"
        draft.text = None

    house = House(["a", "b", "c"], habit=hopeless, concurrency=1)
    first = await house.start()
    house.provider.habit = None

    runner = house.runner(first)
    opened = await runner.reopen((RowState.FAILED,), place=1)
    ended = await runner.walk()

    assert opened == 1
    assert [outcome.state.value for outcome in house.outcomes(ended)] == ["failed", "answered", "failed"]


async def test_a_budget_needs_a_price():
    """P07: nothing is asked, and the run is not touched, where a budget in dollars cannot be kept."""
    house = House(["a"])
    house.provider.price = None

    with pytest.raises(errors.UnknownPrice, match="cannot be kept"):
        await house.start(budget=Budget(usd=Usd.of(1)))

    assert house.provider.requests == 0
    assert (await house.store.runs(limit=1))[0].state is RunState.QUEUED


async def test_runs_of_one_account_keep_one_pace():
    """B20, law 7: two runs at one account share its requests per minute, whatever each would be allowed."""
    house = House([f"row {n}" for n in range(40)], rows_per_call=1, rpm=30)
    paces, sent = Paces(), []
    house.hear = lambda event: type(event).__name__ == "PackSent" and sent.append(house.clock.monotonic())
    runs = [await house.start(walk=False, fresh=True) for _ in range(2)]
    gears = [replace(house.runner(run)._gear, paces=paces, account="a") for run in runs]

    done = await asyncio.gather(*(Runner(run, gear).walk() for run, gear in zip(runs, gears, strict=True)))

    assert [each.tally.answered for each in done] == [40, 40]
    assert len(sent) == 80
    for start in sent:
        assert (
            len([at for at in sent if start <= at < start + WINDOW_S]) <= 30 + 2
        )  # told just after they went
    assert paces.busy == set()


async def test_reading_a_large_table_shows_that_it_lives():
    """L12: a table that takes longer to read than an owner may be silent is not taken from who reads it."""
    house = House([])
    run = await house.start(walk=False)
    await house.store.let_go(run.id, epoch=1)
    house.bodies = [f"row {n}" for n in range(8_000)]

    def slowly():
        for row in table(house.bodies):
            house.clock.advance(0.01)
            yield row

    before = (await house.store.unfinished(reason=""))[0].beats
    await house.runner(run).take_in(slowly())

    assert (await house.store.unfinished(reason=""))[0].beats - before >= 80 / BEAT_S / 2
