"""The laws of the way, on the real engine, the real store and a provider with its own bill."""

import asyncio
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from weft import errors
from weft.engine.runner import Runner
from weft.engine.trip import Gear
from weft.ids import new_run_id
from weft.kit.clocks import VirtualClock
from weft.kit.registries import Registry
from weft.money import Budget, Usd
from weft.row import Row, RowState
from weft.run import Run, RunSpec, RunState
from weft.schema import Field, Kind, Schema
from weft.settings import Settings
from weft.testing import mutations
from weft.testing.plain import PlainPrompter
from weft.testing.scripted import ScriptedProvider

STORES = Registry("weft.store.engines", "store", what="store", group="weft.stores")
INPUTS = Schema((Field(name="body"),))
ANSWERS = Schema((Field(name="echo"), Field(name="kind", kind=Kind.ENUM, options=("odd", "even"))))
PLENTY = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def truth(body):
    """What the oracle answers: a function of the row's content and nothing else."""
    return {"echo": str(body)[::-1], "kind": "odd" if len(str(body)) % 2 else "even"}


class House:
    """A store, a provider and a table, and runs between them."""

    def __init__(self, bodies, *, script=(), habit=None, url="memory://", **knobs):
        self.bodies = list(bodies)
        self.clock = VirtualClock()
        self.random = Random(11)
        self.settings = Settings(**{"concurrency": 3, "rows_per_call": 5, "min_free_mb": 0, **knobs})
        self.store = STORES.get("memory").open(url, clock=self.clock, threads=False)
        self.provider = ScriptedProvider(lambda row: truth(row["body"]), script=script, clock=self.clock)
        self.provider.habit = habit
        self.prompter = PlainPrompter(INPUTS, ANSWERS)
        self.events = []

    def hear(self, event):
        self.events.append(event)

    def runner(self, run):
        gear = Gear(
            prompter=self.prompter,
            provider=self.provider,
            store=self.store,
            settings=self.settings,
            clock=self.clock,
            random=self.random,
            listeners=(self,),
        )
        return Runner(run, gear)

    async def start(self, *, budget=None, fresh=False, walk=True, read_back=False):
        spec = RunSpec(
            table="rows",
            table_digest="",
            columns=("body",),
            prompter="p",
            prompter_source={},
            template="plain 1",
            provider=self.provider.name,
            model=self.provider.model,
            fields=("echo", "kind"),
            fresh=fresh,
        )
        run = Run(
            id=new_run_id(self.random),
            spec=spec,
            state=RunState.DRAFTED,
            created_at=self.clock.wall(),
            budget=budget or Budget(),
        )
        await self.store.create_run(run)
        runner = self.runner(run)
        await runner.take_in(Row(place, place + 2, {"body": body}) for place, body in enumerate(self.bodies))
        if read_back:  # another process goes on: every row comes from the store
            runner = self.runner(run)
        return await runner.walk() if walk else run

    def outcomes(self, run):
        return list(self.store.outcomes(run.id))


texts = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=6)
bodies = st.lists(texts, max_size=40)
oddities = st.lists(
    st.sampled_from(
        [
            None,
            None,
            mutations.drop_row,
            mutations.repeat_row,
            mutations.add_row,
            mutations.shuffle_rows,
            mutations.fence,
            mutations.add_prose,
            mutations.spoil_json,
            mutations.say_nothing,
            mutations.hide_usage,
            mutations.zero_usage,
            errors.RateLimited("slow down", retry_after_s=3.0),
            errors.ServerFailed("ill"),
            errors.TimedOut("lost"),
            errors.Overloaded("busy"),
            errors.BadRequest("no"),
        ]
    ),
    max_size=12,
)


def check_conservation(house, run):
    """I1, I8: every row has ended once, in order, with its own cells."""
    outcomes = house.outcomes(run)
    assert [outcome.cells["body"] for outcome in outcomes] == house.bodies
    assert [outcome.place for outcome in outcomes] == list(range(len(house.bodies)))
    counts = Counter(outcome.state for outcome in outcomes)
    tally = run.tally
    assert tally.total == len(house.bodies) == sum(counts.values())
    assert tally.answered == counts[RowState.ANSWERED]
    assert tally.failed == counts[RowState.FAILED]
    assert tally.waiting == counts[RowState.WAITING]


def check_answers(house, run):
    """I2: an answer belongs to the row that it stands beside."""
    for outcome in house.outcomes(run):
        if outcome.state is RowState.ANSWERED:
            assert outcome.answer == truth(outcome.cells["body"])
        if outcome.state is RowState.FAILED:
            assert outcome.problem
            assert outcome.problem_code


def check_money(house, run):
    """Law 4, I6, P11: what is recorded is at least the bill, and each row's share adds up to it."""
    assert run.tally.reserved == 0
    assert house.provider.billed_usd <= run.tally.spent
    assert sum(outcome.cost for outcome in house.outcomes(run)) == run.tally.spent


@PLENTY
@given(bodies, oddities, st.integers(1, 8), st.integers(1, 4), st.booleans())
@example(["a"] * 20, [mutations.drop_row], 5, 1, True)
async def test_no_row_vanishes_and_money_adds_up(bodies, script, rows_per_call, concurrency, read_back):
    """Laws 1 and 4, I1, I2, I6: whatever the other side does, rows and money add up."""
    house = House(bodies, script=script, rows_per_call=rows_per_call, concurrency=concurrency)

    run = await house.start(read_back=read_back)

    check_conservation(house, run)
    check_answers(house, run)
    check_money(house, run)
    assert run.state in {RunState.FINISHED, RunState.PAUSED}
    if run.state is RunState.FINISHED:
        assert run.tally.waiting == 0


@PLENTY
@given(bodies, st.integers(1, 50), st.integers(1, 50))
async def test_packing_is_invisible(bodies, one, other):
    """Law 2, B25, B37: any packing gives the same answers."""
    first, second = House(bodies, rows_per_call=one), House(bodies, rows_per_call=other)

    one_run, other_run = await first.start(), await second.start()

    answers = [
        [outcome.answer for outcome in h.outcomes(r)] for h, r in ((first, one_run), (second, other_run))
    ]
    assert answers[0] == answers[1]


@PLENTY
@given(bodies, oddities)
async def test_a_second_run_asks_only_what_is_not_known(bodies, script):
    """B11-B14, I4, P37, P38: what was answered is recalled, nothing empty was remembered."""
    house = House(bodies, script=script)
    first = await house.start()
    answered = {o.cells["body"] for o in house.outcomes(first) if o.state is RowState.ANSWERED}
    house.provider.script.clear()
    billed = len(house.provider.bill)

    second = await house.start()

    assert second.tally.recalled == len(bodies) - len(set(bodies) - answered)
    assert second.tally.answered == len(bodies)
    if answered >= set(bodies):
        assert len(house.provider.bill) == billed
    check_answers(house, second)


@PLENTY
@given(bodies, st.booleans())
async def test_identical_rows_are_asked_once(bodies, read_back):
    """P41, L20: identical rows make one question, also while it is in flight."""
    house = House([*bodies, *bodies], rows_per_call=3)

    run = await house.start(read_back=read_back)

    asked = sum(len(call.digests) for call in house.provider.bill)
    assert asked == len(set(bodies))
    assert run.tally.answered == 2 * len(bodies)
    check_money(house, run)


@PLENTY
@given(bodies, st.integers(0, 400_000), oddities)
async def test_the_budget_is_never_passed(bodies, nanos, script):
    """I7, P10, T36: neither the bill nor what is recorded passes the budget, and every row has ended."""
    house = House(bodies, script=script, until_budget=True)

    run = await house.start(budget=Budget(usd=Usd(nanos)))

    assert house.provider.billed_usd <= nanos
    assert run.tally.spent <= nanos
    check_conservation(house, run)
    check_money(house, run)
    if run.state is RunState.STOPPED:
        assert run.reason == "budget_exceeded"
        assert run.tally.waiting == 0


async def test_a_projection_over_the_budget_asks_nothing():
    """T33, T36: a run that is projected to pass its budget is stopped before its first call."""
    house = House([f"row {i}" for i in range(50)])

    run = await house.start(budget=Budget(usd=Usd.of("0.000001")))

    assert (run.state, run.reason) == (RunState.STOPPED, "budget_exceeded")
    assert house.provider.requests == 0
    assert run.tally.skipped == 50


async def test_a_budget_of_zero_still_serves_what_is_known():
    """P09: with a budget of zero no paid call is made, and remembered rows are answered."""
    house = House([f"row {i}" for i in range(10)])
    await house.start()
    made = house.provider.requests
    house.bodies = [f"row {i}" for i in range(15)]

    run = await house.start(budget=Budget(usd=Usd(0)))

    assert house.provider.requests == made
    assert (run.tally.answered, run.tally.skipped) == (10, 5)


async def test_a_raised_budget_goes_on_where_the_run_stopped():
    """A stopped run is resumed with more money and pays for no row twice."""
    house = House([f"row {i}" for i in range(40)], until_budget=True)
    run = await house.start(budget=Budget(usd=Usd.of("0.0003")))
    stopped = run.tally
    more = Run(
        id=run.id, spec=run.spec, state=run.state, created_at=run.created_at, budget=Budget(usd=Usd.of(1))
    )
    await house.store.save_run(more)

    again = house.runner(more)
    await again.reopen((RowState.SKIPPED,))
    ended = await again.walk()

    assert 0 < stopped.answered < 40
    assert ended.state is RunState.FINISHED
    assert ended.tally.answered == 40
    assert sum(len(call.digests) for call in house.provider.bill) == 40


class PowerCut(BaseException):
    """The process dies here; nothing behind it runs."""


class Brittle:
    """A store whose power fails at the n-th write, before or after it is durable."""

    WRITES = (
        "reserve",
        "sent",
        "answered",
        "settle",
        "end_rows",
        "recall",
        "void",
        "unknown",
        "move_run",
        "add_rows",
    )

    def __init__(self, store, at, *, after):
        self._store, self._left, self._after = store, at, after

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in self.WRITES:
            return found

        async def write(*args, **kwargs):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise PowerCut
            value = await found(*args, **kwargs)
            if self._left == 0:
                raise PowerCut
            return value

        return write


@PLENTY
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), st.integers(1, 40), st.booleans())
@example(list("abcdefgh"), 7, True)
async def test_resume_is_invisible(bodies, at, after):
    """Law 3, I3, I4, I5, I9, L1, B15: after a power cut at any write, the end is as if there had been none."""
    undisturbed = House(bodies, concurrency=1, rows_per_call=3)
    expected = [(o.state, o.answer) for o in undisturbed.outcomes(await undisturbed.start())]
    house = House(bodies, concurrency=1, rows_per_call=3)
    whole, house.store = house.store, Brittle(house.store, at, after=after)
    cut = False
    try:
        run = await house.start()
    except (PowerCut, BaseExceptionGroup):
        cut = True
        house.store = whole
        found = await whole.runs(limit=1)
        run = found[0]
        runner = house.runner(run)
        if run.state is RunState.DRAFTED:
            await runner.take_in(Row(place, place + 2, {"body": body}) for place, body in enumerate(bodies))
        if run.state is not RunState.FINISHED:
            run = await runner.walk()
    house.store = whole

    assert [(o.state, o.answer) for o in house.outcomes(run)] == expected
    paid = Counter(row for call in house.provider.bill for row in call.digests)
    assert sum(paid.values()) <= len(set(bodies)) + 3 * cut
    check_money(house, run)


async def test_pause_keeps_rows_for_a_resume():
    """L2, I20: a stopped run sends nothing more and leaves its rows waiting."""
    house = House([f"row {i}" for i in range(30)], concurrency=1)
    run = await house.start(walk=False)
    runner = house.runner(run)
    house.hear = lambda event: runner.pause() if type(event).__name__ == "PackSettled" else None

    rested = await runner.walk()

    assert (rested.state, rested.reason) == (RunState.PAUSED, "cancelled")
    assert rested.tally.answered == 5
    assert rested.tally.waiting == 25
    assert house.provider.requests == 1


async def test_cancel_skips_what_is_left():
    """A cancelled run ends: what was not asked is skipped and said so."""
    house = House([f"row {i}" for i in range(30)], concurrency=1)
    run = await house.start(walk=False)
    runner = house.runner(run)
    house.hear = lambda event: runner.cancel() if type(event).__name__ == "PackSettled" else None

    rested = await runner.walk()

    assert rested.state is RunState.CANCELLED
    assert (rested.tally.answered, rested.tally.skipped, rested.tally.waiting) == (5, 25, 0)


async def test_an_empty_table_is_a_clean_run():
    """P44, L21: no rows, no calls, no division by zero."""
    house = House([])

    run = await house.start()

    assert run.state is RunState.FINISHED
    assert (run.tally.total, run.tally.calls, house.provider.requests) == (0, 0, 0)


async def test_500_rows_complete():
    """T80, T81: five hundred rows are answered, each with its own answer."""
    house = House([f"row {i}" for i in range(500)], rows_per_call=20, concurrency=8)

    run = await house.start()

    assert (run.tally.answered, run.tally.calls) == (500, 25)
    check_answers(house, run)


async def test_a_fresh_run_asks_again_but_never_twice():
    """P28, law 8: without remembered answers every question is asked anew, and each only once."""
    house = House(["a", "b", "a", "c"])
    await house.start()
    made = sum(len(call.digests) for call in house.provider.bill)

    run = await house.start(fresh=True)

    assert sum(len(call.digests) for call in house.provider.bill) - made == 3
    assert run.tally.answered == 4


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (errors.NotAuthorised("The key was refused."), RunState.PAUSED, "not_authorised"),
        (errors.QuotaSpent("No credit."), RunState.PAUSED, "quota_spent"),
        (errors.UnknownModel("No such model."), RunState.PAUSED, "unknown_model"),
        (errors.RateLimited("Wait.", retry_after_s=3600), RunState.PAUSED, "rate_limited"),
    ],
    ids=["key", "credit", "model", "long wait"],
)
async def test_what_a_person_must_mend_pauses_the_run(error, state, reason):
    """F1, F3, F9, F10, I17: one call shows it, the run rests with the reason, no row is lost."""
    house = House([f"row {i}" for i in range(30)], script=[error] * 3, concurrency=1)

    run = await house.start()

    assert (run.state, run.reason) == (state, reason)
    assert house.provider.requests == 1
    assert run.tally.waiting == 30


async def test_heartbeats_do_not_hold_a_run_open():
    """A finished run leaves no task behind."""
    house = House(["a"])
    before = asyncio.all_tasks()

    await house.start()
    await asyncio.sleep(0)

    left = {
        task for task in asyncio.all_tasks() - before if "jump" not in repr(task) and "_beat" in repr(task)
    }
    assert left == set()
