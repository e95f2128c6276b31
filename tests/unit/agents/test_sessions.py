"""One agent's session: budgets, turns, and waiting for runs."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.agents.fakes import FakeDesk

from weft.agents.desks import Task
from weft.agents.sessions import Session, is_at_rest
from weft.agents.spending import Cost
from weft.app.submitting import AGAIN
from weft.errors import BudgetExceeded, Mistake, UnknownName
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd
from weft.run import RunState


def session(desk, most="1", **facts):
    """A session that may spend so many dollars."""
    return Session(desk, most=None if most is None else Usd.of(most), clock=VirtualClock(), **facts)


def task(usd, **facts):
    """An errand with a budget."""
    return Task(prompt="p", table="t.csv", budget=Budget(usd=None if usd is None else Usd.of(usd)), **facts)


async def test_paid_run_needs_a_budget():
    """A run that costs money is refused without a budget, and nothing is handed in."""
    desk = FakeDesk()

    with pytest.raises(Mistake, match="needs a budget"):
        await session(desk, None).start(task(None))

    assert desk.asked == []


async def test_budget_of_the_person_serves_as_well():
    """Where the person has set a budget for every run, a run without one gets that."""
    desk = FakeDesk()

    run = await session(desk, budget=Budget(usd=Usd.of("0.2"))).start(task(None))

    assert run.budget.usd == Usd.of("0.2")


async def test_free_run_needs_nothing():
    """A model that costs nothing is asked without a budget, whatever the session may spend."""
    run = await session(FakeDesk(Cost.FREE), "0").start(task(None))

    assert run.budget == Budget()


async def test_session_stays_within_its_limit():
    """Two runs that together could spend too much are not both started; when one rests, there is room."""
    desk = FakeDesk()
    found = session(desk)
    first = await found.start(task("0.7"))

    with pytest.raises(BudgetExceeded, match=r"\$0\.70 of it is spent or set aside"):
        await found.start(task("0.4"))
    desk.move(first.id, RunState.FINISHED, spent=Usd.of("0.1"))
    await found.start(task("0.9"))

    assert await found.committed() == Usd.of("1")


async def test_calls_at_once_cannot_both_take_the_last():
    """Of many starts at once only so many are let through as the session can bear."""
    desk = FakeDesk()
    found = session(desk)

    done = await asyncio.gather(*(found.start(task("0.4")) for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(each, BudgetExceeded) for each in done) == 4
    assert len(desk.asked) == 2


async def test_same_key_is_not_counted_twice():
    """An errand that is sent again counts once against the limit."""
    desk = FakeDesk()
    found = session(desk)
    kept = await found.start(task("0.8", key="mine"))

    async def again(asked):
        desk.asked.append(asked)
        return desk.kept[kept.id]

    desk.start = again
    run = await found.start(task("0.8", key="mine"))

    assert run.id == kept.id
    assert await found.committed() == Usd.of("0.8")


async def test_resumed_run_counts_from_where_it_was():
    """What a run had spent before the session let it go on is not the session's."""
    desk = FakeDesk()
    run = desk.keep(
        RunState.STOPPED, budget=Budget(usd=Usd.of("5")), spent=Usd.of("5"), reason="budget_exceeded"
    )
    found = session(desk)

    with pytest.raises(BudgetExceeded):
        await found.resume(run.id, Budget(usd=Usd.of("6.5")))
    resumed = await found.resume(run.id, Budget(usd=Usd.of("5.9")))

    assert resumed.budget.usd == Usd.of("5.9")
    assert await found.committed() == Usd.of("0.9")


async def test_resume_without_budget_is_refused_where_it_costs():
    """A paid run that has no budget, begun by a person, is not let go on by an agent as it is."""
    desk = FakeDesk()
    run = desk.keep(RunState.PAUSED, reason="paused")

    with pytest.raises(Mistake, match="needs a budget"):
        await session(desk, None).resume(run.id, Budget())

    assert desk.kept[run.id].state is RunState.PAUSED


async def test_call_that_is_given_up_does_all_it_began():
    """Who goes away in the middle of a start leaves a run that the session knows and counts."""
    desk = FakeDesk()
    found = session(desk)
    gate, begun, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    start = desk.start

    async def slow(asked):
        begun.set()
        await gate.wait()
        asyncio.get_running_loop().call_soon(done.set)
        return await start(asked)

    desk.start = slow
    starting = asyncio.ensure_future(found.start(task("0.4")))
    await begun.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    gate.set()
    await done.wait()

    assert await found.committed() == Usd.of("0.4")


async def test_watching_tells_every_step_until_rest():
    """Progress is told when more rows have ended, and the wait ends with the run."""
    desk = FakeDesk()
    run = desk.keep()
    desk.looks = [
        lambda at: None,
        lambda at: desk.move(at, answered=1, total=2),
        lambda at: None,
        lambda at: desk.move(at, RunState.FINISHED, answered=2),
    ]
    steps = []

    async def told(at):
        steps.append(at.tally.settled)

    found = await session(desk).watch(run.id, wait_s=100, told=told)

    assert found.state is RunState.FINISHED
    assert steps == [0, 1, 2]


async def test_watching_ends_in_time():
    """A run that goes on is told as it stands after so many seconds."""
    desk = FakeDesk()
    run = desk.keep()
    clock = VirtualClock()
    found = Session(desk, most=None, clock=clock)

    async def told(at):
        pass

    standing = await found.watch(run.id, wait_s=10, told=told)

    assert standing.state is RunState.RUNNING
    assert 10 <= clock.monotonic() < 10.5


async def test_unknown_run_is_told():
    """A run that is not there is told as the house tells it."""
    with pytest.raises(UnknownName):
        await session(FakeDesk()).resume("r000000000000", Budget())


@pytest.mark.parametrize(
    ("state", "reason", "rests"),
    [
        (RunState.DRAFTED, "", False),
        (RunState.DRAFTED, AGAIN, False),
        (RunState.DRAFTED, "unreadable_table", True),
        (RunState.QUEUED, "", False),
        (RunState.RUNNING, "", False),
        (RunState.PAUSED, AGAIN, False),
        (RunState.PAUSED, "rate_limited", True),
        (RunState.FINISHED, "", True),
        (RunState.STOPPED, "budget_exceeded", True),
        (RunState.CANCELLED, "cancelled", True),
        (RunState.HELD, "", True),
    ],
)
def test_rest_is_where_nothing_happens_by_itself(state, reason, rests):
    """A run rests where only a person or an agent lets it go on."""
    assert is_at_rest(FakeDesk().keep(state, reason=reason)) is rests
