from __future__ import annotations

import asyncio

from weft.testing.clocks import SkippingClock


async def test_hours_are_skipped_exactly() -> None:
    """Nobody waits, sleepers wake in order, and both clocks have moved by just what was slept."""
    clock = SkippingClock(wall=1000.0)
    woken: list[float] = []

    async def rest(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(clock.monotonic())

    await asyncio.gather(rest(7200.0), rest(0.25), rest(60.0))

    assert woken == [0.25, 60.0, 7200.0]
    assert (clock.wall(), clock.slept) == (8200.0, [0.25, 60.0, 7200.0])


async def test_time_stands_still_during_real_work() -> None:
    """While something real is under way no sleeper wakes, however long it takes."""
    clock = SkippingClock()
    sleeper = asyncio.ensure_future(clock.sleep(1.0))
    with clock.standing(), clock.standing():
        for _ in range(500):
            await asyncio.sleep(0)
        stood = (sleeper.done(), clock.monotonic())
    await sleeper

    assert stood == (False, 0.0)
    assert clock.monotonic() == 1.0


async def test_a_cancelled_sleep_moves_no_time() -> None:
    """A wait that was given up leaves no trace: the clock skips to the next one only."""
    clock = SkippingClock()
    given_up = asyncio.ensure_future(clock.sleep(5.0))
    await asyncio.sleep(0)
    given_up.cancel()
    await clock.sleep(9.0)

    assert clock.slept == [9.0]
    assert clock.monotonic() == 9.0


async def test_no_time_only_yields() -> None:
    """Sleeping for nothing lets others run once and moves no time."""
    clock = SkippingClock()
    ran: list[str] = []
    asyncio.get_running_loop().call_soon(ran.append, "other")

    await clock.sleep(0)

    assert (ran, clock.monotonic(), clock.slept) == (["other"], 0.0, [])
