"""Listens on this machine and serves the application until it is told to stop.

Knows that the local server binds loopback and nothing else, and that it stops cleanly: nothing new
is taken in, what is under way is answered, runs at work are paused. Refuses to know signals and terminals (`cli/`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from weft.api.application import build_application
from weft.api.connections import PatientProtocol
from weft.api.needs import open_office
from weft.api.sessions import Sessions
from weft.app.opening import new_secret
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.errors import BadSetting

LOOPBACK = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1", "[::1]": "::1"}
"""Names of this machine for itself → address."""
MOST_CONNECTIONS = 1_500  # beyond the streams that may be open there is room for a thousand requests
BACKLOG = 512
HEADER_BYTES = 32_768  # of one request's head
GRACE_S = 10  # for requests under way when the server stops


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that listens.

    Attributes:
        url: what a program asks at. entrance: what a person opens, once.
        key: the file with the key.
    """

    url: str
    entrance: str
    key: Path


class _Server(uvicorn.Server):
    """Says when it takes requests, and leaves signals to the command that started it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    house: Weft,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    tell: Callable[[Listening], None],
    walks: bool = True,
) -> None:
    """Serve the house until `stop` is set; then answer what is under way and return.

    Args:
        host: a name of this machine for itself.
        port: 0 = any free one.
        tell: is called once when requests are taken.
        walks: this process walks runs too; `False` = others do (`weft worker`).

    Raises:
        BadSetting: if the host is not loopback, or the port cannot be listened at.
        UnwritableFile: if the key cannot be kept.
    """
    key = house.access.keep()
    with bind(host, port) as listener:
        number = listener.getsockname()[1]
        sessions = Sessions(key.text, clock=house.clock, draw=new_secret)
        office = open_office(house)
        application = build_application(
            house, sessions, port=number, draw=lambda: new_secret()[:12], office=office
        )

        def listens() -> None:
            shown = "[::1]" if LOOPBACK[host] == "::1" else host
            url = f"http://{shown}:{number}"
            tell(Listening(url, f"{url}/enter?code={sessions.new_code()}", key.path))

        await listen(application, listener, lanes=office.worker.lanes, walks=walks, stop=stop, tell=listens)


async def listen(
    application: ASGIApp,
    listener: socket.socket,
    *,
    lanes: Lanes,
    walks: bool,
    stop: asyncio.Event,
    tell: Callable[[], None],
) -> None:
    """Take requests until `stop` is set; then answer what is under way, pause runs at work and return.

    Args:
        lanes: of this process; stopped in the end.
        walks: this process walks runs too.
        tell: is called once when requests are taken.
    """
    server = _Server(_config(application))
    serving = asyncio.ensure_future(server.serve([listener]))
    working = asyncio.ensure_future(lanes.work() if walks else lanes.stopping.wait())
    stopping = asyncio.ensure_future(stop.wait())
    listening = asyncio.ensure_future(server.listens.wait())
    try:
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        tell()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        lanes.stop()  # ends streams of events too, so that the server need not wait for them
        server.should_exit = True
        for each in (stopping, listening):
            each.cancel()
        await serving
        await working  # runs at work are paused cleanly, and go on when a server starts again


def check_host(host: str) -> None:
    """Refuse an address that others could reach.

    Raises:
        BadSetting: naming it.
    """
    if host not in LOOPBACK:
        raise BadSetting(
            f"`--host {host}` could be reached by other machines; this server is for one person on this one.",
            hint="leave `--host` out, or give 127.0.0.1, ::1 or localhost.",
            setting="host",
        )


@contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port of this machine's own address.

    Raises:
        BadSetting: if the host is not loopback, or the port is taken or not allowed.
    """
    check_host(host)
    with bind_address(LOOPBACK[host], port) as listener:
        yield listener


@contextmanager
def bind_address(address: str, port: int) -> Iterator[socket.socket]:
    """Take a port of an address of this machine.

    Raises:
        BadSetting: if it is no address of this machine, or the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named asyncio sends answers at once; else a kept connection waits 40 ms for each.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        _listen(listener, address, port)
        yield listener
    finally:
        with suppress(OSError):
            listener.close()


def _listen(listener: socket.socket, address: str, port: int) -> None:
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as exc:
        raise BadSetting(
            f"Nobody can listen at port {port} of {address}: {exc.strerror or exc}.",
            hint="another `weft serve` may run there; `--port 0` takes any free one.",
            setting="port",
        ) from exc


def _config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=PatientProtocol,
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,  # the log of requests would hold codes; errors go where Python's logging goes
        access_log=False,
        log_level="error",  # what others send that is no HTTP is not worth a line
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=GRACE_S,
    )
