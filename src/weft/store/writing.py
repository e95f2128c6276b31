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
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from weft.errors import WeftError
from weft.store.book import Book
from weft.store.database import Database

GROUP_OPERATIONS = 512  # beyond this a commit's fixed cost is below a microsecond per operation
TIDY_ROWS = 12_000  # written between two checkpoints: some 10 MB of log, whose pages are copied once
GROUP_ROWS = 2_000  # about 10 ms of writing; longer would make the event loop wait

T = TypeVar("T")
Operation = Callable[[Book], Any]


class Writing(Protocol):
    """Whoever writes for a store; `Writer` where the database is a file of this machine."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is written."""

    async def do(self, operation: Callable[[Book], T], rows: int = 1) -> T:
        """Run an operation in a transaction; it is durable when this returns."""

    def close(self) -> None:
        """Finish what is queued; harmless when repeated."""


@dataclass(slots=True)
class Waiting:
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
    """The only one that writes: groups commit on a thread of their own, or at once on the caller's.

    Statements run on the event loop's own thread and only the durable commit, which waits for the
    disk without holding the interpreter, runs on another. Two threads that both run Python would
    hand the interpreter to and fro once per row and be slower than one.
    """

    def __init__(self, database: Database, *, threads: bool) -> None:
        """Prepare; the thread starts with the first commit.

        Args:
            threads: `False` commits every operation at once on the caller's thread, so that
                a simulation replays exactly; the operations are the same.
        """
        self._database = database
        self._book = Book(database)
        self._lock = threading.RLock()
        self._queue: deque[Waiting] = deque()
        self._closed = False
        self._in_commit: tuple[list[Waiting], Future[Any]] | None = None
        self._begins_on: asyncio.AbstractEventLoop | None = None
        self._untidy = 0  # rows written since the last checkpoint
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="weft-commit") if threads else None

    @property
    def lock(self) -> threading.RLock:
        """Held through every transaction of the caller's thread."""
        return self._lock

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
        if self._commits is None:
            return self.do_now(operation)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            self._queue.append(Waiting(operation, rows, loop, future))
            if self._in_commit is not None and self._in_commit[1].done():
                self._end_group(*self._in_commit)  # whoever was to end it may have stopped its loop
            elif self._in_commit is None and self._begins_on is not loop:
                # At the end of this turn of the loop: whoever else asks in it shares the commit.
                self._begins_on = loop
                loop.call_soon(self._begin_group)
        return await future

    def do_now(self, operation: Callable[[Book], T]) -> T:
        """Run an operation in a transaction of its own on the calling thread."""
        refusal: WeftError | None = None
        value: Any = None
        with self._lock:
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

    def close(self) -> None:
        """Finish the queue and end the thread; harmless when repeated."""
        with self._lock:  # whoever hands something to the thread looks at it under the same lock
            if self._closed:
                return
            self._closed = True
        if self._commits is not None:
            self._commits.shutdown(wait=True)  # the commit under way, and what its end still begins
        with self._lock:
            group = list(self._queue)
            self._queue.clear()
            self._commit_apart(group)
            self._book.close()
        tell(group)

    # ── groups ──

    def _begin_group(self) -> None:
        """Run what is queued and hand the transaction to the committing thread."""
        with self._lock:
            self._begins_on = None
            if self._closed or self._in_commit is not None or not self._queue:
                return
            assert self._commits is not None  # groups are begun with threads only
            group = gather(self._queue)
            if self._run(group):
                commit = self._commits.submit(self._database.writer.commit)
                self._in_commit = (group, commit)
                commit.add_done_callback(partial(self._committed, group))
                return
            self._commit_apart(group)
            self._go_on()
        tell(group)

    def _run(self, group: list[Waiting]) -> bool:
        """Run the operations of a group and write what they changed; False if it has to be undone."""
        try:
            self._book.begin()
            for waiting in group:
                try:
                    waiting.value = waiting.operation(self._book)
                except WeftError as exc:
                    waiting.error = exc
            self._book.flush()
        except Exception:  # noqa: BLE001 - whatever it is, it belongs to one operation of the group
            self._roll_back()
            return False
        return True

    def _committed(self, group: list[Waiting], commit: Future[Any]) -> None:
        """The disk has answered; runs on the committing thread.

        Every loop that waits is told, for any of them may have stopped; the first one ends the group.
        If none is left, the next operation ends it, or `close`.
        """
        with self._lock:
            loops = {waiting.loop for waiting in (*group, *self._queue)}
        for loop in loops:
            with suppress(RuntimeError):  # that loop was closed meanwhile
                loop.call_soon_threadsafe(self._end_group, group, commit)

    def _end_group(self, group: list[Waiting], commit: Future[Any]) -> None:
        """Tell a group that it is durable, or try its operations one by one; once only."""
        with self._lock:
            if self._in_commit is None or self._in_commit[1] is not commit:
                return
            if group and commit.exception() is not None:  # without one it was a checkpoint, which may fail
                self._roll_back()
                self._commit_apart(group)
            self._in_commit = None
            self._untidy += sum([waiting.rows for waiting in group])
            if self._untidy >= TIDY_ROWS and self._database.tidy is not None and not self._closed:
                self._tidy(self._database.tidy)
            else:
                self._go_on()
        tell(group)

    def _tidy(self, tidy: Callable[[], object]) -> None:
        """Let the committing thread tidy up while those who waited for the last commit are at work."""
        assert self._commits is not None  # groups are ended with threads only
        self._untidy = 0
        tidied: Future[object] = self._commits.submit(tidy)
        self._in_commit = ([], tidied)
        tidied.add_done_callback(partial(self._committed, []))

    def _go_on(self) -> None:
        """See that whatever was queued meanwhile is begun, on any loop that still runs."""
        for loop in {waiting.loop for waiting in self._queue}:
            with suppress(RuntimeError):  # a closed loop waits for nothing; `close` writes what it left
                loop.call_soon_threadsafe(self._begin_group)

    def _commit_apart(self, group: list[Waiting]) -> None:
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


def gather(queue: deque[Waiting]) -> list[Waiting]:
    """Take from a queue what may commit together, oldest first."""
    group: list[Waiting] = []
    weight = 0
    while queue and len(group) < GROUP_OPERATIONS and weight < GROUP_ROWS:
        group.append(queue.popleft())
        weight += group[-1].rows
    return group


def tell(group: list[Waiting]) -> None:
    """Wake every event loop once, with all that it waits for."""
    loops: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
    for waiting in group:
        loops.setdefault(waiting.loop, []).append(waiting)
    for loop, some in loops.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, some)


def _resolve(group: list[Waiting]) -> None:
    for waiting in group:
        waiting.resolve()
