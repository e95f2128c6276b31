"""A loopback HTTP server that misbehaves on the wire exactly as told, and counts what reaches it.

Raw sockets, so that resets, drips and broken framing are real. And a transport without any wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson

from weft.call import Options, Prompt, RawReply
from weft.errors import WeftError
from weft.protocols import Credential, ModelFacts, ProviderRequest, Structured

KEY = "sk-planted-0123456789abcdef"


@dataclass(slots=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


Act = Callable[[asyncio.StreamWriter, asyncio.Event], Awaitable[None]]
"""Writes one reply, however badly; the event is set when the server stops."""


@dataclass
class Loopback:
    """The server: `acts` are played one per request, the last one again and again."""

    acts: list[Act]
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    open: dict[asyncio.StreamWriter, asyncio.Task[None]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play the acts on one connection."""
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self.open[writer] = task
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(Received(head[0].split(" ")[1], headers, body))
                self.asked.set()
                act = self.acts[min(len(self.requests), len(self.acts)) - 1]
                await act(writer, self.stopped)
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Loopback]:
        """Listen on a free port of 127.0.0.1."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=2**20)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            self.stopped.set()
            server.close()
            for writer in self.open:
                writer.transport.abort()
            await asyncio.gather(*self.open.values(), return_exceptions=True)


def says(
    status: int = 200,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
) -> Act:
    """Reply properly, or with a wrong `length`; the connection ends where the length is wrong."""

    async def act(writer: asyncio.StreamWriter, _: asyncio.Event) -> None:
        lines = {"content-type": "application/json", **(headers or {})}
        lines["content-length"] = str(len(body) if length is None else length)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + body)
        await writer.drain()
        if length is not None:
            writer.close()

    return act


def resets(before: bytes = b"") -> Act:
    """Write some bytes and reset the connection."""

    async def act(writer: asyncio.StreamWriter, _: asyncio.Event) -> None:
        writer.write(before)
        await writer.drain()
        sock = writer.get_extra_info("socket")
        if before:
            writer.close()
        else:
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends a reset
            writer.transport.abort()

    return act


def hangs() -> Act:
    """Never reply."""

    async def act(_: asyncio.StreamWriter, stopped: asyncio.Event) -> None:
        await stopped.wait()

    return act


def drips() -> Act:
    """Write a proper reply byte by byte, one every 20 ms: no pause is long, the whole never ends."""

    async def act(writer: asyncio.StreamWriter, stopped: asyncio.Event) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        while not stopped.is_set():
            writer.write(b" ")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), 0.02)

    return act


class Wireless:
    """A transport that gives one reply, or raises, and remembers what was sent."""

    def __init__(self, reply: RawReply | WeftError | None = None) -> None:
        """Give `reply` to everybody."""
        self.reply = reply or RawReply(status=200, headers={"content-type": "application/json"}, body=b"{}")
        self.sent: list[Received] = []
        self.is_closed = False

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float) -> RawReply:
        """Give the reply."""
        self.sent.append(Received(url, dict(headers), body))
        if isinstance(self.reply, WeftError):
            raise self.reply
        return self.reply

    async def close(self) -> None:
        """Take note."""
        self.is_closed = True


def raw(body: object, status: int = 200, **headers: str) -> RawReply:
    """A raw reply with a JSON body, or the bytes as given."""
    kept = {"content-type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
    return RawReply(status=status, headers=kept, body=body if isinstance(body, bytes) else orjson.dumps(body))


SCHEMA = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "the row's own id"},
                    "tldr": {"type": "string", "description": "summary (at most 12 words)", "maxLength": 90},
                    "kind": {"type": "string", "enum": ["bug", "praise"]},
                    "score": {"type": ["integer", "null"], "minimum": 0, "maximum": 10},
                },
                "required": ["id", "tldr", "kind", "score"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["rows"],
    "additionalProperties": False,
}


def prompt(
    user: str = '[{"id":"abcdef","data":{"text":"The button is broken."}}]', **changes: object
) -> Prompt:
    """A small prompt; all calls share one schema."""
    given: dict[str, object] = {
        "system": "Judge each row.\n",
        "user": user,
        "schema": SCHEMA,
        "schema_name": "judge",
        "max_output_tokens": 321,
    }
    return Prompt(**(given | changes))


def request(
    model: str = "some-model", *, key: str = KEY, variable: str = "", **changes: object
) -> ProviderRequest:
    """A request for a provider with a planted key."""
    given: dict[str, object] = {
        "model": model,
        "key": Credential(key, variable) if key else None,
        "transport": Wireless(),
        "options": Options(),
    }
    return ProviderRequest(**(given | changes))


def facts(model: str = "some-model", **changes: object) -> ModelFacts:
    """Facts about a model that takes everything."""
    return ModelFacts(**({"provider": "any", "model": model, "structured": Structured.STRICT} | changes))
