"""One agent's session: what it has begun, and whether it may begin more.

Knows that two calls cannot both take the last of what may be spent, and that a call that is given up
half-way still does all of what it began. Refuses to know the protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from weft.agents.desks import Desk, Task
from weft.agents.spending import Commitment, Cost, check_budget, check_session, committed
from weft.app.submitting import AGAIN
from weft.errors import WeftError
from weft.kit.clocks import Clock
from weft.money import Budget, Usd
from weft.run import Run, RunState

ENDED = frozenset({RunState.FINISHED, RunState.STOPPED, RunState.CANCELLED, RunState.DECLINED, RunState.HELD})
LOOK_S = 0.25  # between two looks at a run that is watched


class Session:
    """What one agent does, from its coming to its going.

    Attributes:
        most: dollars that its runs may spend in all; `None` = each has its own budget and no more is asked.
    """

    def __init__(self, desk: Desk, *, most: Usd | None, clock: Clock, budget: Budget | None = None) -> None:
        """Begin; nothing is spent.

        Args:
            desk: does what is asked.
            most: for the whole session.
            clock: waits.
            budget: of a run that is started without one; `None` = none.
        """
        self.most = most
        self.desk = desk
        self._clock = clock
        self._budget = budget or Budget()
        self._before: dict[str, Usd] = {}  # run → what it had spent when the session took it up
        self._keys: dict[str, str] = {}  # an agent's name for an errand → run
        self._turn = asyncio.Lock()

    async def start(self, task: Task) -> Run:
        """Start a run, if it has a budget that can be kept and that the session can bear.

        Raises:
            Mistake: if a budget is missing.
            BudgetExceeded: if the session could spend more than it may.
        """
        return await _wholly(self._alone(lambda: self._start(task)))

    async def resume(self, run: str, budget: Budget) -> Run:
        """Let a run go on, likewise; a part of the budget that is `None` stays as it is."""
        return await _wholly(self._alone(lambda: self._resume(run, budget)))

    async def pause(self, run: str) -> Run:
        """Pause a run."""
        return await _wholly(self.desk.pause(run))

    async def cancel(self, run: str) -> Run:
        """End a run."""
        return await _wholly(self.desk.cancel(run))

    async def watch(self, run: str, *, wait_s: float, told: Callable[[Run], Awaitable[None]]) -> Run:
        """Wait until a run rests, or for so long.

        Args:
            told: hears how the run stands, at the beginning and whenever more rows have ended.
        """
        until = self._clock.monotonic() + wait_s
        settled = -1
        while True:
            found = await self.desk.run(run)
            if found.tally.settled != settled:
                settled = found.tally.settled
                await told(found)
            if is_at_rest(found) or self._clock.monotonic() >= until:
                return found
            await self._clock.sleep(min(LOOK_S, until - self._clock.monotonic()))

    async def committed(self) -> Usd:
        """What is spent or set aside by runs that the session has begun."""
        return committed((await self._commitments()).values())

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _alone(self, act: Callable[[], Awaitable[Run]]) -> Run:
        """Do something that spends, one after the other."""
        async with self._turn:
            return await act()

    async def _start(self, task: Task) -> Run:
        budget = Budget(
            usd=self._budget.usd if task.budget.usd is None else task.budget.usd,
            tokens=self._budget.tokens if task.budget.tokens is None else task.budget.tokens,
        )
        model = f"`{task.model}`" if task.model else "the model that is set"
        cost = await self.desk.cost(task)
        check_budget(cost, usd=budget.usd, tokens=budget.tokens, most=self.most, model=model)
        if cost is Cost.PAID:
            others = await self._commitments()
            others.pop(self._keys.get(task.key, ""), None)
            check_session(self.most, others.values(), Commitment(budget=budget.usd or Usd(0)))
        run = await self.desk.start(replace(task, budget=budget))
        self._before.setdefault(run.id, run.tally.spent or Usd(0))
        if task.key:
            self._keys[task.key] = run.id
        return run

    async def _resume(self, run: str, budget: Budget) -> Run:
        found = await self.desk.run(run)
        wanted = Budget(
            usd=found.budget.usd if budget.usd is None else budget.usd,
            tokens=found.budget.tokens if budget.tokens is None else budget.tokens,
        )
        cost = await self.desk.cost_of_run(found)
        model = f"`{found.spec.provider}/{found.spec.model}`"
        check_budget(cost, usd=wanted.usd, tokens=wanted.tokens, most=self.most, model=model)
        spent = found.tally.spent or Usd(0)
        before = self._before.get(run, spent)
        if cost is Cost.PAID:
            others = await self._commitments()
            others.pop(run, None)
            asked = Commitment(budget=wanted.usd or Usd(0), before=before, spent=spent)
            check_session(self.most, others.values(), asked)
        resumed = await self.desk.resume(run, budget=None if wanted == found.budget else wanted)
        self._before[run] = before
        return resumed

    async def _commitments(self) -> dict[str, Commitment]:
        found = {}
        for run, before in self._before.items():
            try:
                standing = await self.desk.run(run)
            except WeftError:
                continue  # a run that is gone spends nothing more
            found[run] = Commitment(
                budget=standing.budget.usd or Usd(0),
                before=before,
                spent=standing.tally.spent or Usd(0),
                is_over=is_at_rest(standing),
            )
        return found


def is_at_rest(run: Run) -> bool:
    """Whether nothing more will happen to a run by itself."""
    if run.state is RunState.DRAFTED:  # its table is being read, unless a reason says that it cannot be
        return run.reason not in {"", AGAIN}
    return run.state in ENDED or (run.state is RunState.PAUSED and run.reason != AGAIN)


async def _wholly(act: Coroutine[Any, Any, Run]) -> Run:
    """Do something to its end, even if whoever waits for it goes away."""
    doing = asyncio.ensure_future(act)
    doing.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to nobody, but seen
    return await asyncio.shield(doing)
