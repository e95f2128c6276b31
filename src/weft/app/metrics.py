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
from weft.kit.caches import TtlLruCache
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
        self._lines: TtlLruCache[str, Sequence[Totals]] = TtlLruCache(1, ttl_s=KEPT_S, clock=clock)

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
        """Everything as the text that Prometheus reads; the store is read at most every 15 seconds.

        Args:
            version: weft's own.

        Raises:
            MissingExtra: if `prometheus-client` is not installed.
        """
        lines = await self._lines.get_or_await(
            "all", lambda: asyncio.to_thread(self._sum_up, Window(), by_model=True)
        )
        store = self._stores.existing()
        caches = {"templates": remembered(self._planner.compiled.stats())}
        if store is not None:
            stats = await store.cache_stats()
            caches["answers"] = Remembered(hits=stats["hits"], entries=stats["entries"])
        return write_prometheus(
            Exposed(version=version, lines=lines, counts=self.counting.counts(), caches=caches)
        )

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
