"""Walks a run through the eight stops; pauses, resumes, cancels.

    1 read · 2 check · 3 recall · 4 pack · 5 admit · 6 ask · 7 unpack, mend · 8 settle

Knows the order of things and what brings a run to rest. Every rule lives at its stop.
Whatever happens to the process, the store knows enough to go on from here.
Refuses to know files, templates, providers and people.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice

from weft.engine.admitting import Gate
from weft.engine.asking import stopped
from weft.engine.checking import check_rows
from weft.engine.estimating import Projection, judge, options_of
from weft.engine.executors.local import LocalExecutor
from weft.engine.feeding import Feeder
from weft.engine.holding import Held
from weft.engine.pacing import Circuit, Pacer, Width
from weft.engine.packing import pack_rows
from weft.engine.recalling import key_of
from weft.engine.recovering import recover
from weft.engine.spending import Spending
from weft.engine.trip import Gear, Trip, pack_limits
from weft.engine.walking import Walker
from weft.errors import (
    BudgetExceeded,
    Cancelled,
    DiskFull,
    Halt,
    Outage,
    Refusal,
    RunBusy,
    StoreBusy,
    TooManyFailures,
    UnknownPrice,
    WeftError,
    WrongModel,
)
from weft.events import LaneWaiting, RowsRead, RunEnded, RunHeld, RunStarted
from weft.money import Usd
from weft.protocols import Executor, NewRow
from weft.row import BrokenRow, Row, RowState
from weft.run import Run, RunState, Tally, Wish

BLOCK = 1000  # rows written at once while a table is read
BLOCKS_AHEAD = 4  # of those, how many may wait for the disk while the next is read
BEAT_S = 5.0  # seconds between two signs of life
STALE_AFTER_S = 30.0  # six missed beats: the owner is taken for dead
CROWDED = 16  # calls at once from which the disk, not the provider, may be what they wait for
ROUNDS = 100  # looks at the waiting rows before we own up to a fault of our own


class Runner:
    """One run, from its rows to its rest."""

    def __init__(self, run: Run, gear: Gear, *, executor: Executor | None = None) -> None:
        """Take everything that a run needs in hand; nothing happens yet."""
        self._run = run
        self._gear = gear
        self._prompter = gear.prompter
        self._provider = gear.provider
        self._store = gear.store
        self._settings = gear.settings
        self._clock = gear.clock
        self._executor = executor or LocalExecutor()
        self._held = Held()
        self._epoch: int | None = None
        self._before_s = 0.0
        self._began_s = gear.clock.monotonic()
        self._gate: Gate | None = None
        self._ending: RunState | None = None
        self._heard = Wish.NONE
        self._recover: Callable[[], Awaitable[None]] | None = None
        self._walk_task: asyncio.Task[None] | None = None

    # ── stops 1 to 3: rows into the store ────────────────────────────────────────────────────────

    async def take_in(self, rows: Iterable[Row | BrokenRow]) -> None:
        """Read and check every row and write it down, waiting or rejected.

        Asks nobody. May be repeated after a crash: rows that are there stay as they are.

        Raises:
            Cancelled: if another process wished so; the run is drafted still, or cancelled.
        """
        epoch = await self._own()
        heart = asyncio.ensure_future(self._beat(epoch))  # a large table takes longer than our silence may
        try:
            await self._read(rows)
        finally:
            heart.cancel()
        if self._heard:
            await self._rest_unread(epoch)
            raise stopped()
        await self._store.move_run(self._run.id, RunState.QUEUED, epoch=epoch)

    async def _read(self, rows: Iterable[Row | BrokenRow]) -> None:
        source, count, rejected = iter(rows), 0, 0
        written: deque[asyncio.Task[None]] = deque()
        try:
            while not self._heard and (block := await self._next_block(source)):
                count += len(block)
                rejected += [row.state for row in block].count(RowState.REJECTED)
                if len(written) == BLOCKS_AHEAD:
                    await written.popleft()
                written.append(asyncio.ensure_future(self._store.add_rows(self._run.id, block)))
                self._tell(RowsRead(run=self._run.id, rows=count, rejected=rejected))
                await asyncio.sleep(0)  # let the writer work while the next block is read
            while written:
                await written.popleft()
        finally:
            for each in written:
                each.cancel()  # nobody waits any more; the store finishes what was begun
            await asyncio.gather(*written, return_exceptions=True)

    async def _next_block(self, source: Iterable[Row | BrokenRow]) -> list[NewRow]:
        return (
            await asyncio.to_thread(self._checked, source)
            if self._prompter.is_confined
            else self._checked(source)
        )

    def _checked(self, source: Iterable[Row | BrokenRow]) -> list[NewRow]:
        spec = self._run.spec
        key = key_of(
            self._prompter.fingerprint,
            provider=spec.provider,
            model=spec.model,
            options=options_of(self._provider),
            salt=self._run.id if spec.fresh else "",
        )
        found = check_rows(list(islice(source, BLOCK)), self._prompter, columns=spec.columns, key=key)
        self._held.hold(found)
        return [line for line, _ in found]

    # ── stops 3 to 8 ─────────────────────────────────────────────────────────────────────────────

    async def walk(self) -> Run:
        """Ask about every waiting row, until the run comes to rest.

        Trouble with the provider, the budget or the disk is not raised: the run's state, reason and
        message say it. Raises only for what the asker must change before anything can be asked.

        Returns:
            The run at rest: finished, paused, stopped or cancelled.

        Raises:
            RunBusy: if another living process owns it.
            UnknownPrice: if there is a budget in USD and no known price.
        """
        if self._run.budget.usd is not None and self._provider.price is None:
            raise UnknownPrice(
                f"The price of `{self._provider.name}/{self._provider.model}` is unknown, so a budget in USD cannot "
                "be kept.",
                hint="state its price in a file and name it with --prices, or set --budget-tokens instead.",
            )
        epoch = await self._own()
        await self._store.move_run(self._run.id, RunState.RUNNING, epoch=epoch)
        heart = asyncio.ensure_future(self._beat(epoch))
        error: WeftError | None = None
        try:
            self._walk_task = asyncio.ensure_future(self._walk(epoch))
            await self._walk_task
        except (Halt, Outage, Refusal, WrongModel) as exc:
            error = exc
        except asyncio.CancelledError:
            if self._ending is None:
                raise  # somebody cancelled us from outside: the store is in order, go
            error = stopped()
        finally:
            heart.cancel()
        return await self._rest(epoch, error)

    async def _walk(self, epoch: int) -> None:
        gear, settings = self._gear, self._settings
        with gear.paces.shared(gear.account, rpm=settings.rpm, tpm=settings.tpm) as pacer:
            await self._walk_at(pacer, epoch)

    async def _walk_at(self, pacer: Pacer, epoch: int) -> None:
        run = await self._store.run(self._run.id, counted=False)
        trip = self._trip(epoch, run.tally, pacer)
        limits = pack_limits(self._settings, self._prompter, self._provider)
        feeder = Feeder(trip, run.spec.columns, limits)
        walker = Walker(trip, feeder.shrink)
        self._recover = partial(recover, trip, walker, run.spec.columns)
        await self._recover()
        if self._ending is not None:
            raise stopped()
        if await self._store.recall(run.id, epoch=epoch):
            self._held = Held()  # some of them are answered now; the store knows which
        tally = (await self._store.run(run.id)).tally
        packs = await self._project(trip, run.spec.columns, tally)
        self._tell(RunStarted(run=run.id, tally=tally, packs=packs))
        for _ in range(ROUNDS):
            if not tally.waiting:
                return
            held, self._held = self._held, Held()
            await self._executor.walk_all(feeder.packs(held), walker.walk, width=self._walkers)
            tally = (await self._store.run(run.id)).tally
        raise RuntimeError(f"{tally.waiting} rows of run {run.id} still wait after {ROUNDS} rounds")

    def _trip(self, epoch: int, tally: Tally, pacer: Pacer) -> Trip:
        settings = self._settings
        spending = Spending(
            self._run.budget, spent=tally.spent or Usd(0), tokens=tally.input_tokens + tally.output_tokens
        )
        self._gate = Gate(
            pacer=pacer,
            width=Width(settings.concurrency),
            circuit=Circuit(settings.circuit_failures, settings.circuit_open_s),
            spending=spending,
            clock=self._clock,
            told=lambda reason, wait: self._tell(LaneWaiting(run=self._run.id, reason=reason, wait_s=wait)),
        )
        if self._ending is not None:
            self._gate.close()
        return Trip(
            run=self._run.id,
            epoch=epoch,
            gear=self._gear,
            gate=self._gate,
            last_good_s=self._clock.monotonic(),
        )

    async def _project(self, trip: Trip, columns: Sequence[str], tally: Tally) -> int:
        """Count the calls to come; with a budget, price them, and refuse what it cannot hold.

        Without a budget the count is by rows alone: pricing means rendering every row once more.
        """
        limits = pack_limits(self._settings, self._prompter, self._provider)
        if not self._run.budget.is_limited:
            return -(-tally.waiting // limits.rows)
        projection = Projection(self._prompter, self._provider, self._settings.reasoning_tokens)
        rows = Feeder(trip, columns, limits).preview()
        async for pack in pack_rows(rows, limits, row_output_tokens=self._prompter.row_output_tokens):
            projection.add(pack)
        spending = trip.gate.spending
        _, errors = judge(projection, self._run.budget, spent=spending.spent, tokens=spending.tokens)
        if errors and not self._settings.until_budget:
            raise BudgetExceeded(
                " ".join(errors),
                hint="raise the budget, take fewer rows with --limit, or spend what there is with --until-budget.",
                limit=self._run.budget.usd,
                projected=projection.usd,
            )
        return projection.calls

    @property
    def _walkers(self) -> int:
        """Packs on their way: of many, some are asked about while the others are written down."""
        concurrency = self._settings.concurrency
        return 2 * concurrency if concurrency >= CROWDED else concurrency

    async def reopen(self, states: Sequence[RowState], *, place: int | None = None) -> int:
        """Let failed or skipped rows wait again, all of them or the one at a place; return how many."""
        return await self._store.reopen(self._run.id, states, epoch=await self._own(), place=place)

    # ── being stopped ────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """Send nothing more; answers in flight are awaited for `grace_s`, rows wait for a resume."""
        self._stop(RunState.PAUSED)

    def cancel(self) -> None:
        """Like `pause`, and then skip the rows that are left."""
        self._stop(RunState.CANCELLED)

    def _stop(self, ending: RunState) -> None:
        first = self._ending is None
        self._ending = ending
        if self._gate is not None:
            self._gate.close()
        if first and self._walk_task is not None:
            self._grace = asyncio.ensure_future(self._end_of_grace(self._walk_task))

    async def _end_of_grace(self, walk: asyncio.Task[None]) -> None:
        await self._clock.sleep(self._settings.grace_s)
        walk.cancel()

    # ── ownership and rest ───────────────────────────────────────────────────────────────────────

    async def _own(self) -> int:
        if self._epoch is None:
            self._epoch = await self._store.take_over(
                self._run.id, owner=self._gear.owner, stale_after_s=STALE_AFTER_S, told=self._held_by
            )
            self._began_s = self._clock.monotonic()  # to wait for another process is no work
            self._before_s = (await self._store.run(self._run.id, counted=False)).elapsed_s
        return self._epoch

    def _held_by(self, holder: str) -> None:
        self._tell(RunHeld(run=self._run.id, holder=holder, wait_s=STALE_AFTER_S))

    async def _beat(self, epoch: int) -> None:
        """Show that this process lives; a store that is full or busy is told and tried again."""
        while True:
            try:
                self._heed(await self._store.beat(self._run.id, epoch=epoch, elapsed_s=self._elapsed_s))
            except (DiskFull, StoreBusy) as error:
                self._tell(LaneWaiting(run=self._run.id, reason=error.code, wait_s=BEAT_S))
            except RunBusy:  # another process has taken the run over: whatever is written next says so
                if self._gate is not None:
                    self._gate.close()
                return
            await self._clock.sleep(BEAT_S)

    def _heed(self, wish: Wish) -> None:
        """Do what another process wants of this run."""
        if wish and (self._ending is None or wish is Wish.CANCEL):  # a pause may still become an end
            self._heard = wish
            self._stop(RunState.CANCELLED if wish is Wish.CANCEL else RunState.PAUSED)

    @property
    def _elapsed_s(self) -> float:
        return self._before_s + self._clock.monotonic() - self._began_s

    async def _rest(self, epoch: int, error: WeftError | None) -> Run:
        """Bring the run to the state that its ending asks for, and let go of it."""
        state, run_id = self._state_after(error), self._run.id
        if state is RunState.CANCELLED:
            error = Cancelled("The run was cancelled.", hint="resume it with `weft resume`.")
        reason, message = ("", "") if error is None else (error.code, str(error))
        if state is RunState.PAUSED and self._heard is Wish.PAUSE:
            reason, message = Wish.PAUSE.reason, ""
        if state in {RunState.STOPPED, RunState.CANCELLED}:
            assert error is not None  # nothing stops without a reason
            await self._end_open_calls()
            await self._store.skip_waiting(run_id, epoch=epoch, code=error.code, problem=error.message)
        await asyncio.gather(  # in this order, and in one transaction where the store joins them
            self._store.beat(run_id, epoch=epoch, elapsed_s=self._elapsed_s),
            self._store.move_run(run_id, state, epoch=epoch, reason=reason, message=message),
            self._store.let_go(run_id, epoch=epoch),
        )
        run = await self._store.run(run_id)
        self._tell(
            RunEnded(
                run=run_id,
                state=state,
                reason=reason,
                message=message,
                tally=run.tally,
                elapsed_s=run.elapsed_s,
            )
        )
        return run

    async def _rest_unread(self, epoch: int) -> None:
        """Leave a run whose table was being read, as another process wished."""
        run = await self._store.run(self._run.id, counted=False)
        if self._heard is Wish.PAUSE:
            await self._store.save_run(replace(run, reason=Wish.PAUSE.reason, message=""))
            return
        error = stopped()
        await self._store.skip_waiting(run.id, epoch=epoch, code=error.code, problem=error.message)
        await self._store.move_run(
            run.id, RunState.CANCELLED, epoch=epoch, reason=error.code, message=str(error)
        )

    async def _end_open_calls(self) -> None:
        """Bring calls to rest whose replies were being read when the run was stopped."""
        for _ in await self._store.open_calls(self._run.id) if self._recover is not None else ():
            assert self._recover is not None  # as above
            with suppress(Halt, Outage, Refusal, WrongModel):  # one of them is settled; on to the others
                return await self._recover()
        return None

    def _state_after(self, error: WeftError | None) -> RunState:
        if error is None:
            return RunState.FINISHED
        if isinstance(error, Cancelled):
            return self._ending or RunState.PAUSED
        if isinstance(error, BudgetExceeded | TooManyFailures):
            return RunState.STOPPED
        return RunState.PAUSED

    def _tell(self, event: RunHeld | RowsRead | RunStarted | LaneWaiting | RunEnded) -> None:
        for listener in self._gear.listeners:
            listener.hear(event)
