"""HTTP/1.1 on a socket, as little of it as a mock server needs, and ways to break it on purpose.

Knows request lines, lengths, chunks and keep-alive; answers one request of a connection at a time.
Refuses to know routes and questions. Written on `asyncio.Protocol` and not on aiohttp's server,
which was measured first: 7,900 answered one-row requests per CPU second there, 11,700 here, and
faults need the bare transport anyway. It is no public web server: bind it to the loopback.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

LARGEST_HEAD = 64 * 1024  # bytes of request line and headers
LARGEST_BODY = 64 * 1024 * 1024  # bytes; far above any prompt
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
_RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends a reset


class Asked:
    """One HTTP request, headers unread until somebody wants them."""

    __slots__ = ("_head", "body", "method", "path", "query_text")

    def __init__(self, head: bytes, body: bytes) -> None:
        """Read the request line.

        Raises:
            ValueError: if there is none.
        """
        line, _, self._head = head.partition(b"\r\n")
        method, target, _version = line.decode("latin-1").split(" ")
        path, _, self.query_text = target.partition("?")
        self.method = method
        self.path = unquote(path) if "%" in path else path
        self.body = body

    @property
    def headers(self) -> dict[str, str]:
        """Headers with lower-case names; of repeated ones the last."""
        pairs = (line.partition(":") for line in self._head.decode("latin-1").split("\r\n"))
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the address; of repeated ones the last."""
        return dict(parse_qsl(self.query_text))


def write_reply(
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = "application/json",
) -> bytes:
    """Write a whole HTTP reply."""
    extra = "".join([f"{name}: {value}\r\n" for name, value in headers.items()]) if headers else ""
    reason = _REASONS.get(status, "Unknown")
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode("latin-1") + body


Respond = Callable[[Asked, "Wire"], bytes | Coroutine[None, None, bytes | None]]
"""Answers a request: at once with bytes, or later; `None` = nothing more is to be sent."""


class Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self, respond: Respond, wires: set[Wire]) -> None:
        """Prepare a connection.

        Args:
            respond: gives the reply to each request.
            wires: the open connections of the server; this one adds and removes itself.
        """
        self._respond = respond
        self._wires = wires
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._wanted = 0  # bytes of the whole next request, once its head was read
        self._head_length = -1
        self._is_last = False
        self._busy: asyncio.Task[bytes | None] | None = None

    # ── what asyncio calls ───────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream protocol gets a Transport
        self._wires.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Stop whatever still works for a client that is gone."""
        self._wires.discard(self)
        self._transport = None
        if self._busy:
            self._busy.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; answer when a request is whole."""
        self._buffer += data
        if self._busy is None:
            self._serve()

    # ── reading requests ─────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        while self._busy is None and self._transport is not None:
            try:
                asked = self._next()
            except ValueError as exc:
                self.send(
                    write_reply(400, str(exc).encode(), {"Connection": "close"}, content_type="text/plain")
                )
                self.close()
                return
            if asked is None:
                return
            reply = self._respond(asked, self)
            if isinstance(reply, bytes):
                self._finish(reply)
            else:
                self._busy = asyncio.get_running_loop().create_task(reply)
                self._busy.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[bytes | None]) -> None:
        self._busy = None
        if task.cancelled():
            return
        self._finish(task.result())
        self._serve()

    def _finish(self, reply: bytes | None) -> None:
        if reply is not None:
            self.send(reply)
        if self._is_last:
            self.close()

    def _next(self) -> Asked | None:
        """Cut the next whole request off the buffer; `None` until it is whole."""
        buffer = self._buffer
        if self._head_length < 0:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > LARGEST_HEAD:
                    raise ValueError("the head of the request is too large")
                return None
            self._read_head(bytes(buffer[:end]))
        if self._wanted < 0:
            return self._next_chunked()
        if len(buffer) < self._wanted:
            return None
        start = self._head_length + 4
        asked = Asked(bytes(buffer[: self._head_length]), bytes(buffer[start : self._wanted]))
        self._cut_off(self._wanted)
        return asked

    def _read_head(self, head: bytes) -> None:
        lowered = head.lower()
        self._head_length = len(head)
        self._is_last = b"\r\nconnection: close" in lowered or b" http/1.0\r\n" in lowered
        place = lowered.find(b"\r\ncontent-length:")
        length = int(lowered[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if not 0 <= length <= LARGEST_BODY:
            raise ValueError("the body of the request is too large")
        self._wanted = len(head) + 4 + length
        if b"\r\ntransfer-encoding: chunked" in lowered:
            self._wanted = -1
        if b"\r\nexpect: 100-continue" in lowered and len(self._buffer) <= len(head) + 4:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _next_chunked(self) -> Asked | None:
        buffer, body, place = self._buffer, bytearray(), self._head_length + 4
        while True:
            end = buffer.find(b"\r\n", place)
            if end < 0:
                return None
            size = int(bytes(buffer[place:end]).split(b";")[0], 16)
            if len(body) + size > LARGEST_BODY:
                raise ValueError("the body of the request is too large")
            after = end + 2 + size + 2
            if len(buffer) < after:
                return None
            body += buffer[end + 2 : after - 2]
            place = after
            if size == 0:
                break
        asked = Asked(bytes(buffer[: self._head_length]), bytes(body))
        self._cut_off(place)
        return asked

    def _cut_off(self, length: int) -> None:
        del self._buffer[:length]
        self._head_length, self._wanted = -1, 0

    # ── sending, and breaking ────────────────────────────────────────────────────────────────────

    def send(self, data: bytes) -> None:
        """Send bytes, unless the other side is gone."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close after everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Send a reset, as a crashed machine does; what is not sent yet is lost."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
