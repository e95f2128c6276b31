"""The rate limits of the mock server: requests and tokens in any sixty seconds, exactly.

Knows a sliding window and how long until there is room. Refuses to know sockets and replies.
A sliding window is the strictest reading of "per minute": whoever never gets a 429 here is polite.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a window says about one request.

    Attributes:
        wait_s: seconds until the same request would be admitted; 0 = it is admitted now;
            `None` = never, it alone is above the limit.
        left: what remains of the limit.
        reset_s: seconds until the whole limit is free again.
    """

    wait_s: float | None
    left: int
    reset_s: float


class Window:
    """Admits at most `limit` units in any sixty seconds."""

    def __init__(self, limit: int) -> None:
        """Start empty.

        Raises:
            ValueError: if the limit is below one.
        """
        if limit < 1:
            raise ValueError(f"a limit per minute of {limit} admits nothing")
        self.limit = limit
        self._used = 0
        self._taken: deque[tuple[float, int]] = deque()

    def look(self, now: float, units: int = 1) -> Room:
        """Say whether `units` fit now, without taking them."""
        while self._taken and self._taken[0][0] <= now - WINDOW_S:
            self._used -= self._taken.popleft()[1]
        reset_s = self._taken[-1][0] + WINDOW_S - now if self._taken else 0.0
        return Room(wait_s=self._wait_s(now, units), left=self.limit - self._used, reset_s=reset_s)

    def take(self, now: float, units: int = 1) -> None:
        """Count units as admitted now."""
        self._used += units
        self._taken.append((now, units))

    def _wait_s(self, now: float, units: int) -> float | None:
        if units > self.limit:
            return None
        missing = self._used + units - self.limit
        wait_s = 0.0
        for at, taken in self._taken:
            if missing <= 0:
                break
            missing -= taken
            wait_s = at + WINDOW_S - now
        return wait_s
