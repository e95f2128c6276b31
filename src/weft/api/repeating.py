"""Requests that are sent twice: the second time they change nothing and get the first answer.

Knows a request by its `Idempotency-Key`, its sender and its address; the same key with another
body is refused, and who comes while the first is at work waits for it. Answers are kept for a week,
the last so many of them, as long as the server runs: what must hold beyond that is made so by its
route, as runs are. Refuses to keep errors, which are worth another try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Request
from starlette.responses import Response

from weft.api.problems import refuse
from weft.kit.caches import TtlLruCache
from weft.kit.clocks import Clock

LIFE_S = 7 * 86_400.0
MOST = 2_000  # answers; each is below a megabyte and most are below a kilobyte
LONGEST = 200  # characters of a key

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=LONGEST,
        pattern=r"^[\x21-\x7e]*$",
        description="A name for this request, new for each; sent again with it, nothing is done twice.",
    ),
]


@dataclass(slots=True)
class _Kept:
    """What is known about one request; the lock is held while it is at work."""

    body: bytes
    response: Response | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Repeats:
    """Remembers answers by the keys of their requests."""

    def __init__(self, clock: Clock) -> None:
        """Remember nothing yet."""
        self._kept: TtlLruCache[str, _Kept] = TtlLruCache(MOST, ttl_s=LIFE_S, clock=clock)

    async def once(self, request: Request, key: str, make: Callable[[], Awaitable[Response]]) -> Response:
        """Do what a request asks for, unless it was done; return the same answer each time.

        Args:
            key: as the sender gives it; empty = the request is not to be remembered.
            make: does it.

        Raises:
            Refused: if the key was used for another body.
        """
        if not key:
            return await make()
        state = request.state
        name = repr(
            (
                state.principal.id,
                state.principal.workspace,
                request.method,
                request.url.path,
                request.url.query,
                key,
            )
        )
        kept = self._find(name, sha256(await request.body()).digest())
        async with kept.lock:
            if kept.response is None:
                try:
                    kept.response = await make()
                except BaseException:
                    self._kept.invalidate(name)  # nothing was done: a corrected body may take the key
                    raise
            return _copy(kept.response)

    def _find(self, name: str, body: bytes) -> _Kept:
        kept = self._kept.get(name)
        if kept is None:
            self._kept.put(name, kept := _Kept(body))
        if kept.body != body:
            raise refuse(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "key_reused",
                "The `Idempotency-Key` was used for a request with another body.",
                hint="take a new key for a new request.",
            )
        return kept


def _copy(response: Response) -> Response:
    """An answer of its own for each who asks: sending one adds to its headers."""
    headers = {name: text for name, text in response.headers.items() if name != "content-length"}
    return Response(bytes(response.body), status_code=response.status_code, headers=headers)
