"""A clock for rehearsals over a real wire: nobody waits, and every wait takes exactly its time.

Knows that time must stand still while something real is under way, for the machine's own speed
would show in it otherwise. Refuses to know what is under way: whoever does it says so.
`weft.kit.clocks.VirtualClock` is for tests that touch nothing real.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from contextlib import contextmanager

IDLE_TURNS = 50  # turns of the loop without anything real: work done without waiting takes no time


class SkippingClock:
    """Jumps to the next sleeper as soon as the loop is idle and nothing real is under way.

    Attributes:
        slept: seconds of every sleep that came to its end, in order.
    """

    def __init__(self, *, wall: float = 1_700_000_000.0) -> None:
        """Start at zero monotonic and `wall` epoch seconds."""
        self.slept: list[float] = []
        self._now = 0.0
        self._wall = wall
        self._real = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._resting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._skips: asyncio.Task[None] | None = None

    def monotonic(self) -> float:
        """Seconds of sleep so far."""
        return self._now

    def wall(self) -> float:
        """Seconds since the epoch, by the sleep so far."""
        return self._wall + self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has skipped past the time; zero or less yields once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        awake = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._resting, (self._now + seconds, self._count, awake))
        if self._skips is None or self._skips.done():
            self._skips = asyncio.ensure_future(self._skip_while_idle())
        await awake
        self.slept.append(seconds)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let time stand still: something real is under way."""
        self._real += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._real -= 1
            if not self._real:
                self._quiet.set()

    async def _skip_while_idle(self) -> None:
        while self._resting:
            await self._quiet.wait()
            if await self._stays_idle():
                at, _, awake = heapq.heappop(self._resting)
                if not awake.done():  # a sleep that was cancelled moves nothing
                    self._now = max(self._now, at)
                    awake.set_result(None)

    async def _stays_idle(self) -> bool:
        for _ in range(IDLE_TURNS):
            await asyncio.sleep(0)
            if self._real:
                return False
        return True
