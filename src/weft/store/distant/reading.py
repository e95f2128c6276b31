"""Reading from a server: on a thread where somebody waits on an event loop, and patiently.

Knows that a query changes nothing, so that it may be asked again on a new line.
Refuses to know what is read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from weft.ids import RunId
from weft.store.database import Database
from weft.store.distant import frozen
from weft.store.distant.faults import needs_new_line, passes
from weft.store.distant.link import PATIENCE_S, Link, Patience
from weft.store.lines import Held
from weft.store.reading import Reader
from weft.store.sql import Sql

T = TypeVar("T")


class DistantReader(Reader):
    """The only one of this process that reads from a store on a server outside transactions."""

    def __init__(self, database: Database, *, threads: bool, patience_s: float = PATIENCE_S) -> None:
        """Use the database's reading connection.

        Args:
            threads: `False` reads on the caller's thread.
            patience_s: how long a server that does not answer is waited for.
        """
        super().__init__(database, threading.RLock())
        self._link: Link = database.reader
        self._patience_s = patience_s
        self._closing = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="weft-read") if threads else None

    def fetch(self, sql: Sql, parameters: Sequence[Any] = ()) -> list[Any]:
        """Read all that a query finds; what is asked for is bounded by the query.

        Raises:
            WeftError: as the server's complaint translates.
        """
        return self._ask(sql.text(self._database.dialect), parameters)

    def keeper(self, run: RunId, held: Held, before: Any = None) -> Any:
        """Who keeps a run's line from all others and may be frozen; ended if it has not moved for long."""
        return frozen.look(self._ask, run, held, before=before)

    def _ask(self, text: str, parameters: Sequence[Any]) -> list[Any]:
        if self._closed:
            raise RuntimeError("the store is closed")
        patience = Patience(self._closing, for_s=self._patience_s)
        with self._lock:
            while True:
                try:
                    return self._link.execute(text, parameters).rows
                except Exception as exc:
                    if needs_new_line(exc):
                        self._link.cut()
                    if passes(exc, self._link.driver) and patience.wait(self._link.took_s(exc)):
                        continue
                    ours = self._database.translate(exc)
                    if ours is None:
                        raise
                    raise ours from exc

    async def apart(self, read: Callable[..., T], *arguments: Any) -> T:
        """Read with `read(reader, *arguments)` on a thread, so that the event loop need not wait."""
        if self._thread is None or self._closed:
            return read(self, *arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, read, self, *arguments)

    def close(self) -> None:
        """Read nothing more."""
        self._closing.set()  # whoever waits for an absent server gives up
        super().close()
        if self._thread is not None:
            self._thread.shutdown(wait=True)
