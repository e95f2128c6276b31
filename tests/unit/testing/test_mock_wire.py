from __future__ import annotations

import asyncio
import re

import orjson
import pytest
from tests.unit.testing.conftest import ROWS, Rehearse, frame, question

from weft.testing.mock_wire import LARGEST_BODY, Asked, write_reply

BODY = orjson.dumps(question("openai", frame(ROWS)))
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


async def talk(url: str, *pieces: bytes, replies: int = 1) -> bytes:
    """Send raw bytes piece by piece; return what comes back, up to so many whole replies."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        found = b""
        for _ in range(replies):
            head = await reader.readuntil(b"\r\n\r\n")
            stated = re.search(rb"Content-Length: (\d+)", head)
            length = int(stated[1]) if stated else 0
            found += head + await reader.readexactly(length)
        return found
    finally:
        writer.close()
        await writer.wait_closed()


def with_length(body: bytes = BODY, *headers: bytes) -> bytes:
    """A whole request with its length."""
    lines = b"".join(each + b"\r\n" for each in headers)
    return HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def test_request_may_come_in_pieces(rehearse: Rehearse) -> None:
    """A request is answered when its last byte is there, wherever it was cut."""
    whole = with_length()
    async with rehearse() as it:
        for cut in (1, 30, len(HEAD) + 10, len(whole) - 1):
            assert b" 200 OK" in await talk(it.server.url, whole[:cut], whole[cut:])


async def test_requests_may_queue_on_a_connection(rehearse: Rehearse) -> None:
    """Two requests sent at once get two replies in order, also from a slow server."""
    async with rehearse(latency_ms=1) as it:
        found = await talk(it.server.url, with_length() * 2, replies=2)

    assert found.count(b"HTTP/1.1 200 OK") == 2
    assert found.index(b"mock-1") < found.index(b"mock-2")


async def test_chunked_request_is_read(rehearse: Rehearse) -> None:
    """Bodies without a length come in chunks, and the next request after them is found."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:])) + b"0\r\n\r\n"
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    async with rehearse() as it:
        found = await talk(it.server.url, request[:-9], request[-9:] + with_length(), replies=2)

    assert found.count(b" 200 OK") == 2


async def test_expectation_is_met(rehearse: Rehearse) -> None:
    """Curl asks before it sends a large body."""
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    async with rehearse() as it:
        first = await talk(it.server.url, head)

    assert first.startswith(b"HTTP/1.1 100 Continue")


@pytest.mark.parametrize(
    "asked", [with_length(BODY, b"Connection: close"), with_length().replace(b"/1.1", b"/1.0", 1)]
)
async def test_last_request_closes_the_connection(rehearse: Rehearse, asked: bytes) -> None:
    """Whoever says that this was all is hung up on after the reply."""
    async with rehearse() as it:
        with pytest.raises(asyncio.IncompleteReadError):
            await talk(it.server.url, asked, replies=2)

        assert it.server.statuses == {200: 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"NONSENSE\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BODY + 1),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"x" * 70_000,
    ],
)
async def test_garbage_is_a_bad_request(rehearse: Rehearse, garbage: bytes) -> None:
    """What is no HTTP gets 400 and a closed connection; the server lives on."""
    async with rehearse() as it:
        found = await talk(it.server.url, garbage)
        status, _, _ = await it.post()

    assert found.startswith(b"HTTP/1.1 400")
    assert status == 200


def test_request_is_taken_apart() -> None:
    """Path, query and headers are read where they are wanted."""
    asked = Asked(b"GET /a%20b?key=1&x=%2F HTTP/1.1\r\nX-Api-Key:  secret \r\nHost: y", b"")

    assert (asked.method, asked.path, asked.query) == ("GET", "/a b", {"key": "1", "x": "/"})
    assert asked.headers["x-api-key"] == "secret"


def test_reply_states_its_length() -> None:
    """A written reply is a whole one."""
    assert write_reply(529, b"{}", {"X-Y": "z"}) == (
        b"HTTP/1.1 529 Overloaded\r\nContent-Type: application/json\r\nContent-Length: 2\r\nX-Y: z\r\n\r\n{}"
    )
