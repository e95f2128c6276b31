from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from weft.api.problems import Refused
from weft.api.repeating import Repeats
from weft.errors import Mistake
from weft.kit.clocks import VirtualClock
from weft.rights import Principal


def request(body: bytes = b"{}", *, path: str = "/x", principal: str = "local") -> Request:
    """A request with a body."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [],
             "scheme": "http", "server": ("localhost", 1), "state": {"principal": Principal(id=principal)}}  # fmt: skip
    return Request(scope, receive)


class Work:
    """Counts how often it was done."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self.error = error

    async def __call__(self) -> Response:
        self.done += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return JSONResponse({"number": self.done}, status_code=201)


async def test_many_at_once_do_it_once() -> None:
    """S38: fifty requests with one key at the same time do the work once and get one answer."""
    repeats, work = Repeats(VirtualClock()), Work()

    answers = await asyncio.gather(*[repeats.once(request(), "key", work) for _ in range(50)])

    assert work.done == 1
    assert {(each.status_code, bytes(each.body)) for each in answers} == {(201, b'{"number":1}')}


async def test_other_senders_and_addresses_are_apart() -> None:
    """S38: the same key of somebody else, or at another address, is another request."""
    repeats, work = Repeats(VirtualClock()), Work()

    await repeats.once(request(), "key", work)
    await repeats.once(request(path="/y"), "key", work)
    await repeats.once(request(principal="somebody"), "key", work)

    assert work.done == 3


async def test_without_a_key_nothing_is_remembered() -> None:
    """A request without a key is done each time."""
    repeats, work = Repeats(VirtualClock()), Work()

    await repeats.once(request(), "", work)
    await repeats.once(request(), "", work)

    assert work.done == 2


async def test_key_with_another_body_is_refused() -> None:
    """S38: a key stands for one body; another one is refused and does nothing."""
    repeats, work = Repeats(VirtualClock()), Work()
    await repeats.once(request(), "key", work)

    with pytest.raises(Refused, match="another body"):
        await repeats.once(request(b'{"a":1}'), "key", work)

    assert work.done == 1


async def test_failed_request_may_come_again() -> None:
    """What failed did nothing: the key may be used for a corrected body."""
    repeats = Repeats(VirtualClock())
    with pytest.raises(Mistake):
        await repeats.once(request(), "key", Work(Mistake("It is wrong.")))

    answer = await repeats.once(request(b'{"a":1}'), "key", Work())

    assert answer.status_code == 201


async def test_answers_are_forgotten_after_a_week() -> None:
    """A key is kept for a week."""
    clock = VirtualClock()
    repeats, work = Repeats(clock), Work()
    await repeats.once(request(), "key", work)
    await clock.sleep(7 * 86_400 + 1)
    await repeats.once(request(), "key", work)

    assert work.done == 2
