"""A small shop over HTTP on the loopback interface that fails on demand.

Knows orders that can be read and added, and counts every request that reaches it, so that a test can
say how often something was really sent. Faults are queued with `fail`, one for each coming request.
Refuses to sleep: what hangs, hangs until the server closes.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one request instead of a plain answer.

    Attributes:
        status: answered with this; 0 = the plain answer.
        headers: of the answer.
        body: of the answer; None = a short JSON text.
        does_it: the change is made before the fault, as by a server that fails afterwards.
        cut: the connection is reset after half of the body.
        drop: the connection is reset without an answer.
        hang: no answer ever comes.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    does_it: bool = False
    cut: bool = False
    drop: bool = False
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the server."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class FaultyShop:
    """The server; `url` says where it listens.

    Attributes:
        seen: every request in the order of arrival.
        orders: what has been added, by id.
        added: how often something was added; larger than `len(orders)` = done twice.
        most_at_once: the largest number of requests that were being served together.
    """

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.orders: dict[int, dict[str, object]] = {7: {"order_id": 7, "total": 12.5, "customer_id": 3}}
        self.added = 0
        self.most_at_once = 0
        self._known_keys: dict[str, dict[str, object]] = {}
        self._faults: deque[Fault] = deque()
        self._serving = 0
        self._closing = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def fail(self, *faults: Fault) -> None:
        """Queue faults for the coming requests."""
        self._faults.extend(faults)

    def count(self, method: str) -> int:
        """How many requests of a method have arrived."""
        return sum(1 for each in self.seen if each.method == method)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request, then fail as queued or serve it."""
        body = await request.read()
        self.seen.append(
            Seen(request.method, request.raw_path, dict(request.query), dict(request.headers), body)
        )
        fault = self._faults.popleft() if self._faults else Fault()
        self._serving += 1
        self.most_at_once = max(self.most_at_once, self._serving)
        try:
            await self.gate.wait()
            return await self._served(request, body, fault)
        finally:
            self._serving -= 1

    async def _served(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
        fails = bool(fault.status or fault.drop or fault.hang)
        plain = self._plain(request, body) if fault.does_it or not fails else None
        if fault.hang:
            await self._closing.wait()
        if fault.drop or fault.hang:
            return _reset(request)
        if fault.cut and plain is not None:
            return await _cut(request, plain)
        if fault.status:
            content = fault.body if fault.body is not None else b'{"error": "queued"}'
            return web.Response(status=fault.status, headers=fault.headers, body=content)
        assert plain is not None
        if fault.headers or fault.body is not None:
            return web.Response(headers=fault.headers, body=fault.body or plain.body)
        return plain

    def _plain(self, request: web.Request, body: bytes) -> web.Response:
        """Do what is asked for."""
        if request.method == "POST":
            return self._add(request, json.loads(body))
        if request.path.startswith("/customers/"):
            return web.json_response({"customer": {"name": "Ada", "id": len(request.match_info["id"])}})
        if request.path == "/orders":
            return self._page(request)
        found = self.orders.get(int(request.match_info.get("id", 0)))
        if found is None:
            return web.json_response({"error": "unknown"}, status=404)
        if request.method == "DELETE":
            del self.orders[int(request.match_info["id"])]
            return web.Response(status=204)
        return web.json_response(found)

    def _add(self, request: web.Request, order: dict[str, object]) -> web.Response:
        key = request.headers.get("Idempotency-Key", "")
        if key and key in self._known_keys:
            return web.json_response(self._known_keys[key], status=201)
        number = len(self.orders) + 100
        self.orders[number] = {"order_id": number, **order}
        self.added += 1
        self._known_keys[key] = {"order_id": number}
        return web.json_response({"order_id": number}, status=201)

    def _page(self, request: web.Request) -> web.Response:
        """Three pages of two orders; the last one names no next page."""
        page = int(request.query.get("page", "1"))
        found = [{"order_id": page * 10 + place, "total": 1.0} for place in range(2)]
        following = f"/orders?page={page + 1}" if page < 3 else None
        return web.json_response({"found": found, "next": following})

    def _close(self) -> None:
        self._closing.set()
        self.gate.set()


def _reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, plain: web.Response) -> web.StreamResponse:
    assert isinstance(plain.body, bytes)
    response = web.StreamResponse(status=plain.status, headers={"Content-Type": "application/json"})
    response.content_length = len(plain.body)
    await response.prepare(request)
    await response.write(plain.body[: len(plain.body) // 2])
    assert request.transport is not None
    request.transport.abort()
    return response


@asynccontextmanager
async def faulty_shop() -> AsyncIterator[FaultyShop]:
    """Start the server on a free port; nothing of it is left afterwards."""
    shop = FaultyShop()
    application = web.Application()
    application.router.add_route("*", "/orders", shop.answer)
    application.router.add_route("*", "/orders/{id}", shop.answer)
    application.router.add_route("*", "/customers/{id}", shop.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    shop.url = f"http://{host}:{port}"
    try:
        yield shop
    finally:
        shop._close()
        await runner.cleanup()
