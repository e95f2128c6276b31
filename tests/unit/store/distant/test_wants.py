"""What a group will ask for is read from its arguments."""

from __future__ import annotations

from functools import partial

from tests.contracts.errands import RANDOM, draft_run

from weft.call import Call, Settlement, Usage
from weft.ids import RunId, new_call_id
from weft.money import Usd
from weft.store.booking import mark_sent, reserve, settle
from weft.store.distant.wants import Wants, wants_of


def call_of(run):
    """A call of a run."""
    return Call(
        id=new_call_id(RANDOM), run=run, places=(0,), labels=("a",), reserved=Usd(1), reserved_tokens=1
    )


def test_runs_and_calls_are_foreseen_in_order():
    """Runs are named once and sorted, so that everybody locks them in the same order."""
    second, first = RunId("r2"), RunId("r1")
    calls = [call_of(run) for run in (second, first, first)]
    settlement = Settlement(call=calls[2], epoch=1, ends=(), usage=Usage(), cost=Usd(1))
    operations = [
        partial(reserve, call=calls[0], epoch=1, now=0.0),
        partial(reserve, call=calls[1], epoch=1, now=0.0, leaving=True),
        partial(mark_sent, call=calls[1], now=0.0),
        partial(settle, settlement=settlement, now=0.0),
    ]

    found = wants_of(operations)

    assert found == Wants(runs=("r1", "r2"), calls=tuple(sorted(call.id for call in calls)), new=2)


def test_run_may_be_named_or_given():
    """An operation about a run names it, or brings it."""
    run = draft_run()

    assert (
        wants_of([partial(print, run=run)]).runs == wants_of([partial(print, run=run.id)]).runs == (run.id,)
    )


def test_unknown_operations_are_no_trouble():
    """What says nothing about itself is fetched line by line."""
    assert wants_of([lambda book: None, partial(print)]) == Wants()
