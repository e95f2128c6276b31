from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
import uvicorn

from weft.api.connections import PatientProtocol
from weft.api.serving import _Server
from weft.api.streaming import EventLog, EventStream, pump
from weft.events import RowsRead
from weft.ids import RunId

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Hasty(PatientProtocol):
    """The same, in a test's time."""

    head_s = 0.15


@asynccontextmanager
async def serving(app: Callable[..., Any]) -> AsyncIterator[uvicorn.Server]:
    """A real server."""
    config = uvicorn.Config(app, http=Hasty, ws="none", lifespan="off", log_config=None, timeout_keep_alive=5)
    server = _Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        task = asyncio.ensure_future(server.serve([listener]))
        await server.listens.wait()
        try:
            yield server
        finally:
            server.should_exit = server.force_exit = True
            await task


def port_of(server: uvicorn.Server) -> int:
    """Where it listens."""
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What still comes; a reset is an end as well: the other side has not read everything."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


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
    async with serving(hello) as server, asyncio.timeout(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        writer.write(said)

        assert await rest_of(reader) == b""
        writer.close()


async def test_dripping_head_is_given_up() -> None:
    """S36: bytes that come now and then buy no time."""
    async with serving(hello) as server, asyncio.timeout(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        reading = asyncio.ensure_future(rest_of(reader))
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
    async with serving(hello) as server, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nWait: 0.4\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / ")

        assert await rest_of(reader) == b""
        writer.close()


async def test_reader_who_never_reads_costs_little() -> None:
    """S37: who listens and does not read holds less than 256 kB here, however much happens."""
    log, closing = EventLog(), asyncio.Event()

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        stream = EventStream(pump(log.after, since="0", closing=closing), counted=nullcontext())
        await stream(scope, receive, send)

    async with serving(telling) as server, asyncio.timeout(20):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port_of(server)))
        await asyncio.get_running_loop().sock_sendall(line, REQUEST)
        held = 0
        for number in range(20_000):
            log.hear(RowsRead(run=RunId("r1"), rows=number, rejected=0))
            if number % 50 == 0:
                await asyncio.sleep(0)
                for each in server.server_state.connections:
                    each.transport.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096
                    )
                    held = max(held, each.transport.get_write_buffer_size())
        closing.set()
        line.close()

    assert 0 < held < 256 * 1024
    assert len(log._messages) < 20_000  # one shared log, whose oldest messages go
