"""The desk for runs: start, resume, estimate, look at, export.

Knows which stored run continues what is asked for, and what may differ when it goes on.
Refuses to know how a row is asked about (`engine/`) and how a run is shown (`cli/`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from random import Random

from weft.app.exporting import ExportRequest, check_target, rows_for, write_export
from weft.app.planning import Planner
from weft.app.recording import Recorded, prepare_folder, write_records
from weft.app.requesting import Plan, RunRequest, budget_of, check_price, larger_budget
from weft.app.resuming import changed_since, changed_table, find_run, find_unfinished, reopen_skipped
from weft.app.stores import Stores
from weft.app.targeting import fields_note
from weft.engine.estimating import estimate_rows
from weft.engine.pacing import Paces
from weft.engine.runner import Runner
from weft.engine.trip import Gear
from weft.errors import Cancelled, Halt, ImpossibleMove, Mistake
from weft.ids import RunId, draw, new_run_id
from weft.kit.clocks import Clock
from weft.kit.interpreter import tuned
from weft.money import Budget
from weft.protocols import Listener, Prompter, Provider, Standing
from weft.row import BrokenRow, Outcome, Row, RowState
from weft.run import Estimate, Run, RunState
from weft.settings import Settings
from weft.store.owners import this_owner
from weft.tables.writing import Written

SAMPLED = 20_000  # rows from which the rest of a run is projected: about a second
UNENDED = (RowState.WAITING, RowState.ASKED, RowState.SKIPPED)


STOP_ROWS = 200  # rows read between two looks whether the run was stopped: well below a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A run that is ready to be walked.

    Attributes:
        run: as it stands in the store.
        settings: pace and patience for this life of the run.
        rows: reads the table from the start; `None` where all rows are in the store.
        resumed: the run was begun earlier.
        notes: what was found or repaired while the table was opened.
        keys: names of the kept keys that its provider was given.
    """

    run: Run
    prompter: Prompter
    provider: Provider
    settings: Settings
    rows: Callable[[], Iterator[Row | BrokenRow]] | None = None
    resumed: bool = False
    notes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class RunsDesk:
    """Everything that can be done with runs."""

    def __init__(self, planner: Planner, stores: Stores, *, clock: Clock, random: Random) -> None:
        """Work with these stores; nothing is opened yet."""
        self._planner = planner
        self._stores = stores
        self._clock = clock
        self._random = random
        self._owner = this_owner(draw(random, 6))
        self._runner: Runner | None = None
        self._stopped = False

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def estimate(
        self, request: RunRequest, *, per_row: bool = False, most_s: float | None = None
    ) -> Estimate:
        """Project what a run would take; asks nobody and writes nothing, not even a new store.

        Idempotent. Remembered answers count only if the store is there already.

        Args:
            request: what would be asked.
            per_row: tell each row's share too.
            most_s: seconds after which it is given up; `None` = as long as it takes.

        Raises:
            Mistake: of every kind that the asker can make; or if it takes longer.
        """
        plan = self._planner.plan(request, asks=False)
        store = self._stores.existing()
        found = await estimate_rows(
            plan.rows() if most_s is None else self._within(plan.rows(), most_s),
            prompter=plan.prompter,
            provider=plan.provider,
            settings=plan.settings,
            known=None if store is None or request.fresh else store.known,
            per_row=per_row,
        )
        note = await fields_note(store, plan.spec, request.name)
        return replace(found, warnings=(*found.warnings, note)) if note else found

    async def prepare(self, request: RunRequest) -> Errand:
        """Find the unfinished run that this continues, or write a new one down. Asks nobody.

        A run continues if table, contents, columns, template, model, options and limit are the same.
        The budget is the one that is asked for now, or none.

        Raises:
            Mistake: of every kind that the asker can make; nothing is written then.
        """
        await self._planner.load_keys()
        plan = self._planner.plan(request)
        await self._planner.note_keys()
        store = self._stores.open()
        budget = budget_of(plan.settings)
        found = await find_unfinished(store, plan.spec)
        if found is not None:
            return _errand(plan, await self._reopen(found, budget), resumed=True)
        run = Run(
            id=new_run_id(self._random),
            spec=plan.spec,
            state=RunState.DRAFTED,
            created_at=self._clock.wall(),
            name=request.name,
            budget=budget,
        )
        told = await changed_since(store, plan.spec)
        await store.create_run(run)
        return _errand(replace(plan, notes=(*plan.notes, told)) if told else plan, run, resumed=False)

    async def prepare_resume(self, name: str | None = None, *, as_begun: bool = False) -> Errand:
        """Take up a run that did not finish: the newest one, or one by its id or name.

        Everything comes from the store; the table's file is only needed while its rows are being
        read. A budget among the settings, if given, replaces the old one.

        Args:
            name: id, beginning of an id, or name; `None` = the newest unfinished run.
            as_begun: go on with the template as it was, even if its file has changed since.

        Raises:
            UnknownName: if there is no such run.
            ImpossibleMove: if it is finished.
            ChangedSpec: if what it was asked for has changed; the difference is shown.
        """
        store = self._stores.open()
        run = await find_run(store, name, unfinished=True)
        if run.state is RunState.FINISHED:
            raise ImpossibleMove(
                f"Run `{run.id}` is finished.",
                hint=f"`weft export {run.id} --out FILE` writes it; `weft run` starts a new one.",
                run=run.id,
            )
        self._planner.check_unchanged(run, as_begun=as_begun)
        await self._planner.load_keys()
        prompter, provider = self._planner.again(run.spec)
        keys = await self._planner.note_keys()
        budget = run.budget
        if {"budget_usd", "budget_tokens"} & self._planner.surroundings.given:
            budget = budget_of(self._planner.surroundings.settings)
        check_price(provider, budget, base_url=run.spec.base_url)
        rows = None
        if run.state is RunState.DRAFTED:  # a large file takes a second to read, and others have questions
            rows = await asyncio.to_thread(self._planner.rows_again, run)
        run = await self._reopen(run, budget)
        settings = self._planner.settings_again(run.spec)
        changed = await asyncio.to_thread(changed_table, run.spec) if rows is None else ""
        return Errand(
            run=run,
            prompter=prompter,
            provider=provider,
            settings=settings,
            rows=rows,
            resumed=True,
            notes=(changed,) if changed else (),
            keys=keys,
        )

    async def needed_budget(self, run: Run) -> Budget:
        """The budget that surely holds the rest of a run, in the kinds of limit that it has.

        Spent so far plus the upper bound of all rows without an end, which is projected from the
        first `SAMPLED` of them. Asks nobody and writes nothing.

        Raises:
            ChangedSpec: if this version of weft would prompt differently.
        """
        prompter, provider = self._planner.again(run.spec, asks=False)
        store = self._stores.reading()
        rest = run.tally.waiting + run.tally.skipped
        open_rows = islice(store.outcomes(run.id, states=UNENDED), SAMPLED)
        found = await estimate_rows(
            (Row(each.place, each.line, each.cells) for each in open_rows),
            prompter=prompter,
            provider=provider,
            settings=self._planner.settings_again(run.spec),
            known=None if run.spec.fresh else store.known,
        )
        return larger_budget(run, found, share=max(1.0, rest / SAMPLED))

    @asynccontextmanager
    async def claimed(self, run: RunId, *, over: Standing | None = None) -> AsyncIterator[None]:
        """Own a run from now to the end of the block, so that nobody else prepares it too.

        Args:
            run: which one.
            over: its owner as it was seen, which is gone; `None` = it has none.

        Raises:
            RunBusy: if somebody else is at work on it; at once, and nothing is changed.
        """
        store = self._stores.open()
        epoch = await store.claim(run, owner=self._owner, over=over)
        try:
            yield
        finally:
            await store.let_go(run, epoch=epoch)  # too late is no error: it was walked to its rest

    async def walk(
        self, errand: Errand, listeners: Sequence[Listener] = (), *, paces: Paces | None = None
    ) -> Run:
        """Read, recall, ask and settle until the run comes to rest.

        Args:
            errand: what is to be walked.
            listeners: hear every event.
            paces: shared by runs that ask at the same account; `None` = no other run does.

        Trouble with the provider, the budget or the disk is not raised: state, reason and message
        of the run say it.

        Raises:
            RunBusy: if another living process owns the run.
            UnreadableTable: if the table breaks off; what was read stays.
            Cancelled: if it is stopped while rows are being read; the run can be resumed.
        """
        store = self._stores.open()
        gear = Gear(
            prompter=errand.prompter,
            provider=errand.provider,
            store=store,
            settings=errand.settings,
            clock=self._clock,
            random=self._random,
            owner=self._owner,
            listeners=listeners,
            paces=paces or Paces(),
            account=self._planner.account(errand.run.spec),
        )
        self._runner = Runner(errand.run, gear)
        if self._stopped:
            self._runner.pause()
        try:
            with tuned():
                if errand.run.state is RunState.DRAFTED and errand.rows is not None:
                    await self._take_in(errand.run, errand.rows())
                return await self._runner.walk()
        finally:
            self._runner = None
            await errand.provider.close()

    def stop(self) -> None:
        """Send nothing more; answers in flight are awaited, and the run can be resumed."""
        self._stopped = True
        if self._runner is not None:
            self._runner.pause()

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def get(self, name: str | None = None) -> Run:
        """A run by its id, the beginning of its id, or its name; the newest one for `None`.

        Raises:
            UnknownName: if there is none.
        """
        return await find_run(self._stores.reading(), name)

    async def newest(self, limit: int = 20) -> list[Run]:
        """The newest runs first; none where there is no store yet."""
        store = self._stores.existing()
        return [] if store is None else await store.runs(limit=limit)

    def outcomes(self, run: Run, states: Sequence[RowState] = ()) -> Iterator[Outcome]:
        """How every row of a run stands, in the order of the table; memory does not grow with it."""
        return self._stores.reading().outcomes(run.id, states=states)

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    def export(self, run: Run, request: ExportRequest) -> Written:
        """Write a run's rows into a file or a stream, in the order of its table.

        Idempotent: repeating it writes the same bytes.

        Raises:
            RunBusy: if rows still wait and `partial` was not asked for.
            UnwritableFile: if the file cannot be written; an old one is as it was.
        """
        check_target(request, run.spec.table)
        return write_export(run, rows_for(request, self._stores.reading(), run.id), request)

    def record(self, run: Run, folder: Path) -> Iterator[Recorded]:
        """Write a JSON record for every row that has ended, below a folder; yields each.

        Raises:
            UnwritableFile: if the folder cannot be made or a file cannot be written.
        """
        prompter = self._planner.prompter_again(run.spec)
        return write_records(run, self.outcomes(run), prompter, folder=prepare_folder(folder))

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _take_in(self, run: Run, rows: Iterator[Row | BrokenRow]) -> None:
        """Read the table into the store; give the run up for others if it breaks off."""
        assert self._runner is not None  # `walk` has made it
        try:
            await self._runner.take_in(self._until_stopped(rows, run))
        except (Mistake, Halt):
            store = self._stores.open()
            await store.let_go(run.id, epoch=(await store.run(run.id)).epoch)
            raise

    def _within(self, rows: Iterator[Row | BrokenRow], most_s: float) -> Iterator[Row | BrokenRow]:
        give_up, seen = self._clock.monotonic() + most_s, 0
        while block := list(islice(rows, STOP_ROWS)):
            if self._clock.monotonic() > give_up:
                raise Mistake(
                    f"A projection takes at most {most_s:.0f} s; {seen:,} rows were looked at by then.",
                    hint=f"project the first of them with a limit, such as {seen // 2:,}.",
                )
            yield from block
            seen += len(block)

    def _until_stopped(self, rows: Iterator[Row | BrokenRow], run: Run) -> Iterator[Row | BrokenRow]:
        return chain.from_iterable(self._blocks_until_stopped(rows, run))

    def _blocks_until_stopped(
        self, rows: Iterator[Row | BrokenRow], run: Run
    ) -> Iterator[list[Row | BrokenRow]]:
        while block := list(islice(rows, STOP_ROWS)):
            if self._stopped:
                raise Cancelled(
                    "The run was stopped while its table was being read; nothing was asked.",
                    hint=f"`weft resume {run.id}` goes on.",
                    run=run.id,
                )
            yield block

    async def _reopen(self, run: Run, budget: Budget) -> Run:
        """Take a run up again: with the budget as it is now, and skipped rows waiting."""
        store = self._stores.open()
        if budget != run.budget:
            await store.save_run(replace(run, budget=budget))
        await reopen_skipped(store, run, owner=self._owner)
        return await store.run(run.id)


def _errand(plan: Plan, run: Run, *, resumed: bool) -> Errand:
    return Errand(
        run=run,
        prompter=plan.prompter,
        provider=plan.provider,
        settings=plan.settings,
        rows=plan.rows if run.state is RunState.DRAFTED else None,
        resumed=resumed,
        notes=plan.notes,
    )
