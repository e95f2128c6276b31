"""The bill of a month: whatever is handed in and walked, a workspace never spends more than its budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.team import TeamHouses
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.errors import BudgetExceeded
from weft.kit.clocks import VirtualClock
from weft.money import Price, Usd
from weft.rights import HOME
from weft.run import Run, RunState
from weft.testing.scripted import ScriptedProvider

ROWS = 6
RESTING = {RunState.FINISHED, RunState.STOPPED, RunState.PAUSED, RunState.CANCELLED}
DEAR = Price(input=Usd.of(100), output=Usd.of(400), source="made up")


@pytest.fixture
async def houses(tmp_path: Path) -> AsyncIterator[TeamHouses]:
    """A server whose model costs much."""
    clock = VirtualClock()
    provider = ScriptedProvider(lambda row: {"mood": "a"}, price=DEAR, clock=clock)
    provider.latency_s = 0.5
    around = look_around(
        start=tmp_path, environment={}, keywords={"store": "memory://", "model": "local", "rows_per_call": 1}
    )
    found = TeamHouses(around, clock=clock, provider=provider)
    yield found
    await found.close()


async def hand_in(house: Weft, number: int, budget: Usd) -> Run | None:
    """Hand a run in; `None` = there is too little left."""
    rows = [{"body": f"{number} {place}"} for place in range(ROWS)]
    request = RunRequest(table=rows, prompt="{{ body }}", fields=("mood: enum[a,b]",))
    settings = {"budget_usd": format(budget.dollars, "f"), "until_budget": True}
    try:
        return await house.queue_with(settings).submit(
            request, Submission(sender=f"s{number % 3}", settings=settings)
        )
    except BudgetExceeded:
        return None


async def rest(house: Weft, runs: list[Run]) -> list[Run]:
    """Wait until every run rests."""
    while True:
        found = [await house.queue_with({}).get(each.id) for each in runs]
        if all(each.state in RESTING for each in found) and not (await house.allowance.look()).held:
            return found
        await house.clock.sleep(0.2)


async def test_runs_of_a_month_spend_what_it_has(houses: TeamHouses) -> None:
    """P07: what all runs have spent is the sum in the books, never above the limit, and nothing stays set aside."""
    house, lanes = await houses.open(HOME), Lanes(houses, clock=houses.clock)
    working = asyncio.ensure_future(lanes.work())
    trial = await hand_in(house, 0, Usd.of(1000))
    assert trial is not None
    (alone,) = await rest(house, [trial])
    assert alone.tally.spent
    limit = Usd(alone.tally.spent * 8)
    await house.workspaces.change(HOME, {"monthly_budget": limit})

    runs: list[Run] = []
    for round_ in range(4):
        numbers = range(1 + 8 * round_, 9 + 8 * round_)
        offers = await asyncio.gather(
            *(
                hand_in(house, number, Usd(alone.tally.spent * (1, 2, 4, 6)[number % 4] // 2))
                for number in numbers
            )
        )
        runs += [each for each in offers if each is not None]
        done = await rest(house, runs)
        spent = Usd(sum(each.tally.spent or 0 for each in done))
        purse = await house.allowance.look()
        assert (purse.spent, purse.set_aside) == (spent, 0)
        assert spent <= limit

    lanes.stop()
    await working
    states = {each.state for each in done}
    assert states == {RunState.FINISHED, RunState.STOPPED}
    assert spent > limit // 2  # the month was of use
