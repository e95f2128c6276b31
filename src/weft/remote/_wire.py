"""The wire to a server: one session, requests that may be repeated are, refusals become errors.

Knows which request may be sent again after its connection broke: one that changes nothing, one that
says the same however often, and one with a key. Follows no redirect, reads no proxy variables, keeps
no cookies, and shows the token to nobody but its server. Refuses to know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from weft.errors import Disconnected, NotTheApi, Outage, Unreachable, WeftError
from weft.ids import draw
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.remote.problems import error_of

PREFIX = "/api/v1"
CONNECT_S = 10.0
SILENCE_S = 120.0  # without a byte of an answer; estimates and previews of large tables take a while
PATIENCE_S = 60.0  # a server that was there is started again within
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
FIRST_TRIES = 3  # at a server that was never there
PIECE = 1 << 18  # bytes of an answer that are handed on together
MOST_BODY = 64 << 20  # bytes of an answer that is no stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request.

    Attributes:
        query: parameters of the address; a list stands for several of one name.
        content: is sent as JSON; `None` = nothing.
        stream: gives the body's pieces anew for every try, instead of `content`.
        is_repeatable: sent twice it does the same as once.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    content: Any = None
    stream: Callable[[], AsyncIterable[bytes]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True


PAGE = 200  # entries of one page


class Wire:
    """Speaks to one server; opens its session on the first request, inside the running loop."""

    def __init__(self, url: str, *, headers: Mapping[str, str], clock: Clock, random: Random) -> None:
        """Speak to nobody yet.

        Args:
            url: of the server, without a path.
            headers: of every request; among them the token.
            clock: measures patience.
            random: draws keys of requests, and spreads tries.
        """
        self.url = url
        self.clock = clock
        self._headers = dict(headers)
        self._random = random
        self._session: aiohttp.ClientSession | None = None
        self._was_there = False

    def new_key(self) -> str:
        """A name for a request that must not be done twice."""
        return draw(self._random, 24)

    async def ask(self, ask: Ask) -> Any:
        """Send a request until it is answered; its answer from JSON, `None` where it is empty.

        Raises:
            WeftError: as the server's desk does; Unreachable or Disconnected if the server is gone.
        """
        tries = _Tries(self, ask)
        while True:
            try:
                async with self._sent(ask) as response:
                    body = await _whole(response)
                    if response.status >= 300:
                        raise _refused(response, body)
                    return _read(body, response) if body else None
            except (aiohttp.ClientError, TimeoutError, OSError, WeftError) as error:
                await tries.wait(error)

    async def entries(
        self, path: str, key: str, *, query: Mapping[str, Any] | None = None, most: int | None = None
    ) -> AsyncIterator[Any]:
        """Ask for a list page by page, as far as its entries are wanted.

        Args:
            path: of the list.
            key: under which a page has its entries.
            query: besides the page's size and cursor.
            most: entries in all; `None` = every one.
        """
        cursor: str | None = ""
        left = most
        while cursor is not None and left != 0:
            limit = PAGE if left is None else min(PAGE, left)
            page = await self.ask(
                Ask(method="GET", path=path, query={**(query or {}), "limit": limit, "cursor": cursor})
            )
            for each in page[key]:
                yield each
            cursor = page["next"]
            left = None if left is None else max(0, left - len(page[key]))

    async def pieces(self, ask: Ask) -> AsyncIterator[bytes]:
        """Send a request and give its answer as it comes; what breaks off is not tried again here.

        Raises:
            WeftError: as `ask`.
        """
        tries = _Tries(self, ask)
        begun = False
        while True:
            try:
                async with self._sent(ask) as response:
                    if response.status >= 300:
                        raise _refused(response, await _whole(response))
                    async for piece in response.content.iter_chunked(PIECE):
                        begun = True
                        yield piece
                    return
            except (aiohttp.ClientError, TimeoutError, OSError, WeftError) as error:
                if begun:
                    raise translated(error, self.url) from error
                await tries.wait(error)

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def was_there(self) -> bool:
        """Whether the server has ever answered."""
        return self._was_there

    def spread(self, seconds: float) -> float:
        """So many seconds, more or less, so that many programs do not come back at once."""
        return seconds * self._random.uniform(0.8, 1.2)

    @asynccontextmanager
    async def _sent(self, ask: Ask) -> AsyncIterator[aiohttp.ClientResponse]:
        session = self._session or self._open()
        headers = {**self._headers, **ask.headers}
        body: Any = None
        if ask.stream is not None:
            body, headers["Content-Type"] = ask.stream(), "application/octet-stream"
        elif ask.content is not None:
            body, headers["Content-Type"] = plain_json.dump(ask.content), "application/json"
        async with session.request(
            ask.method,
            self.url + PREFIX + ask.path,
            params=_parameters(ask.query),
            data=body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            self._was_there = True
            yield response

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S),
        )
        return self._session


class _Tries:
    """Whether a request is worth another try, and when."""

    def __init__(self, wire: Wire, ask: Ask) -> None:
        self._wire = wire
        self._ask = ask
        self._tries = 0
        self._give_up = wire.clock.monotonic() + PATIENCE_S

    async def wait(self, error: Exception) -> None:
        """Wait for the next try.

        Raises:
            WeftError: if there is none.
        """
        self._tries += 1
        ours = translated(error, self._wire.url)
        pause = min(FIRST_WAIT_S * 2**self._tries, LONGEST_WAIT_S)
        asked = ours.retry_after_s if isinstance(ours, Outage) else None
        wait = self._wire.spread(max(pause, asked or 0.0))
        if not self._is_worth_it(error, ours) or self._wire.clock.monotonic() + wait > self._give_up:
            raise ours from (None if ours is error else error)
        await self._wire.clock.sleep(wait)

    def _is_worth_it(self, error: Exception, ours: WeftError) -> bool:
        if ours.facts.get("status") == 429:  # refused before anything was done
            return True
        if isinstance(ours, Unreachable):  # nothing was sent
            return self._wire.was_there or self._tries < FIRST_TRIES
        if not self._ask.is_repeatable:
            return False
        status = ours.facts.get("status")
        return ours is not error or status in {502, 503, 504}


def translated(error: Exception, url: str) -> WeftError:
    """What happened on the wire, as an error of the house."""
    if isinstance(error, WeftError):
        return error
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Unreachable(
            f"Nobody answers at `{url}`.", hint="`weft serve` starts a server; check the address."
        )
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return NotTheApi(f"`{url}` is no address of a server.", hint="write it as `http://127.0.0.1:8753`.")
    return Disconnected(
        f"The connection to `{url}` broke: {type(error).__name__}.",
        hint="what was handed in goes on; ask for it again.",
    )


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BODY:
            raise NotTheApi(f"The answer is larger than {MOST_BODY >> 20} MiB.", hint="ask for less at once.")
    return b"".join(pieces)


def _read(body: bytes, response: aiohttp.ClientResponse) -> Any:
    try:
        return plain_json.load(body)
    except ValueError:
        raise error_of(response.status, body, url=str(response.url.origin())) from None


def _refused(response: aiohttp.ClientResponse, body: bytes) -> WeftError:
    error = error_of(response.status, body, url=str(response.url.origin()))
    wait = response.headers.get("Retry-After", "")
    if wait.isascii() and wait.isdigit():
        error.facts["retry_after_s"] = int(wait[:6])
    return error


def _parameters(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Parameters as text; what is empty or `None` is left out."""
    found = []
    for name, value in query.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if each is None or each == "":
                continue
            found.append((name, str(each).lower() if isinstance(each, bool) else str(each)))
    return found


async def in_pieces(read: Callable[[], bytes]) -> AsyncIterator[bytes]:
    """What a blocking reader gives, without keeping the loop waiting; empty bytes end it."""
    while piece := await asyncio.to_thread(read):
        yield piece
