from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.app.allowances import FRESH_S, Allowance, Purse
from weft.app.opening import look_around
from weft.app.queueing import QueueDesk
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.weft import Weft
from weft.errors import BadSetting, BudgetExceeded
from weft.ids import RunId
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd
from weft.protocols import Store
from weft.rights import HOME
from weft.run import Run, RunState

MONTH_S = 31 * 86_400.0
TASK = RunRequest(table=[{"body": "hi"}], prompt="{{ body }}", fields=("mood: enum[a,b]",))


@dataclass
class Shop:
    """A workspace with a monthly budget of $10, whose runs are handed in."""

    house: Weft
    clock: VirtualClock

    @property
    def allowance(self) -> Allowance:
        return self.house.allowance

    @property
    def store(self) -> Store:
        return self.house.control.open()

    def queue(self, budget: str | None = "4") -> QueueDesk:
        return self.house.queue_with({"model": "local", "budget_usd": budget})

    async def hand_in(self, budget: str | None = "4", *, starts: bool = True) -> Run:
        return await self.queue(budget).submit(TASK, Submission(starts=starts))

    async def walk(self, run: RunId, to: RunState = RunState.PAUSED) -> None:
        """Let a run be owned once and come to rest."""
        epoch = await self.store.take_over(run, owner="somebody", stale_after_s=30)
        await self.store.move_run(run, RunState.RUNNING, epoch=epoch)
        await self.store.move_run(run, to, epoch=epoch, reason="stopped")
        await self.store.let_go(run, epoch=epoch)


def open_shop(folder: Path) -> Shop:
    """An empty shop without a budget; who opens it closes its house."""
    clock = VirtualClock()
    house = Weft(look_around(start=folder, environment={}, keywords={"store": "memory://"}), clock=clock)
    return Shop(house, clock)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop with $10 a month."""
    found = open_shop(tmp_path)
    async with found.house:
        await found.house.workspaces.change(HOME, {"monthly_budget": Usd.of(10)})
        yield found


def sums(purse: Purse) -> tuple[Usd, Usd, Usd | None]:
    """Spent, set aside, left."""
    return purse.spent, purse.set_aside, purse.left


async def test_run_sets_its_budget_aside(shop: Shop) -> None:
    """What a run states is set aside when it is handed in, before anybody is asked."""
    run = await shop.hand_in("4")

    purse = await shop.allowance.look()

    assert sums(purse) == (0, Usd.of(4), Usd.of(6))
    assert set(purse.held) == {run.id}


async def test_draft_sets_nothing_aside_until_it_starts(shop: Shop) -> None:
    """A run that waits for `start` may state a budget, which is set aside when it starts."""
    run = await shop.hand_in("4", starts=False)
    before = sums(await shop.allowance.look())

    await shop.queue().start(run.id)

    assert (before[1], sums(await shop.allowance.look())[1]) == (0, Usd.of(4))


async def test_refusal_tells_the_sums(shop: Shop) -> None:
    """A run for which too little is left is refused with every sum, and nothing of it is written."""
    await shop.hand_in("7")

    with pytest.raises(BudgetExceeded) as caught:
        await shop.hand_in("3.5")

    assert caught.value.message == (
        "Workspace `home` has $3.00 left of $10.00 for 2023-11: $0.00 are spent and $7.00 set aside for runs under "
        "way. This run asks for $3.50."
    )
    assert len(await shop.house.runs.newest()) == 1


@pytest.mark.parametrize("starts", [True, False])
async def test_run_must_state_a_budget(shop: Shop, starts: bool) -> None:
    """In a workspace with a monthly budget a run without one is refused, with the field named."""
    with pytest.raises(BadSetting) as caught:
        await shop.hand_in(None, starts=starts)

    assert caught.value.facts["problems"] == [{"path": "body.settings.budget_usd", "message": "is missing."}]
    assert await shop.house.runs.newest() == []


async def test_without_a_limit_nothing_is_counted(tmp_path: Path) -> None:
    """Where there is no monthly budget, a run need not state one and the books stay empty."""
    shop = open_shop(tmp_path)
    async with shop.house:
        await shop.hand_in(None)
        purse = await shop.allowance.look()

    assert (purse.limit, sums(purse)) == (None, (0, 0, None))


async def test_unspent_money_returns_when_a_run_rests(shop: Shop) -> None:
    """A run that rests gives back what it has not spent; nobody has to tell."""
    run = await shop.hand_in("7")
    await shop.walk(run.id)

    assert sums(await shop.allowance.look()) == (0, 0, Usd.of(10))
    await shop.hand_in("10")


async def test_cancelled_run_gives_everything_back(shop: Shop) -> None:
    """A run that is cancelled before it was walked has spent nothing."""
    run = await shop.hand_in("7")
    await shop.queue().cancel(run.id)

    assert sums(await shop.allowance.look()) == (0, 0, Usd.of(10))


async def test_larger_budget_is_set_aside_too(shop: Shop) -> None:
    """Resuming with more money sets more aside, and is refused where it is not there; then nothing changes."""
    run = await shop.hand_in("4")
    await shop.walk(run.id)

    await shop.queue().resume(run.id, budget=Budget(usd=Usd.of(9)))
    held = sums(await shop.allowance.look())
    with pytest.raises(BudgetExceeded):
        await shop.queue().resume(run.id, budget=Budget(usd=Usd.of(11)))

    assert held == (0, Usd.of(9), Usd.of(1))
    assert sums(await shop.allowance.look()) == held
    assert (await shop.queue().get(run.id)).budget.usd == Usd.of(9)


async def test_what_a_crash_leaves_returns_later(shop: Shop) -> None:
    """What was set aside for a run that was never written down returns after a minute."""
    ghost = await shop.hand_in("4", starts=False)
    await shop.allowance.take(Run(**{**vars_of(ghost), "id": RunId("r" + "z" * 12)}))
    soon = sums(await shop.allowance.look())[1]

    shop.clock.advance(FRESH_S)

    assert (soon, sums(await shop.allowance.look())[1]) == (Usd.of(4), 0)


def vars_of(run: Run) -> dict[str, object]:
    """The fields of a run."""
    return {name: getattr(run, name) for name in Run.__slots__}


async def test_worker_takes_and_gives_back(shop: Shop) -> None:
    """A run is walked only with its money set aside; at the end it returns at once."""
    run = await shop.hand_in("4")
    taken = await shop.allowance.take(await shop.queue().get(run.id))
    await shop.allowance.give_back(run.id, taken)
    under_way = sums(await shop.allowance.look())[1]

    await shop.walk(run.id)
    await shop.allowance.give_back(run.id, taken)

    assert (under_way, sums(await shop.allowance.look())[1]) == (Usd.of(4), 0)


async def test_run_is_not_walked_without_its_money(shop: Shop) -> None:
    """Where the limit was lowered meanwhile, a run that wants to be walked is refused."""
    run = await shop.hand_in("4")
    await shop.house.workspaces.change(HOME, {"monthly_budget": Usd.of(3)})

    with pytest.raises(BudgetExceeded):
        await shop.allowance.take(await shop.queue().get(run.id))


async def test_new_month_begins_with_everything(shop: Shop) -> None:
    """A month's spending does not burden the next; runs under way still count, and the past is remembered."""
    await shop.hand_in("4")
    shop.clock.advance(MONTH_S)

    purse = await shop.allowance.look()

    assert (purse.month, purse.past) == ("2023-12", {"2023-11": 0})
    assert sums(purse) == (0, Usd.of(4), Usd.of(6))


async def test_many_at_once_never_pass_the_limit(shop: Shop) -> None:
    """Of forty runs that are handed in at the same time, just so many are taken as the month allows."""
    done = await asyncio.gather(*(shop.hand_in("0.6") for _ in range(40)), return_exceptions=True)

    taken = [each for each in done if isinstance(each, Run)]

    assert len(taken) == 16  # 16 × 0.6 = 9.6
    assert all(isinstance(each, Run | BudgetExceeded) for each in done)
    assert sums(await shop.allowance.look()) == (0, Usd.of("9.6"), Usd.of("0.4"))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hand_in", "rest", "cancel", "resume", "wait"]),
        st.integers(0, 4),
        st.integers(0, 12),
    ),
    max_size=14,
)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_budgets_under_way_never_pass_the_limit(
    tmp_path_factory: pytest.TempPathFactory, steps: list
) -> None:
    """P07: whatever is handed in, rests, is cancelled or resumed, runs that may ask never hold more than is there."""

    async def live() -> None:
        shop = open_shop(tmp_path_factory.mktemp("shop"))
        async with shop.house:
            await shop.house.workspaces.change(HOME, {"monthly_budget": Usd.of(10)})
            runs: list[RunId] = []
            for what, number, dollars in steps:
                try:
                    if what == "hand_in":
                        runs.append((await shop.hand_in(str(dollars))).id)
                    elif what == "wait":
                        shop.clock.advance(dollars * 10.0)
                    elif runs:
                        await act(shop, what, runs[number % len(runs)], dollars)
                except BudgetExceeded:
                    pass
                await check(shop, runs)

    asyncio.run(live())


async def act(shop: Shop, what: str, run: RunId, dollars: int) -> None:
    """Let a run rest, end or go on, where it can."""
    found = await shop.queue().get(run)
    if what == "rest" and found.state in {RunState.QUEUED, RunState.PAUSED}:
        await shop.walk(run)
    elif what == "cancel" and found.state is not RunState.CANCELLED:
        await shop.queue().cancel(run)
    elif what == "resume":
        await shop.queue().resume(run, budget=Budget(usd=Usd.of(dollars)))


async def check(shop: Shop, runs: list[RunId]) -> None:
    """Runs that may ask have set their budget aside, and all of it is within the limit."""
    purse = await shop.allowance.look()
    assert purse.left is not None
    assert purse.left >= 0
    for run in runs:
        found = await shop.queue().get(run)
        may_ask = found.state is RunState.QUEUED or (
            found.state is RunState.PAUSED and found.reason == "queued"
        )
        assert (run in purse.held) == may_ask
        assert not may_ask or purse.held[run].amount == found.budget.usd
