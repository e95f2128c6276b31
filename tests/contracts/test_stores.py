"""What every store promises, over every engine and with and without a thread."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contracts.errands import ANSWER, Errand, draft_row, draft_run, key_of, reply
from tests.contracts.stores import WAYS, open_store

from weft import errors
from weft.call import CallState, Usage
from weft.ids import CallId
from weft.money import Budget, Usd
from weft.row import RowState
from weft.run import RunState, Wish

FLIP = {
    "sqlite": "UPDATE rows SET answer = CAST(replace(CAST(answer AS TEXT), 'tree', 'trfe') AS BLOB) WHERE spot % 16 = 0",
    "postgresql": "UPDATE rows SET answer = set_byte(answer, 12, 102) WHERE spot % 16 = 0",
}
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


# ── runs ──


async def test_run_reads_back_as_written(store):
    """What was asked for comes back word for word."""
    run = draft_run(budget=Budget(usd=Usd.of("1.5"), tokens=7), name="Ünïcode — first")

    await store.create_run(run)

    assert await store.run(run.id) == run


async def test_run_is_created_once(store):
    """Creating the same run again leaves it as it stands."""
    run = draft_run(name="first")
    await store.create_run(run)

    await store.create_run(replace(run, name="second"))

    assert (await store.run(run.id)).name == "first"


async def test_unknown_run_is_named(store):
    """Every question about a run that is not there names it."""
    for ask in (
        store.run("r0"),
        store.open_calls("r0"),
        store.waiting("r0", after=-1, limit=1),
        store.calls("r0"),
    ):
        with pytest.raises(errors.UnknownName, match="r0"):
            await ask
    with pytest.raises(errors.UnknownName, match="r0"):
        next(store.outcomes("r0"))
    with pytest.raises(errors.UnknownName, match="r0"):
        await store.add_rows("r0", [draft_row(0)])


async def test_runs_come_newest_first(store):
    """The list of runs begins with the newest and stops at the limit."""
    drafts = [draft_run(created_at=float(at)) for at in (3, 1, 2)]
    for run in drafts:
        await store.create_run(run)

    assert [run.created_at for run in await store.runs(limit=2)] == [3.0, 2.0]


async def test_runs_of_one_moment_differ(store):
    """P13: two runs of the same second are two runs."""
    first, second = draft_run(), draft_run()
    await store.create_run(first)
    await store.create_run(second)

    assert {run.id for run in await store.runs()} == {first.id, second.id}


async def test_saved_run_keeps_its_changes(store):
    """Name, budget, state and times of a run at rest can be rewritten."""
    run = draft_run()
    await store.create_run(run)
    changed = replace(
        run,
        name="new",
        budget=Budget(usd=Usd(5)),
        state=RunState.QUEUED,
        reason="x",
        message="y",
        elapsed_s=2.5,
    )

    await store.save_run(changed)

    assert await store.run(run.id) == changed


async def test_live_run_is_saved_by_its_owner_only(store, errand):
    """I10: an earlier life cannot rewrite a run that another has taken over."""
    mine = await store.run(errand.id)
    await store.take_over(errand.id, owner="life 2", stale_after_s=0)

    with pytest.raises(errors.RunBusy):
        await store.save_run(replace(mine, name="late"))


async def test_run_moves_by_the_table(store, errand):
    """A move that the table of moves lacks is refused and changes nothing."""
    with pytest.raises(errors.ImpossibleMove):
        await store.move_run(errand.id, RunState.HELD, epoch=errand.epoch)

    await store.move_run(
        errand.id, RunState.PAUSED, epoch=errand.epoch, reason="rate_limited", message="Wait."
    )
    run = await store.run(errand.id)

    assert (run.state, run.reason, run.message) == (RunState.PAUSED, "rate_limited", "Wait.")


# ── owners ──


async def test_take_over_raises_the_epoch(store):
    """Every owner gets an epoch of its own."""
    run = draft_run()
    await store.create_run(run)

    epochs = [await store.take_over(run.id, owner="one", stale_after_s=60) for _ in range(3)]

    assert epochs == [1, 2, 3]


async def test_beating_owner_keeps_its_run(store, errand):
    """L12: whoever asks for a run whose owner is at work hears who holds it."""

    async def beat():
        for n in range(10):
            await asyncio.sleep(0)
            await store._clock.sleep(1.0)
            await store.beat(errand.id, epoch=errand.epoch, elapsed_s=float(n))

    heart = asyncio.ensure_future(beat())
    with pytest.raises(errors.RunBusy, match="life 1"):
        await store.take_over(errand.id, owner="life 2", stale_after_s=20)
    await heart

    assert (await store.run(errand.id)).elapsed_s == 9.0


async def test_still_owner_is_followed(store, errand):
    """L13: a frozen process loses its run after the time that was allowed, whatever the wall clock says."""
    began = store._clock.monotonic()
    store._clock.shift_wall(-3600)

    epoch = await store.take_over(errand.id, owner="life 2", stale_after_s=30)

    assert epoch == errand.epoch + 1
    assert store._clock.monotonic() - began == pytest.approx(30)


async def test_let_go_spares_the_wait(store, errand):
    """A run that was let go is taken over at once."""
    await store.let_go(errand.id, epoch=errand.epoch)
    began = store._clock.monotonic()

    await store.take_over(errand.id, owner="life 2", stale_after_s=30)

    assert store._clock.monotonic() == began


async def test_old_epoch_changes_nothing(store, errand):
    """I10, L13: whatever a frozen process wanted to write is refused once another owns the run."""
    late = errand.epoch
    await store.take_over(errand.id, owner="life 2", stale_after_s=0)
    before = await store.run(errand.id)
    attempts = [
        store.reserve(errand.call(0), epoch=late),
        store.move_run(errand.id, RunState.PAUSED, epoch=late),
        store.beat(errand.id, epoch=late, elapsed_s=99.0),
        store.end_rows(errand.id, [errand.end(0)], epoch=late),
        store.skip_waiting(errand.id, epoch=late, code="cancelled", problem="Stopped."),
        store.reopen(errand.id, [RowState.FAILED], epoch=late),
        store.recall(errand.id, epoch=late),
    ]
    for attempt in attempts:
        with pytest.raises(errors.RunBusy):
            await attempt
    await store.let_go(errand.id, epoch=late)

    assert await store.run(errand.id) == before


async def test_unfinished_runs_are_listed_oldest_first(store):
    """Whoever takes up runs sees those that may go on, with their owners; ended and stopped ones are not there."""
    errand = await Errand.begin(store)
    drafted, paused, ended = draft_run(created_at=0.5), draft_run(created_at=3.0), draft_run(created_at=2.0)
    for run in (drafted, paused, ended):
        await store.create_run(run)
    await store.save_run(replace(paused, reason="paused"))
    epoch = await store.claim(ended.id, owner="somebody")
    await store.move_run(ended.id, RunState.CANCELLED, epoch=epoch)

    found = await store.unfinished(reason="queued")

    assert [each.run for each in found] == [drafted.id, errand.id]
    assert (found[0].owner, found[1].owner, found[1].epoch) == ("", "life 1", errand.epoch)
    assert [each.run for each in await store.unfinished(reason="paused")] == [
        drafted.id,
        errand.id,
        paused.id,
    ]


async def test_claim_takes_a_run_at_once_or_not_at_all(store):
    """Of two that want a free run one gets it, and an owner is followed only as it was seen."""
    run = draft_run()
    await store.create_run(run)
    first = await store.claim(run.id, owner="one")
    (seen,) = await store.unfinished(reason="")
    await store.beat(run.id, epoch=first, elapsed_s=1.0)

    with pytest.raises(errors.RunBusy):
        await store.claim(run.id, owner="two")
    with pytest.raises(errors.RunBusy):
        await store.claim(run.id, owner="two", over=seen)  # it has given a sign of life since
    (silent,) = await store.unfinished(reason="")
    second = await store.claim(run.id, owner="two", over=silent)

    assert (first, second) == (1, 2)
    with pytest.raises(errors.RunBusy):
        await store.beat(run.id, epoch=first, elapsed_s=2.0)


async def test_owner_hears_a_wish_with_its_next_beat(store, errand):
    """W35: what anybody wants of a run reaches whoever is at work on it, and ends with the run's rest."""
    heard = [await store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)]
    assert await store.wish(errand.id, Wish.PAUSE)
    heard.append(await store.beat(errand.id, epoch=errand.epoch, elapsed_s=2.0))
    wanted = (await store.run(errand.id)).wish
    await store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch)

    assert heard == [Wish.NONE, Wish.PAUSE]
    assert (wanted, (await store.run(errand.id)).wish) == (Wish.PAUSE, Wish.NONE)


async def test_nobody_hears_a_wish_where_nobody_is_at_work(store, errand):
    """A run without an owner keeps no wish, and one can be taken back."""
    await store.wish(errand.id, Wish.CANCEL)
    await store.wish(errand.id, Wish.NONE)
    taken_back = await store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)
    await store.let_go(errand.id, epoch=errand.epoch)

    assert not await store.wish(errand.id, Wish.PAUSE)
    assert (taken_back, (await store.run(errand.id)).wish) == (Wish.NONE, Wish.NONE)


async def test_wish_outlives_the_owner_that_did_not_hear_it(store, errand):
    """Whoever follows a dead owner hears what was wished of it."""
    await store.wish(errand.id, Wish.CANCEL)
    epoch = await store.take_over(errand.id, owner="life 2", stale_after_s=0)

    assert await store.beat(errand.id, epoch=epoch, elapsed_s=1.0) is Wish.CANCEL


async def test_first_start_and_last_completion_are_kept(store, errand):
    """W36: a run tells when a row was first asked about, and when one last came to its end."""
    before = await store.run(errand.id)
    await errand.sent(0)
    sent = await store.run(errand.id)
    await errand.settled(1)
    settled = await store.run(errand.id)

    assert (before.first_start, before.last_completion) == (None, None)
    assert sent.first_start is not None
    assert (sent.last_completion, settled.first_start) == (None, sent.first_start)
    assert settled.last_completion >= settled.first_start


async def test_run_can_be_read_without_counting(store, errand):
    """Everything but the counts of rows is there."""
    await errand.settled(0)

    found, counted = await store.run(errand.id, counted=False), await store.run(errand.id)

    assert (found.tally.total, counted.tally.total) == (0, 6)
    assert (found.tally.spent, found.state) == (counted.tally.spent, counted.state)


# ── rows ──


async def test_rows_wait_in_order(store, errand):
    """Waiting rows come in the order of the table, from a place on, up to a limit."""
    found = await store.waiting(errand.id, after=1, limit=3)

    assert [(row.place, row.line, row.cells) for row in found] == [
        (place, place + 2, b'["t%d","some text"]' % place) for place in (2, 3, 4)
    ]
    assert found[0].key == key_of(2)
    assert await store.waiting(errand.id, after=5, limit=3) == []


async def test_rows_are_added_once(store, errand):
    """Rows that are there already stay as they are."""
    await store.end_rows(errand.id, [errand.end(0)], epoch=errand.epoch, recalled=True)

    await store.add_rows(errand.id, [replace(draft_row(0), cells=b'["other","x"]'), draft_row(6)])
    outcomes = errand.outcomes()

    assert len(outcomes) == 7
    assert outcomes[0].cells == {"topic": "t0", "text": "some text"}
    assert outcomes[0].state is RowState.ANSWERED


async def test_rejected_rows_say_why(store):
    """A row that enters as rejected is never waiting and keeps its problem, whatever it holds."""
    errand = await Errand.begin(store, rows=0)
    odd = "Field `a\x00b` holds \ud800."
    bad = replace(draft_row(0), key=None, state=RowState.REJECTED, problem=odd, problem_code="missing")
    await store.add_rows(errand.id, [bad])
    outcome = errand.outcomes()[0]

    assert await store.waiting(errand.id, after=-1, limit=9) == []
    assert outcome.state is RowState.REJECTED
    assert (outcome.problem, outcome.problem_code) == ("Field `a\\x00b` holds \\ud800.", "missing")
    assert outcome.cost == 0


async def test_counts_add_up_in_every_state(store, errand):
    """I1: total is the sum over the states, and asked rows count as waiting."""
    await errand.settled(0, ends=[errand.end(0)])
    await errand.settled(1, ends=[errand.end(1, RowState.FAILED, problem="No.", problem_code="wrong_shape")])
    await errand.sent(2, 3)
    await store.end_rows(errand.id, [errand.end(4)], epoch=errand.epoch, recalled=True)
    tally = await errand.tally()

    assert (tally.total, tally.waiting, tally.asked, tally.answered, tally.failed, tally.recalled) == (
        6,
        3,
        2,
        2,
        1,
        1,
    )
    assert tally.total == tally.waiting + tally.settled


async def test_counts_of_a_run_at_rest_move_again(store, errand):
    """Counts kept for a run at rest are counted anew when a row moves."""
    await store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch)
    before = (await errand.tally()).waiting

    await store.end_rows(errand.id, [errand.end(0)], epoch=errand.epoch, recalled=True)

    assert (before, (await errand.tally()).waiting) == (6, 5)


async def test_skipping_spares_rows_in_open_calls(store, errand):
    """Whatever waits is skipped, but an answer on its way still finds its row."""
    call = await errand.answered(1)

    skipped = await store.skip_waiting(errand.id, epoch=errand.epoch, code="cancelled", problem="Stopped.")
    await store.settle(errand.settlement(call))
    outcomes = errand.outcomes()

    assert skipped == 5
    assert outcomes[0].state is RowState.SKIPPED
    assert (outcomes[0].problem_code, outcomes[0].problem) == ("cancelled", "Stopped.")
    assert outcomes[1].state is RowState.ANSWERED


async def test_reopened_rows_wait_again(store, errand):
    """Failed rows keep their cost and lose their problem; their tries count anew."""
    end = errand.end(0, RowState.FAILED, problem="No.", problem_code="wrong_shape", notes=("odd",))
    await errand.settled(0, ends=[end])

    moved = await store.reopen(errand.id, [RowState.FAILED, RowState.SKIPPED], epoch=errand.epoch)
    outcome, waiting = errand.outcomes()[0], (await store.waiting(errand.id, after=-1, limit=1))[0]

    assert moved == 1
    assert (outcome.state, outcome.problem, outcome.cost, outcome.notes) == (RowState.WAITING, "", 903, ())
    assert (waiting.place, waiting.attempts) == (0, 0)


async def test_one_row_is_reopened(store, errand):
    """With a place only that row moves, and only from a state that may."""
    await store.skip_waiting(errand.id, epoch=errand.epoch, code="cancelled", problem="Stopped.")

    moved = await store.reopen(errand.id, [RowState.SKIPPED], epoch=errand.epoch, place=3)

    assert moved == 1
    assert [each.place for each in errand.outcomes(states=[RowState.WAITING])] == [3]
    with pytest.raises(errors.ImpossibleMove):
        await store.reopen(errand.id, [RowState.ANSWERED], epoch=errand.epoch)


async def test_outcomes_filter_and_continue(store, errand):
    """Outcomes can be had from a place on and for some states; asked rows show as asked."""
    await errand.settled(0)
    await errand.sent(3)

    assert [each.state for each in errand.outcomes()] == [
        RowState.ANSWERED, RowState.WAITING, RowState.WAITING, RowState.ASKED, RowState.WAITING, RowState.WAITING,
    ]  # fmt: skip
    assert [each.place for each in errand.outcomes(states=[RowState.ASKED])] == [3]
    assert [each.place for each in errand.outcomes(states=[RowState.WAITING], after=1)] == [2, 4, 5]
    assert errand.outcomes(states=[RowState.SKIPPED]) == []


async def test_export_rows_are_the_outcomes(store, errand):
    """The fast tuples say what the outcomes say."""
    settlement = await errand.settled(0, 1, ends=[errand.end(0, notes=("repaired",))], returned=(1,))
    row = next(store.export_rows(errand.id))

    assert row == (
        0, 2, b'["t0","some text"]', "answered", ANSWER, "", "", 452, 51, 25, 1, settlement.call.id, 0,
        '["repaired"]',
    )  # fmt: skip


async def test_answer_rows_have_cells_and_answers(store, errand):
    """Rows without the facts about them are the same rows, from wherever one begins."""
    await errand.settled(0, 1, ends=[errand.end(0, notes=("repaired",))], returned=(1,))
    whole = list(store.export_rows(errand.id))

    plain = list(store.answer_rows(errand.id))

    assert plain == [(row[0], row[2], row[4]) for row in whole]
    assert list(store.answer_rows(errand.id, after=0)) == plain[1:]


async def test_export_reads_long_runs_in_order(store):
    """I8: a run longer than a page comes whole, in order, each row once."""
    errand = await Errand.begin(store, rows=4_500)

    assert [row[0] for row in store.export_rows(errand.id)] == list(range(4_500))
    assert [row[0] for row in store.answer_rows(errand.id)] == list(range(4_500))


async def test_first_end_of_a_row_counts_within_a_transaction(store):
    """I4: of two ends that are written together the first one stays, whatever they are."""
    errand = await Errand.begin(store, rows=3)
    failed = {"problem": "no", "problem_code": "wrong"}
    first = await errand.answered(0, 1, 2)
    second = await errand.answered(0, 1, 2)
    ends = [errand.end(0, RowState.FAILED, **failed), errand.end(1, notes=("repaired",)), errand.end(2)]
    later = [errand.end(0), errand.end(1), errand.end(2, RowState.FAILED, **failed)]

    await asyncio.gather(
        store.settle(errand.settlement(first, ends=ends)), store.settle(errand.settlement(second, ends=later))
    )

    rows = errand.outcomes()
    assert [row.state for row in rows] == [RowState.FAILED, RowState.ANSWERED, RowState.ANSWERED]
    assert [row.notes for row in rows] == [(), ("repaired",), ()]
    assert await store.audit() == []


# ── the four transactions ──


async def test_call_goes_through_its_four_steps(store, errand):
    """Reserve sets aside, sent counts, answered keeps the reply, settle books and ends rows."""
    call = errand.call(0, 1)
    await store.reserve(call, epoch=errand.epoch)
    reserved = await errand.tally()
    await store.sent(call)
    sent = await errand.tally()
    await store.answered(call, reply())
    await store.settle(errand.settlement(call, model="m-2026", request_id="q1"))
    settled = await errand.tally()
    line = (await store.calls(errand.id))[0]

    assert (reserved.reserved, reserved.calls, reserved.asked) == (1000, 0, 0)
    assert (sent.reserved, sent.calls, sent.asked) == (1000, 1, 2)
    assert (settled.reserved, settled.spent, settled.answered, settled.asked) == (0, 903, 2, 0)
    assert (settled.input_tokens, settled.output_tokens, settled.cached_input_tokens) == (101, 50, 7)
    assert (line["state"], line["cost"], line["model"], line["request_id"]) == (
        "settled",
        903,
        "m-2026",
        "q1",
    )
    assert line["places"] == [0, 1]


async def test_leaving_call_is_reserved_and_sent_at_once(store, errand):
    """Tx1 and Tx2 in one commit are the same as one after the other, repeated or refused."""
    call, voided = errand.call(0, 1), errand.call(2)
    await store.reserve(call, epoch=errand.epoch, leaving=True)
    await store.reserve(call, epoch=errand.epoch, leaving=True)
    await store.reserve(voided, epoch=errand.epoch)
    await store.void(voided, LOST)
    tally = await errand.tally()

    assert (tally.reserved, tally.calls, tally.asked) == (1000, 1, 2)
    with pytest.raises(errors.ImpossibleMove):
        await store.reserve(voided, epoch=errand.epoch, leaving=True)
    with pytest.raises(errors.RunBusy):
        await store.reserve(errand.call(3), epoch=errand.epoch - 1, leaving=True)
    assert (await errand.tally()).calls == 1


async def test_shares_are_exact(store, errand):
    """Law: what a call cost is shared over its rows to the last nano-dollar and token."""
    await errand.settled(0, 1, 2, ends=[errand.end(0), errand.end(2)], returned=(1,))
    outcomes = errand.outcomes()

    assert [each.cost for each in outcomes[:3]] == [301, 301, 301]
    assert sum(each.input_tokens for each in outcomes) == 101
    assert sum(each.output_tokens for each in outcomes) == 50
    assert [each.attempts for each in outcomes[:4]] == [1, 1, 1, 0]
    assert await errand.money_adds_up()


async def test_returned_row_waits_with_its_attempt(store, errand):
    """A row that is returned waits again and counts how often it was answered."""
    await errand.settled(0, ends=[], returned=(0,))
    waiting = (await store.waiting(errand.id, after=-1, limit=1))[0]

    assert (waiting.place, waiting.attempts) == (0, 1)


async def test_twins_end_alike_at_no_cost(store, errand):
    """L20, P41: an identical row gets the same answer and pays nothing."""
    call = await errand.answered(0)
    await store.settle(errand.settlement(call, ends=[errand.end(0, twins=(3, 4))]))
    first, twin = errand.outcomes()[0], errand.outcomes()[3]

    assert twin.answer == first.answer == {"tldr": "a tree that balances itself"}
    assert (twin.cost, twin.input_tokens, twin.attempts, twin.recalled) == (0, 0, 0, True)
    assert twin.call == first.call == call.id
    assert (await errand.tally()).recalled == 2
    assert await errand.money_adds_up()


async def test_voided_call_costs_nothing(store, errand):
    """Surely not billed: the reservation is gone, the line stays and says why."""
    call = await errand.sent(0)

    await store.void(call, errors.RateLimited("Too many requests."))
    line = (await store.calls(errand.id))[0]

    assert (await errand.tally()).reserved == 0
    assert (line["state"], line["problem_code"], line["problem"]) == (
        "void",
        "rate_limited",
        "Too many requests.",
    )
    assert await errand.money_adds_up()


async def test_unknown_call_counts_as_spent(store, errand):
    """I6: what may have been billed is booked in full, shared, listed."""
    call = await errand.sent(0, 1, 2)

    await store.unknown(call, LOST)
    tally = await errand.tally()

    assert (tally.spent, tally.unsure, tally.reserved, tally.unknown_calls) == (1000, 1000, 0, 1)
    assert [each.cost for each in errand.outcomes()[:3]] == [334, 333, 333]
    assert len(await store.waiting(errand.id, after=-1, limit=9)) == 6
    assert await errand.money_adds_up()


async def test_late_reply_takes_the_unknown_back(store, errand):
    """L13: the reply of a call that was given up is kept and booked exactly."""
    call = await errand.sent(0, 1, 2)
    await store.unknown(call, LOST)

    await store.answered(call, reply())
    reserved = await errand.tally()
    await store.settle(errand.settlement(call))
    settled = await errand.tally()

    assert (reserved.spent, reserved.unsure, reserved.reserved, reserved.unknown_calls) == (0, 0, 1000, 0)
    assert (settled.spent, settled.unsure, settled.reserved, settled.answered) == (903, 0, 0, 3)
    assert await errand.money_adds_up()


async def test_every_step_may_be_repeated(store, errand):
    """F34, I4, L8: a step repeated because its commit was never confirmed changes nothing."""
    call = errand.call(0, 1)
    settlement = errand.settlement(call)
    steps = [
        lambda: store.reserve(call, epoch=errand.epoch),
        lambda: store.sent(call),
        lambda: store.answered(call, reply(b"first")),
        lambda: store.settle(settlement),
    ]
    for index, step in enumerate(steps):
        await step()
        once = (await errand.tally(), errand.outcomes(), await store.calls(errand.id))
        for again in steps[: index + 1]:
            await again()
        assert (await errand.tally(), errand.outcomes(), await store.calls(errand.id)) == once


async def test_repeated_ends_change_nothing(store, errand):
    """F34: a call is voided once and given up once."""
    gone, lost = await errand.sent(0), await errand.sent(1)
    await store.void(gone, LOST)
    await store.unknown(lost, LOST)
    once = await errand.tally()

    await store.void(gone, LOST)
    await store.unknown(lost, LOST)

    assert await errand.tally() == once


async def test_first_reply_counts(store, errand):
    """F34: a reply that is delivered twice is kept once, the first of them."""
    call = await errand.answered(0, body=b"first")

    await store.answered(call, reply(b"second"))

    assert (await store.open_calls(errand.id))[0].raw.body == b"first"


async def test_impossible_steps_are_refused(store, errand):
    """A call goes by its table of moves: no reply before it was sent, no second life after void."""
    call = errand.call(0)
    with pytest.raises(errors.ImpossibleMove):
        await store.sent(call)
    await store.reserve(call, epoch=errand.epoch)
    with pytest.raises(errors.ImpossibleMove):
        await store.answered(call, reply())
    with pytest.raises(errors.ImpossibleMove):
        await store.settle(errand.settlement(call))
    await store.void(call, LOST)
    with pytest.raises(errors.ImpossibleMove):
        await store.sent(call)

    assert (await errand.tally()).calls == 0


async def test_unknown_price_stays_unknown(store, errand):
    """P07: an unknown price is never zero, neither for the row nor for the run."""
    call = await errand.answered(0, 1, reserved=None)

    await store.settle(errand.settlement(call, cost=None))
    tally = await errand.tally()

    assert tally.spent is None
    assert [each.cost for each in errand.outcomes()[:3]] == [None, None, 0]


async def test_stated_nothing_books_the_reservation(store):
    """F30: without usage the reserved tokens count against the token budget."""
    errand = await Errand.begin(store, budget=Budget(tokens=900))
    call = await errand.answered(0)

    await store.settle(errand.settlement(call, usage=Usage(), cost=call.reserved, estimated=True))

    with pytest.raises(errors.BudgetExceeded):
        await store.reserve(errand.call(1), epoch=errand.epoch)
    assert (await store.calls(errand.id))[0]["estimated"] is True


async def test_zombie_books_money_only(store, errand):
    """I10, L13: a settlement of an old epoch is paid for and kept, but ends no row."""
    call = await errand.answered(0, 1, body=b"paid")
    await store.take_over(errand.id, owner="life 2", stale_after_s=0)

    await store.settle(errand.settlement(call))
    tally = await errand.tally()

    assert (tally.spent, tally.reserved, tally.waiting) == (903, 0, 6)
    assert [each.attempts for each in errand.outcomes()[:2]] == [0, 0]
    assert (await store.calls(errand.id))[0]["status"] == 200
    assert await errand.money_adds_up()


async def test_first_end_of_a_row_counts(store, errand):
    """I4: a second call about a row that has ended adds its cost and changes nothing else."""
    first, second = await errand.answered(0), await errand.answered(0)
    await store.settle(errand.settlement(first))

    await store.settle(errand.settlement(second, ends=[errand.end(0, answer=b'{"tldr":"other"}')]))
    outcome = errand.outcomes()[0]

    assert outcome.answer == {"tldr": "a tree that balances itself"}
    assert (outcome.call, outcome.cost, outcome.attempts) == (first.id, 1806, 2)
    assert await errand.money_adds_up()


async def test_odd_words_of_a_model_are_stored(store, errand):
    """Lone surrogates and NUL in what a provider says lose no paid answer."""
    call = await errand.answered(0, body=bytes(range(256)) * 9)
    end = errand.end(
        0, RowState.FAILED, problem="It said \ud800\x00.", problem_code="wrong_shape", notes=("\ud800",)
    )

    await store.settle(errand.settlement(call, ends=[end], model="\ud800", problem="\x00"))
    outcome = errand.outcomes()[0]

    assert outcome.problem == "It said \\ud800\\x00."
    assert len(outcome.notes) == 1


# ── budgets ──


async def test_budget_holds_to_the_nano_dollar(store):
    """I7: the last nano-dollar may be reserved, one more may not, and both amounts are named."""
    errand = await Errand.begin(store, budget=Budget(usd=Usd(2000)))
    await store.reserve(errand.call(0), epoch=errand.epoch)
    await store.reserve(errand.call(1), epoch=errand.epoch)

    with pytest.raises(errors.BudgetExceeded) as caught:
        await store.reserve(errand.call(2, reserved=Usd(1)), epoch=errand.epoch)

    assert caught.value.facts == {"limit": 2000, "spent": 0, "reserved": 2000, "asked": 1}
    assert "$0.000002" in caught.value.message
    assert len(await store.calls(errand.id)) == 2


async def test_budget_of_zero_allows_no_paid_call(store):
    """P09: zero means nothing, not unlimited; a free call passes."""
    errand = await Errand.begin(store, budget=Budget(usd=Usd(0)))

    with pytest.raises(errors.BudgetExceeded):
        await store.reserve(errand.call(0, reserved=Usd(1)), epoch=errand.epoch)
    await store.reserve(errand.call(0, reserved=Usd(0)), epoch=errand.epoch)


async def test_token_budget_holds(store):
    """Tokens of open calls count until the exact ones are known."""
    errand = await Errand.begin(store, budget=Budget(tokens=1000))
    await errand.settled(0)  # 151 tokens
    await store.reserve(errand.call(1, tokens=849), epoch=errand.epoch)

    with pytest.raises(errors.BudgetExceeded, match="tokens"):
        await store.reserve(errand.call(2, tokens=1), epoch=errand.epoch)


async def test_unknown_price_breaks_a_money_budget(store):
    """P07: with a budget in USD a call without an upper bound is refused."""
    errand = await Errand.begin(store, budget=Budget(usd=Usd(2000)))

    with pytest.raises(errors.UnknownPrice):
        await store.reserve(errand.call(0, reserved=None), epoch=errand.epoch)


async def test_racing_reservations_never_pass_the_budget(store):
    """I7, P35: of 32 calls at once exactly those are reserved that the budget holds."""
    errand = await Errand.begin(store, rows=32, budget=Budget(usd=Usd(10_500)))

    results = await asyncio.gather(
        *(store.reserve(errand.call(place), epoch=errand.epoch) for place in range(32)),
        return_exceptions=True,
    )
    refused = [each for each in results if each is not None]

    assert len(refused) == 22
    assert all(isinstance(each, errors.BudgetExceeded) for each in refused)
    assert (await errand.tally()).reserved == 10_000


async def test_refused_operation_harms_no_other(store):
    """An operation that is refused fails alone, whatever commits together with it."""
    errand = await Errand.begin(store, rows=32, budget=Budget(usd=Usd(31_000)))
    steps = [errand.sent(place) for place in range(31)]
    wrong = [store.sent(errand.call(0)), store.run("r0"), store.add_rows("r0", [draft_row(0)])]

    results = await asyncio.gather(*steps, *wrong, return_exceptions=True)

    assert [type(each) for each in results[31:]] == [
        errors.ImpossibleMove,
        errors.UnknownName,
        errors.UnknownName,
    ]
    assert (await errand.tally()).calls == 31


# ── remembered answers ──


async def test_answers_are_recalled_across_runs(store, errand):
    """Every waiting row whose question was answered before is answered at no cost."""
    await errand.settled(0, 1, 2)
    second = await Errand.begin(store, questions={5: 0})

    recalled = await store.recall(second.id, epoch=second.epoch)
    outcomes = second.outcomes()

    assert recalled == 4
    assert [each.recalled for each in outcomes] == [True, True, True, False, False, True]
    assert (outcomes[0].cost, outcomes[0].attempts, outcomes[0].call) == (0, 0, None)
    assert await store.recall(second.id, epoch=second.epoch) == 0
    assert (await store.cache_stats())["hits"] == 4


async def test_recall_gives_the_bytes_stored(store, errand):
    """I14: a hit returns what was stored, to the byte."""
    odd = '{"tldr":"naïve — 木"}'.encode()
    await errand.settled(0, ends=[errand.end(0, answer=odd)])
    second = await Errand.begin(store)
    await store.recall(second.id, epoch=second.epoch)

    assert next(store.export_rows(second.id))[4] == odd


async def test_waiting_rows_know_what_became_known(store, errand):
    """An answer that was settled since a run began comes with its waiting row."""
    second = await Errand.begin(store)
    await errand.settled(2)

    found = await store.waiting(second.id, after=-1, limit=9)

    assert [row.remembered for row in found] == [None, None, ANSWER, None, None, None]


async def test_known_keys_are_told(store, errand):
    """A projection learns which rows would be recalled."""
    await errand.settled(0, 1)
    keys = [key_of(place) for place in (0, 1, 1, 2)] + [key_of(f"other {n}") for n in range(1200)]

    assert await store.known(keys) == {key_of(0), key_of(1)}
    assert await store.known([]) == set()


async def test_answer_may_stay_unremembered(store, errand):
    """Law 8: an answer that must not be remembered is not."""
    call = await errand.answered(0)

    await store.settle(errand.settlement(call, ends=[errand.end(0, remember=False)]))

    assert (await store.cache_stats())["entries"] == 0


async def test_failed_rows_are_not_remembered(store, errand):
    """S54: only checked answers are remembered."""
    await errand.settled(0, ends=[errand.end(0, RowState.FAILED, problem="No.", problem_code="wrong_shape")])

    assert not await store.known([key_of(0)])


async def test_newest_answer_is_remembered(store, errand):
    """A question that is answered again is remembered with its newest answer."""
    await errand.settled(0)
    second = await Errand.begin(store)
    await second.settled(0, ends=[second.end(0, answer=b'{"tldr":"newer"}')])
    third = await Errand.begin(store)

    assert (await store.waiting(third.id, after=-1, limit=1))[0].remembered == b'{"tldr":"newer"}'


async def test_clearing_forgets_and_runs_keep(store, errand):
    """P29: after clearing, nothing is remembered, the next question is a miss, and runs keep theirs."""
    await errand.settled(0, 1)

    cleared = await store.clear_cache()
    stats = await store.cache_stats()

    assert cleared == 2
    assert (stats["entries"], stats["bytes"], stats["latest"]) == (0, 0, None)
    assert not await store.known([key_of(0)])
    assert errand.outcomes()[0].state is RowState.ANSWERED


async def test_clearing_by_age_keeps_the_newer(store, errand):
    """Only answers older than the time are forgotten."""
    await errand.settled(0)
    await store._clock.sleep(100)
    await errand.settled(1)
    stats = await store.cache_stats()

    assert await store.clear_cache(older_than=stats["latest"]) == 1
    assert await store.known([key_of(0), key_of(1)]) == {key_of(1)}


async def test_damaged_answer_is_a_miss(store, errand):
    """I14, S54: an answer with a flipped bit is not shown but forgotten and counted."""
    await errand.settled(0, 1)
    store._database.writer.execute(FLIP[store._database.dialect.name])
    second, third = await Errand.begin(store), await Errand.begin(store)

    waiting = await store.waiting(second.id, after=-1, limit=2)
    recalled = await store.recall(third.id, epoch=third.epoch)

    assert [row.remembered for row in waiting] == [None, ANSWER]
    assert recalled == 1
    stats = await store.cache_stats()
    assert (stats["entries"], stats["damaged"]) == (1, 1)


async def test_damaged_answer_is_found_by_recall(store, errand):
    """I14, S54: recall finds the damage itself, and what is asked again is remembered anew."""
    await errand.settled(0)
    store._database.writer.execute("UPDATE answers SET checksum = checksum + 1")
    second = await Errand.begin(store)

    assert not await store.known([key_of(0)])
    assert await store.recall(second.id, epoch=second.epoch) == 0
    assert (await store.cache_stats())["damaged"] == 1
    await second.settled(0)
    assert await store.known([key_of(0)]) == {key_of(0)}


# ── lives ──


async def test_open_calls_are_what_a_crash_left(store, errand):
    """L1: whatever was not settled comes back, oldest first, with its labels and its reply."""
    reserved = errand.call(0)
    await store.reserve(reserved, epoch=errand.epoch)
    sent = await errand.sent(1, 2)
    answered = await errand.answered(3, body=b"x" * 2000)
    await errand.settled(4)
    await store.void(await errand.sent(5), LOST)

    found = await store.open_calls(errand.id)

    assert [each.call for each in found] == [
        reserved, replace(sent, state=CallState.SENT), replace(answered, state=CallState.ANSWERED)
    ]  # fmt: skip
    assert [each.raw for each in found] == [None, None, reply(b"x" * 2000)]


async def test_calls_tell_the_story_of_a_row(store, errand):
    """I17: every call that carried a row is listed, with what became of it."""
    await store.void(await errand.sent(0, 1), LOST)
    await errand.settled(1)
    await errand.settled(2)

    assert [each["state"] for each in await store.calls(errand.id, place=1)] == ["void", "settled"]
    assert [each["id"] for each in await store.calls(errand.id)] == [
        CallId(each["id"])
        for each in sorted(await store.calls(errand.id), key=lambda each: each["reserved_at"])
    ]


async def test_cancelled_caller_loses_nothing(store, errand):
    """L3: who stops waiting for a write does not stop the write."""
    call = await errand.sent(0)
    task = asyncio.ensure_future(store.answered(call, reply()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)  # behind it in the queue

    assert (await store.open_calls(errand.id))[0].raw is not None


async def test_sound_store_has_no_complaints(store, errand):
    """A store that was only written by weft is sound."""
    await errand.settled(0)

    assert await store.check() == []


async def test_closing_twice_is_harmless(store, errand):
    """Closing again does nothing; a closed store says so."""
    await store.close()
    await store.close()

    with pytest.raises(RuntimeError, match="closed"):
        await store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)
