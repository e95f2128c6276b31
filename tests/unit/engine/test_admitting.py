import asyncio

import pytest

from weft.call import PaceHint
from weft.engine.admitting import Gate
from weft.engine.pacing import Circuit, Pacer, Width
from weft.engine.spending import Reservation, Spending
from weft.errors import BudgetExceeded, Cancelled
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd

SMALL = Reservation(Usd(10), 10)


class Lane:
    """A gate on virtual time that notes what it says."""

    def __init__(self, *, rpm=None, width=8, budget=None):
        self.clock = VirtualClock()
        self.said = []
        self.spending = Spending(budget or Budget())
        self.gate = Gate(
            pacer=Pacer(rpm, None),
            width=Width(width),
            circuit=Circuit(5, 30.0),
            spending=self.spending,
            clock=self.clock,
            told=lambda reason, wait: self.said.append((reason, wait)),
        )

    async def admit(self, wanted=SMALL):
        await self.gate.admit(wanted, tokens=1)
        return self.clock.monotonic()


async def test_calls_keep_the_pace():
    """B20: with 15 requests a minute every call waits its four seconds."""
    lane = Lane(rpm=15)

    times = [await lane.admit() for _ in range(5)]

    assert times == pytest.approx([0.0, 3.5, 7.5, 11.5, 15.5], abs=0.6)


async def test_width_holds_back_until_a_call_returns():
    """B33: no more calls are in flight than allowed; the next goes when one has come back."""
    lane = Lane(width=1)
    await lane.admit()
    second = asyncio.ensure_future(lane.admit())
    await asyncio.sleep(0)
    waited = not second.done()
    lane.gate.landed()
    await second

    assert waited


async def test_a_landed_call_frees_its_place_before_its_money():
    """B33: while a reply is written down another call may go, and its money is still set aside."""
    lane = Lane(width=1, budget=Budget(usd=Usd(15)))
    await lane.admit()
    lane.gate.landed()
    second = asyncio.ensure_future(lane.admit())
    await asyncio.sleep(0)
    waited = not second.done()
    lane.gate.settled(SMALL, usd=Usd(5), tokens=1)
    await second

    assert waited


async def test_who_waits_goes_in_turn():
    """B33: one place that is free lets one call go, the first that came."""
    lane, gone = Lane(width=1), []

    async def go(name):
        await lane.admit()
        gone.append(name)

    await lane.admit()
    waiting = [asyncio.ensure_future(go(name)) for name in "abc"]
    await asyncio.sleep(0)
    lane.gate.landed()
    for _ in range(5):
        await asyncio.sleep(0)
    first = list(gone)
    lane.gate.landed()
    await waiting[1]
    lane.gate.close()

    assert first == ["a"]
    assert gone == ["a", "b"]
    with pytest.raises(Cancelled):
        await waiting[2]


async def test_more_width_lets_more_go():
    """F2: when the lane has grown again, every place is taken."""
    lane = Lane(width=4)
    lane.gate.width.only_one()
    await lane.admit()
    waiting = [asyncio.ensure_future(lane.admit()) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(20):
        lane.gate.succeeded(None)
    await asyncio.wait(waiting)

    assert all(task.done() for task in waiting)


async def test_a_turn_that_nobody_takes_goes_on():
    """L2: a waiter that is cancelled at the moment when its turn comes does not take it away."""
    lane = Lane(width=1)
    await lane.admit()
    first, second = (asyncio.ensure_future(lane.admit()) for _ in range(2))
    await asyncio.sleep(0)
    lane.gate.landed()
    first.cancel()
    await second

    assert first.cancelled()


async def test_a_short_budget_waits_for_releases():
    """P10: a call that does not fit waits while reservations in flight may still be given back."""
    lane = Lane(budget=Budget(usd=Usd(15)))
    await lane.admit()
    second = asyncio.ensure_future(lane.admit())
    await asyncio.sleep(0)
    waited = not second.done()
    lane.gate.settled(SMALL, usd=Usd(2), tokens=1)
    await second

    assert waited
    assert lane.spending.spent + lane.spending.reserved == 12


async def test_a_spent_budget_refuses():
    """P10: with nothing in flight, a call that does not fit is refused before it goes."""
    lane = Lane(budget=Budget(usd=Usd(9)))

    with pytest.raises(BudgetExceeded):
        await lane.admit()


async def test_a_pause_holds_the_whole_lane():
    """F1, I13: after a stated wait of 20 s no call goes before it is over, and the wait is told."""
    lane = Lane()
    lane.gate.pause("rate_limited", 20.0)
    lane.gate.pause("rate_limited", 5.0)

    times = [await lane.admit(), await lane.admit()]

    assert times == [20.0, 20.0]
    assert lane.said == [("rate_limited", 20.0)]


async def test_an_empty_remainder_is_waited_for():
    """F2: when a reply's headers say that no request is left, the lane waits for the reset."""
    lane = Lane()
    await lane.admit()
    lane.gate.succeeded(PaceHint(requests_left=0, reset_s=6.0))
    lane.gate.landed()
    lane.gate.released(SMALL)

    assert await lane.admit() == 6.0


async def test_five_failures_open_the_circuit():
    """F5: after five failures in a row nothing goes for 30 s, and then one call only."""
    lane = Lane()
    for _ in range(5):
        lane.gate.failed()

    assert await lane.admit() == 30.0
    assert lane.said == [("circuit_open", 30.0)]
    assert lane.gate.width.calls == 1


async def test_closing_wakes_everybody_who_waits():
    """L2: when a run is stopped, nobody sits out a pause."""
    lane = Lane(width=1)
    await lane.admit()
    waiting = asyncio.ensure_future(lane.admit())
    resting = asyncio.ensure_future(lane.gate.rest(1e9))
    await asyncio.sleep(0)
    lane.gate.close()

    for task in (waiting, resting):
        with pytest.raises(Cancelled):
            await task


async def test_illness_and_overload_are_counted_apart():
    """F5, F6: five failures in a row rest the lane, but only five of one kind."""
    lane = Lane()
    for overloaded in (False, False, True, True, False, False, True, True):
        lane.gate.failed(overloaded=overloaded)
    before = list(lane.said)
    lane.gate.failed(overloaded=True)

    assert before == []
    assert lane.said == [("circuit_open", 30.0)]
    assert lane.gate.width.calls == 1
