from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from tests.unit.providers.loopback import Act, Loopback, resets, says

from weft import errors
from weft.kit import plain_json
from weft.kit.clocks import VirtualClock
from weft.remote._wire import FIRST_TRIES, PATIENCE_S, Ask, Wire

BUSY = plain_json.dump({"code": "store_busy", "detail": "The store is locked.", "hint": ""})
MANY = plain_json.dump({"code": "too_many_requests", "detail": "Too many.", "hint": ""})
LOOK = Ask(method="GET", path="/runs")
CHANGE = Ask(method="POST", path="/runs/r/resume", is_repeatable=False)


@asynccontextmanager
async def wired(*acts: Act) -> AsyncIterator[tuple[Wire, Loopback]]:
    """A wire to a server that does this, one after the other."""
    loopback = Loopback(list(acts))
    async with loopback.running():
        wire = Wire(
            loopback.url, headers={"Authorization": "Bearer t"}, clock=VirtualClock(), random=Random(1)
        )
        try:
            yield wire, loopback
        finally:
            await wire.close()


@pytest.mark.parametrize("broken", [resets(), resets(b"HTTP/1.1 200 OK\r\n"), says(200, b"{", length=9)])
async def test_broken_connection_is_made_again(broken: Act) -> None:
    """A question that changes nothing is asked again when its connection breaks, wherever that happens."""
    async with wired(broken, broken, says(200, b'{"runs": []}')) as (wire, loopback):
        found = await wire.ask(LOOK)

    assert found == {"runs": []}
    assert len(loopback.requests) == 3


async def test_keyed_request_is_sent_again_as_it_was() -> None:
    """S38: a POST with a key is repeated with the same key and body."""
    key = {"Idempotency-Key": "k1"}
    async with wired(resets(), says(201, b"{}")) as (wire, loopback):
        await wire.ask(Ask(method="POST", path="/runs", content={"rows": []}, headers=key))

    assert [each.headers["idempotency-key"] for each in loopback.requests] == ["k1", "k1"]
    assert {each.body for each in loopback.requests} == {b'{"rows":[]}'}


async def test_change_that_may_have_happened_is_not_repeated() -> None:
    """A POST that would do another thing the second time is told to have broken off."""
    async with wired(resets(), says(200)) as (wire, loopback):
        with pytest.raises(errors.Disconnected):
            await wire.ask(CHANGE)

    assert len(loopback.requests) == 1


async def test_too_many_requests_are_waited_out() -> None:
    """A refusal for haste is heeded for as long as it says, also where a repetition would be unsafe."""
    slow = says(429, MANY, {"retry-after": "7"})
    async with wired(slow, says(200)) as (wire, _):
        await wire.ask(CHANGE)

        assert wire.clock.monotonic() >= 7 * 0.8


async def test_busy_server_is_asked_until_patience_ends() -> None:
    """A server that stays busy is given up after a minute, with its own sentence."""
    async with wired(says(503, BUSY)) as (wire, loopback):
        with pytest.raises(errors.StoreBusy, match="locked"):
            await wire.ask(LOOK)

        assert wire.clock.monotonic() <= PATIENCE_S
    assert len(loopback.requests) > FIRST_TRIES


async def test_refusal_is_not_repeated() -> None:
    """A mistake is told at once."""
    body = plain_json.dump({"code": "unknown_name", "detail": "There is no run `r`.", "hint": "look."})
    async with wired(says(404, body)) as (wire, loopback):
        with pytest.raises(errors.UnknownName, match="no run"):
            await wire.ask(LOOK)

    assert len(loopback.requests) == 1


async def test_server_that_was_never_there_is_given_up_soon() -> None:
    """Nobody waits a minute for a wrong address."""
    async with Loopback([]).running() as gone:
        url = gone.url
    wire = Wire(url, headers={}, clock=VirtualClock(), random=Random(1))

    with pytest.raises(errors.Unreachable, match="Nobody answers"):
        await wire.ask(LOOK)
    await wire.close()

    assert wire.clock.monotonic() < 5


async def test_stream_that_breaks_off_is_told() -> None:
    """A stream whose beginning was given is not begun again here."""
    async with wired(says(200, b"abc", length=9)) as (wire, loopback):
        with pytest.raises(errors.Disconnected):
            _ = [piece async for piece in wire.pieces(LOOK)]

    assert len(loopback.requests) == 1


async def test_answer_of_a_stranger_is_no_answer() -> None:
    """A page instead of JSON says that something else answers there, and redirects are not followed."""
    async with wired(says(200, b"<html>"), says(302, b"", {"location": "https://elsewhere.example"})) as (
        wire,
        _,
    ):
        for _ in range(2):
            with pytest.raises(errors.NotTheApi):
                await wire.ask(LOOK)
