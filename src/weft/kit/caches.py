"""One bounded cache for threads and tasks: least recently used goes first, entries may age.

Knows hits, misses and evictions exactly, and lets concurrent misses of one key compute once.
Refuses to know what it keeps, and any clock but the monotonic one that is handed in:
setting the wall clock back never prolongs an entry's life.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import RLock
from typing import Generic, TypeVar, cast, overload

from weft.kit.clocks import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """A copy of a cache's counters at one moment.

    Attributes:
        hits: look-ups that found a live entry, or joined a computation under way.
        misses: look-ups that found none; aged entries are misses.
        evictions: entries that went for lack of room; aged, invalidated and cleared ones do not count.
        size: entries held, aged ones included until they are met.
    """

    hits: int
    misses: int
    evictions: int
    size: int

    @property
    def hit_rate(self) -> float:
        """Hits over all look-ups, from 0 to 1; 0 where there were none."""
        looked_up = self.hits + self.misses
        return self.hits / looked_up if looked_up else 0.0


class TtlLruCache(Generic[K, V]):
    """A mapping of at most `max_size` entries, each alive for `ttl_s` seconds.

    `None` is a value like any other. All methods may be called from any thread and any task.
    """

    def __init__(self, max_size: int, *, ttl_s: float | None, clock: Clock) -> None:
        """Start empty.

        Args:
            max_size: the most entries held; at least one.
            ttl_s: seconds that an entry lives after it was put; `None` = for ever.
            clock: only its monotonic time is read.

        Raises:
            ValueError: if `max_size` is below one or `ttl_s` is not above zero.
        """
        if max_size < 1:
            raise ValueError(f"a cache must hold at least one entry, not {max_size}")
        if ttl_s is not None and not ttl_s > 0:
            raise ValueError(f"entries must live longer than {ttl_s} s")
        self._max_size = max_size
        self._ttl_s = ttl_s
        self._clock = clock
        self._lock = RLock()  # a key's __eq__ may itself look something up
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()  # oldest use first; value, end of life
        self._under_way: dict[K, Future[V]] = {}  # one computation per key; guarded by the lock
        self._hits = self._misses = self._evictions = 0

    @overload
    def get(self, key: K) -> V | None: ...

    @overload
    def get(self, key: K, default: D) -> V | D: ...

    def get(self, key: K, default: object = None) -> object:
        """Look an entry up and count it as used; `default` where there is none alive."""
        with self._lock:
            return self._look_up(key, default)

    def put(self, key: K, value: V) -> None:
        """Keep a value; its life begins anew. The least recently used entry goes if there is no room."""
        with self._lock:
            end = float("inf") if self._ttl_s is None else self._clock.monotonic() + self._ttl_s
            self._entries[key] = (value, end)
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_size:
                self._entries.popitem(last=False)
                self._evictions += 1

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """Look an entry up, or make and keep it; concurrent threads make it once.

        A failure of `make` is raised in every thread that waited and nothing is kept. A key that
        is invalidated meanwhile is made to the end, handed out and not kept. `make` may look up
        other keys but not its own, and one key is either made or awaited, never both ways.
        """
        found, future, is_mine = self._join(key)
        if future is None:
            return cast("V", found)
        if not is_mine:
            return future.result()
        try:
            value = make()
        except BaseException as exc:
            self._fail(key, future, exc)
            raise
        self._finish(key, future, value)
        return value

    async def get_or_await(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """Look an entry up, or await and keep it; concurrent tasks make it once.

        A failure of `make` is raised in every task that waited and nothing is kept. Where the
        task that makes it is cancelled, one of those that wait makes it instead.
        """
        while True:
            found, future, is_mine = self._join(key)
            if future is None:
                return cast("V", found)
            if is_mine:
                return await self._make_for_all(key, future, make)
            waiting = asyncio.wrap_future(future)
            waiting.add_done_callback(_retrieve)
            await asyncio.wait({waiting})  # unlike a plain await, it cancels nothing but this task
            if not waiting.cancelled():
                return waiting.result()

    def invalidate(self, key: K) -> bool:
        """Forget one entry; tell whether a live one was there."""
        with self._lock:
            self._under_way.pop(key, None)
            entry = self._entries.pop(key, None)
            return entry is not None and self._clock.monotonic() < entry[1]

    def clear(self) -> None:
        """Forget all entries and set the counters to zero."""
        with self._lock:
            self._under_way.clear()
            self._entries.clear()
            self._hits = self._misses = self._evictions = 0

    def stats(self) -> CacheStats:
        """Copy the counters; later look-ups do not change the copy."""
        with self._lock:
            return CacheStats(
                hits=self._hits, misses=self._misses, evictions=self._evictions, size=len(self._entries)
            )

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def _look_up(self, key: K, default: object) -> object:
        entry = self._entries.get(key)
        if entry is not None and self._ttl_s is not None and self._clock.monotonic() >= entry[1]:
            del self._entries[key]
            entry = None
        if entry is None:
            self._misses += 1
            return default
        self._entries.move_to_end(key)
        self._hits += 1
        return entry[0]

    def _join(self, key: K) -> tuple[object, Future[V] | None, bool]:
        """The value; or the computation under way; or a new one that the caller must finish."""
        with self._lock:
            future = self._under_way.get(key)
            if future is not None:
                self._hits += 1
                return _NOTHING, future, False
            found = self._look_up(key, _NOTHING)
            if found is not _NOTHING:
                return found, None, False
            future = self._under_way[key] = Future()
            return _NOTHING, future, True

    async def _make_for_all(self, key: K, future: Future[V], make: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await make()
        except asyncio.CancelledError:
            self._drop(key, future)
            future.cancel()
            raise
        except BaseException as exc:
            self._fail(key, future, exc)
            raise
        self._finish(key, future, value)
        return value

    def _finish(self, key: K, future: Future[V], value: V) -> None:
        if self._drop(key, future):
            self.put(key, value)
        future.set_result(value)

    def _fail(self, key: K, future: Future[V], error: BaseException) -> None:
        self._drop(key, future)
        future.set_exception(error)

    def _drop(self, key: K, future: Future[V]) -> bool:
        """Take a computation off the list; false where it was invalidated meanwhile."""
        with self._lock:
            if self._under_way.get(key) is not future:
                return False
            del self._under_way[key]
            return True


def _retrieve(future: asyncio.Future[V]) -> None:
    if not future.cancelled():
        future.exception()  # whoever waited may be gone; the maker has raised it already


_NOTHING = object()  # tells "no entry" from an entry that is None
