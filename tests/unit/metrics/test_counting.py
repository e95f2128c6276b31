"""Counters made of events."""

from __future__ import annotations

from weft.events import (
    BudgetWarned,
    LaneWaiting,
    PackLost,
    PackSent,
    PackSettled,
    RowsRead,
    RunEnded,
    RunStarted,
)
from weft.ids import CallId, RunId
from weft.kit.clocks import VirtualClock
from weft.metrics.counting import Counting, Histogram
from weft.money import Usd
from weft.row import RowState
from weft.run import RunState, Tally

RUN = RunId("r1")


def sent(number, *, run=RUN, rows=3):
    return PackSent(run=run, call=CallId(f"c{number}"), number=number, rows=rows, attempt=1)


def settled(number, *, cost=Usd(5)):
    rows = ((0, RowState.ANSWERED), (1, RowState.ANSWERED), (2, RowState.FAILED))
    return PackSettled(
        run=RUN, call=CallId(f"c{number}"), number=number, rows=rows, returned=1, cost=cost,
        input_tokens=100, output_tokens=10, problem="",
    )  # fmt: skip


def lost(number, code="timed_out"):
    return PackLost(
        run=RUN, call=CallId(f"c{number}"), number=number, rows=3, code=code, problem="It took too long.",
        billing="unknown",
    )  # fmt: skip


def ended(run=RUN, state=RunState.FINISHED):
    return RunEnded(run=run, state=state, reason="", message="", tally=Tally(), elapsed_s=1.0)


async def test_calls_are_timed_from_leaving_to_settling():
    """A call that took three seconds falls below the bound of five, and is in flight until then."""
    clock = VirtualClock()
    counting = Counting(clock)

    counting.hear(sent(1))
    assert counting.counts().in_flight == 1
    await clock.sleep(3)
    counting.hear(settled(1))

    found = counting.counts()
    assert found.in_flight == 0
    assert found.call_s.sum == 3
    assert dict(found.call_s.cumulated)["2.0"] == 0
    assert dict(found.call_s.cumulated)["5.0"] == 1


def test_settled_calls_count_rows_tokens_and_money():
    """Rows are counted by state, rows that go back apart, unknown money as nothing."""
    counting = Counting(VirtualClock())
    for number in (1, 2):
        counting.hear(sent(number))
    counting.hear(settled(1))
    counting.hear(settled(2, cost=None))

    found = counting.counts()
    assert found.rows == {"answered": 4, "failed": 2}
    assert found.rows_again == 2
    assert found.tokens == {"input": 200, "output": 20}
    assert found.spent == 5
    assert found.calls == {"settled": 2}


def test_lost_calls_are_counted_by_code():
    """What went wrong is counted by its stable code."""
    counting = Counting(VirtualClock())
    counting.hear(sent(1))
    counting.hear(lost(1))
    counting.hear(lost(2, "rate_limited"))

    assert counting.counts().calls == {"timed_out": 1, "rate_limited": 1}


def test_waits_and_ends_are_counted():
    """Waits by reason with their seconds, runs by how they ended, warnings of budgets."""
    counting = Counting(VirtualClock())
    for event in (
        RunStarted(run=RUN, tally=Tally(), packs=1),
        LaneWaiting(run=RUN, reason="pace", wait_s=1.5),
        LaneWaiting(run=RUN, reason="pace", wait_s=0.5),
        BudgetWarned(run=RUN, used="1", limit="1", share=0.9),
        ended(state=RunState.STOPPED),
        RowsRead(run=RUN, rows=5, rejected=0),
    ):
        counting.hear(event)

    found = counting.counts()
    assert (found.waits["pace"], found.waited_s["pace"]) == (2, 2.0)
    assert (found.runs_started, found.runs_ended, found.budgets_warned) == (1, {"stopped": 1}, 1)


def test_end_of_a_run_forgets_its_calls_only():
    """Calls that nobody will hear of again are forgotten with their run; those of others stay."""
    counting = Counting(VirtualClock())
    counting.hear(sent(1))
    counting.hear(sent(1, run=RunId("r2")))
    counting.hear(ended())

    assert counting.counts().in_flight == 1


def test_histogram_counts_at_and_below_bounds():
    """A value that equals a bound is below it; one above all bounds is in the last count."""
    found = Histogram((1, 2))
    for value in (0.5, 1, 1.5, 3):
        found.note(value)

    assert found.cumulated == [("1.0", 2), ("2.0", 3), ("+Inf", 4)]
    assert found.sum == 6
