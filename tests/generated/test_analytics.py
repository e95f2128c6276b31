"""Modules of analytics at work: known series, windows, groups, export, and lists that are all there."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from fractions import Fraction
from statistics import pvariance
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.generated import ml_models as making
from tests.generated.making import module_of

from weft.errors import BadSpec

NOON = 1_700_000_000 // 300 * 300  # a time at which windows of a minute and of five begin


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("analytics/example.reducer.yaml", tmp_path_factory.mktemp("stats"))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("analytics/example.compute.yaml", tmp_path_factory.mktemp("figures"))


def request(n: int, at: float, *, route: str = "/", seconds: float = 0.1) -> dict[str, Any]:
    return {"request_id": f"r{n}", "at": at, "route": route, "seconds": seconds}


async def test_known_series_has_its_known_figures(figures: ModuleType) -> None:
    """V11: 1 to 100 have mean 50.5, percentiles 50.5, 95.05 and 99.01, and three buckets."""
    async with figures.SampleFigures() as module:
        found = await module.summary(measurements=[float(n) for n in range(1, 101)])

    assert (found.count, found.mean) == (100, 50.5)
    assert (found.p50, found.p95, found.p99) == (50.5, 95.05, 99.01)
    assert found.histogram == [10, 90, 0, 0]


async def test_hard_series_is_exact(figures: ModuleType) -> None:
    """V11: a small spread far from zero loses no digit, where adding squares would lose all."""
    values = [1e9 + each for each in (4.0, 7.0, 13.0, 16.0)] * 1000
    tally = figures.Tally(figures._summary_rules(figures.SampleFiguresSettings()))
    tally.add(values)
    found = tally.figures([50])

    assert (found.mean, found.variance) == (1e9 + 10, 22.5)
    assert found.sum == sum(map(int, values))
    cancelling = figures.Tally(figures._summary_rules(figures.SampleFiguresSettings()))
    cancelling.add([1e100, 1.0, -1e100])
    assert cancelling.figures([50]).sum == 1.0


async def test_empty_list_has_no_figures(figures: ModuleType) -> None:
    """V11: nothing at all gives a count of nought and no mean."""
    async with figures.SampleFigures() as module:
        found = await module.summary(measurements=[])

    assert (found.count, found.mean, found.p50) == (0, None, None)


async def test_percentiles_are_those_of_numpy(figures: ModuleType) -> None:
    """V11: linear between neighbours, as numpy's default is; mean and variance as in the standard library."""
    values = np.random.default_rng(7).lognormal(size=997).tolist()
    async with figures.SampleFigures() as module:
        found = await module.summary(measurements=values)
    tally = figures.Tally(figures._summary_rules(figures.SampleFiguresSettings()))
    tally.add(values)

    for percent, value in ((50, found.p50), (95, found.p95), (99, found.p99)):
        assert value == pytest.approx(float(np.percentile(values, percent)), rel=1e-15)
    assert found.mean == float(sum(map(Fraction, values)) / len(values))
    assert tally.figures([]).variance == pytest.approx(pvariance(values), rel=1e-15)


async def test_windows_close_behind_the_watermark(stats: ModuleType) -> None:
    """V11: a window is reported once the newest event is later than its end by the lateness, and no sooner."""
    async with stats.RequestStats() as module:
        assert await module.response_times(**request(1, NOON + 5, seconds=0.2)) == []
        assert await module.response_times(**request(2, NOON + 59.999999, seconds=0.4)) == []
        assert await module.response_times(**request(3, NOON + 60, seconds=9)) == []
        assert await module.response_times(**request(4, NOON + 69.9)) == []
        [window] = await module.response_times(**request(5, NOON + 70))

    assert (window.start, window.end, window.labels) == (NOON, NOON + 60, {"route": "/"})
    assert (window.figures.count, window.figures.min, window.figures.max) == (2, 0.2, 0.4)
    assert window.figures.histogram == (0, 0, 2, 0, 0, 0)


async def test_groups_are_kept_apart_and_sorted(stats: ModuleType) -> None:
    """V11: each route has figures of its own, in the order of the routes."""
    async with stats.RequestStats() as module:
        for n, route in enumerate(["/b", "/a", "/b", "/c"]):
            await module.response_times(**request(n, NOON + n, route=route, seconds=n))
        found = module.flush_windows()

    assert [(each.labels["route"], each.figures.sum) for each in found] == [
        ("/a", 1.0),
        ("/b", 2.0),
        ("/c", 3.0),
    ]


async def test_sliding_windows_overlap(stats: ModuleType) -> None:
    """V11: an event counts in each of the five windows that it lies in; gives names the figures wanted."""
    at = dt.datetime.fromtimestamp(NOON + 290, dt.UTC)
    async with stats.RequestStats() as module:
        await module.load(at=at, size=100)
        found = await module.load(at=at + dt.timedelta(seconds=20), size=300)
        found += module.load_results(module.flush_windows())

    assert [each.start - NOON for each in found] == [0, 60, 120, 180, 240, 300]
    assert [each.sum for each in found] == [100, 400, 400, 400, 400, 300]
    assert found[1].p95 == 290.0
    assert {type(each).__name__ for each in found} == {"LoadResult"}


async def test_open_windows_can_be_looked_at(stats: ModuleType) -> None:
    """V11: figures of what is open are there at once, and looking changes nothing."""
    async with stats.RequestStats() as module:
        await module.response_times(**request(1, NOON, seconds=1))
        [early] = module.peek_windows()
        await module.response_times(**request(2, NOON, seconds=3))
        [late] = module.peek_windows()

        assert (early.figures.mean, late.figures.mean) == (1.0, 2.0)
        assert len(module.flush_windows()) == 1


async def test_list_of_events_is_windowed_whole(figures: ModuleType) -> None:
    """V11: in a list nothing is late; duplicates count once and hours are in order."""
    hour = dt.datetime(2026, 3, 31, 14, tzinfo=dt.UTC)
    events = [
        figures.BySensorInput(
            reading_id=f"r{n % 6}", at=hour + dt.timedelta(hours=n % 3), sensor="s", value=float(n % 6)
        )
        for n in (5, 4, 3, 2, 1, 0, 5, 2)
    ]
    async with figures.SampleFigures() as module:
        found = await module.by_sensor(events)

    assert [dt.datetime.fromtimestamp(each.start, dt.UTC).hour for each in found] == [14, 15, 16]
    assert [(each.figures.count, each.figures.sum) for each in found] == [(2, 3.0), (2, 5.0), (2, 7.0)]


async def test_bad_event_of_a_list_is_named_by_its_place(figures: ModuleType) -> None:
    """V11: a pure module gives no figure of a list in which one event cannot be counted."""
    hour = dt.datetime(2026, 3, 31, 14, tzinfo=dt.UTC)
    good = figures.BySensorInput(reading_id="a", at=hour, sensor="s", value=1.0)
    bad = figures.BySensorInput(reading_id="b", at=hour, sensor="s", value=float("nan"))
    naive = figures.BySensorInput(reading_id="b", at=hour.replace(tzinfo=None), sensor="s", value=1.0)
    async with figures.SampleFigures() as module:
        with pytest.raises(figures.InvalidEvent, match="event 2: a value is NaN"):
            await module.by_sensor([good, good, bad])
        with pytest.raises(figures.InvalidEvent, match="event 1: the time has no zone"):
            await module.by_sensor([good, naive])
        with pytest.raises(figures.InvalidEvent):
            await module.summary(measurements=[1.0, float("inf")])


# ── export ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def windows(stats: ModuleType) -> list[Any]:
    async with stats.RequestStats() as module:
        for n in range(10):
            await module.response_times(**request(n, NOON + n, route='=cmd|"x"\n', seconds=0.1 * n))
        found: list[Any] = module.flush_windows()
    return found


def test_json_lines_keep_every_digit(stats: ModuleType, windows: list[Any]) -> None:
    """V11: a line of JSON reads back to the figures of its window."""
    [line] = stats.to_json_lines(windows).splitlines()
    read = json.loads(line)

    assert read["label_route"] == '=cmd|"x"\n'
    assert (read["count"], read["mean"], read["p95"]) == (
        10,
        windows[0].figures.mean,
        windows[0].figures.percentiles[95],
    )
    assert read["histogram"] == list(windows[0].figures.histogram)


def test_csv_reads_back_and_holds_no_formula(stats: ModuleType, windows: list[Any]) -> None:
    """V11: a table reads back; a label that a spreadsheet would run is text; empty windows have empty cells."""
    empty = stats.Window(operation="load", start=0.0, end=1.0, labels={}, figures=stats.Figures())
    first, second = csv.DictReader(io.StringIO(stats.to_csv([*windows, empty])))

    assert first["label_route"].startswith("'=cmd")
    assert float(first["mean"]) == windows[0].figures.mean
    assert (second["count"], second["mean"], second["label_route"]) == ("0", "", "")


def test_text_for_prometheus_follows_its_grammar(stats: ModuleType, windows: list[Any]) -> None:
    """V11: names, quoted labels and values are those of the format; buckets add up."""
    text = stats.to_prometheus(windows, prefix="request_stats", edges=[0.05, 0.1, 0.5, 1, 5])
    sample = re.compile(r'^[a-z_]+(\{[a-z_]+="(\\.|[^"\\\n])*"(,[a-z_]+="(\\.|[^"\\\n])*")*\})? [-+.e0-9]+$')
    lines = text.splitlines()

    assert all(line.startswith("# TYPE ") or sample.match(line) for line in lines)
    assert r'route="=cmd|\"x\"\n"' in text
    buckets = [float(line.rpartition(" ")[2]) for line in lines if "_bucket{" in line]
    assert buckets == sorted(buckets)
    assert (len(buckets), buckets[-1]) == (6, 10.0)
    assert 'quantile="0.95"' in text


def test_newest_window_of_each_group_is_exported(stats: ModuleType) -> None:
    """V11: of two windows of one group the later one counts, whatever their order."""
    old, new = (
        stats.Window(
            operation="load", start=60.0 * n, end=60.0 * n + 60, labels={}, figures=stats.Figures(count=n + 1)
        )
        for n in range(2)
    )

    assert "x_load_count 2.0" in stats.to_prometheus([new, old], prefix="x")


# ── what is generated ────────────────────────────────────────────────────────────────────────────

SPEC = """
name: wrong
kind: reducer
description: Something that cannot be.
variant: analytics
operations:
  - name: figures
    does: aggregate.window
    description: Figures.
    takes: {at: number, value: number, shop: string}
    gives: [{start: number, mean: number}]
    with: {value: value, time: at, window_s: 60}
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("value: value", "value: worth"), "does not take"),
        (("window_s: 60", "window_s: 60, by: [till]"), "does not take"),
        ((", time: at", ""), "needs `time`"),
        (("mean: number", "average: number"), "is no figure"),
        (("[{start: number, mean: number}]", "{mean: number}"), "as a list"),
        (("kind: reducer", "kind: compute"), None),
        (("kind: reducer", "kind: compute\nsettings: {}"), None),
    ],
)
def test_specs_that_make_no_sense_are_refused(change: tuple[str, str], reason: str | None) -> None:
    """Fields that are not taken, figures that are none and windows without time fail at generation."""
    text = SPEC.replace(*change)
    if reason is None:
        assert making.generated_from(text).code
        with pytest.raises(BadSpec, match="belong to reducers"):
            making.generated_from(text.replace("window_s: 60", "window_s: 60, lateness_s: 5"))
    else:
        with pytest.raises(BadSpec, match=reason):
            making.generated_from(text)
