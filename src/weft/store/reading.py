"""Reading: short queries on a connection that never writes.

Knows that one connection serves many callers, one at a time, and reads only what is committed.
Refuses to know what is read; the queries stand with the parts that ask them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from weft.ids import RunId
from weft.store.database import Database
from weft.store.faults import no_such_run
from weft.store.lines import READ_RUN, Held, RunLine
from weft.store.sql import Sql

T = TypeVar("T")


class Reader:
    """The only one that reads outside a writing transaction."""

    def __init__(self, database: Database, lock: threading.RLock) -> None:
        """Use the database's reading connection.

        Args:
            lock: the writer's where both use one connection, else one of its own.
        """
        self._database = database
        self._cursor = database.reader.cursor()
        self._lock = lock
        self._closed = False

    def fetch(self, sql: Sql, parameters: Sequence[Any] = ()) -> list[Any]:
        """Read all that a query finds; what is asked for is bounded by the query.

        Raises:
            WeftError: as the engine translates the driver's complaint.
        """
        if self._closed:
            raise RuntimeError("the store is closed")
        with self._lock:
            try:
                self._cursor.execute(sql.text(self._database.dialect), parameters)
                found: list[Any] = self._cursor.fetchall()
            except Exception as exc:
                ours = self._database.translate(exc)
                if ours is None:
                    raise
                raise ours from exc
        return found

    async def apart(self, read: Callable[..., T], *arguments: Any) -> T:
        """Read with `read(reader, *arguments)`, at once: a file of this machine answers in no time."""
        return read(self, *arguments)

    def run(self, run: RunId) -> RunLine:
        """Read a run's line as it was last committed.

        Raises:
            UnknownName: if there is none.
        """
        found = self.fetch(READ_RUN, (run,))
        if not found:
            raise no_such_run(run)
        return RunLine.read(found[0])

    def keeper(self, run: RunId, held: Held, before: Any = None) -> Any:  # noqa: ARG002 - for who can tell
        """Who keeps a run's line from all others and may be frozen; `None` = nobody, as far as can be told.

        Args:
            run: whose line is wanted.
            held: by whom it is held, as it was read last.
            before: what the last look gave; a keeper who has not moved for long since is ended.
        """
        return None

    def close(self) -> None:
        """Read nothing more; harmless when repeated."""
        self._closed = True
        with self._lock:
            self._cursor.close()  # with a query left open the connection would outlive its own end
