"""Walking packs where no fault table reaches: twins, a store that refuses, stops in the middle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.laws.test_way import ANSWERS, INPUTS, House, check_answers, check_conservation, check_money

from weft import errors
from weft.engine.runner import Runner
from weft.errors import BadTemplate, DiskFull
from weft.money import Budget, Usd
from weft.row import RowState
from weft.run import RunState
from weft.testing.plain import PlainPrompter


def spoil(body):
    """A habit: the answer to one content is always outside its options."""

    def habit(draft, _random):
        for row in draft.rows:
            if row["echo"] == body[::-1]:
                row["kind"] = "none"
                draft.text = None

    return habit


def heard(house, name):
    return [event for event in house.events if type(event).__name__ == name]


class Refusing:
    """A store that refuses one kind of write at chosen times."""

    def __init__(self, store, write, error, *, at):
        self._store, self._write, self._error, self._at = store, write, error, set(at)
        self.tried = 0

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name != self._write:
            return found

        async def write(*args, **kwargs):
            self.tried += 1
            if self.tried in self._at:
                raise self._error
            return await found(*args, **kwargs)

        return write


# ── twins ────────────────────────────────────────────────────────────────────────────────────────


async def test_twins_fail_with_the_row_they_wait_for():
    """L20, P41: identical rows end alike; a failure is paid for once and told to each."""
    house = House(["bad", "fine", "bad", "bad"], habit=spoil("bad"), concurrency=1)

    run = await house.start()

    check_conservation(house, run)
    check_money(house, run)
    ends = [(o.state.value, o.problem_code, o.attempts) for o in house.outcomes(run)]
    assert ends == [
        ("failed", "not_an_option", 3),
        ("answered", "", 1),
        ("failed", "not_an_option", 0),
        ("failed", "not_an_option", 0),
    ]
    assert [o.cost for o in house.outcomes(run)][2:] == [0, 0]
    assert run.tally.recalled <= run.tally.answered


async def test_twins_of_a_row_that_is_put_off_wait_with_it():
    """F13, L20: when a row is put off, its twins are neither asked in between nor forgotten."""
    script = [errors.TimedOut("lost"), errors.TimedOut("lost")]
    house = House(["a", "a", "b"], script=script, rows_per_call=1, concurrency=1)

    run = await house.start()

    check_answers(house, run)
    check_money(house, run)
    assert (run.state, run.tally.answered, run.tally.recalled) == (RunState.FINISHED, 3, 1)
    assert house.provider.requests == 4
    assert [event.rows for event in heard(house, "PackSent")] == [1, 1, 1, 1]


# ── packs ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pack_that_keeps_failing_ends_row_by_row():
    """B16: a model that cannot answer several rows at once is asked for each alone."""

    def overtaxed(draft, _random):
        if len(draft.rows) > 1:
            draft.rows.clear()
            draft.text = None

    house = House([f"row {n}" for n in range(8)], habit=overtaxed, rows_per_call=8, concurrency=1)

    run = await house.start()

    sizes = [event.rows for event in heard(house, "PackSent")]
    assert (run.tally.answered, sizes.count(1), sizes[:3]) == (8, 8, [8, 4, 2])
    check_answers(house, run)
    check_money(house, run)


async def test_tokens_are_told_per_pack_and_show_what_packing_saves():
    """B26: each pack's tokens are recorded and add up; the task is paid once per call, not once per row."""
    packed = House([f"row {n}" for n in range(10)], rows_per_call=10)
    alone = House([f"row {n}" for n in range(10)], rows_per_call=1)

    runs = [await packed.start(), await alone.start()]

    for house, run in zip((packed, alone), runs, strict=True):
        told = heard(house, "PackSettled")
        calls = await house.store.calls(run.id)
        assert run.tally.calls == len(told) == len(calls)
        assert run.tally.input_tokens == sum(event.input_tokens for event in told)
        assert run.tally.output_tokens == sum(event.output_tokens for event in told)
        assert sorted(call["input_tokens"] for call in calls) == sorted(e.input_tokens for e in told)
    assert runs[0].tally.input_tokens < runs[1].tally.input_tokens / 2


# ── a store that refuses ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", range(1, 7))
async def test_a_full_disk_rests_the_run_and_loses_nothing(at):
    """L5, I3: when nothing more can be reserved, nothing more is asked; after a resume every row is paid once."""
    house = House([f"row {n}" for n in range(30)])
    whole = house.store
    full = DiskFull("The disk is full.", hint="free some space.")
    house.store = Refusing(whole, "reserve", full, at=range(at, 99))

    rested = await house.start()

    assert (rested.state, rested.reason) == (RunState.PAUSED, "disk_full")
    assert "free some space" in rested.message
    assert rested.tally.reserved == 0
    assert house.provider.requests == at - 1

    house.store = whole
    run = await house.runner(rested).walk()

    assert (run.state, run.tally.answered) == (RunState.FINISHED, 30)
    check_answers(house, run)
    assert sum(len(call.digests) for call in house.provider.bill) == 30


async def test_a_full_disk_while_recalling_rests_the_run():
    """L5: a refusal while rows are read, not asked, brings the run to rest in the same orderly way."""
    house = House(["a", "b", "a"], rows_per_call=1, concurrency=1)
    begun = await house.start(walk=False)
    house.store = Refusing(house.store, "waiting", DiskFull("The disk is full."), at=[1])

    run = await house.runner(begun).walk()

    assert (run.state, run.reason, house.provider.requests) == (RunState.PAUSED, "disk_full", 0)
    assert run.tally.waiting == 3


async def test_a_budget_that_the_store_refuses_divides_the_pack():
    """I7, P10: the store has the last word about money; a pack that it refuses is tried in halves."""
    house = House([f"row {n}" for n in range(5)], concurrency=1)
    over = errors.BudgetExceeded("The next call may cost too much.")
    house.store = Refusing(house.store, "reserve", over, at=[1])

    run = await house.start()

    assert run.state is RunState.FINISHED
    assert [event.rows for event in heard(house, "PackSent")] == [3, 2]
    assert run.tally.reserved == 0


async def test_a_budget_that_holds_half_a_pack_is_used():
    """T36, I7: what the budget still holds is spent in smaller packs, and not a nano-dollar more."""
    house = House([f"row {n}" for n in range(20)], rows_per_call=10, concurrency=1, until_budget=True)

    run = await house.start(budget=Budget(usd=Usd.of("0.0004")))

    sizes = [event.rows for event in heard(house, "PackSent")]
    assert run.state is RunState.STOPPED
    assert 0 < min(sizes) < 10
    assert house.provider.billed_usd <= run.tally.spent <= Usd.of("0.0004")
    check_conservation(house, run)


async def test_another_owner_ends_this_life_without_a_word():
    """L12, L13, I10: whoever has lost the run to another process asks nothing more and changes nothing."""
    house = House([f"row {n}" for n in range(10)], concurrency=1)
    whole = house.store
    house.store = Refusing(whole, "reserve", errors.RunBusy("Another process holds the run."), at=[2, 3, 4])

    with pytest.raises(errors.RunBusy):
        await house.start()

    assert house.provider.requests == 1
    assert (await whole.runs(limit=1))[0].state is RunState.RUNNING


# ── stops in the middle ──────────────────────────────────────────────────────────────────────────


async def test_a_stop_while_mending_keeps_what_is_left():
    """L2, I20: between the halves of a spoilt pack a stop leaves the rest waiting, for the next life."""
    house = House([f"row {n}" for n in range(8)], script=["no JSON at all"], rows_per_call=8, concurrency=1)
    run = await house.start(walk=False)
    runner = house.runner(run)
    house.hear = lambda event: runner.pause() if getattr(event, "returned", 0) else None

    rested = await runner.walk()

    assert (rested.state, rested.tally.waiting, rested.tally.reserved) == (RunState.PAUSED, 8, 0)
    assert house.provider.requests == 1

    house.hear = house.events.append
    ended = await house.runner(rested).walk()

    assert ended.tally.answered == 8
    check_money(house, ended)


async def test_a_stop_while_backing_off_does_not_wait():
    """L2: a run that waits a minute for a rate limit is stopped at once."""
    script = [errors.RateLimited("slow down", retry_after_s=60.0)]
    house = House(["a", "b"], script=script, concurrency=1)
    run = await house.start(walk=False)
    runner = house.runner(run)
    house.hear = lambda event: runner.pause() if type(event).__name__ == "LaneWaiting" else None

    rested = await runner.walk()

    assert (rested.state, rested.reason) == (RunState.PAUSED, "cancelled")
    assert house.clock.monotonic() < 60.0
    assert house.provider.requests == 1


async def test_too_many_failures_stop_the_run():
    """A template that suits no row is found out after fifty rows, not after the whole table."""

    def hopeless(draft, _random):
        for row in draft.rows:
            row["kind"] = "none"
        draft.text = None

    knobs = {"rows_per_call": 10, "concurrency": 1, "max_failed_share": 0.5}
    house = House([f"row {n}" for n in range(200)], habit=hopeless, **knobs)

    run = await house.start()

    assert (run.state, run.reason) == (RunState.STOPPED, "too_many_failures")
    assert (run.tally.failed, run.tally.skipped) == (50, 150)
    assert "50 of 50 rows failed" in run.message
    check_conservation(house, run)


async def test_a_mistake_of_ours_loses_no_paid_reply():
    """I3, L1: when reading a reply breaks weft itself, the reply is durable, and the next life settles it unpaid."""
    house = House([f"row {n}" for n in range(5)], concurrency=1)
    read = house.provider.read
    house.provider.read = lambda raw: 1 / 0

    with pytest.raises(ZeroDivisionError):
        await house.start()

    house.provider.read = read
    run = await house.runner((await house.store.runs(limit=1))[0]).walk()

    assert (run.tally.answered, house.provider.requests) == (5, 1)
    check_answers(house, run)
    check_money(house, run)


# ── rows that cannot be asked about ──────────────────────────────────────────────────────────────


class Picky(PlainPrompter):
    """Cannot render one row, as a template with a division by zero."""

    def part(self, values):
        if values["body"] == "unrenderable":
            raise BadTemplate("The template cannot be rendered: division by zero.")
        return super().part(values)


async def test_a_row_that_cannot_be_rendered_is_rejected():
    """A row on which the template breaks is rejected with its place and costs nothing; the others go on."""
    house = House(["a", "unrenderable", "b"])
    gear = house.runner(await house.start(walk=False))._gear
    house.runner = lambda run: Runner(run, replace(gear, prompter=Picky(INPUTS, ANSWERS)))

    run = await house.start(budget=Budget(usd=Usd.of(1)))

    outcome = house.outcomes(run)[1]
    assert (outcome.state, outcome.problem_code) == (RowState.REJECTED, "bad_template")
    assert outcome.problem == "Row 2 (line 3): The template cannot be rendered: division by zero."
    assert (run.tally.answered, run.tally.rejected) == (2, 1)


async def test_a_paid_reply_that_cannot_be_kept_counts_as_spent():
    """P11, I6: when the disk stays full after the reply came, the money is kept, here and in the next life."""
    house = House(["a", "b"], concurrency=1)
    whole = house.store
    house.store = Refusing(whole, "answered", DiskFull("The disk is full."), at=[1])

    rested = await house.start()

    lost = heard(house, "PackLost")
    assert (rested.state, rested.reason) == (RunState.PAUSED, "disk_full")
    assert [(event.code, event.billing) for event in lost] == [("disk_full", errors.Billing.UNKNOWN)]
    assert rested.tally.reserved >= house.provider.billed_usd > 0

    house.store = whole
    run = await house.runner(rested).walk()

    assert (run.state, run.tally.answered, run.tally.unknown_calls) == (RunState.FINISHED, 2, 1)
    check_money(house, run)


async def test_a_settlement_that_cannot_be_written_is_written_by_the_next_life():
    """I3, L1: the reply is durable, so the next life settles it without asking again."""
    house = House(["a", "b"], concurrency=1)
    whole = house.store
    house.store = Refusing(whole, "settle", errors.StoreBusy("The store is locked."), at=[1])

    rested = await house.start()
    house.store = whole
    run = await house.runner(rested).walk()

    assert (rested.state, rested.reason, rested.tally.waiting) == (RunState.PAUSED, "store_busy", 2)
    assert (run.tally.answered, run.tally.unknown_calls, house.provider.requests) == (2, 0, 1)
    check_money(house, run)
