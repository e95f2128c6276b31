"""What every store promises to whoever looks on: grids, changes and glances, over every engine."""

from __future__ import annotations

import asyncio

import pytest
from tests.contracts.errands import Errand, draft_row, draft_run, reply
from tests.contracts.servers import emptied_store
from tests.contracts.stores import WAYS, open_store

from weft import errors
from weft.kit.clocks import VirtualClock
from weft.row import RowState
from weft.run import RunState, Wish
from weft.store import news, watching
from weft.store.booking import settle
from weft.store.engines.postgresql import store as postgresql

LOST = errors.Disconnected("The connection broke.")


@pytest.fixture(params=WAYS)
async def store(request, tmp_path):
    """A new, empty store of every engine, in both ways of writing."""
    store = open_store(request.param, tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def errand(store):
    """A running run of six rows."""
    return await Errand.begin(store)


class Looking:
    """Somebody who looks on."""

    def __init__(self, errand):
        self.errand = errand
        self.cursor = 0

    async def changed(self):
        """Which rows changed since the last look, and how they stand now."""
        found = await self.errand.store.changes(self.errand.id, since=self.cursor)
        assert found.is_last
        assert not found.is_reset
        self.cursor = found.cursor
        return dict(found.codes)


@pytest.fixture
async def looking(errand):
    """Somebody who has seen the run as it begins."""
    found = Looking(errand)
    found.cursor = (await errand.store.grid(errand.id)).cursor
    return found


async def test_grid_has_a_letter_for_every_row(store, errand):
    """W44, W46: queued, running, succeeded, failed, skipped, cancelled, and inputs that do not fit."""
    await errand.settled(0)
    call = await errand.answered(1)
    await store.settle(errand.settlement(call, ends=[errand.end(1, RowState.FAILED)]))
    await errand.sent(2)
    await store.reserve(errand.call(3), epoch=errand.epoch)
    await store.end_rows(errand.id, [errand.end(4, RowState.REJECTED)], epoch=errand.epoch)
    before = (await store.grid(errand.id)).codes
    await store.skip_waiting(errand.id, epoch=errand.epoch, code="budget_exceeded", problem="No money.")
    skipped = (await store.grid(errand.id)).codes
    await store.reopen(errand.id, [RowState.SKIPPED], epoch=errand.epoch)
    await store.skip_waiting(errand.id, epoch=errand.epoch, code="cancelled", problem="Cancelled.")

    assert (before, skipped) == ("sfrqiq", "sfrkik")
    assert (await store.grid(errand.id)).codes == "sfrxix"


async def test_grid_of_a_run_without_rows_is_empty(store):
    """W46: a run that is drafted can be watched from its first moment."""
    run = draft_run()
    await store.create_run(run)
    before = await store.grid(run.id)
    await store.add_rows(run.id, [draft_row(place) for place in range(3)])
    after = await store.changes(run.id, since=before.cursor)

    assert before.codes == ""
    assert after.is_reset or dict(after.codes) == {0: "q", 1: "q", 2: "q"}


async def test_rows_that_are_still_to_come_are_shown_as_none(store):
    """A place without a row has a letter of its own."""
    run = draft_run()
    await store.create_run(run)
    await store.add_rows(run.id, [draft_row(place) for place in (1, 4)])

    assert (await store.grid(run.id)).codes == "-q--q"


async def test_large_grid_is_read_in_stretches(store, monkeypatch):
    """A row at the edge of a stretch is in the grid once."""
    monkeypatch.setattr(watching, "STRETCH", 4)
    errand = await Errand.begin(store, rows=11)
    await errand.settled(3, 4, 8)

    assert (await store.grid(errand.id)).codes == "qqqssqqqsqq"


async def test_every_step_of_a_call_is_told(store, errand, looking):
    """W46: sending and ending a call changes the letters of its rows; what lies between does not."""
    call = errand.call(1, 4)
    told = []
    await store.reserve(call, epoch=errand.epoch)
    told.append(await looking.changed())
    await store.sent(call)
    told.append(await looking.changed())
    await store.answered(call, reply())
    told.append(await looking.changed())
    await store.settle(errand.settlement(call, ends=[errand.end(1)], returned=(4,)))
    told.append(await looking.changed())

    assert told == [{}, {1: "r", 4: "r"}, {}, {1: "s", 4: "q"}]


async def test_calls_without_a_reply_are_told(store, errand, looking):
    """Rows whose call was lost wait again, and are asked again when its reply comes late after all."""
    free, lost = await errand.sent(0), await errand.sent(5)
    await looking.changed()
    await store.void(free, LOST)
    told = [await looking.changed()]
    await store.unknown(lost, LOST)
    told.append(await looking.changed())
    await store.answered(lost, reply())
    told.append(await looking.changed())

    assert told == [{0: "q"}, {5: "q"}, {5: "r"}]


async def test_call_that_was_never_sent_is_not_told(store, errand, looking):
    """A reservation that is released has changed no letter."""
    call = errand.call(0)
    await store.reserve(call, epoch=errand.epoch)
    await store.void(call, LOST)

    assert await looking.changed() == {}


async def test_twins_and_late_settlements_are_told(store, errand, looking):
    """P02: twins change with their leader; a settlement of an old owner only lets its rows go."""
    call, late = await errand.answered(0), await errand.answered(3)
    await looking.changed()
    end = errand.end(0, twins=[2, 5])
    await store.settle(errand.settlement(call, ends=[end]))
    told = [await looking.changed()]
    await store.take_over(errand.id, owner="life 2", stale_after_s=0)
    await store.settle(errand.settlement(late))
    told.append(await looking.changed())

    assert told == [{0: "s", 2: "s", 5: "s"}, {3: "q"}]


async def test_rows_that_end_outside_calls_are_told(store, errand, looking):
    """Recalled, rejected, skipped, reopened and added rows are told, and no others."""
    await errand.settled(0, 1)
    other = await Errand.begin(store, rows=4)
    eyes = Looking(other)
    eyes.cursor = (await store.grid(other.id)).cursor
    told = []
    await store.recall(other.id, epoch=other.epoch)
    told.append(await eyes.changed())
    await store.end_rows(other.id, [other.end(2, RowState.REJECTED)], epoch=other.epoch)
    told.append(await eyes.changed())
    await store.skip_waiting(other.id, epoch=other.epoch, code="cancelled", problem="x")
    told.append(await eyes.changed())
    await store.reopen(other.id, [RowState.SKIPPED], epoch=other.epoch)
    told.append(await eyes.changed())
    await store.add_rows(other.id, [draft_row(4)])
    told.append(await eyes.changed())

    assert told == [{0: "s", 1: "s"}, {2: "i"}, {3: "x"}, {3: "q"}, {4: "q"}]


async def test_run_itself_changes_without_rows(store, errand, looking):
    """State, name and wishes raise the cursor, so that who has the newest cursor has all of it; a beat does not."""
    cursors = [looking.cursor]
    for change in (
        store.wish(errand.id, Wish.PAUSE),
        store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch),
        store.let_go(errand.id, epoch=errand.epoch),
    ):
        await change
        assert await looking.changed() == {}
        cursors.append(looking.cursor)
    epoch = await store.take_over(errand.id, owner="life 2", stale_after_s=0)
    await store.beat(errand.id, epoch=epoch, elapsed_s=9.0)
    await looking.changed()

    assert cursors == sorted(set(cursors))
    assert looking.cursor == cursors[-1] == (await store.run(errand.id, counted=False)).changed


async def test_many_changes_come_in_answers_of_bounded_size(store):
    """At most 2,000 rows come at once, each once, those that changed first before the others."""
    run = draft_run()
    await store.create_run(run)
    for start in range(0, 5_000, 1_000):
        await store.add_rows(run.id, [draft_row(place) for place in range(start, start + 1_000)])
    first = await store.changes(run.id, since=0)
    second = await store.changes(run.id, since=first.cursor)
    third = await store.changes(run.id, since=second.cursor)

    assert [len(each.codes) for each in (first, second, third)] == [2_000, 2_000, 1_000]
    assert [each.is_last for each in (first, second, third)] == [False, False, True]
    assert sorted(first.codes) == list(range(2_000))
    assert {*first.codes, *second.codes, *third.codes} == set(range(5_000))


async def test_one_large_change_is_cut_too(store):
    """A block of rows that changes at once is told in pieces."""
    run = draft_run()
    await store.create_run(run)
    await store.add_rows(run.id, [draft_row(place) for place in range(4_500)])
    found, cursor = [], 0
    while not found or not found[-1].is_last:
        found.append(await store.changes(run.id, since=cursor))
        cursor = found[-1].cursor

    assert [len(each.codes) for each in found] == [2_000, 2_000, 500]


@pytest.mark.parametrize("cursor", [99, 10**9])
async def test_cursor_from_elsewhere_is_answered_with_a_new_start(store, errand, cursor):
    """A cursor that this feed has never given out, as after a backup was put back, means: look again."""
    found = await store.changes(errand.id, since=cursor)

    assert found.is_reset
    assert found.cursor == (await store.grid(errand.id)).cursor


async def test_feed_is_bounded(store, monkeypatch):
    """Old lines go while a run is at work, and nearly all when it rests; who comes too late looks at all of it."""
    monkeypatch.setattr(news, "KEPT", 20)
    monkeypatch.setattr(news, "KEPT_AT_REST", 4)
    monkeypatch.setattr(news, "TRIM_EVERY", 10)
    errand = await Errand.begin(store)
    begin = (await store.grid(errand.id)).cursor
    for _ in range(20):
        call = await errand.sent(0)
        await store.void(call, LOST)
    late = await store.changes(errand.id, since=begin)
    just = await store.changes(errand.id, since=late.cursor - 5)
    await store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch)
    at_rest = await store.changes(errand.id, since=late.cursor - 5)

    assert (late.is_reset, just.is_reset, dict(just.codes)) == (True, False, {0: "q"})
    assert at_rest.is_reset
    assert not (await store.changes(errand.id, since=late.cursor)).is_reset


async def test_glances_tell_when(store, errand):
    """W44: a row tells when it was asked about and when it ended; one that waits tells neither."""
    await errand.settled(1)
    call = await errand.answered(3)
    await store.settle(errand.settlement(call, ends=[], returned=(3,)))
    await errand.sent(2)

    found = await store.glances(errand.id, [3, 2, 1, 0, 99, 2])

    assert [(each.outcome.place, each.code) for each in found] == [(0, "q"), (1, "s"), (2, "r"), (3, "q")]
    waits, ended, asked, again = found
    assert ended.started_at <= ended.ended_at
    assert (asked.started_at is None, asked.ended_at) == (False, None)
    assert [waits.started_at, waits.ended_at, again.started_at, again.ended_at] == [None] * 4
    assert (asked.outcome.state, again.outcome.attempts) == (RowState.ASKED, 1)
    assert [each.outcome for each in found] == [each for each in errand.outcomes() if each.place < 4]


async def test_unknown_run_cannot_be_watched(store):
    """Every look names a run that is not there."""
    for look in (store.grid("r0"), store.changes("r0", since=0), store.glances("r0", [1])):
        with pytest.raises(errors.UnknownName, match="r0"):
            await look


# ── several processes on a server ──


async def test_late_commit_is_not_missed():
    """W46: a transaction that began first and commits last is behind every cursor that was given out meanwhile."""
    url = emptied_store()
    store = postgresql.open(url, clock=VirtualClock(), threads=True)
    errand = await Errand.begin(store)
    first, second = await errand.answered(0), await errand.answered(1)
    cursor = (await store.grid(errand.id)).cursor
    slow = postgresql.open(url, clock=VirtualClock(), threads=True)
    held, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(book):
        """Settle, and keep the transaction open."""
        settle(book, settlement=errand.settlement(first), now=1.0)
        book.flush()
        loop.call_soon_threadsafe(held.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30)

    holding = asyncio.ensure_future(slow._writer.do(hold))
    await held.wait()
    other = asyncio.ensure_future(store.settle(errand.settlement(second)))
    between = await store.changes(errand.id, since=cursor)
    go_on.set()
    await asyncio.gather(holding, other)
    after = await store.changes(errand.id, since=between.cursor)
    await slow.close()
    await store.close()

    assert (between.cursor, dict(between.codes)) == (cursor, {})
    assert dict(after.codes) == {0: "s", 1: "s"}


async def test_readers_of_several_writers_see_every_change():
    """W46: while two processes write and a third reads all the time, its picture ends as the grid."""
    url = emptied_store()
    one, two, eyes = (postgresql.open(url, clock=VirtualClock(), threads=True) for _ in range(3))
    errand = await Errand.begin(one, rows=60)
    late = Errand(two, await two.run(errand.id), errand.epoch)
    late.questions = errand.questions
    grid = await eyes.grid(errand.id)
    codes, cursor, looks = list(grid.codes), grid.cursor, 0
    is_done = asyncio.Event()

    async def write(by, first):
        for place in range(first, 60, 2):
            await by.settled(place)

    async def follow():
        nonlocal cursor, looks
        while True:
            was_done = is_done.is_set()
            found = await eyes.changes(errand.id, since=cursor)
            for place, code in found.codes.items():
                codes[place] = code
            cursor, looks = found.cursor, looks + bool(found.codes)
            if was_done and found.is_last:
                return

    following = asyncio.ensure_future(follow())
    await asyncio.gather(write(errand, 0), write(late, 1))
    is_done.set()
    await following
    for each in (one, two, eyes):
        await each.close()

    assert ("".join(codes), looks > 5) == ("s" * 60, True)
