"""Rows: how they enter, wait, end outside of calls and are asked again.

Knows that a row which is in a call that was sent is `asked`, although its stored state is
`waiting`: so a crash leaves nothing to repair. Refuses to know calls' money.
Long stretches are written in pieces, each a transaction, so that answers in hand need not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import bindparam, func, null, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_change

from weft.call import RowEnd
from weft.errors import ImpossibleMove
from weft.ids import RowKey, RunId
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.protocols import NewRow, WaitingRow
from weft.row import MOVES, RowState
from weft.store.answers import FOUND, LAST_SPOT, SHORT, Pointer, is_intact, source
from weft.store.book import END_ROW, Book
from weft.store.faults import storable
from weft.store.lines import RunLine
from weft.store.reading import Reader
from weft.store.runs import owned
from weft.store.sql import EMPTY, Sql, blob, number
from weft.store.tables import ROW_CODES, answers, cells, rows
from weft.store.tallying import asked_places
from weft.store.writing import Writing

ADD_ROWS = 5_000  # rows of one transaction, about 20 ms
CHANGE_ROWS = 50_000  # places of one sweeping change

_CELLS = tuple(cells.c.keys())
ADD_CELLS = Sql(
    insert_or_change(cells)
    .values({name: bindparam(name) for name in _CELLS})
    .on_conflict_do_nothing(index_elements=["spot"]),
    *_CELLS,
)
_ROW = ("spot", "key", "state", "problem", "problem_code")
_untouched = insert_or_change(rows).values(
    {name: bindparam(name) for name in ("spot", "key")}
    | dict.fromkeys(("state", "cost", "input_tokens", "output_tokens", "attempts", "recalled"), number(0))
    | dict.fromkeys(("problem", "problem_code"), EMPTY)
)
ADD_WAITING = Sql(_untouched.on_conflict_do_nothing(index_elements=["spot"]), "spot", "key")
"""A row that waits, as nearly all do when they enter."""
ADD_ROW = Sql(
    _untouched.values({name: bindparam(name) for name in _ROW}).on_conflict_do_nothing(
        index_elements=["spot"]
    ),
    *_ROW,
)
WAITING = Sql(
    select(
        rows.c.spot, cells.c.line, cells.c.cells, rows.c.key, rows.c.attempts, *FOUND
    )
    .select_from(
        rows.join(cells, cells.c.spot == rows.c.spot)
        .outerjoin(answers, answers.c.short == func.substr(rows.c.key, number(1), number(SHORT)))
        .outerjoin(source, source.c.spot == answers.c.spot)
    )
    .where(rows.c.spot > bindparam("after"), rows.c.spot < bindparam("end"), rows.c.state == number(0))
    .order_by(rows.c.spot)
    .limit(bindparam("limit"))
    .offset(number(0)),
    "after", "end", "limit",
)  # fmt: skip
SKIP = Sql(
    update(rows)
    .values(
        state=number(ROW_CODES[RowState.SKIPPED]), problem=bindparam("problem"), problem_code=bindparam("code")
    )
    .where(rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end"), rows.c.state == number(0))
    .returning(rows.c.spot),
    "problem", "code", "first", "end",
)  # fmt: skip
REOPEN = {
    state: Sql(
        # A row that failed for its answers gets all its tries again; the calls keep the history.
        update(rows)
        .values(
            state=number(0), answer=null(), problem=EMPTY, problem_code=EMPTY, notes=null(),
            attempts=number(0) if state is RowState.FAILED else rows.c.attempts,
        )
        .where(
            rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end"),
            rows.c.state == number(ROW_CODES[state]),
        )
        .returning(rows.c.spot),
        "first", "end",
    )
    for state in (RowState.FAILED, RowState.SKIPPED)
}  # fmt: skip


class RowsPart:
    """The store's memory of rows; see the second half of `weft.protocols.RunStore`."""

    _writer: Writing
    _reader: Reader
    _clock: Clock
    _forget_damaged: Callable[[Sequence[Pointer]], Any]

    async def add_rows(self, run: RunId, rows: Sequence[NewRow]) -> None:
        """Insert rows; rows that are there already stay as they are.

        Raises:
            UnknownName: if there is no such run.
        """
        for start in range(0, len(rows), ADD_ROWS):
            some = rows[start : start + ADD_ROWS]
            await self._writer.do(partial(_add, run=run, new=some), len(some))

    async def waiting(self, run: RunId, *, after: int, limit: int) -> list[WaitingRow]:
        """Read up to `limit` waiting rows with a place above `after`, in order,
        each with the answer that is remembered under its key by now.

        Rows in open calls are among them, for a crash may have left those calls. A damaged answer
        is not handed out but forgotten and counted.

        Raises:
            UnknownName: if there is no such run.
        """  # noqa: D205 - the words of the protocol
        found, damaged = await self._reader.apart(_waiting, run, after, limit)
        if damaged:
            await self._forget_damaged(damaged)
        return found

    async def end_rows(
        self, run: RunId, ends: Sequence[RowEnd], *, epoch: int, recalled: bool = False
    ) -> None:
        """End rows outside any call: recalled (`RowEnd`s with answers) or rejected.

        Costs nothing. A row that has ended already stays as it is.

        Raises:
            RunBusy: if a later epoch owns the run.
        """
        now = self._clock.wall()
        end = partial(_end, run=run, ends=ends, epoch=epoch, recalled=recalled, now=now)
        await self._writer.do(end, len(ends))

    async def skip_waiting(self, run: RunId, *, epoch: int, code: str, problem: str) -> int:
        """End all waiting rows as `skipped`; return how many. Rows in open calls are let be.

        Raises:
            RunBusy: if a later epoch owns the run.
        """
        total = 0
        for first, end in await self._reader.apart(_stretches_not_asked, run):
            total += await self._writer.do(
                partial(
                    _change, run=run, epoch=epoch, sql=SKIP, values=(storable(problem), code, first, end)
                ),
                CHANGE_ROWS,
            )
        return total

    async def reopen(
        self, run: RunId, states: Sequence[RowState], *, epoch: int, place: int | None = None
    ) -> int:
        """Move rows of these states (or the one at `place`) back to `waiting`; return how many.

        With `place` only that row is moved, and only if its state is one of these. Its costs
        stay; a failed row starts to count its attempts anew.

        Raises:
            ImpossibleMove: if rows of one of the states may not be asked again.
            RunBusy: if a later epoch owns the run.
        """
        for state in states:
            if state not in REOPEN or RowState.WAITING not in MOVES[state]:
                raise ImpossibleMove(f"Rows that are `{state}` cannot be asked again.", found=state)
        spans = await self._reader.apart(_stretches_from, run, place)
        total = 0
        for state in states:
            for span in spans:
                total += await self._writer.do(
                    partial(_change, run=run, epoch=epoch, sql=REOPEN[state], values=span), CHANGE_ROWS
                )
        return total


# ── what is read ─────────────────────────────────────────────────────────────────────────────────


def _waiting(reader: Reader, run: RunId, after: int, limit: int) -> tuple[list[WaitingRow], list[Pointer]]:
    """Read waiting rows, and which remembered answers to them are damaged."""
    line = reader.run(run)
    found: list[WaitingRow] = []
    damaged: list[Pointer] = []
    for spot, at, values, key, attempts, where, check, held, answer in reader.fetch(
        WAITING, (line.base + after, line.end, limit)
    ):
        known = None
        if where is not None:
            if not is_intact(check, held, answer):
                damaged.append((key[:SHORT], where))
            elif held == key:
                known = answer
        found.append(WaitingRow(spot - line.base, at, values, RowKey(key), attempts, known))
    return found, damaged


def _stretches_not_asked(reader: Reader, run: RunId) -> list[tuple[int, int]]:
    line = reader.run(run)
    return list(_stretches(reader, line, asked_places(reader, line.seq)))


def _stretches_from(reader: Reader, run: RunId, place: int | None) -> list[tuple[int, int]]:
    line = reader.run(run)
    if place is not None:
        return [(line.base + place, line.base + place + 1)]
    return list(_stretches(reader, line, frozenset()))


def _stretches(reader: Reader, line: RunLine, without: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Cut a run's spots into pieces for one transaction each, leaving out some places."""
    last = reader.fetch(LAST_SPOT, (line.base, line.end))[0][0]
    if last is None:
        return
    holes = sorted(line.base + place for place in without)
    first = line.base
    for hole in (*holes, last + 1):
        for start in range(first, hole, CHANGE_ROWS):
            yield start, min(hole, start + CHANGE_ROWS)
        first = hole + 1


# ── the operations ───────────────────────────────────────────────────────────────────────────────


def _add(book: Book, *, run: RunId, new: Sequence[NewRow]) -> None:
    line = book.run(run)
    base = line.base
    book.execute_many(ADD_CELLS, [(base + row.place, row.line, blob(row.cells)) for row in new])
    waiting, others, state = [], [], RowState.WAITING
    for row in new:
        if row.key and row.state is state and not row.problem:
            waiting.append((base + row.place, blob(row.key)))
        else:
            others.append(_as_it_is(base, row))
    book.execute_many(ADD_WAITING, waiting)
    book.execute_many(ADD_ROW, others)
    line.counted = None
    book.tell(line, [row.place for row in new])


def _as_it_is(base: int, row: NewRow) -> tuple[Any, ...]:
    code, problem = ROW_CODES[row.state], storable(row.problem)
    return base + row.place, row.key and blob(row.key), code, problem, row.problem_code


def _end(book: Book, *, run: RunId, ends: Sequence[RowEnd], epoch: int, recalled: bool, now: float) -> None:
    line = owned(book, run, epoch)
    places: list[int] = []
    for end in ends:
        notes = plain_json.dump(end.notes).decode() if end.notes else ""
        kept = None if end.answer is None else blob(end.answer)
        how = (ROW_CODES[end.state], kept, storable(end.problem), storable(end.problem_code), notes)
        for place in (end.place, *end.twins):
            known = int(recalled and end.answer is not None)
            book.later[END_ROW].append((*how, 0, 0, 0, 0, None, known, line.base + place))
            places.append(place)
    if recalled and places:
        book.count("hits", len(places))
    line.counted = None
    if places:
        line.first_start, line.last_completion = line.first_start or now, now
    book.tell(line, places)


def _change(book: Book, *, run: RunId, epoch: int, sql: Sql, values: tuple[Any, ...]) -> int:
    line = owned(book, run, epoch)
    book.flush()
    changed = [spot - line.base for (spot,) in book.execute(sql, values).fetchall()]
    if changed:
        line.counted = None
        book.tell(line, changed)
    return len(changed)
