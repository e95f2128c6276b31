"""The writer for a database on a server: every statement runs on a thread of its own.

Knows that a server may be slow, restart or vanish, and that the event loop must not wait for it.
Refuses to know what the operations do; they are the same as those for a file.

What failed in passing is tried again, group by group, until patience ends. If the line is cut while
a commit is under way, nobody has said whether it was done: the group is begun anew, and if this
writer's own count of commits says so, it was. Otherwise the operations are done
again, which they are made for: a call that is there is not reserved twice, one that is settled
not settled twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from weft.errors import WeftError
from weft.store.book import Book
from weft.store.database import Database
from weft.store.distant.book import DistantBook
from weft.store.distant.faults import needs_new_line, passes
from weft.store.distant.link import PATIENCE_S, Link, Patience
from weft.store.distant.wants import wants_of
from weft.store.writing import Waiting, gather, tell

T = TypeVar("T")


class DistantWriter:
    """The only one of this process that writes to a store on a server."""

    def __init__(self, database: Database, *, threads: bool, patience_s: float = PATIENCE_S) -> None:
        """Prepare; the thread starts with the first operation.

        Args:
            threads: `False` runs every operation at once on the caller's thread.
            patience_s: how long a server that does not answer is waited for.
        """
        self._database = database
        self._link: Link = database.writer
        self._book = DistantBook(database)
        self._patience_s = patience_s
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._line = threading.Lock()  # held through every transaction
        self._queue: deque[Waiting] = deque()
        self._is_at_work = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="weft-write") if threads else None
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is written."""
        return self._closed

    async def do(self, operation: Callable[[Book], T], rows: int = 1) -> T:
        """Run an operation in a transaction; it is durable when this returns.

        Cancelling who waits does not cancel the operation.

        Args:
            operation: reads and decides first, then changes; may be run again.
            rows: about how many rows it writes.
        """
        if self._closed:
            raise RuntimeError("the store is closed")
        if self._thread is None:
            return self.do_now(operation)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            self._queue.append(Waiting(operation, rows, loop, future))
            if not self._is_at_work:
                self._is_at_work = True
                self._thread.submit(self._work)
        return await future

    def do_now(self, operation: Callable[[Book], T]) -> T:
        """Run an operation in a transaction of its own on the calling thread."""
        waiting: Any = Waiting(operation, 1, None, None)  # type: ignore[arg-type]  # nobody waits on a loop
        self._write([waiting])
        if waiting.error is not None:
            raise waiting.error
        return waiting.value  # type: ignore[no-any-return]  # what the operation returned

    def close(self) -> None:
        """Finish the queue and end the thread; harmless when repeated. Does not wait for an absent server."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        with suppress(Exception):  # one line more in a table of counters harms nobody
            self._book.leave()
        self._book.close()

    # ── on the thread ──

    def _work(self) -> None:
        """Write group after group until nothing waits; everything queued meanwhile commits together."""
        while True:
            with self._lock:
                group = gather(self._queue)
                if not group:
                    self._is_at_work = False
                    return
            try:
                self._write(group)
            finally:
                tell(group)

    def _write(self, group: list[Waiting]) -> None:
        """Write a group, or, if one of it cannot be written, each for itself."""
        try:
            with self._line:
                self._write_patiently(group)
        except Exception as exc:  # noqa: BLE001 - handed to who asked
            ours = self._database.translate(exc) if not isinstance(exc, WeftError) else None
            if ours is not None:
                ours.__cause__ = exc
            if len(group) == 1 or passes(exc, self._link.driver):
                for waiting in group:
                    waiting.error = ours or exc
                return
            for waiting in group:
                self._write([waiting])

    def _write_patiently(self, group: list[Waiting]) -> None:
        patience = Patience(self._closing, for_s=self._patience_s)
        doubtful: int | None = None
        while True:
            try:
                if self._try(group, doubtful):
                    return
                self._book.commit()
            except BaseException as exc:
                if self._book.is_ending and self._link.is_cut:
                    doubtful = self._book.number
                self._book.roll_back()
                if not isinstance(exc, Exception) or not passes(exc, self._link.driver):
                    raise
                if needs_new_line(exc):
                    self._link.cut()
                if not patience.wait(self._link.took_s(exc)):
                    raise
            else:
                return

    def _try(self, group: list[Waiting], doubtful: int | None) -> bool:
        """Run the operations of a group; True if a transaction in doubt proves to have done so."""
        book = self._book
        if book.begin_with(wants_of(waiting.operation for waiting in group), doubtful=doubtful):
            book.roll_back()
            return True
        for waiting in group:
            waiting.value, waiting.error = None, None
            try:
                waiting.value = waiting.operation(book)
            except WeftError as exc:
                waiting.error = exc
        return False
