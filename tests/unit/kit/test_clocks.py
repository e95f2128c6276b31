from __future__ import annotations

import asyncio

import pytest

from weft.kit.clocks import SystemClock, VirtualClock


def test_system_clock_tells_the_time() -> None:
    """Monotonic seconds do not go back, wall seconds are those of the epoch."""
    clock = SystemClock()
    first = clock.monotonic()

    assert clock.monotonic() >= first
    assert clock.wall() > 1_700_000_000


@pytest.mark.parametrize("seconds", [0, -3])
async def test_no_time_is_no_waiting(seconds: float) -> None:
    """Sleeping for nothing, or less, yields once on either clock."""
    steps: list[str] = []

    async def other() -> None:
        steps.append("other")

    for clock in (SystemClock(), VirtualClock(auto=False)):
        steps.clear()
        task = asyncio.create_task(other())
        await clock.sleep(seconds)
        steps.append("slept")
        await task

        assert steps == ["other", "slept"]


async def test_virtual_hour_takes_no_time() -> None:
    """With auto the clock jumps to the sleeper as soon as nothing else is to do."""
    clock = VirtualClock(start=5, wall=100)
    before = SystemClock().monotonic()
    await clock.sleep(3600)

    assert clock.monotonic() == 3605
    assert clock.wall() == 3700
    assert SystemClock().monotonic() - before < 5


async def test_sleepers_wake_in_order() -> None:
    """Each wakes at its own time, whatever the order of falling asleep."""
    clock = VirtualClock()
    woken: list[tuple[float, float]] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2, 1.5):
            group.create_task(sleeper(seconds))

    assert woken == [(1, 1), (1.5, 1.5), (2, 2), (3, 3)]


async def test_clock_by_hand_waits_for_the_hand() -> None:
    """Without auto nobody wakes before the clock was moved far enough."""
    clock = VirtualClock(auto=False)
    task = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.advance(9.5)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()

    clock.advance(0.5)
    await task
    assert clock.monotonic() == 10


async def test_cancelled_sleeper_is_gone() -> None:
    """A sleeper that is cancelled does not disturb the clock or the others."""
    clock = VirtualClock(auto=False)
    first, second = asyncio.create_task(clock.sleep(1)), asyncio.create_task(clock.sleep(2))
    await asyncio.sleep(0)
    first.cancel()
    clock.advance(2)

    await second
    assert first.cancelled() or first.cancelling()


def test_wall_clock_jumps_alone() -> None:
    """A user who sets the clock does not change durations."""
    clock = VirtualClock(wall=100)
    clock.shift_wall(-50)

    assert clock.wall() == 50
    assert clock.monotonic() == 0
