"""Laws of modules of analytics: any order gives the same windows, parts make the whole, figures are exact."""

from __future__ import annotations

import json
from fractions import Fraction
from statistics import fmean
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generated.making import module_of

ANY = st.floats(-1e150, 1e150, allow_nan=False)
PLAIN = st.floats(-1e6, 1e6, allow_nan=False)
EVENTS = st.lists(
    st.tuples(st.integers(0, 400), PLAIN, st.sampled_from("abc"), st.integers(0, 60)), min_size=1, max_size=60
)


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("analytics/example.reducer.yaml", tmp_path_factory.mktemp("stats"))


def rules(stats: ModuleType, **changes: Any) -> Any:
    plain = {
        "name": "laws",
        "window_s": 30.0,
        "slide_s": 10.0,
        "lateness_s": 1000.0,
        "ahead_s": None,
        "idle_s": None,
        "labels": ("group",),
        "percents": (0, 12.5, 50, 95, 99, 99.9, 100),
        "buckets": (-10.0, 0.0, 10.0),
        "fills": False,
        "exact_values": 8,
        "bins": 64,
        "error": 0.01,
        "open_tallies": 1000,
        "ids": 1000,
        "aside": 10,
        "empties": 5,
    }
    return stats.WindowRules(**{**plain, **changes})


def opened(stats: ModuleType, **changes: Any) -> Any:
    return stats.Windows(rules(stats, **changes), clock=lambda: 0.0, wall=lambda: 0.0)


def fold(stats: ModuleType, windows: Any, events: list[tuple[int, float, str, int]]) -> list[Any]:
    closed = []
    for at, value, group, known in events:
        closed += windows.add(stats.TimedValues(at=at, values=(value,), group=(group,), id=f"{known}"))
    return closed


def distinct(events: list[tuple[int, float, str, int]]) -> list[tuple[int, float, str, int]]:
    """Events with ids of their own, for of two with one id the first counts."""
    return [(at, value, group, n) for n, (at, value, group, _) in enumerate(events)]


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False), st.sampled_from([10.0, 30.0]), st.booleans())
def test_any_order_within_lateness_gives_the_same(
    stats: ModuleType, events: list[tuple[int, float, str, int]], random: Any, slide: float, few: bool
) -> None:
    """Whatever the order, windows are the same bit by bit and come in the same sequence."""
    changes = {"slide_s": slide, "exact_values": 3 if few else 1000}
    ordered = sorted(distinct(events))
    shuffled = list(ordered)
    random.shuffle(shuffled)
    found = []
    for order in (ordered, shuffled, [*shuffled, *shuffled]):  # the last: everything is delivered twice
        windows = opened(stats, **changes)
        found.append(fold(stats, windows, order) + windows.flush())

    assert found[0] == found[1] == found[2]


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(0, 50), st.randoms(use_true_random=False))
def test_jitter_within_lateness_changes_nothing(
    stats: ModuleType, events: list[tuple[int, float, str, int]], lateness: int, random: Any
) -> None:
    """Events that come late by less than the lateness give what sorted events give, while windows close."""
    ordered = sorted(distinct(events))
    jittered = [
        event for _, event in sorted((event[0] + random.uniform(0, lateness), event) for event in ordered)
    ]
    found = []
    for order in (ordered, jittered):
        windows = opened(stats, lateness_s=float(lateness), labels=(), fills=True)
        closed = []
        for at, value, _, known in order:
            closed += windows.add(stats.TimedValues(at=at, values=(value,), id=f"{known}"))
        assert windows.counts["late"] == 0
        found.append(closed + windows.flush())

    assert found[0] == found[1]


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(2, 4), st.booleans())
def test_merged_parts_are_the_whole(
    stats: ModuleType, events: list[tuple[int, float, str, int]], parts: int, few: bool
) -> None:
    """Counted in parts and joined, or written to JSON and read again, is the same as counted at once."""
    changes = {"exact_values": 3 if few else 1000}
    events = distinct(events)
    whole = opened(stats, **changes)
    fold(stats, whole, events)
    joined = opened(stats, **changes)
    for part in range(parts):
        counted = opened(stats, **changes)
        fold(stats, counted, events[part::parts])
        read = opened(stats, **changes)
        read.fill(json.loads(json.dumps(counted.plain())))
        joined.absorb(read)

    assert joined.flush() == whole.flush()
    assert joined.counts == whole.counts


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY, min_size=1, max_size=80), st.integers(0, 20))
def test_sums_are_rounded_once(stats: ModuleType, values: list[float], kept: int) -> None:
    """Sum, mean and variance are those of exact fractions, rounded once, also beyond what is kept."""
    tally = stats.Tally(rules(stats, exact_values=kept))
    for value in values:
        tally.add([value])
    found = tally.figures([])
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)

    assert found.sum == float(sum(exact))
    assert found.mean == float(mean)
    assert found.variance == float(sum((value - mean) ** 2 for value in exact) / len(exact))
    assert (found.min, found.max, found.count) == (min(values), max(values), len(values))
    assert sum(found.histogram) == len(values)


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY, min_size=1, max_size=50))
def test_percentiles_of_few_are_exact(stats: ModuleType, values: list[float]) -> None:
    """Linear between neighbours by rank, rounded once; the ends are the smallest and the largest."""
    percents = (0, 12.5, 50, 95, 99, 99.9, 100)
    tally = stats.Tally(rules(stats, exact_values=50))
    tally.add(values)
    found = tally.figures(percents)
    ordered = sorted(map(Fraction, values))

    for percent in percents:
        place = Fraction(str(percent)) / 100 * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        assert found.percentiles[percent] == float(
            ordered[low] + (ordered[high] - ordered[low]) * (place - low)
        )
    assert found.is_exact


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(ANY, PLAIN, st.floats(1e-9, 10)), min_size=9, max_size=300), st.integers(64, 300))
def test_sketch_keeps_its_error(stats: ModuleType, values: list[float], bins: int) -> None:
    """Every percentile lies within the reported error of the two values that it lies between."""
    tally = stats.Tally(rules(stats, exact_values=8, bins=bins))
    for first in range(0, len(values), 7):
        tally.add(values[first : first + 7])
    percents = (0, 12.5, 50, 95, 99, 99.9, 100)
    found = tally.figures(percents)
    ordered = sorted(values)

    assert not found.is_exact
    assert len(tally.sketch.above) + len(tally.sketch.below) <= bins
    for percent in percents:
        place = Fraction(str(percent)) / 100 * (len(values) - 1)
        low = int(place)
        way = float(place - low)
        one, two = ordered[low], ordered[min(low + 1, len(values) - 1)]
        allowed = found.relative_error * (abs(one) * (1 - way) + abs(two) * way)
        exact = one * (1 - way) + two * way
        assert abs(found.percentiles[percent] - exact) <= allowed * (1 + 1e-9) + abs(exact) * 1e-9


def test_sketch_of_much_like_values_keeps_one_percent(stats: ModuleType) -> None:
    """P95 of 100,000 response times is within the error that was asked for, in a few hundred bins."""
    values = [0.001 * 1.0001**n for n in range(100_000)]
    tally = stats.Tally(rules(stats, exact_values=1000, bins=512))
    tally.add(values)
    found = tally.figures([95])

    assert found.relative_error == pytest.approx(0.01)
    assert found.percentiles[95] == pytest.approx(values[95_000], rel=0.01)
    assert found.mean == pytest.approx(fmean(values))


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.integers(0, 60), st.sampled_from([(10, 10), (30, 10), (25, 10), (7, 7)]))
def test_any_stream_gives_what_a_plain_count_gives(
    stats: ModuleType, events: list[tuple[int, float, str, int]], lateness: int, shape: tuple[int, int]
) -> None:
    """Late, duplicate and disordered events: windows and counters are those of the rules, said in ten lines."""
    window, slide = shape
    windows = opened(stats, lateness_s=float(lateness), window_s=float(window), slide_s=float(slide))
    found = fold(stats, windows, events) + windows.flush()

    held: dict[tuple[int, str], list[float]] = {}
    mark, late, duplicates = -(10**9), 0, 0
    ids: dict[str, int] = {}
    for at, value, group, known in events:
        if ids.get(f"{known}", -(10**9)) > mark:
            duplicates += 1
            continue
        starts = [
            start for start in range(-window, at + 1) if start % slide == 0 and start <= at < start + window
        ]
        fresh = [start for start in starts if start + window > mark]
        for start in fresh:
            held.setdefault((start, group), []).append(value)
        late += len(fresh) < len(starts)
        if fresh:
            ids[f"{known}"] = max(starts) + window
        mark = max(mark, at - lateness)

    assert windows.counts["duplicates"] == duplicates
    assert windows.counts["late"] == late
    assert [(each.start, each.labels["group"], each.figures.count) for each in found] == [
        (start, group, len(values)) for (start, group), values in sorted(held.items())
    ]
    for each, (_, values) in zip(found, sorted(held.items()), strict=True):
        assert each.figures.sum == float(sum(map(Fraction, values)))
