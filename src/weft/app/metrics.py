"""The desk for figures: key figures of runs by template, and everything for Prometheus.

Knows that figures of runs are read from the store in one pass, off the event loop, and that what
Prometheus asks for again and again is kept for a moment. Refuses to know who looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft.app.planning import Planner
from weft.app.stores import Stores
from weft.kit.clocks import Clock
from weft.metrics.counting import Counting
from weft.metrics.exposing import (
    HEADER,
    PROMETHEUS,
    Exposed,
    Remembered,
    plain_line,
    remembered,
    write_prometheus,
)
from weft.metrics.exposing import write_csv as _write_csv
from weft.metrics.kpis import Totals, Window, sum_up

KEPT_S = 15.0  # as often as Prometheus looks by default
REST = 20  # sums are kept for so many times what they took, so that looking costs a twentieth at most

__all__ = ["HEADER", "PROMETHEUS", "Figures", "MetricsDesk", "Totals", "Window", "plain_line", "write_csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Key figures of the runs in a window.

    Attributes:
        lines: one per template and version, and per model where that was asked for; those with the
            most runs first.
    """

    window: Window
    lines: Sequence[Totals]


class MetricsDesk:
    """Tells what runs have taken and brought.

    Attributes:
        counting: hears the events of runs that this process walks.
    """

    def __init__(self, planner: Planner, stores: Stores, *, clock: Clock) -> None:
        """Look into these stores; nothing is opened yet."""
        self.counting = Counting(clock)
        self._planner = planner
        self._stores = stores
        self._clock = clock
        self._lines: Sequence[Totals] = ()
        self._good_until = float("-inf")  # monotonic seconds
        self._summing = asyncio.Lock()

    async def figures(self, window: Window | None = None, *, by_model: bool = False) -> Figures:
        """Sum the runs of a window up; no line where there is no store yet. Writes nothing.

        Runs that are under way count with what they have reached. Money is exact; where the price
        of one run is not known, the money of its line is `None`.

        Args:
            window: which runs; `None` = all.
            by_model: a line per model too.
        """
        wanted = window or Window()
        return Figures(window=wanted, lines=await asyncio.to_thread(self._sum_up, wanted, by_model=by_model))

    async def exposition(self, version: str) -> str:
        """Everything as the text that Prometheus reads; the store is read every 15 seconds at most.

        Args:
            version: weft's own.

        Raises:
            MissingExtra: if `prometheus-client` is not installed.
        """
        lines = await self._all()
        store = self._stores.existing()
        caches = {"templates": remembered(self._planner.compiled.stats())}
        if store is not None:
            stats = await store.cache_stats()
            caches["answers"] = Remembered(hits=stats["hits"], entries=stats["entries"])
        return write_prometheus(
            Exposed(version=version, lines=lines, counts=self.counting.counts(), caches=caches)
        )

    async def _all(self) -> Sequence[Totals]:
        """Sums over all runs, as old as they may be."""
        async with self._summing:  # of many who look at once, one sums up
            begun = self._clock.monotonic()
            if begun >= self._good_until:
                self._lines = await asyncio.to_thread(self._sum_up, Window(), by_model=True)
                now = self._clock.monotonic()
                self._good_until = now + max(KEPT_S, REST * (now - begun))
        return self._lines

    def _sum_up(self, window: Window, *, by_model: bool) -> list[Totals]:
        store = self._stores.existing()
        if store is None:
            return []
        return sum_up(store.figures(since=window.since, until=window.until), window, by_model=by_model)


def plain_figures(figures: Figures) -> dict[str, Any]:
    """Figures as plain JSON; money as exact dollars in text, `None` where it is not known."""
    return {
        "since": figures.window.since,
        "until": figures.window.until,
        "template": figures.window.template,
        "model": figures.window.model,
        "lines": [plain_line(each) for each in figures.lines],
    }


def write_csv(figures: Figures) -> str:
    """Figures as CSV with a header, which is there also where there is no line."""
    return _write_csv(figures.lines)
