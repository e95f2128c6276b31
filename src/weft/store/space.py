"""How much room the disk has left, asked often and looked at rarely.

Knows the least free space below which nothing more is asked of a model (L5).
Refuses to know what would be written.
"""

from __future__ import annotations

from collections.abc import Callable

from weft.errors import DiskFull
from weft.kit.clocks import Clock

LOOK_EVERY_S = 1.0  # a disk does not lose 256 MB to us in a second


class FreeSpace:
    """Looks at most once a second whether there is room for more."""

    def __init__(self, free_mb: Callable[[], float | None], clock: Clock, *, least_mb: int) -> None:
        """Look with `free_mb`; `None` from it means that there is no disk to fill."""
        self._free_mb = free_mb
        self._clock = clock
        self._least_mb = least_mb
        self._look_at = float("-inf")

    def check(self) -> None:
        """Refuse if the disk is nearly full.

        Raises:
            DiskFull: if less than the least free space is left.
        """
        if self._least_mb <= 0 or self._clock.monotonic() < self._look_at:
            return
        free = self._free_mb()
        if free is not None and free < self._least_mb:
            raise DiskFull(
                f"Only {free:,.0f} MB are free where the store lies; {self._least_mb:,} MB are required.",
                hint="free some space, or lower the setting `min_free_mb`.",
                free_mb=round(free),
                required_mb=self._least_mb,
            )
        self._look_at = self._clock.monotonic() + LOOK_EVERY_S
