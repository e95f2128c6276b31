"""Runs: what was asked for, who works on it, how it stands.

Knows owners, epochs and heartbeats: a run has at most one owner whose writes count (I10).
Refuses to know calls and their money, which `booking.py` books on the same lines.

A heartbeat is a counter, not a time: nobody compares the clocks of two machines (L9). An owner
that is surely dead is followed at once; any other is watched, and followed if its counter stands
still for as long as the caller says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.sqlite import insert as insert_or_change

from weft.errors import RunBusy
from weft.ids import RunId
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.protocols import Standing
from weft.run import Run, RunState, Wish, move_run
from weft.store.book import Book
from weft.store.faults import storable, taken_over
from weft.store.lines import Held, RunLine
from weft.store.reading import Reader
from weft.store.sql import EMPTY, Sql, number
from weft.store.tables import runs
from weft.store.tallying import count_rows, read_run, read_runs, read_unfinished, spec_facts
from weft.store.writing import Writing

LOOKS = 10  # how often a doubtful owner is looked at while it is watched
LOCK_LOOK_S = 0.25  # between two looks at a process that keeps a run's line

_NEW = ("id", "name", "spec", "state", "created_at", "budget_usd", "budget_tokens",
        "epoch", "elapsed_s", "reason", "message")  # fmt: skip
_ZERO = ("spent", "unsure", "reserved", "spent_tokens", "reserved_tokens", "calls", "unknown_calls",
         "input_tokens", "output_tokens", "cached_input_tokens", "beats")  # fmt: skip
NEW_RUN = Sql(
    insert_or_change(runs)
    .values({name: bindparam(name) for name in _NEW} | dict.fromkeys(_ZERO, number(0)) | {"owner": EMPTY})
    .on_conflict_do_nothing(index_elements=["id"]),
    *_NEW,
)
AT_REST = frozenset({RunState.PAUSED, RunState.FINISHED, RunState.STOPPED, RunState.CANCELLED})
"""States in which rows are counted once and the counts kept until a row moves again."""


class RunsPart:
    """The store's memory of runs; see the first half of `weft.protocols.RunStore`."""

    _writer: Writing
    _reader: Reader
    _clock: Clock
    _is_dead: Callable[[str], bool]

    async def create_run(self, run: Run) -> None:
        """Write a new run down; its rows follow by `add_rows`. A run that is there stays as it is."""
        await self._writer.do(partial(_create, run=run))

    async def run(self, run: RunId, *, counted: bool = True) -> Run:
        """Read a run with its tally.

        Args:
            run: which one.
            counted: `False` leaves the counts of its rows at zero, which spares to look at them.

        Raises:
            UnknownName: if there is none.
        """
        return await self._reader.apart(read_run, run, counted)

    async def runs(self, *, limit: int = 50, counted: bool = True) -> list[Run]:
        """Read the newest runs first, with their tallies; `counted` as for `run`."""
        return await self._reader.apart(read_runs, limit, counted)

    async def save_run(self, run: Run) -> None:
        """Write name, budget, state, reason, message, elapsed time of a run that is not live,
        or whose epoch is this one.

        Raises:
            RunBusy: if another epoch is at work on it.
            ImpossibleMove: if its state may not become this one.
            UnknownName: if there is none.
        """  # noqa: D205 - the words of the protocol
        await self._writer.do(partial(_save, run=run))

    async def move_run(
        self, run: RunId, to: RunState, *, epoch: int, reason: str = "", message: str = ""
    ) -> None:
        """Move a run's state by the table of moves; to stay where it is changes the reason only.

        Raises:
            ImpossibleMove: if the table does not allow it.
            RunBusy: if a later epoch owns the run.
        """
        await self._writer.do(partial(_move, run=run, to=to, epoch=epoch, why=(reason, message)))

    async def take_over(
        self, run: RunId, *, owner: str, stale_after_s: float, told: Callable[[str], None] | None = None
    ) -> int:
        """Become the owner; return the new epoch.

        Returns at once where nobody owns it, where this owner does, or where the owner is surely
        dead; otherwise watches its heartbeat for up to `stale_after_s`.

        Raises:
            RunBusy: if another owner's heartbeat has moved within `stale_after_s`.
        """
        give_up = self._clock.monotonic() + stale_after_s
        seen: Held | None = None
        while True:
            may_follow = seen if self._clock.monotonic() >= give_up else None
            held = await self._take(run, owner=owner, over=may_follow)
            if isinstance(held, int):
                return held
            if seen is None and self._is_dead(held[0]):
                give_up = self._clock.monotonic()
            elif seen is not None and held != seen:
                raise _busy(run, held)
            else:
                if seen is None and told is not None:
                    told(_holder(held))
                await self._clock.sleep(stale_after_s / LOOKS)
            seen = held

    async def unfinished(self, *, reason: str) -> list[Standing]:
        """Runs that are drafted, queued, running or paused for no reason or for this one, oldest first."""
        return await self._reader.apart(read_unfinished, reason)

    async def claim(self, run: RunId, *, owner: str, over: Standing | None = None) -> int:
        """Become the owner at once, or not at all; return the new epoch.

        Raises:
            RunBusy: if somebody else owns it; nothing is changed.
        """
        seen = None if over is None else (over.owner, over.beats, over.epoch)
        held = await self._take(run, owner=owner, over=seen)
        if isinstance(held, int):
            return held
        raise _busy(run, held)

    async def _take(self, run: RunId, *, owner: str, over: Held | None) -> int | Held:
        """Take a run, also from a process that froze in the middle of a transaction and keeps its line.

        Looks first, for a look waits for nobody; an owner who may not be followed is left alone.
        """
        held = (await self._reader.apart(Reader.run, run)).held
        if not _is_free(held, owner, over):
            return held
        keeper = None
        while keeper := await self._reader.apart(_keeper, run, held, keeper):
            await self._clock.sleep(LOCK_LOOK_S)
        return await self._writer.do(partial(_take, run=run, owner=owner, over=over))

    async def wish(self, run: RunId, wish: Wish) -> bool:
        """Ask whoever is at work on a run for something; whether there is somebody who may hear it.

        Where nobody is, nothing is written. `Wish.NONE` takes a wish back.

        Raises:
            UnknownName: if there is no such run.
        """
        return await self._writer.do(partial(_wish, run=run, wish=wish, is_dead=self._is_dead))

    async def beat(self, run: RunId, *, epoch: int, elapsed_s: float) -> Wish:
        """Show that the owner lives, and book the run's working time so far; hear what is wished of it.

        Raises:
            RunBusy: if a later epoch owns the run.
        """
        return await self._writer.do(partial(_beat, run=run, epoch=epoch, elapsed_s=elapsed_s))

    async def let_go(self, run: RunId, *, epoch: int) -> None:
        """Give the ownership up, so that the next owner need not wait; too late is no error."""
        await self._writer.do(partial(_let_go, run=run, epoch=epoch))


# ── the operations ───────────────────────────────────────────────────────────────────────────────


def owned(book: Book, run: RunId, epoch: int) -> RunLine:
    """Read a run's line for a writer of this epoch.

    Raises:
        RunBusy: if another epoch owns the run.
        UnknownName: if there is none.
    """
    line = book.run(run)
    if line.epoch != epoch:
        raise taken_over(run, epoch=epoch, now=line.epoch)
    return line


def _create(book: Book, *, run: Run) -> None:
    budget = run.budget
    book.execute(
        NEW_RUN,
        (
            run.id, storable(run.name), plain_json.dump(spec_facts(run.spec)).decode(),
            run.state.value, run.created_at, None if budget.usd is None else int(budget.usd), budget.tokens,
            run.epoch, run.elapsed_s, storable(run.reason), storable(run.message),
        ),
    )  # fmt: skip


def _save(book: Book, *, run: Run) -> None:
    line = book.run(run.id)
    if line.owner and line.epoch != run.epoch:
        raise taken_over(run.id, epoch=run.epoch, now=line.epoch)
    if line.state is not run.state:
        line.state = move_run(line.state, run.state)
    line.name, line.reason, line.message = storable(run.name), storable(run.reason), storable(run.message)
    line.budget_usd = None if run.budget.usd is None else int(run.budget.usd)
    line.budget_tokens, line.elapsed_s = run.budget.tokens, run.elapsed_s
    if not line.owner:
        line.wish = Wish.NONE
    book.tell(line)


def _move(book: Book, *, run: RunId, to: RunState, epoch: int, why: tuple[str, str]) -> None:
    line = owned(book, run, epoch)
    if line.state is not to:
        line.state = move_run(line.state, to)
    line.reason, line.message = storable(why[0]), storable(why[1])
    if to in AT_REST or not line.owner:
        line.wish = Wish.NONE
    if to in AT_REST and line.counted is None:
        book.flush()
        line.counted = count_rows(book.execute, line).text
    book.tell(line, at_rest=to in AT_REST)


def _take(book: Book, *, run: RunId, owner: str, over: Held | None) -> int | Held:
    line = book.run(run)
    if not _is_free(line.held, owner, over):
        return line.held
    line.owner = owner
    line.epoch += 1
    book.touch(line)
    return line.epoch


def _is_free(held: Held, owner: str, over: Held | None) -> bool:
    return held[0] in ("", owner) or held == over


def _keeper(reader: Reader, run: RunId, held: Held, before: Any) -> Any:
    return reader.keeper(run, held, before)


def _wish(book: Book, *, run: RunId, wish: Wish, is_dead: Callable[[str], bool]) -> bool:
    line = book.run(run)
    hears = bool(line.owner) and not is_dead(line.owner)
    if line.wish != wish and (hears or not wish):
        line.wish = wish
        book.tell(line)
    return hears


def _beat(book: Book, *, run: RunId, epoch: int, elapsed_s: float) -> Wish:
    line = owned(book, run, epoch)
    line.beats += 1
    line.elapsed_s = elapsed_s
    book.touch(line)
    return Wish(line.wish)


def _let_go(book: Book, *, run: RunId, epoch: int) -> None:
    line = book.run(run)
    if line.epoch == epoch:
        line.owner, line.wish = "", Wish.NONE
        book.tell(line)


def _holder(held: Held) -> str:
    place = held[0].split("|")
    return f"process {place[1]} on `{place[0].split('/')[0]}`" if len(place) > 1 else f"`{held[0]}`"


def _busy(run: RunId, held: Held) -> RunBusy:
    return RunBusy(
        f"Run `{run}` is held by {_holder(held)}, which is at work on it.",
        hint="wait for it, or stop that process first.",
        run=run,
        owner=held[0],
        epoch=held[2],
    )
