"""The desk for runs that somebody else walks: hand one in, start, pause, resume, cancel, ask again.

Knows that a run which waits for a worker says so in the store, with the pace that was asked for, so
that any later process can take it up; and that the same key gives the same run. Runs of the command
line are not taken up here: nobody has asked a server to pay for them. Refuses to walk (`working.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

from weft.app.allowances import Allowance
from weft.app.halting import UNENDED, Owned, end, halt
from weft.app.planning import Planner
from weft.app.requesting import IN_MEMORY, Plan, RunRequest, budget_of
from weft.app.stores import Stores
from weft.app.submitting import AGAIN, Submission, check_columns, id_for, mark_of, marked, wants_worker
from weft.app.targeting import fields_note, refuse_other_fields
from weft.engine.checking import check_rows
from weft.engine.estimating import options_of
from weft.engine.recalling import key_of
from weft.errors import ImpossibleMove, Mistake, RunBusy, UnknownName
from weft.ids import RunId, draw, new_run_id
from weft.kit.clocks import Clock
from weft.money import Budget
from weft.protocols import NewRow, Prompter, Provider, Standing, Store
from weft.row import BrokenRow, Outcome, Row, RowState
from weft.run import Run, RunState, Wish
from weft.store.owners import this_owner

PAUSED = Wish.PAUSE.reason  # of a run that a person has paused
BLOCK = 1_000  # rows written at once
LOOK_BACK = 1_000  # newest runs among which work is looked for


class QueueDesk:
    """Hands runs in and says what is to become of them; every answer is in the store by then.

    Attributes:
        allowance: the monthly budget, from which every run that may ask sets its own aside.
    """

    def __init__(
        self, planner: Planner, stores: Stores, *, clock: Clock, random: Random, allowance: Allowance
    ) -> None:
        """Work with these stores; nothing is opened yet."""
        self.allowance = allowance
        self._planner = planner
        self._stores = stores
        self._clock = clock
        self._random = random
        self._owner = this_owner(draw(random, 6))

    # ── handing in ───────────────────────────────────────────────────────────────────────────────

    async def submit(self, request: RunRequest, submission: Submission) -> Run:
        """Write a run down; rows that come with the request are in the store when this returns.

        Asks nobody. May be repeated after a crash: with a key there is one run, however often.

        Raises:
            Mistake: of every kind that the asker can make; nothing is written then.
            BudgetExceeded: if the workspace has less left of its monthly budget; likewise.
            ImpossibleMove: if the key stands for another errand, or its answers have other fields than
                the last run of its target and that was to be refused.
        """
        run_id = id_for(submission) or new_run_id(self._random)
        standing = await self._standing(run_id, submission) if submission.key else None
        if standing is not None and not _is_half_read(standing):
            return standing
        await self._planner.load_keys()
        plan = await asyncio.to_thread(self._planner.plan, request)
        try:
            told = await self._told(plan, submission)
            return await self._write_down(run_id, plan, replace(submission, warnings=told))
        finally:
            await plan.provider.close()

    async def add_rows(self, run: RunId, rows: Sequence[Mapping[str, Any]], *, at: int | None = None) -> Run:
        """Add rows to a run that has not started; they are in the store when this returns.

        Args:
            run: which one.
            rows: column → value; columns that the run does not have are refused.
            at: place of the first of them, so that sending them again changes nothing; `None` =
                behind the last.

        Raises:
            ImpossibleMove: if it has started, or reads a table, or other rows stand at these places.
            Mistake: if a row has a column that the run does not have, or if there would be a gap.
        """
        found = await self._handed_in(run)
        if found.state is not RunState.DRAFTED or found.spec.table != IN_MEMORY:
            raise ImpossibleMove(f"Run `{run}` takes no more rows.", hint="hand in another run.", run=run)
        check_columns(found.spec, rows)
        first = found.tally.total if at is None else at
        if first > found.tally.total:
            raise Mistake(
                f"Run `{run}` has {found.tally.total:,} rows, so none can be added at {first:,}.",
                hint="add the rows before them first.",
            )
        prompter, provider = self._planner.again(found.spec, asks=False)
        try:
            new = (Row(first + number, 0, dict(cells)) for number, cells in enumerate(rows))
            lines = [line for block in _blocks(new, found, prompter, provider) for line in block]
        finally:
            await provider.close()
        self._check_same(found, first, lines)
        await self._stores.open().add_rows(run, lines)
        return await self.get(run)

    # ── saying what is to become of it ───────────────────────────────────────────────────────────

    async def start(self, run: RunId) -> Run:
        """Let a run that was handed in start; harmless when repeated.

        Raises:
            ImpossibleMove: if it has ended.
            BudgetExceeded: if the workspace has less left of its monthly budget.
        """
        found = await self._handed_in(run)
        store = self._stores.open()
        if found.state is RunState.DRAFTED:
            async with self.allowance.holding(found):
                if found.spec.table == IN_MEMORY:
                    await _move(store, found, RunState.QUEUED)
                else:
                    await store.save_run(replace(found, reason=AGAIN, message=""))
        elif found.state not in {RunState.QUEUED, RunState.RUNNING}:
            raise ImpossibleMove(f"Run `{run}` is {found.state}.", hint="resume it instead.", run=run)
        return await self.get(run)

    async def pause(self, run: RunId) -> Run:
        """Let a run wait until somebody resumes it.

        A run that another process walks is still at work when this returns, if its answers in flight
        take long; its `wish` says that it will pause.

        Raises:
            ImpossibleMove: if it has ended.
            RunBusy: if somebody takes it up at this very moment.
        """
        found = await self._handed_in(run)
        if found.state not in UNENDED:
            raise ImpossibleMove(f"Run `{run}` is {found.state}.", run=run)
        if not await halt(self._stores.open(), run, Wish.PAUSE, clock=self._clock):
            return await self.get(run)
        found = await self.get(run)
        if found.state in {RunState.DRAFTED, RunState.PAUSED}:
            await self._stores.open().save_run(replace(found, reason=PAUSED, message=""))
        elif found.state in {RunState.QUEUED, RunState.RUNNING}:
            async with Owned(self._stores.open(), run, self._owner) as (store, epoch):
                await store.move_run(run, RunState.RUNNING, epoch=epoch)
                await store.move_run(run, RunState.PAUSED, epoch=epoch, reason=PAUSED)
        else:
            raise ImpossibleMove(f"Run `{run}` is {found.state}.", run=run)
        return await self.get(run)

    async def resume(self, run: RunId, *, budget: Budget | None = None) -> Run:
        """Let a run go on that was paused, stopped or cancelled; skipped rows wait again.

        Args:
            run: which one.
            budget: in place of the one that it has; `None` = as it is.

        Raises:
            ImpossibleMove: if it is finished, or waits for approval.
            RunBusy: if somebody takes it up at this very moment, and another budget is asked for.
            BudgetExceeded: if the workspace has less left of its monthly budget.
        """
        found = await self._handed_in(run)
        if found.state in {RunState.FINISHED, RunState.HELD, RunState.DECLINED}:
            hint = "ask for its failed rows again instead." if found.state is RunState.FINISHED else ""
            raise ImpossibleMove(f"Run `{run}` is {found.state}.", hint=hint, run=run)
        wanted = found if budget is None else replace(found, budget=budget)
        if wants_worker(found) and wanted == found:
            return await self._go_on(found, wanted)
        async with self.allowance.holding(wanted):
            return await self._go_on(found, wanted)

    async def cancel(self, run: RunId) -> Run:
        """End a run; rows without an end are skipped. Harmless when repeated.

        Calls that an earlier life left open are brought to rest first, so that no row waits on. For a
        run that another process walks the same holds as for `pause`.

        Raises:
            ImpossibleMove: if it has ended in another way.
            RunBusy: if somebody takes it up at this very moment.
        """
        found = await self._handed_in(run)
        if found.state in {RunState.FINISHED, RunState.STOPPED, RunState.DECLINED}:
            raise ImpossibleMove(f"Run `{run}` is {found.state}.", run=run)
        store = self._stores.open()
        if found.state is not RunState.CANCELLED and await halt(store, run, Wish.CANCEL, clock=self._clock):
            await end(
                await store.run(run),
                store,
                self._planner,
                clock=self._clock,
                random=self._random,
                owner=self._owner,
            )
        return await self.get(run)

    async def retry(self, run: RunId, *, place: int | None = None) -> Run:
        """Ask again about rows that have failed, or about the one at a place; its calls stay in the books.

        Raises:
            ImpossibleMove: if nothing has failed there, or the run is not at rest.
            BudgetExceeded: if the workspace has less left of its monthly budget.
        """
        found = await self._handed_in(run)
        if found.state in {RunState.DRAFTED, RunState.QUEUED, RunState.RUNNING}:
            raise ImpossibleMove(f"Run `{run}` is {found.state}.", hint="wait until it rests.", run=run)
        async with self.allowance.holding(found):
            if not await self._ask_again(found, RowState.FAILED, place=place):
                where = "no row has" if place is None else f"row {place + 1} has not"
                raise ImpossibleMove(f"In run `{run}` {where} failed.", run=run)
        return await self.get(run)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def get(self, run: RunId) -> Run:
        """A run by its id.

        Raises:
            UnknownName: if there is none.
        """
        return await self._stores.reading().run(run)

    def rows(self, run: RunId, *, after: int = -1, states: Sequence[RowState] = ()) -> Iterator[Outcome]:
        """How rows stand behind a place, in the order of the table; memory does not grow with the run.

        Raises:
            UnknownName: if there is no such run.
        """
        return self._stores.reading().outcomes(run, after=after, states=states)

    async def unfinished(self) -> list[Standing]:
        """How runs stand that a worker might take up, the oldest first; cheap enough for every second."""
        store = self._stores.existing()
        return [] if store is None else await store.unfinished(reason=AGAIN)

    async def note(self, run: RunId, reason: str, *, message: str = "") -> None:
        """Write down why a run that rests does so; one that somebody else has taken up is left alone."""
        store = self._stores.open()
        try:
            await store.save_run(replace(await store.run(run), reason=reason, message=message))
        except (RunBusy, ImpossibleMove):
            return

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _handed_in(self, run: RunId) -> Run:
        found = await self.get(run)
        if mark_of(found) is None:
            raise ImpossibleMove(
                f"Run `{run}` was begun on the command line.", hint=f"`weft resume {run}` goes on.", run=run
            )
        return found

    async def _standing(self, run: RunId, submission: Submission) -> Run | None:
        """The run that a key stands for; `None` if there is none yet."""
        store = self._stores.existing()
        try:
            found = None if store is None else await store.run(run)
        except UnknownName:
            return None
        if found is not None and (mark_of(found) or {}).get("body") != submission.body:
            raise ImpossibleMove(
                "The `Idempotency-Key` stands for another run.", hint="take a new key for a new run.", run=run
            )
        return found

    async def _told(self, plan: Plan, submission: Submission) -> tuple[str, ...]:
        """What is to be told about a run that is handed in."""
        note = ""
        if submission.other_fields != "accept":
            note = await fields_note(self._stores.existing(), plan.spec, plan.request.name)
        if submission.other_fields == "refuse":
            refuse_other_fields(note)
        return (*plan.notes, note) if note else plan.notes

    async def _write_down(self, run_id: RunId, plan: Plan, submission: Submission) -> Run:
        reads_file = plan.spec.table != IN_MEMORY
        run = Run(
            id=run_id,
            spec=marked(plan.spec, submission),
            state=RunState.DRAFTED,
            created_at=self._clock.wall(),
            name=plan.request.name,
            budget=budget_of(plan.settings),
            reason=AGAIN if reads_file and submission.starts else "",
        )
        await self.allowance.check_stated(run.budget)
        if not submission.starts:
            return await self._keep(run, plan, submission)
        async with self.allowance.holding(run):
            return await self._keep(run, plan, submission)

    async def _keep(self, run: Run, plan: Plan, submission: Submission) -> Run:
        """Write a run down, and its rows where they come with it."""
        store = self._stores.open()
        await store.create_run(run)
        if run.spec.table != IN_MEMORY:
            return await store.run(run.id)
        for block in _blocks(plan.rows(), run, plan.prompter, plan.provider):
            await store.add_rows(run.id, block)
        if submission.starts:
            await _move(store, run, RunState.QUEUED)
        return await store.run(run.id)

    async def _go_on(self, found: Run, wanted: Run) -> Run:
        """Let a run go on with the budget that is wanted now."""
        store = self._stores.open()
        await store.wish(found.id, Wish.NONE)
        if wanted != found:
            await store.save_run(found := wanted)
        if found.state in {RunState.STOPPED, RunState.CANCELLED}:
            await self._ask_again(found, RowState.SKIPPED)
        elif found.state in {RunState.PAUSED, RunState.QUEUED} or _reads_file(found):
            await store.save_run(replace(found, reason=AGAIN, message=""))
        elif found.state is RunState.DRAFTED:
            await _move(store, found, RunState.QUEUED)
        return await self.get(found.id)

    async def _ask_again(self, run: Run, state: RowState, *, place: int | None = None) -> int:
        """Let rows of a state wait again, and the run for a worker; return how many rows."""
        async with Owned(self._stores.open(), run.id, self._owner) as (store, epoch):
            count = await store.reopen(run.id, [state], epoch=epoch, place=place)
            if count or state is RowState.SKIPPED:
                await store.move_run(run.id, RunState.RUNNING, epoch=epoch)
                await store.move_run(run.id, RunState.PAUSED, epoch=epoch, reason=AGAIN)
        return count

    def _check_same(self, run: Run, first: int, lines: Sequence[NewRow]) -> None:
        """Refuse rows at places where others stand."""
        stored = self._stores.reading().answer_rows(run.id, after=first - 1)
        for line, (place, cells, _) in zip(lines, stored, strict=False):
            if place == line.place and cells != line.cells:
                raise ImpossibleMove(
                    f"In run `{run.id}` another row stands at {line.place:,} already.",
                    hint="add rows behind the last.",
                    run=run.id,
                )


def _is_half_read(run: Run) -> bool:
    """Whether a crash may have come between a run and the rows that came with it."""
    return run.state is RunState.DRAFTED and run.spec.table == IN_MEMORY


def _reads_file(run: Run) -> bool:
    return run.state is RunState.DRAFTED and run.spec.table != IN_MEMORY


async def _move(store: Store, run: Run, to: RunState) -> None:
    """Move a run that nobody has owned yet; who comes too late leaves it as it is."""
    try:
        await store.move_run(run.id, to, epoch=run.epoch)
    except (RunBusy, ImpossibleMove):
        return


def _blocks(
    rows: Iterable[Row | BrokenRow], run: Run, prompter: Prompter, provider: Provider
) -> Iterator[list[NewRow]]:
    """Rows as they enter the store, each waiting or rejected, in blocks to be written at once."""
    key = key_of(
        prompter.fingerprint,
        provider=run.spec.provider,
        model=run.spec.model,
        options=options_of(provider),
        salt=run.id if run.spec.fresh else "",
    )
    source = iter(rows)
    while block := list(islice(source, BLOCK)):
        yield [line for line, _ in check_rows(block, prompter, columns=run.spec.columns, key=key)]
