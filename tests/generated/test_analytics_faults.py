"""Modules of analytics in trouble: late, duplicate, out-of-order and bad events, gaps, clocks that step, bounds."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.generated import ml_models as making
from tests.generated.making import module_of

NOON = 1_700_000_040  # a minute begins

SPEC = """
name: gauges
kind: reducer
description: Gauges with every rule.
variant: analytics
operations:
  - name: level
    does: aggregate.window
    description: One reading.
    takes: {at: number, value: number, reading: {type: string, required: false}}
    with: {value: value, time: at, id: reading, window_s: 10, lateness_s: 5, ahead_s: 60, idle_s: 30, empty: true}
settings: {ids_kept: 4, aside_kept: 3, empties_in_a_row: 4}
"""


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("analytics/example.reducer.yaml", tmp_path_factory.mktemp("stats"))


@pytest.fixture(scope="module")
def gauges(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return making.module_from(SPEC, tmp_path_factory.mktemp("gauges"))


class Clocks:
    """A wall clock that may step and a steady one that may not."""

    def __init__(self) -> None:
        self.wall, self.steady = float(NOON), 0.0

    def pass_s(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def module(gauges: ModuleType, clocks: Clocks) -> Any:
    return gauges.Gauges(clock=lambda: clocks.steady, wall=lambda: clocks.wall)


async def test_late_event_is_counted_and_set_aside(gauges: ModuleType, clocks: Clocks) -> None:
    """An event for a closed window changes no figure; it is counted, kept aside and handed on."""
    taken: list[Any] = []
    module = gauges.Gauges(clock=lambda: clocks.steady, wall=lambda: clocks.wall, on_aside=taken.append)
    await module.level(at=NOON, value=1.0)
    [window] = await module.level(at=NOON + 15, value=2.0)
    late = await module.level(at=NOON + 9.9, value=100.0, reading="late one")
    await module.level(at=NOON + 10.1, value=3.0)
    [second] = module.flush_windows()

    assert (late, window.figures.count) == ([], 1)
    assert second.figures.sum == 5.0
    assert [(each.why, each.event.values, each.event.id) for each in taken] == [
        ("late", (100.0,), "late one")
    ]
    assert module.set_aside() == taken
    assert module.metrics()["level.late"] == 1


async def test_events_set_aside_are_bounded_and_counted(module: Any) -> None:
    """Of many late events the last few are kept, and all are counted."""
    await module.level(at=NOON + 50, value=1.0)
    for n in range(10):
        await module.level(at=NOON - n, value=float(n))

    assert [each.event.values[0] for each in module.set_aside()] == [7.0, 8.0, 9.0]
    assert (module.metrics()["level.late"], module.metrics()["level.aside_dropped"]) == (10, 7)


async def test_event_late_for_some_windows_counts_in_the_others(stats: ModuleType) -> None:
    """With sliding windows an event that is late for the oldest still counts in those that are open."""
    from_epoch = stats.dt.datetime.fromtimestamp
    utc = stats.dt.UTC
    module = stats.RequestStats()
    start = NOON // 300 * 300
    await module.load(at=from_epoch(start + 300, utc), size=1)
    closed = await module.load(at=from_epoch(start + 315, utc), size=1)
    await module.load(at=from_epoch(start + 290, utc), size=10)
    found = {each.start - start: each.sum for each in module.load_results(module.flush_windows())}

    assert closed == []  # no window held anything before
    assert found == {60: 12, 120: 12, 180: 12, 240: 12, 300: 2}
    assert module.metrics()["load.late"] == 1


async def test_duplicate_counts_once(module: Any) -> None:
    """The same id again changes nothing, in whatever order; events without one are all counted."""
    for reading, at in [("a", 1), ("b", 3), ("a", 1), ("a", 2), (None, 1), (None, 1)]:
        await module.level(at=NOON + at, value=1.0, reading=reading)
    [window] = module.flush_windows()

    assert window.figures.count == 4
    assert window.ids_exact
    assert module.metrics()["level.duplicates"] == 2


async def test_duplicate_of_a_closed_window_is_late_and_not_counted(module: Any) -> None:
    """When its window has closed an id is forgotten; its duplicate is set aside as late."""
    await module.level(at=NOON, value=1.0, reading="a")
    await module.level(at=NOON + 20, value=1.0, reading="b")
    await module.level(at=NOON, value=1.0, reading="a")

    assert module.metrics()["level.ids"] == 1
    assert [each.event.id for each in module.set_aside()] == ["a"]
    assert [each.figures.count for each in module.flush_windows()][-1] == 1


async def test_forgotten_id_is_admitted_by_its_windows(module: Any) -> None:
    """More ids than may be kept: the oldest is forgotten, and exactly its window says so."""
    await module.level(at=NOON, value=1.0, reading="first")
    for n in range(4):
        await module.level(at=NOON + 12, value=1.0, reading=f"r{n}")
    found = module.flush_windows()

    assert [(each.start - NOON, each.ids_exact) for each in found] == [(0, False), (10, True)]
    assert module.metrics()["level.ids_forgotten"] == 1
    assert module.metrics()["level.ids"] == 0


async def test_empty_windows_are_reported_where_asked_for(module: Any) -> None:
    """A gap gives windows without values in their places; a very long one is cut and counted."""
    await module.level(at=NOON, value=1.0)
    found = await module.level(at=NOON + 40, value=1.0)
    found += module.advance_windows(NOON + 60)

    assert [(each.start - NOON, each.figures.count) for each in found] == [
        (0, 1),
        (10, 0),
        (20, 0),
        (30, 0),
        (40, 1),
        (50, 0),
    ]
    assert (found[1].figures.mean, found[1].figures.percentiles) == (None, {})
    long = module.advance_windows(NOON + 10_000_000)
    assert [each.start - NOON for each in long] == [60, 70, 80]
    assert module.metrics()["level.empty_skipped"] == 1_000_000 - 9


async def test_event_before_the_clock_does_not_close_everything(module: Any) -> None:
    """An event whose time lies far ahead is set aside: it would make all others late."""
    await module.level(at=NOON, value=1.0)
    assert await module.level(at=NOON + 86_400, value=1.0) == []
    await module.level(at=NOON + 1, value=1.0)

    assert [each.why for each in module.set_aside()] == ["ahead"]
    assert [each.figures.count for each in module.flush_windows()] == [2]


async def test_wall_clock_that_steps_changes_no_figure(module: Any, clocks: Clocks) -> None:
    """The wall clock is set back an hour, and forth again: no event is refused, no window closes or opens."""
    for step in (0, -3600, -3600, 3600, 7200):
        clocks.wall += step
        clocks.pass_s(2)
        assert await module.level(at=NOON + clocks.steady, value=1.0) == [] or clocks.steady > 9
    found = module.flush_windows()

    assert module.metrics().get("level.ahead") is None
    assert module.metrics().get("level.late") is None
    assert sum(each.figures.count for each in found) == 5


async def test_idle_operation_is_closed_by_the_steady_clock(module: Any, clocks: Clocks) -> None:
    """`tick` closes windows after `idle_s` without events; a step of the wall clock is no such time."""
    await module.level(at=NOON, value=1.0)
    clocks.wall += 10_000
    assert module.tick_windows() == []
    clocks.pass_s(29.9)
    assert module.tick_windows() == []
    clocks.pass_s(0.2)

    assert [each.figures.count for each in module.tick_windows()] == [1]
    assert module.tick_windows() == []


@pytest.mark.parametrize(
    "change",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"value": 1e151},
        {"value": "3"},
        {"value": None},
        {"value": 10**400},
        {"at": math.nan},
        {"at": 1e30},
        {"at": "noon"},
        {"reading": ""},
        {"reading": "r" * 201},
    ],
    ids=str,
)
async def test_bad_event_changes_nothing(gauges: ModuleType, module: Any, change: dict[str, Any]) -> None:
    """What cannot be counted is a typed error without the value, and all figures stay what they were."""
    await module.level(at=NOON, value=1.0, reading="a")
    before = module.windows_state()
    with pytest.raises(gauges.InvalidEvent) as caught:
        await module.level(**{"at": NOON, "value": 2.0, "reading": "b", **change})
    folded = await module.level_many(
        [gauges.LevelInput(**{"at": NOON, "value": 2.0, "reading": "b", **change})]
    )

    assert module.windows_state() == before
    assert list(folded.refused) == [0]
    assert "rrr" not in str(caught.value)


async def test_bad_event_harms_no_other(gauges: ModuleType, module: Any) -> None:
    """Of many events at once the bad ones are named by their place and the others count."""
    events = [gauges.LevelInput(at=NOON + n, value=math.nan if n == 2 else 1.0) for n in range(30)]
    folded = await module.level_many(events)
    rest = module.flush_windows()

    assert list(folded.refused) == [2]
    assert [each.figures.count for each in (*folded.windows, *rest)] == [9, 10, 10]


async def test_too_many_groups_are_refused_and_counted_ones_stay(stats: ModuleType) -> None:
    """Beyond the bound a new group is refused; groups that are there go on, and nothing has changed."""
    module = stats.RequestStats(settings=stats.RequestStatsSettings(open_tallies=6))  # three an operation
    event = {"at": NOON, "seconds": 1.0}
    for n in range(3):
        await module.response_times(request_id=f"a{n}", route=f"/{n}", **event)
    with pytest.raises(stats.BoundReached):
        await module.response_times(request_id="b", route="/new", **event)
    assert "no room" in (await module.health()).checks["windows response_times"]
    await module.response_times(request_id="c", route="/2", **event)
    module.flush_windows()
    later = {"at": NOON + 60, "seconds": 1.0}
    await module.response_times(request_id="b", route="/new", **later)

    assert [each.figures.count for each in module.flush_windows()] == [1]


async def test_one_who_takes_aside_and_fails_does_no_harm(gauges: ModuleType, clocks: Clocks) -> None:
    """An error of `on_aside` is counted and logged, and the event is not asked for again."""

    def fail(aside: Any) -> None:
        raise OSError(aside.why)

    module = gauges.Gauges(clock=lambda: clocks.steady, wall=lambda: clocks.wall, on_aside=fail)
    await module.level(at=NOON + 50, value=1.0)
    await module.level(at=NOON, value=1.0)

    assert module.metrics()["level.aside_failures"] == 1


async def test_restart_goes_on_where_it_was(gauges: ModuleType, stats: ModuleType, clocks: Clocks) -> None:
    """State written to JSON at any moment and restored gives the windows of a run without a restart."""
    whole, found = [], []
    one = gauges.Gauges(clock=lambda: clocks.steady, wall=lambda: clocks.wall)
    two = gauges.Gauges(clock=lambda: clocks.steady, wall=lambda: clocks.wall)
    for n in range(60):
        event = {"at": NOON + n * 7 % 55, "value": n / 3, "reading": f"r{n % 40}"}
        whole += await one.level(**event)
        found += await two.level(**event)
        state = json.loads(json.dumps(two.windows_state()))
        two = gauges.Gauges(clock=lambda: clocks.steady, wall=lambda: clocks.wall)
        two.restore_windows(state)
    with pytest.raises(stats.InvalidInput):
        stats.RequestStats().restore_windows(state)

    assert found + two.flush_windows() == whole + one.flush_windows()
    assert one.metrics() == two.metrics()
    assert one.set_aside() == two.set_aside() != []


async def test_parts_that_moved_apart_are_not_joined(gauges: ModuleType) -> None:
    """A window that one part has reported is not reported again by a join."""
    one, two = gauges.Gauges(wall=lambda: NOON), gauges.Gauges(wall=lambda: NOON)
    await one.level(at=NOON, value=1.0)
    await two.level(at=NOON, value=1.0)
    await two.level(at=NOON + 30, value=1.0)
    with pytest.raises(gauges.InvalidInput, match="has reported"):
        one.absorb_windows(two)
    with pytest.raises(gauges.InvalidInput, match="has reported"):
        two.absorb_windows(one)


async def test_settings_that_need_too_much_memory_are_refused(stats: ModuleType) -> None:
    """More than `memory_mb` could be needed: refused before the first event, with both figures."""
    with pytest.raises(stats.InvalidInput, match=r"may need 4,\d+ MB of memory, 100 are allowed"):
        stats.RequestStats(settings=stats.RequestStatsSettings(open_tallies=50_000))


async def test_memory_stays_below_what_the_rules_promise(tmp_path: Path) -> None:
    """Every window, group, bin and id in use at once needs less than `bytes_at_most`, which is below 100 MB."""
    module = making.module_from(
        SPEC.replace("empty: true", "percentiles: [50]").replace(
            "ids_kept: 4, aside_kept: 3, empties_in_a_row: 4",
            "ids_kept: 2000, aside_kept: 200, open_tallies: 40",
        ),
        tmp_path,
    )
    rules = module._level_rules(module.GaugesSettings())
    full = tuple((-1) ** n * 10.0 ** (n % 290 - 145) * (1 + n % 7) for n in range(3000))
    tracemalloc.start()
    windows = module.Windows(rules, clock=lambda: 0.0, wall=lambda: 1e10)
    for n in range(2000):
        known = str(n).rjust(200, "r")
        windows.add(
            module.TimedValues(at=10.0 * (n % 40), values=full[n % 50 :: 2] if n < 40 else (1.0,), id=known)
        )
        windows.set_aside.append(
            module.Aside(module.TimedValues(at=0.0, values=(float(n),), id=known), "late")
        )
    used, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert windows.open_tallies <= 40
    assert used < peak < rules.bytes_at_most
