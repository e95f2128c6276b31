"""Time as something that is handed in: SystemClock for life, VirtualClock for tests.

Knows monotonic seconds for durations and wall seconds for dates, and how to sleep.
Refuses to know why anybody waits. Nothing else in the house may ask the system for the time.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and sleeps; durations never use the wall clock."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC; may jump, so it is good for dates only."""

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once."""


class SystemClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once."""
        await asyncio.sleep(max(0.0, seconds))


class VirtualClock:
    """A clock that moves only when told to, or, with `auto`, whenever somebody sleeps.

    With `auto` the clock jumps to the earliest sleeper as soon as the loop has nothing else
    to do, so that a test of an hour's waiting takes no time.
    """

    def __init__(self, *, start: float = 0.0, wall: float = 1_700_000_000.0, auto: bool = True) -> None:
        """Start at `start` monotonic and `wall` epoch seconds."""
        self._now = start
        self._wall = wall - start
        self._auto = auto
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._jump: asyncio.Task[None] | None = None

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._now

    def wall(self) -> float:
        """Virtual seconds since the epoch."""
        return self._wall + self._now

    def shift_wall(self, seconds: float) -> None:
        """Let the wall clock jump, as a user or a time server does."""
        self._wall += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved past the time."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._now + seconds, self._count, future))
        if self._auto and (self._jump is None or self._jump.done()):
            self._jump = asyncio.ensure_future(self._jump_when_idle())
        await future

    def advance(self, seconds: float) -> None:
        """Move the clock and wake whoever is due."""
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    async def _jump_when_idle(self) -> None:
        while self._sleepers:
            # Let everything that is ready run first: work done without waiting takes no time.
            for _ in range(50):
                await asyncio.sleep(0)
            if self._sleepers:
                self.advance(max(0.0, self._sleepers[0][0] - self._now))
