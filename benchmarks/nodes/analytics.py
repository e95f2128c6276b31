"""Modules of analytics: events with ids in ten groups, one by one and a thousand at a time, and lists."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

from figures import Figure, generated

WINDOW_S = 0.5
NOON = 1_700_000_040  # a minute begins
VALUES = [Random(seed).lognormvariate(0, 1) for seed in range(100_000)]
minutes = count()


@contextmanager
def prepared() -> Iterator[Callable[[], list[Figure]]]:
    """Make both examples; yield what measures one window."""
    with (
        generated("analytics/example.reducer.yaml") as stats,
        generated("analytics/example.compute.yaml") as figures,
    ):
        peak = memory_mb(stats)
        yield lambda: asyncio.run(window(stats, figures, peak))


async def mean_ms(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of a call on average, calls one after another."""
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < WINDOW_S:
        await call()
        done += 1
    return (time.perf_counter() - began) / done * 1000


async def window(stats: Any, figures: Any, peak: float) -> list[Figure]:
    """Measure folding events and summing lists up."""
    async with stats.RequestStats() as module:
        thousand = await mean_ms(lambda: module.response_times_many(events(stats, next(minutes), 1000)))
    async with stats.RequestStats() as module:
        numbers = count()

        async def one() -> None:
            n = next(numbers)
            await module.response_times(request_id=f"{n}", at=NOON + n * 0.06, route="/", seconds=0.1)

        single = await mean_ms(one)
    async with figures.SampleFigures() as module:
        few = await mean_ms(lambda: module.summary(measurements=VALUES[:1000]))
        many = await mean_ms(lambda: module.summary(measurements=VALUES))
    return [
        Figure(name="1000 events with ids, 10 groups", value=thousand, unit="ms", target=10),
        Figure(name="events one by one", value=1000 / single, unit="/s", target=1000, more_is_better=True),
        Figure(name="figures of 1000 values, exact", value=few, unit="ms", target=10),
        Figure(name="of each 1000 of 100,000, by sketch", value=many / 100, unit="ms", target=10),
        Figure(name="memory with every group open", value=peak, unit="MB", target=100),
    ]


def events(stats: Any, minute: int, number: int) -> list[Any]:
    """Events of one minute; the first of them closes the minute before the last."""
    return [
        stats.ResponseTimesInput(
            request_id=f"{minute}-{n}",
            at=NOON + 60 * minute + n * 60 / number,
            route=f"/{n % 10}",
            seconds=VALUES[n],
        )
        for n in range(number)
    ]


def memory_mb(stats: Any) -> float:
    """The peak with as many groups as the settings allow, each with more values than are kept."""
    rules = stats._response_times_rules(stats.RequestStatsSettings())  # noqa: SLF001 - nobody else has them
    tracemalloc.start()
    windows = stats.Windows(rules)
    for group in range(rules.open_tallies):
        values = tuple(VALUES[group : group + 2 * rules.exact_values])
        windows.add(stats.TimedValues(at=NOON, values=values, group=(f"/{group}",)))
    for number in range(rules.ids):
        windows.add(stats.TimedValues(at=NOON, values=(1.0,), group=("/0",), id=f"request {number}"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6
