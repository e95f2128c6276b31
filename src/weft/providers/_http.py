"""The wire: one shared session, one POST, one whole reply. The only file that imports aiohttp.

Knows which failures happen before a request can have been read (surely not billed) and which
after (perhaps billed). Retries nothing, follows no redirect, reads no proxy variables, keeps no
cookies. Refuses to know what a body or a status means; that is `_faults.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from weft.call import RawReply
from weft.errors import Disconnected, NotTheApi, TimedOut, Unreachable, WeftError
from weft.kit.clocks import Clock, SystemClock
from weft.providers._addresses import PRIVATE_HINT, Target, host_of, may_connect, read_address

MAX_BODY = 32 * 1024 * 1024  # decoded bytes; 128k output tokens are far below 1 MiB
MAX_FIELD = 16_384  # bytes of one header line
MAX_HEADERS = 128
CONNECT_S = 30.0  # seconds to a connection, at most half of the deadline: then surely nothing was sent
KEEP_ALIVE_S = 15.0  # below the idle limit of every known front server, so that few sockets go stale
EXCERPT = 200  # characters of a broken body that the error keeps

_NO_HEADERS: Any = {}  # stands for the headers of a request in an error about it
_KEPT = frozenset({b"content-type", b"date", b"request-id", b"x-request-id", b"cf-ray"})
_KEPT_BEGINNINGS = (b"retry-after", b"x-ratelimit-", b"anthropic-ratelimit-")


LookUp = Callable[[str, int, socket.AddressFamily], Awaitable[list[tuple[Any, ...]]]]
"""Resolves host and port as `getaddrinfo` does."""


class AiohttpTransport:
    """The real `Transport`; opens its session on the first call, inside the running loop."""

    def __init__(
        self,
        concurrency: int,
        *,
        clock: Clock | None = None,
        private: bool = False,
        look_up: LookUp | None = None,
    ) -> None:
        """Allow so many connections at once.

        Args:
            concurrency: the engine's own limit; further calls would wait for a connection.
            clock: measures how long calls take.
            private: prompts may go into private networks.
            look_up: resolves names; `None` = as this machine does.
        """
        self._concurrency = concurrency
        self._clock = clock or SystemClock()
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
        self._private = private
        self._resolver = _CarefulResolver(look_up or _look_up)

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float) -> RawReply:
        """Send one request and read the whole reply, whatever its status.

        Args:
            url: an address that `check_base_url` has let pass; looked at once more here.
            headers: sent as they are, besides those that HTTP itself needs.
            body: the whole request.
            timeout_s: deadline of everything together, so that a slow drip ends too.

        Raises:
            Unreachable: no connection; surely not billed.
            TimedOut, Disconnected: after the request may have left; perhaps billed.
            NotTheApi: the reply is larger than any answer can be, or is no HTTP.
        """
        session = self._session or self._open()
        known = self._urls.get(url) or self._admit(url)
        started = self._clock.monotonic()
        received: list[bytes] = []
        try:
            response = await session.post(
                known,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=_deadline(timeout_s),
            )
            try:
                await _read_whole(response, received)
            except BaseException:
                response.close()
                raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            error = _translated(exc, host=known.host or url, timeout_s=timeout_s, received=received)
            raise error from _bare(exc)
        return RawReply(
            status=response.status,
            headers=_kept(response.raw_headers),
            body=received[0] if len(received) == 1 else b"".join(received),
            elapsed_s=self._clock.monotonic() - started,
        )

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._concurrency,
            keepalive_timeout=KEEP_ALIVE_S,
            ttl_dns_cache=300,
            resolver=self._resolver,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            max_headers=MAX_HEADERS,
        )
        return self._session

    def _admit(self, url: str) -> URL:
        """Look at an address once: literal addresses here, names when they are resolved."""
        parts = urlsplit(url)
        known = URL(url)
        target = Target(host=host_of(url), plain=parts.scheme == "http", private=self._private)
        address = read_address(target.host)
        if address is not None:
            if not may_connect(target.host, target):
                raise _refused(target.host)
            known = known.with_host(str(address))  # in its usual form, so that nobody reads another one
        elif (known.raw_host or "").rstrip(".").lower() != target.host:
            raise _refused(target.host)  # two readers of one text must agree on whom it names
        self._resolver.admit(target)
        self._urls[url] = known
        return known


class _CarefulResolver(AbstractResolver):
    """Resolves names and drops every address that a prompt must not be sent to."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._targets: dict[str, Target] = {}

    def admit(self, target: Target) -> None:
        """Take note of somebody who may be asked; one who is ever asked unencrypted stays held to that."""
        known = self._targets.get(target.host)
        if known is None or target.plain:
            self._targets[target.host] = target

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        target = self._targets.get(host.rstrip(".").lower())
        if target is None:
            raise _ForbiddenAddressError(host)
        results = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in await self._look_up(host, port, family)
            if may_connect(str(address[0]), target)
        ]
        if not results:
            raise _ForbiddenAddressError(host)
        return results

    async def close(self) -> None:
        """Nothing is held."""


async def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    """Resolve a name as this machine does."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
    )
    return list(found)


class _ForbiddenAddressError(OSError):
    """A name resolves only to addresses that weft does not connect to."""


@lru_cache(maxsize=64)
def _deadline(timeout_s: float) -> aiohttp.ClientTimeout:
    """Everything together, and the connection in at most half of it."""
    return aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s / 2))


async def _read_whole(response: aiohttp.ClientResponse, received: list[bytes]) -> None:
    """Collect the decoded body in `received`, so that a broken one can be looked at."""
    stream = response.content
    size = 0
    while not stream.at_eof():
        chunk = await stream.readany()
        received.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise NotTheApi(
                f"The reply is larger than {MAX_BODY // 2**20} MiB; no answer is.",
                hint="check the base URL and what stands between.",
                size=size,
            )


def _kept(raw_headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    kept = {}
    for name, value in raw_headers:
        low = name.lower()
        if low in _KEPT or low.startswith(_KEPT_BEGINNINGS):
            kept[low.decode("latin-1")] = value.decode("latin-1")
    return kept


def _translated(exc: Exception, *, host: str, timeout_s: float, received: list[bytes]) -> WeftError:
    """Say which of our errors a foreign one is; the order is from the certain to the uncertain."""
    cause = exc.__cause__ or exc.__context__
    if isinstance(exc, _ForbiddenAddressError) or isinstance(cause, _ForbiddenAddressError):
        return _refused(host)
    if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Unreachable(
            f"No connection to `{host}`: {_why(exc)}.",
            hint="check the network, the base URL and that the server runs.",
            host=host,
        )
    if isinstance(exc, TimeoutError):
        return TimedOut(
            f"No complete reply from `{host}` within {timeout_s:g} s; it may have been billed.",
            hint="raise `timeout_s` or lower `rows_per_call`.",
            timeout_s=timeout_s,
            excerpt=_excerpt(received),
        )
    if isinstance(exc, aiohttp.ClientResponseError | ValueError):
        return NotTheApi(
            f"`{host}` answered something that is no proper HTTP reply.",
            hint="check the base URL and what stands between.",
            excerpt=_excerpt(received),
        )
    return Disconnected(
        f"The connection to `{host}` broke before the reply was complete; it may have been billed.",
        hint="the call is repeated by itself.",
        excerpt=_excerpt(received),
    )


def _bare(exc: Exception) -> Exception:
    """The same error without the request that it holds, whose headers have the key (S47)."""
    seen: BaseException | None = exc
    while seen is not None:
        seen.__traceback__ = None  # its frames hold the headers as well
        if isinstance(seen, aiohttp.ClientResponseError):
            seen.request_info = seen.request_info._replace(headers=_NO_HEADERS)
            seen.history = ()
        seen.args = tuple(each for each in seen.args if isinstance(each, str | int))
        seen = seen.__cause__ or seen.__context__
    return exc


def _refused(host: str) -> Unreachable:
    return Unreachable(
        f"`{host}` is at an address that prompts are not sent to: link-local, metadata, private, "
        "or public without encryption.",
        hint=f"use https; {PRIVATE_HINT}",
        host=host,
    )


def _why(exc: Exception) -> str:
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return "nobody answered in time"
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return "the name is not known"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(exc, aiohttp.ClientSSLError):
        return "no encrypted connection could be agreed on"
    code = getattr(exc, "strerror", None)
    return str(code or "refused").lower()


def _excerpt(received: list[bytes]) -> str:
    text = b"".join(received)[: 4 * EXCERPT].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text)[:EXCERPT]
