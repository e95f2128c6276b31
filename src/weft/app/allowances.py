"""The monthly budget of a workspace: what its runs have set aside, spent and given back.

Knows that a run sets its whole budget aside before it may ask anybody, and that what it has not
spent returns when it rests; so all runs together never spend more than the month allows, however
many are handed in at the same time and whatever crashes. What was set aside counts until its run
rests, also beyond the month's end. Refuses to know calls: within a run the ledger keeps the budget.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from weft.app.stores import Stores
from weft.app.submitting import wants_worker
from weft.app.workspaces import WorkspacesDesk
from weft.documents import Document
from weft.errors import BadSetting, BudgetExceeded, ChangedMeanwhile, UnknownName
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.money import Budget, Usd
from weft.run import Run, RunState

KIND = "allowance"
TRIES = 500  # each that fails means that somebody else has succeeded
FRESH_S = 60.0  # for so long what was set aside waits for its run to be written down, or taken up
MONTHS = 24  # of which what was spent is remembered
RESTING = frozenset(set(RunState) - {RunState.QUEUED, RunState.RUNNING})


@dataclass(frozen=True, slots=True)
class Held:
    """What one run has set aside.

    Attributes:
        amount: nano-dollars that it may spend on top of `base`.
        base: what it had spent by then.
        epoch: of the run by then. at: when, seconds since the epoch.
    """

    amount: int
    base: int
    epoch: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """How a workspace's month stands.

    Attributes:
        month: such as `2026-11`, UTC.
        limit: `None` = there is none, and nothing is counted.
        spent: by runs that have come to rest in this month.
        held: run → what it has set aside.
        past: month → what was spent in it.
    """

    month: str
    limit: Usd | None = None
    spent: Usd = Usd(0)
    held: Mapping[RunId, Held] = field(default_factory=dict)
    past: Mapping[str, Usd] = field(default_factory=dict)

    @property
    def set_aside(self) -> Usd:
        """By runs that have not come to rest."""
        return Usd(sum(each.amount for each in self.held.values()))

    @property
    def left(self) -> Usd | None:
        """What another run may state; below zero where the limit was lowered; `None` = anything."""
        return None if self.limit is None else Usd(self.limit - self.spent - self.set_aside)


class Allowance:
    """Keeps to the monthly budget of one workspace."""

    def __init__(self, workspace: str, stores: Stores, *, control: Stores, clock: Clock) -> None:
        """Count nothing yet.

        Args:
            workspace: whose.
            stores: where its runs are.
            control: where the books are, which every process of the server has.
            clock: says which month it is.
        """
        self._workspace = workspace
        self._stores = stores
        self._control = control
        self._workspaces = WorkspacesDesk(control, clock=clock)
        self._clock = clock

    async def look(self) -> Purse:
        """How the month stands; what runs at rest have set aside is given back first."""
        if await self._limit() is None:
            return (await self._read())[0]
        return await self._settle_all()

    @asynccontextmanager
    async def holding(self, run: Run) -> AsyncIterator[None]:
        """Set a run's budget aside for what happens inside; if that fails, as if nothing was said.

        Does nothing where the workspace has no monthly budget.

        Raises:
            BadSetting: if the run states no budget in USD.
            BudgetExceeded: if less than that is left; with the sums.
        """
        await self.check_stated(run.budget)
        if run.budget.usd is None or await self._limit() is None:
            yield
            return
        before = (await self._read())[0].held.get(run.id)
        await self._set_aside(run, run.budget.usd)
        try:
            yield
        except BaseException:
            await self._put_back(run.id, before)
            raise

    async def check_stated(self, budget: Budget) -> None:
        """Refuse a run that states no budget in a workspace that has one.

        Raises:
            BadSetting: then.
        """
        if budget.usd is None and await self._limit() is not None:
            raise BadSetting(
                f"Workspace `{self._workspace}` has a monthly budget, so a run must state its own.",
                hint="give `budget_usd`; it is set aside, and what is not spent returns when the run rests.",
                setting="budget_usd",
                problems=[{"path": "body.settings.budget_usd", "message": "is missing."}],
            )

    async def take(self, run: Run) -> Held | None:
        """Make sure that a run's budget is set aside before it is walked; `None` = nothing has to be.

        Raises:
            BadSetting: if the run states no budget in USD.
            BudgetExceeded: if less than that is left; with the sums.
        """
        async with self.holding(run):
            return (await self._read())[0].held.get(run.id)

    async def give_back(self, run: RunId, taken: Held | None) -> None:
        """Book what a run has spent and return the rest, if it has come to rest; harmless when repeated.

        Args:
            run: which one.
            taken: what `take` has set aside; nothing happens where it was set aside anew since.
        """
        if taken is not None:
            await self._settle({run: taken})

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _limit(self) -> Usd | None:
        return (await self._workspaces.get(self._workspace)).monthly_budget

    async def _set_aside(self, run: Run, budget: Usd) -> None:
        if await self._try_to_hold(run, budget):
            return
        await self._settle_all()  # runs that came to rest where nobody saw it
        if not await self._try_to_hold(run, budget):
            raise _too_much(self._workspace, await self.look(), _needed(run, budget))

    async def _try_to_hold(self, run: Run, budget: Usd) -> bool:
        enough = False

        def hold(purse: Purse) -> Purse:
            nonlocal enough
            standing = purse.held.get(run.id)
            base = int(run.tally.spent or 0) if standing is None else standing.base
            amount = max(0, budget - base)
            others = {name: each for name, each in purse.held.items() if name != run.id}
            without = replace(purse, held=others)
            enough = without.left is None or amount <= without.left
            if not enough:
                return purse
            return replace(purse, held={**others, run.id: Held(amount, base, run.epoch, self._clock.wall())})

        await self._change(hold)
        return enough

    async def _put_back(self, run: RunId, before: Held | None) -> None:
        def put(purse: Purse) -> Purse:
            held = {name: each for name, each in purse.held.items() if name != run}
            return replace(purse, held=held if before is None else {**held, run: before})

        await self._change(put)

    async def _settle_all(self) -> Purse:
        """Settle what stands in the books, but for what was set aside a moment ago.

        Its run may not be written down yet, or not be moved yet by who has set it aside.
        """
        old = self._clock.wall() - FRESH_S
        held = (await self._read())[0].held
        runs = {name: await self._run(name) for name in held}
        return await self._settle(
            {
                name: each
                for name, each in held.items()
                if each.at <= old or ((run := runs[name]) is not None and run.epoch > each.epoch)
            }
        )

    async def _settle(self, taken: Mapping[RunId, Held]) -> Purse:
        """Book and release what these runs have set aside, those of them that rest or were never there."""
        costs: dict[RunId, int] = {}
        for name, held in taken.items():
            run = await self._run(name)
            if run is None:
                costs[name] = 0
            elif rests(run):
                costs[name] = max(0, int(run.tally.spent or 0) - held.base)

        def settle(purse: Purse) -> Purse:
            spent, left = int(purse.spent), dict(purse.held)
            for name, cost in costs.items():
                if left.get(name) == taken[name]:  # else it was set aside anew meanwhile
                    del left[name]
                    spent += cost
            return replace(purse, spent=Usd(spent), held=left)

        return await self._change(settle) if costs else (await self._read())[0]

    async def _run(self, run: RunId) -> Run | None:
        store = self._stores.existing()
        try:
            return None if store is None else await store.run(run)
        except UnknownName:
            return None

    async def _change(self, change: Callable[[Purse], Purse]) -> Purse:
        """Change the books, however many others do so at the same time."""
        for _ in range(TRIES):
            purse, version = await self._read()
            changed = change(purse)
            if changed == purse:
                return purse
            try:
                await self._control.open().put(_written(self._workspace, changed), expecting=version)
            except ChangedMeanwhile:
                continue
            return changed
        raise ChangedMeanwhile("Too many runs are handed in at once.", hint="try again.")

    async def _read(self) -> tuple[Purse, int]:
        """The books as they stand in this month, and their version; 0 = nothing was written yet."""
        limit = await self._limit()
        month = month_of(self._clock.wall())
        store = self._control.existing()
        found = None if store is None else await store.document(KIND, self._workspace)
        if found is None:
            return Purse(month=month, limit=limit), 0
        purse = replace(_read(found), limit=limit)
        if purse.month != month:
            past = {**purse.past, purse.month: purse.spent}
            kept = dict(sorted(past.items())[-MONTHS:])
            purse = replace(purse, month=month, spent=Usd(0), past=kept)
        return purse, found.version


def rests(run: Run) -> bool:
    """Whether a run asks nobody, and will not until somebody says so."""
    return run.state in RESTING and not wants_worker(run)


def month_of(at: float) -> str:
    """The month of a time, in UTC.

    >>> month_of(0)
    '1970-01'
    """
    return f"{datetime.fromtimestamp(at, tz=UTC):%Y-%m}"


def _needed(run: Run, budget: Usd) -> Usd:
    return Usd(max(0, budget - int(run.tally.spent or 0)))


def _too_much(workspace: str, purse: Purse, needed: Usd) -> BudgetExceeded:
    left = Usd(max(0, purse.left or 0))
    return BudgetExceeded(
        f"Workspace `{workspace}` has {left} left of {purse.limit} for {purse.month}: {purse.spent} are spent and "
        f"{purse.set_aside} set aside for runs under way. This run asks for {needed}.",
        hint="state a smaller budget, wait for a run to end, or have the monthly budget raised.",
        limit=int(purse.limit or 0),
        spent=int(purse.spent),
        reserved=int(purse.set_aside),
        asked=int(needed),
    )


def _written(workspace: str, purse: Purse) -> Document:
    return Document(
        kind=KIND,
        id=workspace,
        content={
            "month": purse.month,
            "spent": int(purse.spent),
            "held": {
                name: [each.amount, each.base, each.epoch, each.at] for name, each in purse.held.items()
            },
            "past": {month: int(each) for month, each in purse.past.items()},
        },
    )


def _read(document: Document) -> Purse:
    told = document.content
    return Purse(
        month=told["month"],
        spent=Usd(told["spent"]),
        held={RunId(name): Held(*each) for name, each in told["held"].items()},
        past={month: Usd(each) for month, each in told["past"].items()},
    )
