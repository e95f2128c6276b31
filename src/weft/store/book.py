"""The open book: what one transaction has read and what it is going to write.

Knows the lines of runs and calls, keeps them in memory while nobody else writes, and writes
everything that changed at once, in the order of its keys. Refuses to know what the changes mean.

An operation first reads and decides, then changes lines; so one that is refused has changed
nothing and the others of its transaction go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, case, func, insert, update
from sqlalchemy.dialects.sqlite import insert as insert_or_change
from sqlalchemy.sql.elements import ColumnElement

from weft.ids import CallId, RunId
from weft.row import RowState
from weft.store.database import Database
from weft.store.faults import no_such_run
from weft.store.lines import READ_CALL, READ_RUN, WRITE_CALL, WRITE_RUN, CallLine, RunLine
from weft.store.news import NEW_CHANGE, TRIM, News
from weft.store.sql import EMPTY, Sql, number
from weft.store.tables import ROW_CODES, answers, calls, counts, replies, rows

ROWS_AT_ONCE = (100, 20)  # of one insert; more gain little, and fewer would seldom come together


def _while_waiting(name: str) -> ColumnElement[Any]:
    """A row that has ended keeps how it ended: the first end counts."""
    given: ColumnElement[Any] = bindparam(name, type_=rows.c[name].type)
    if name == "notes":
        given = func.nullif(given, EMPTY)
    return case((rows.c.state == number(0), given), else_=rows.c[name])


def _last_call() -> ColumnElement[Any]:
    """The call that ended the row stays; until then the last one that carried it, if it is stated."""
    given: ColumnElement[Any] = bindparam("call", type_=rows.c.call.type)
    return case((rows.c.state == number(0), func.coalesce(given, rows.c.call)), else_=rows.c.call)


_END = ("state", "answer", "problem", "problem_code", "notes")
"""How a row ends; empty `notes` are none, for the driver binds a text quicker than NULL."""
_SHARE = ("cost", "input_tokens", "output_tokens", "attempts")

END_ROW = Sql(
    # Money is booked whatever became of the row; its end only while it waits.
    update(rows)
    .values(
        {n: _while_waiting(n) for n in (*_END, "recalled")}
        | {n: rows.c[n] + bindparam(n) for n in _SHARE}
        | {"call": _last_call()}
    )
    .where(rows.c.spot == bindparam("at")),
    *_END, *_SHARE, "call", "recalled", "at",
)  # fmt: skip

_plain = insert_or_change(rows).values(
    {"spot": bindparam("at"), "call": bindparam("call"), "answer": bindparam("answer")}
    | {n: bindparam(n) for n in _SHARE[:3]}
    | {"state": number(ROW_CODES[RowState.ANSWERED]), "attempts": number(1), "recalled": number(0)}
    | dict.fromkeys(("problem", "problem_code"), EMPTY)
)
ANSWER_ROW = Sql(
    # What END_ROW does for an answer of which there is nothing to be said. The row is there always; as
    # an insert that meets it the statement takes many rows at once, in half the time of an update each.
    _plain.on_conflict_do_update(
        index_elements=["spot"],
        set_={n: case((rows.c.state == number(0), _plain.excluded[n]), else_=rows.c[n]) for n in ("state", "answer", "call")}
        | {n: rows.c[n] + _plain.excluded[n] for n in _SHARE},
    ),
    "at", "answer", *_SHARE[:3], "call",
)  # fmt: skip

SHARE_ROW = Sql(
    update(rows)
    .values({n: rows.c[n] + bindparam(n) for n in _SHARE} | {"call": _last_call()})
    .where(rows.c.spot == bindparam("at")),
    *_SHARE, "call", "at",
)  # fmt: skip

_ANSWER = tuple(answers.c.keys())
_put_answer = insert_or_change(answers).values({n: bindparam(n) for n in _ANSWER})
REMEMBER = Sql(
    # The newest answer wins: it replaces a damaged one too.
    _put_answer.on_conflict_do_update(
        index_elements=["short"], set_={n: _put_answer.excluded[n] for n in _ANSWER[1:]}
    ),
    *_ANSWER,
)

_NEW = (
    "id", "run", "places", "labels", "reserved", "reserved_tokens", "attempt", "state", "reserved_at", "sent_at"
)  # fmt: skip
_insert_call = insert_or_change(calls).values(
    {name: bindparam(name) for name in _NEW}
    | dict.fromkeys(("estimated", "cached_input_tokens", "reasoning_tokens"), number(0))
    | dict.fromkeys(("model", "request_id", "problem_code", "problem"), EMPTY)
)
NEW_CALL = Sql(
    # A repeated reservation inserts nothing, returns nothing and so books nothing.
    _insert_call.on_conflict_do_nothing(index_elements=["id"]).returning(calls.c.seq),
    *_NEW,
)
NUMBERED_CALL = Sql(_insert_call.values(seq=bindparam("seq")), "seq", *_NEW)
"""The same where the number was drawn before, and the call is known to be new."""

_REPLY = tuple(replies.c.keys())
KEEP_REPLY = Sql(insert(replies).values({n: bindparam(n) for n in _REPLY}), *_REPLY)

_add_count = insert_or_change(counts).values(name=bindparam("name"), amount=bindparam("amount"))
COUNT = Sql(
    _add_count.on_conflict_do_update(
        index_elements=["name"], set_={"amount": counts.c.amount + _add_count.excluded.amount}
    ),
    "name",
    "amount",
)


_LATER = {KEEP_REPLY: 0, ANSWER_ROW: 0, END_ROW: -1, SHARE_ROW: -1, REMEMBER: 0}
"""Writes that wait for the end of a transaction, in this order, and which parameter sorts them."""


class Book:
    """The writer's view of the database, one transaction after another.

    Lines of runs and open calls stay in memory between transactions as long as no other
    connection has written; a transaction that is rolled back forgets all of them.

    Attributes:
        later: parameters of statements that run once, sorted, at the end of the transaction:
            `ANSWER_ROW`, `END_ROW`, `SHARE_ROW`, `REMEMBER`, `KEEP_REPLY`.
    """

    def __init__(self, database: Database) -> None:
        """Use the database's writing connection, and it alone."""
        self._database = database
        self._cursor = database.writer.cursor()
        self._version: object = None
        self._runs: dict[str, RunLine] = {}
        self._calls: dict[str, CallLine] = {}
        self._changed_runs: dict[str, RunLine] = {}
        self._changed_calls: dict[str, CallLine] = {}
        self._news = News()
        self.later: dict[Sql, list[tuple[Any, ...]]] = {sql: [] for sql in _LATER}

    # ── one transaction ──

    def begin(self) -> None:
        """Begin a transaction that holds the right to write from its first moment."""
        self._cursor.execute(self._database.begin)
        query = self._database.version
        version = object() if query is None else self._cursor.execute(query).fetchone()[0]
        if version != self._version:
            self._forget()
            self._version = version

    def commit(self) -> None:
        """Write what changed; durable when this returns."""
        self.flush()
        self._database.writer.commit()

    def roll_back(self) -> None:
        """Undo the transaction and forget every line."""
        self._forget()
        self._database.writer.rollback()

    def close(self) -> None:
        """Write nothing more; with a statement left open the connection would outlive its own end."""
        self._cursor.close()

    def _forget(self) -> None:
        for lines in (self._runs, self._calls, self._changed_runs, self._changed_calls):
            lines.clear()
        for waiting in self.later.values():
            waiting.clear()
        self._news.clear()
        self._version = None

    # ── lines ──

    def run(self, run: RunId) -> RunLine:
        """Read a run's line; what is changed in it is written if `touch` is told.

        Raises:
            UnknownName: if there is none.
        """
        line = self._runs.get(run)
        if line is None:
            found = self.execute(READ_RUN, (run,)).fetchone()
            if found is None:
                raise no_such_run(run)
            line = self._runs[run] = RunLine.read(found)
        return line

    def call(self, call: CallId) -> CallLine | None:
        """Read a call's line; `None` if it was never reserved."""
        line = self._calls.get(call)
        if line is None:
            found = self.execute(READ_CALL, (call,)).fetchone()
            if found is None:
                return None
            line = self._calls[call] = CallLine.read(found)
        return line

    def insert_call(self, values: Sequence[Any]) -> int | None:
        """Insert a call that is reserved; return its number, or `None` if it was there already.

        Args:
            values: the parameters of `NEW_CALL`; the first is the call's id, the second the run's number.
        """
        found = self.execute(NEW_CALL, values).fetchall()
        return found[0][0] if found else None

    def new_call(self, line: CallLine) -> None:
        """Keep the line of a call that was just inserted."""
        self._calls[line.id] = line

    def touch(self, *lines: RunLine | CallLine) -> None:
        """Note that lines have changed."""
        for line in lines:
            if isinstance(line, RunLine):
                self._changed_runs[line.id] = line
            else:
                self._changed_calls[line.id] = line

    def tell(self, run: RunLine, places: Iterable[int] = (), *, at_rest: bool = False) -> None:
        """Note that rows of a run stand differently, or, without places, that it itself does.

        Args:
            at_rest: nothing more is expected of it, so that little of its feed need be kept.
        """
        self._changed_runs[run.id] = run
        self._news.add(run, places, at_rest=at_rest)

    def flush(self) -> None:
        """Write what waits; needed before a statement that reads or changes the same tables."""
        if self._changed_calls:
            self.execute_many(WRITE_CALL, [line.changes for line in self._changed_calls.values()])
            for call, line in self._changed_calls.items():
                if line.ended_at is not None:
                    self._calls.pop(call, None)  # rarely needed again; memory stays bounded
            self._changed_calls.clear()
        for sql, order in _LATER.items():
            if waiting := self.later[sql]:
                # Neighbours share pages, and a sorted insert costs a third of one in random order.
                waiting.sort(key=itemgetter(order))
                self.execute_many(sql, waiting)
                waiting.clear()
        if self._news:
            new, old = self._news.take(self._changed_runs)
            if new:
                self.execute_many(NEW_CHANGE, new)
            if old:
                self.execute_many(TRIM, old)
        if self._changed_runs:
            self.execute_many(WRITE_RUN, [line.changes for line in self._changed_runs.values()])
            self._changed_runs.clear()

    # ── statements at once ──

    def execute(self, sql: Sql, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement now; return the cursor, good until the next statement."""
        return self._cursor.execute(sql.text(self._database.dialect), parameters)

    def count(self, name: str, amount: int) -> None:
        """Raise one of the store's counters."""
        self.execute(COUNT, (name, amount))

    def execute_many(self, sql: Sql, parameters: Sequence[Sequence[Any]]) -> int:
        """Run one statement for many parameters; return how many rows it changed.

        Inserts go many rows to a statement: to begin and end one costs more than a row.
        """
        cursor, dialect, changed, start = self._cursor, self._database.dialect, 0, 0
        for size in ROWS_AT_ONCE:
            while len(parameters) - start >= size and (text := sql.repeated(dialect, size)):
                some = parameters[start : start + size]
                changed += int(cursor.execute(text, [*chain.from_iterable(some)]).rowcount)
                start += size
        if start < len(parameters):
            changed += int(cursor.executemany(sql.text(dialect), parameters[start:]).rowcount)
        return changed
