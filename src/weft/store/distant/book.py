"""The open book of a transaction on a server: read at once, locked, and written at once.

Knows that others write too: a run's line is locked before anything of the run is read, so that
its budget, its calls and its rows are one writer's until the commit. Refuses to keep a line any longer.

A transaction costs two round trips: one that begins it and fetches every line that its
operations will ask for, and one that writes all that changed and commits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from weft.ids import CallId, RunId
from weft.store.book import (
    ANSWER_ROW,
    COUNT,
    END_ROW,
    KEEP_REPLY,
    NUMBERED_CALL,
    REMEMBER,
    SHARE_ROW,
    Book,
)
from weft.store.database import Database
from weft.store.distant.arrays import many, texts, waves
from weft.store.distant.copying import COPY_FROM_ROWS, copy_of
from weft.store.distant.link import Found, Link
from weft.store.distant.wants import Wants
from weft.store.faults import no_such_run
from weft.store.lines import WRITE_CALL, WRITE_RUN, CallLine, RunLine
from weft.store.news import NEW_CHANGE, TRIM
from weft.store.sql import Sql

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
COMMIT = "COMMIT"
# How many transactions this writer has committed, in a line of its own that each of them raises. The
# server's own numbers will not do: one that was lost in a crash is given to somebody else afterwards.
JOIN = "INSERT INTO counts (name, amount) VALUES ('writer ' || gen_random_uuid(), 0) RETURNING name"
RAISE = "UPDATE counts SET amount = amount + 1 WHERE name = $1"
RAISED = "SELECT amount FROM counts WHERE name = $1 FOR UPDATE"  # waits for one that is ending still
LEAVE = "DELETE FROM counts WHERE name = $1"
_RUN = ", ".join(RunLine.__slots__)
_CALL = ", ".join(CallLine.__slots__)
# Locked in one order by everybody, so that no two wait for each other.
LOCK_RUNS = f"SELECT {_RUN} FROM runs WHERE id = ANY($1::text[]) ORDER BY seq FOR UPDATE"  # noqa: S608 - names of our own
READ_CALLS = f"SELECT {_CALL} FROM calls WHERE id = ANY($1::text[])"  # noqa: S608 - likewise
NEXT_CALLS = "SELECT nextval(pg_get_serial_sequence('calls', 'seq')) FROM generate_series(1, $1::int)"

Step = tuple[str, Sequence[Any]]

_WAITING = {KEEP_REPLY: 0, ANSWER_ROW: 0, END_ROW: -1, SHARE_ROW: -1, REMEMBER: 0}
"""Writes that wait for the end, in this order, and which parameter names the row that is changed."""


_SHARED = (ANSWER_ROW, END_ROW, SHARE_ROW)  # two calls of a group may change the same row


class DistantBook(Book):
    """The writer's view of a database on a server, for one transaction after another.

    Attributes:
        number: of the open transaction, as this writer counts those that were committed.
        is_ending: whether the commit was sent; if the line is cut then, nobody knows whether it is done.
    """

    def __init__(self, database: Database) -> None:
        """Use the database's writing connection, and it alone."""
        super().__init__(database)
        self._link: Link = database.writer
        self.number = 0
        self.is_ending = False
        self._name = ""  # in `counts`; empty = not yet there
        self._absent: set[str] = set()
        self._numbers: deque[int] = deque()
        self._new: list[tuple[Any, ...]] = []
        self._counts: Counter[str] = Counter()

    # ── one transaction ──

    def begin(self) -> None:
        """Begin a transaction that fetches its lines as they are asked for."""
        self.begin_with(Wants())

    def begin_with(self, wants: Wants, *, doubtful: int | None = None) -> bool:
        """Begin a transaction: lock runs, then fetch calls and draw numbers for new ones.

        Args:
            wants: what its operations will ask for.
            doubtful: number of a transaction of which nobody has said whether it was committed.

        Returns:
            Whether the one in doubt was committed.
        """
        self._forget()
        self.is_ending = False
        if not self._name:
            self._name = str(self._link.run([(BEGIN, ()), (JOIN, ()), (COMMIT, ())])[1].rows[0][0])
            self.number = 1
        steps: list[Step] = [(BEGIN, ())]
        steps += [(LOCK_RUNS, (texts(wants.runs),))] if wants.runs else []
        steps += [(READ_CALLS, (texts(wants.calls),))] if wants.calls else []
        steps += [(NEXT_CALLS, (wants.new,))] if wants.new else []
        found = deque(self._link.run(steps)[1:])
        if wants.runs:
            self._take(found.popleft())
        if wants.calls:
            for line in map(CallLine.read, found.popleft().rows):
                self._calls[line.id] = line
            self._absent = set(wants.calls) - self._calls.keys()
        if wants.new:
            self._numbers.extend(row[0] for row in found.popleft().rows)
        return doubtful is not None and self._has_committed(doubtful)

    def commit(self) -> None:
        """Write what changed and commit, in one round trip; durable when this returns."""
        steps = [*self._steps(), (RAISE, (self._name,)), (COMMIT, ())]
        self.is_ending = True
        self._link.run(steps)
        self.is_ending = False
        self.number += 1

    def roll_back(self) -> None:
        """Undo the transaction and forget every line."""
        self._forget()
        self._link.roll_back()

    def _has_committed(self, number: int) -> bool:
        found = self._link.execute(RAISED, (self._name,)).rows
        if not found or found[0][0] != number:
            return False
        self.number = number + 1
        return True

    def leave(self) -> None:
        """Take this writer's line away, if the server is there; nothing may be in doubt."""
        if self._name and not self._link.is_cut:
            self._link.run([(BEGIN, ()), (LEAVE, (self._name,)), (COMMIT, ())])
            self._name = ""

    def _forget(self) -> None:
        super()._forget()
        self._absent = set()
        self._numbers, self._new, self._counts = deque(), [], Counter()

    def _take(self, found: Found) -> None:
        for line in map(RunLine.read, found.rows):
            self._runs[line.id] = line

    # ── lines ──

    def run(self, run: RunId) -> RunLine:
        """Read a run's line and lock it until the end of the transaction.

        Raises:
            UnknownName: if there is none.
        """
        if run not in self._runs:
            self._take(self._link.execute(LOCK_RUNS, (texts([run]),)))
            if run not in self._runs:
                raise no_such_run(run)
        return self._runs[run]

    def call(self, call: CallId) -> CallLine | None:
        """Read a call's line, its run's being locked; `None` if it was never reserved."""
        return None if call in self._absent else super().call(call)

    def insert_call(self, values: Sequence[Any]) -> int | None:
        """Insert a call that is reserved; return its number, or `None` if it was there already."""
        if self.call(values[0]) is not None:
            return None
        if not self._numbers:
            self._numbers.extend(row[0] for row in self._link.execute(NEXT_CALLS, (1,)).rows)
        number = self._numbers.popleft()
        self._new.append((number, *values))
        self._absent.discard(values[0])
        return number

    def flush(self) -> None:
        """Write what waits; needed before a statement that reads or changes the same tables."""
        if steps := self._steps():
            self._link.run(steps)

    # ── statements at once ──

    def execute(self, sql: Sql, parameters: Sequence[Any] = ()) -> Found:
        """Run one statement now."""
        return self._link.execute(sql.text(self._database.dialect), parameters)

    def count(self, name: str, amount: int) -> None:
        """Raise one of the store's counters, at the end: its line is everybody's."""
        self._counts[name] += amount

    def execute_many(self, sql: Sql, parameters: Sequence[Sequence[Any]]) -> int:
        """Run one statement for many parameters now; return how many rows it changed."""
        if len(parameters) >= COPY_FROM_ROWS and self._copy(sql, parameters):
            return len(parameters)
        steps = self._over_many(sql, parameters)
        return sum(found.rowcount for found in self._link.run(steps)) if steps else 0

    def _copy(self, sql: Sql, rows: Sequence[Sequence[Any]]) -> bool:
        """Copy rows in bulk, if they are new: nobody else can add them while their run is locked."""
        copy = copy_of(sql, self._database.dialect)
        if copy is None:
            return False
        keys = {row[copy.key] for row in rows}
        if len(keys) < len(rows) or self._link.execute(copy.is_there, (min(keys), max(keys))).rows[0][0]:
            return False
        self._link.copy(copy.text, copy.pack(rows))
        return True

    # ── what a transaction writes ──

    def _steps(self) -> list[Step]:
        """Everything that waits to be written, which then waits no more."""
        steps = self._new_calls()
        steps += self._over_many(WRITE_CALL, [line.changes for line in self._changed_calls.values()])
        self._changed_calls.clear()
        for sql, at in _WAITING.items():
            if waiting := self.later[sql]:
                waiting.sort(key=itemgetter(at))
                if sql is REMEMBER:  # one statement must not meet an entry twice, and the newest wins
                    waiting = list({bytes(each[0]): each for each in waiting}.values())
                for wave in waves(waiting, at) if sql in _SHARED else (waiting,):
                    steps += self._over_many(sql, wave)
                self.later[sql] = []
        steps += self._over_many(COUNT, sorted(self._counts.items()))
        self._counts.clear()
        if self._news:
            new, old = self._news.take(self._changed_runs)
            steps += self._over_many(NEW_CHANGE, new) + self._over_many(TRIM, old)
        steps += self._over_many(WRITE_RUN, [line.changes for line in self._changed_runs.values()])
        self._changed_runs.clear()
        return steps

    def _new_calls(self) -> list[Step]:
        new, self._new = self._new, []
        return self._over_many(NUMBERED_CALL, new)

    def _over_many(self, sql: Sql, rows: Sequence[Sequence[Any]]) -> list[Step]:
        if not rows:
            return []
        dialect = self._database.dialect
        statement = many(sql, dialect)
        if statement is None:
            return [(sql.text(dialect), row) for row in rows]
        return [(statement.text, statement.pack(rows))]
