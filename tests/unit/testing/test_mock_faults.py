from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
import pytest
from tests.unit.testing.conftest import PATHS, ROWS, Rehearse, frame, text_in

from weft.kit.clocks import VirtualClock
from weft.testing.fault import Delivery, Fault
from weft.testing.fault_plans import FaultRates
from weft.testing.faults import FAULTS

TURNED_AWAY = [name for name, fault in FAULTS.items() if fault.status not in (0, 200)]
SPOILT = [name for name, fault in FAULTS.items() if fault.change]
HARMLESS = {
    "usage_missing",
    "usage_zero",
    "usage_absurd",
    "usage_above",
    "other_model",
    "shuffled",
    "swapped",
}


def scripted(*names: str) -> dict[str, Any]:
    """Options of a server that does this to its next calls."""
    return {"faults": FaultRates(script=names)}


def delivered(kind: Delivery) -> list[Fault]:
    """The faults that go wrong in this way on the wire."""
    return [fault for fault in FAULTS.values() if fault.delivery is kind]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("name", TURNED_AWAY)
async def test_turned_away_on_the_wire(rehearse: Rehearse, name: str, dialect: str) -> None:
    """F1-F11, F17: the status, the headers and an error body of the dialect; nothing is charged."""
    fault, clock = FAULTS[name], VirtualClock(auto=False)
    async with rehearse(**scripted(name), clock=clock) as it:
        status, headers, body = await it.post(dialect)
        again, _, _ = await it.post(dialect)

    assert (status, again, it.server.bill.calls) == (fault.status, 200, 1)
    for header, value in fault.headers(clock.wall()).items():
        assert headers[header.lower()] == value
    assert fault.meaning in orjson.loads(body)["error"]["message"]


async def test_retry_after_date_lies_ahead(rehearse: Rehearse) -> None:
    """F1, F4: dates are written as HTTP wants them, from the clock's own wall time."""
    clock = VirtualClock(auto=False)
    async with rehearse(**scripted("rate_limit_date", "retry_after_2099"), clock=clock) as it:
        _, soon, _ = await it.post()
        _, far, _ = await it.post()

    assert parsedate_to_datetime(soon["retry-after"]).timestamp() == clock.wall() + 2
    assert parsedate_to_datetime(far["retry-after"]).year == 2099


@pytest.mark.parametrize("fault", delivered(Delivery.NEVER), ids=lambda fault: fault.name)
async def test_silent_server_keeps_the_asker_waiting(rehearse: Rehearse, fault: Fault) -> None:
    """F13: nothing comes until the asker gives up; charged as the table says."""
    async with rehearse(**scripted(fault.name), timeout_s=0.1) as it:
        with pytest.raises(TimeoutError):
            await it.post()

        assert it.server.bill.calls == fault.charged


@pytest.mark.parametrize("fault", delivered(Delivery.HANGUP), ids=lambda fault: fault.name)
async def test_hangup_comes_without_a_byte(rehearse: Rehearse, fault: Fault) -> None:
    """F12, F14: the connection closes before any reply."""
    async with rehearse(**scripted(fault.name)) as it:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await it.post()

        assert it.server.bill.calls == fault.charged == 0


@pytest.mark.parametrize("name", ["reset", "short_body"])
async def test_reply_breaks_off(rehearse: Rehearse, name: str) -> None:
    """F14, F16: part of the body comes, then a reset or an early end; it was charged."""
    async with rehearse(**scripted(name)) as it:
        with pytest.raises(aiohttp.ClientError):
            await it.post()
        status, _, _ = await it.post()

        assert (status, it.server.bill.calls) == (200, 2)
        assert it.server.report()["faults"] == {name: 1}


async def test_drip_takes_a_second_per_byte(rehearse: Rehearse) -> None:
    """F15: the whole reply comes, far too late for any deadline."""
    clock = VirtualClock()
    async with rehearse(**scripted("drip"), clock=clock) as it:
        status, _, body = await it.post(user=frame(ROWS[:1]))

    assert status == 200
    assert clock.monotonic() >= len(body) - 1


async def test_reply_delivered_twice_spoils_no_other(rehearse: Rehearse) -> None:
    """F34: the second copy is not taken for the reply to the next request."""
    async with rehearse(**scripted("delivered_twice")) as it:
        first = await it.answers(user=frame(ROWS[:1]))
        second = await it.answers(user=frame(ROWS[1:]))

    assert (set(first), set(second)) == ({"aaaaaa"}, {"bbbbbb", "cccccc"})


async def test_skewed_clock_shows_in_headers(rehearse: Rehearse) -> None:
    """F36: dates are a day late and a reset lies in the past."""
    clock = VirtualClock(auto=False)
    async with rehearse(**scripted("skewed_clock"), clock=clock) as it:
        status, headers, _ = await it.post()

    assert status == 200
    assert parsedate_to_datetime(headers["date"]).timestamp() == clock.wall() - 86_400
    assert headers["x-ratelimit-reset-requests"] == "-5s"


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("name", SPOILT)
async def test_spoilt_reply_on_the_wire(rehearse: Rehearse, name: str, dialect: str) -> None:
    """F16-F33: the body differs from the honest one as the table says, and is charged exactly."""
    async with rehearse(**scripted(name, "ok")) as it:
        status, headers, body = await it.post(dialect)
        charged = it.server.bill.calls
        _, _, honest = await it.post(dialect)

    assert (status, charged) == (200, FAULTS[name].charged)
    assert body.replace(b"mock-1", b"mock-2") != honest
    assert headers["content-length"] == str(len(body))
    if name not in HARMLESS:
        assert answers_in(dialect, body) != answers_in(dialect, honest)


def answers_in(dialect: str, body: bytes) -> Any:
    """What a plain reader finds in a reply; `None` where it finds nothing."""
    try:
        return orjson.loads(text_in(dialect, orjson.loads(body)))
    except (ValueError, KeyError, IndexError, TypeError):
        return None


@pytest.mark.parametrize("dialect", PATHS)
async def test_excess_is_stated_and_charged(rehearse: Rehearse, dialect: str) -> None:
    """F30, F31: more than was allowed is charged; nonsense is only stated."""
    async with rehearse(**scripted("usage_above", "usage_absurd")) as it:
        await it.post(dialect)
        above = it.server.bill.output_tokens
        _, _, body = await it.post(dialect)

    assert above > 50_000
    assert it.server.bill.output_tokens - above < 1_000
    assert b"1000000000000000" in body


async def test_marked_row_trips_the_server(rehearse: Rehearse) -> None:
    """F8: every pack that holds the marked row is refused, no other."""
    async with rehearse(faults=FaultRates(markers={"never waits": "bad_request"})) as it:
        mixed, _, _ = await it.post()
        without, _, _ = await it.post(user=frame([ROWS[0], ROWS[2]]))
        alone, _, _ = await it.post(user=frame([ROWS[1]]))

    assert (mixed, without, alone) == (400, 200, 400)


async def test_script_can_be_sent(rehearse: Rehearse) -> None:
    """A test in another process scripts the next calls by POST /script."""
    async with rehearse() as it:
        async with it.session.post(it.server.url + "/script", json=["overloaded", "ok", "html"]) as reply:
            added = await reply.json()
        async with it.session.post(it.server.url + "/script", json=["nonsense"]) as reply:
            refused = reply.status
        statuses = [(await it.post())[0] for _ in range(2)]
        _, headers, _ = await it.post()

    assert (added, refused) == ({"added": 3}, 400)
    assert (statuses, headers["content-type"]) == ([529, 200], "text/html; charset=utf-8")
