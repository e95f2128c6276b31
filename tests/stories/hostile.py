"""A model's server that echoes the key it was sent in every way in which a reply can go wrong.

Knows raw HTTP only. Refuses to answer properly: what comes back is never what was asked for.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

Act = Callable[[str], bytes | None]
"""From the key to the bytes of a reply; `None` = hang up without one."""

STATUSES = (400, 401, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504, 529)


def said(key: str) -> str:
    """The key in the forms in which servers and what stands before them repeat it."""
    basic = b64encode(f"user:{key}".encode()).decode()
    return f"bad key {key}, {quote(key, safe='')}, {json.dumps(key)}, Basic {basic}, Bearer {key}"


def reply(key: str, status: int, body: bytes, kind: str = "application/json", *, more: str = "") -> bytes:
    """A whole reply whose headers hold the key too."""
    head = (
        f"HTTP/1.1 {status} {key}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        f"x-request-id: {key}\r\nrequest-id: {key}\r\nx-ratelimit-remaining-requests: {key}\r\n"
        f"retry-after: {key}\r\nset-cookie: k={key}\r\n{more}\r\n"
    )
    return head.encode() + body


def error(key: str) -> bytes:
    """An error body that holds the key in every field."""
    told = {"message": said(key), "code": key, "type": key, "param": key, "status": key}
    return json.dumps({"error": {**told, "details": [{"reason": key, "retryDelay": key}]}}).encode()


def content(text: str) -> bytes:
    """An envelope with a text in it."""
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 5}
    return json.dumps({"id": text, "model": text, "choices": [choice], "usage": usage}).encode()


def refusal(key: str) -> bytes:
    """An envelope in which the model declines."""
    choice = {"message": {"content": None, "refusal": said(key)}, "finish_reason": "content_filter"}
    return json.dumps({"choices": [choice]}).encode()


def _status(status: int) -> Act:
    return lambda key: reply(key, status, error(key))


ACTS: dict[str, Act] = {
    **{f"status {status}": _status(status) for status in STATUSES},
    "ollama error": lambda key: reply(key, 500, json.dumps({"error": said(key)}).encode()),
    "plain error": lambda key: reply(key, 502, said(key).encode(), "text/plain"),
    "error in 200": lambda key: reply(key, 200, error(key)),
    "redirect": lambda key: reply(key, 307, said(key).encode(), more=f"location: http://127.0.0.1:9/{key}\r\n"),
    "login page": lambda key: reply(key, 200, f"<html>{said(key)}</html>".encode(), "text/html"),
    "no envelope": lambda key: reply(key, 200, json.dumps({"said": said(key)}).encode()),
    "no json": lambda key: reply(key, 200, f'{{"said": {said(key)}'.encode()),
    "no answer": lambda key: reply(key, 200, content(said(key))),
    "wrong rows": lambda key: reply(key, 200, content(json.dumps({"rows": [{"id": key, "tone": said(key)}]}))),
    "refusal": lambda key: reply(key, 200, refusal(key)),
    "packed": lambda key: reply(key, 200, gzip.compress(error(key)), more="content-encoding: gzip\r\n"),
    "wrongly packed": lambda key: reply(key, 200, error(key), more="content-encoding: gzip\r\n"),
    "cut": lambda key: reply(key, 200, content(said(key)))[:-40],
    "cut in the head": lambda key: f"HTTP/1.1 200 OK\r\nx-a: {key}".encode(),
    "no HTTP": lambda key: f"NO HTTP {said(key)}\r\n\r\n".encode(),
    "long header": lambda key: f"HTTP/1.1 200 OK\r\nx-a: {key * 2_000}\r\n\r\n".encode(),
    "bad chunks": lambda key: f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{key}\r\n".encode(),
    "hang up": lambda _: None,
}  # fmt: skip
"""Every way, by name."""


class Hostile:
    """The server; every request meets the act that `next` names.

    Attributes:
        next: name of an act.
        keys: those that were sent here.
    """

    def __init__(self) -> None:
        self.next = "hang up"
        self.keys: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and act."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:] if ": " in line)
            sent = next(line for line in head.split("\r\n") if line.lower().startswith("authorization: "))
            await reader.readexactly(int(fields.get("content-length", 0)))
            key = sent.rpartition(" ")[2]
            self.keys.append(key)
            writer.write(ACTS[self.next](key) or b"")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, StopIteration):
            pass
        writer.close()


@contextmanager
def hostile() -> Iterator[Hostile]:
    """The server in a thread of its own."""
    server, ready = Hostile(), threading.Event()
    loop = asyncio.new_event_loop()

    async def start() -> Any:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        ready.set()
        return listening

    def run() -> None:
        listening = loop.run_until_complete(start())
        loop.run_forever()
        listening.close()
        loop.run_until_complete(asyncio.sleep(0))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
