"""One writer: operations queue up, and whatever is queued commits together.

Knows groups: one durable commit for everything that waits, one wake-up of the event loop for
all who asked. Refuses to know what the operations do.

A refused operation fails alone. If the transaction itself fails, every operation of the group
is tried again in a transaction of its own, so that one that cannot be written harms no other;
operations must therefore be repeatable, and they are: all they know is the book.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from weft.errors import WeftError
from weft.store.book import Book
from weft.store.database import Database

GROUP_OPERATIONS = 512  # beyond this a commit's fixed cost is below a microsecond per operation
GROUP_ROWS = 20_000  # about 0.1 s of writing; longer would make others wait

T = TypeVar("T")
Operation = Callable[[Book], Any]


@dataclass(slots=True)
class _Waiting:
    """An operation in the queue, who waits for it, and how it went."""

    operation: Operation
    rows: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None

    def resolve(self) -> None:
        """Tell who waits; runs on its event loop."""
        if self.future.done():  # cancelled meanwhile: written all the same, nobody asks
            return
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error)


class Writer:
    """The only one that writes: a thread with a queue, or at once on the calling thread."""

    def __init__(self, database: Database, *, threads: bool) -> None:
        """Start the thread if there is to be one.

        Args:
            threads: `False` commits every operation at once on the caller's thread, so that
                a simulation replays exactly; the operations are the same.
        """
        self._database = database
        self._book = Book(database)
        self.lock = threading.RLock()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closed = False
        self._thread: threading.Thread | None = None
        if threads:
            self._thread = threading.Thread(target=self._work, name="weft-store", daemon=True)
            self._thread.start()

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
        self._queue.put(_Waiting(operation, rows, loop, future))
        return await future

    def do_now(self, operation: Callable[[Book], T]) -> T:
        """Run an operation in a transaction of its own on the calling thread."""
        refusal: WeftError | None = None
        value: Any = None
        with self.lock:
            try:
                self._book.begin()
                try:
                    value = operation(self._book)
                except WeftError as exc:
                    refusal = exc
                self._book.commit()
            except BaseException as exc:
                self._roll_back()
                self._raise_ours(exc)
                raise
        if refusal is not None:
            raise refusal
        return value  # type: ignore[no-any-return]  # what the operation returned

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is written."""
        return self._closed

    def close(self) -> None:
        """Finish the queue and end the thread; harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    # ── the thread ──

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            self._commit(group)
            _tell(group)
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        group = [first]
        weight = first.rows
        with suppress(Empty):
            while len(group) < GROUP_OPERATIONS and weight < GROUP_ROWS:
                waiting = self._queue.get_nowait()
                if waiting is None:
                    return group, True
                group.append(waiting)
                weight += waiting.rows
        return group, False

    def _commit(self, group: list[_Waiting]) -> None:
        with self.lock:
            try:
                self._book.begin()
            except Exception as exc:  # noqa: BLE001 - handed to everybody who asked
                for waiting in group:
                    waiting.error = self._database.translate(exc) or exc
                return
            try:
                for waiting in group:
                    try:
                        waiting.value = waiting.operation(self._book)
                    except WeftError as exc:
                        waiting.error = exc
                self._book.commit()
            except Exception:  # noqa: BLE001 - whatever it is, it belongs to one operation of the group
                self._roll_back()
            else:
                return
        self._commit_apart(group)

    def _commit_apart(self, group: list[_Waiting]) -> None:
        for waiting in group:
            waiting.error = None
            try:
                waiting.value = self.do_now(waiting.operation)
            except Exception as exc:  # noqa: BLE001 - handed to who asked
                waiting.error = exc

    def _raise_ours(self, exc: BaseException) -> None:
        ours = self._database.translate(exc) if isinstance(exc, Exception) else None
        if ours is not None:
            raise ours from exc

    def _roll_back(self) -> None:
        try:
            self._book.roll_back()
        except Exception as exc:
            if self._database.translate(exc) is None:
                raise


def _tell(group: list[_Waiting]) -> None:
    """Wake every event loop once, with all that it waits for."""
    loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        loops.setdefault(waiting.loop, []).append(waiting)
    for loop, some in loops.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, some)


def _resolve(group: list[_Waiting]) -> None:
    for waiting in group:
        waiting.resolve()
