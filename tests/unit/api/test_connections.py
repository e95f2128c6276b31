from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from weft.api.connections import PatientProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Hasty(PatientProtocol):
    """The same, in a test's time."""

    head_s = 0.15


@asynccontextmanager
async def serving(app: Callable[..., Any]) -> AsyncIterator[int]:
    """A real server; its port."""
    config = uvicorn.Config(app, http=Hasty, ws="none", lifespan="off", log_config=None, timeout_keep_alive=5)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older versions
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        task = asyncio.ensure_future(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await task


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer, when told to."""
    wait = dict(scope["headers"]).get(b"wait")
    if wait:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(float(wait)):
                await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("said", [b"", b"GET / HT", REQUEST[:-2]], ids=["nothing", "a word", "no end"])
async def test_head_that_does_not_come_is_given_up(said: bytes) -> None:
    """S36: who connects and does not say what is wanted is let go."""
    async with serving(hello) as port, asyncio.timeout(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)

        assert await reader.read() == b""
        writer.close()


async def test_dripping_head_is_given_up() -> None:
    """S36: bytes that come now and then buy no time."""
    async with serving(hello) as port, asyncio.timeout(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reading = asyncio.ensure_future(reader.read())
        sent = 0
        while not reading.done():
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: " if not sent else b"a")
            sent += 1
            await asyncio.wait({reading}, timeout=0.02)

        assert reading.result() == b""
        assert sent < 60
        writer.close()


async def test_slow_answers_and_further_requests_are_no_silence() -> None:
    """A request whose head has come takes as long as it takes, and so does the next on its connection."""
    async with serving(hello) as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nWait: 0.4\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / ")

        assert await reader.read() == b""
        writer.close()
