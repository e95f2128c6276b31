"""A module of api_heavy against an HTTP server on the loopback interface, with both client libraries."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from figures import Figure, closed_loop, open_loop, percentile_ms
from tests.generated.making import module_of

WINDOW_S = 2.0
CALLERS = 10
PER_S = 100
SLOW_S = 0.02  # of the slow server, for each answer
BODY = b'{"order_id": 7, "total": 12.5, "customer_id": 3}'


@contextmanager
def prepared() -> Iterator[Callable[[], list[Figure]]]:
    """Generate the module twice; yield what measures one window."""
    with tempfile.TemporaryDirectory(prefix="weft-nodes-") as folder:
        made = {}
        for name in ("httpx", "aiohttp"):
            place = Path(folder) / name
            place.mkdir()
            switches = {"aiohttp": name == "aiohttp", "cache": False}
            made[name] = module_of("api_heavy/example.yaml", place, switches=switches)
        yield lambda: [figure for name in made for figure in asyncio.run(window(made[name], name))]


async def window(made: Any, name: str) -> list[Figure]:
    """Measure calls at the pace of the target, as many as there can be, and against a slow server."""
    async with server(0.0) as quick, server(SLOW_S) as slow:
        async with client(made, quick) as api:
            _, paced = await open_loop(lambda _: api.find_order(order_id=7), per_s=PER_S, for_s=WINDOW_S)
            most, took = await closed_loop(
                lambda _: api.find_order(order_id=7), callers=CALLERS, for_s=WINDOW_S
            )
        async with client(made, slow) as api:
            slowly, waited = await closed_loop(
                lambda _: api.find_order(order_id=7), callers=CALLERS, for_s=WINDOW_S / 2
            )
    return [
        Figure(
            name=f"{name}: {PER_S} requests/s, 95 % within",
            value=percentile_ms(paced, 0.95),
            unit="ms",
            target=100,
        ),
        Figure(
            name=f"{name}: requests, {CALLERS} callers",
            value=most,
            unit="/s",
            target=100,
            more_is_better=True,
        ),
        Figure(name="  95 % of them within", value=percentile_ms(took, 0.95), unit="ms", target=100),
        Figure(
            name=f"{name}: a server of {SLOW_S * 1000:.0f} ms",
            value=slowly,
            unit="/s",
            target=100,
            more_is_better=True,
        ),
        Figure(name="  95 % of them within", value=percentile_ms(waited, 0.95), unit="ms", target=100),
    ]


def client(made: Any, url: str) -> Any:
    """The module, with a rate limit that is never reached."""
    return made.ShopApi(settings=made.ShopApiSettings(base_url=url, rate_limit=100_000))


class server:  # noqa: N801 - used like a function
    """A server that answers every request with one order after a while."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s

    async def __aenter__(self) -> str:
        application = web.Application()
        application.router.add_get("/orders/{id}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, _: web.Request) -> web.Response:
        if self._wait_s:
            await asyncio.sleep(self._wait_s)
        return web.Response(body=BODY, content_type="application/json")
