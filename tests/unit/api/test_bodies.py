from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from weft.api.bodies import JSON_BYTES, Bodies, Stream
from weft.api.problems import Refused

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1,]",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    ],
    ids=["open", "comma", "twice", "nan", "bytes", "brackets", "nested"],
)
async def test_what_is_no_json_is_refused(ask: httpx.AsyncClient, body: bytes) -> None:
    """A body that is not strictly JSON is a clear 400, however deep it is nested."""
    answer = await ask.post("/api/v1/estimates", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


@pytest.mark.parametrize("depth", [50, 500, 900, 990])
async def test_nested_rows_are_refused_as_cells(ask: httpx.AsyncClient, depth: int) -> None:
    """A value nested as deep as JSON is read ends as a complaint, not as an error of the server."""
    body = b'{"rows":[{"a":' + b"[" * depth + b"]" * depth + b"}]}"

    answer = await ask.post("/api/v1/estimates", content=body, headers=JSON)

    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_body_of_another_kind_is_refused(ask: httpx.AsyncClient, kind: str) -> None:
    """S30: forms of other pages cannot send what this server takes."""
    answer = await ask.post("/api/v1/estimates", content=b'{"rows":[]}', headers={"content-type": kind})

    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


async def test_declared_size_is_refused_unread(ask: httpx.AsyncClient) -> None:
    """S36: a body that says that it is too large is refused before a byte of it is read."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b" "

    answer = await ask.post(
        "/api/v1/estimates", content=body(), headers={**JSON, "content-length": str(JSON_BYTES + 1)}
    )

    assert (answer.status_code, read) == (413, 0)


async def test_undeclared_size_is_refused_at_the_limit() -> None:
    """S36: of a gigabyte without a length no more is read than the limit and one piece."""
    piece, read = b"x" * 65_536, 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    with pytest.raises(Refused, match="larger than"):
        await Bodies(never)(scope("POST", "/x"), receive, unsent)

    assert read <= JSON_BYTES + 65_536


async def test_stream_is_counted_as_it_comes() -> None:
    """An address that takes a stream gets piece after piece, up to its own limit."""
    pieces: Iterator[bytes] = iter([b"12", b"34", b"56"])
    seen = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    async def taking(scope: Any, receive: Any, send: Any) -> None:
        while True:
            seen.append((await receive())["body"])

    streams = [Stream("PUT", re.compile("/files/[a-z]+"), 5)]
    with pytest.raises(Refused, match="larger than 5 bytes"):
        await Bodies(taking, streams=streams)(scope("PUT", "/files/a"), receive, unsent)

    assert seen == [b"12", b"34"]


async def test_silent_body_is_given_up() -> None:
    """S36: a body that does not come is not waited for."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("it never comes")

    with pytest.raises(Refused, match="did not come"):
        await Bodies(never, idle_s=0.01)(scope("POST", "/x"), receive, unsent)


async def test_dripping_body_is_given_up() -> None:
    """S36: a body that comes byte by byte has its time as a whole."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(Refused, match="did not come"):
        await Bodies(never, whole_s=0.02)(scope("POST", "/x"), receive, unsent)


@pytest.mark.parametrize("pause_s", [0.0, 0.01])
async def test_dripping_stream_is_given_up(pause_s: float) -> None:
    """S36: a stream that comes byte by byte is given up soon after the time of a silent one."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def receive() -> dict[str, Any]:
        await pause(pause_s)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def taking(scope: Any, receive: Any, send: Any) -> None:
        while loop.time() < began + 5:
            await receive()

    streams = [Stream("PUT", re.compile("/files/[a-z]+"), 10**9)]
    bodies = Bodies(taking, streams=streams, idle_s=0.1)
    if pause_s:
        with pytest.raises(Refused, match="did not come"):
            await bodies(scope("PUT", "/files/a"), receive, unsent)
        assert loop.time() < began + 1
        return
    async with asyncio.timeout(0.5):  # as fast as it can be taken in: it goes on
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bodies(scope("PUT", "/files/a"), receive, unsent), 0.3)


async def test_slow_reader_is_not_the_senders_fault() -> None:
    """What the reader of a stream does between two pieces takes no time from the sender."""
    left = iter([True, True, True, False])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": next(left)}

    async def taking(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            await pause(0.06)

    streams = [Stream("PUT", re.compile("/files/[a-z]+"), 100)]
    await Bodies(taking, streams=streams, idle_s=0.1)(scope("PUT", "/files/a"), receive, unsent)

    assert not next(left, False)


async def test_sender_who_leaves_is_let_go() -> None:
    """A sender that goes away in the middle of a body costs nothing more."""
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    await Bodies(never)(scope("POST", "/x"), receive, unsent)

    assert next(messages, None) is None


async def pause(seconds: float) -> None:
    """Let real time pass: what is tested is time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


def scope(method: str, path: str) -> dict[str, Any]:
    """A request as the server hands it over."""
    return {"type": "http", "method": method, "path": path, "headers": []}


async def never(scope: Any, receive: Any, send: Any) -> None:
    """An application that must not be reached."""
    raise AssertionError("the request was passed on")


async def unsent(message: Any) -> None:
    """Nothing must be answered here."""
    raise AssertionError(message)
