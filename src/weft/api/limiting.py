"""How many requests a minute are taken from each: by who asks, and by address where nobody has come in.

Knows that a request counts for its principal, or else for its address, so that who shares an address
with others pays for nobody; that expensive routes have a smaller bucket of their own; and that every
answer tells what is left, in the `RateLimit` headers of the IETF's draft. Looking whether anybody is
there is free. Refuses to know how a bucket fills (`buckets.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from fastapi import Depends, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.api.buckets import Buckets, Quota
from weft.api.problems import Refused, refuse
from weft.kit.clocks import Clock

USUAL, HEAVY, STRANGER = "usual", "heavy", "stranger"
HEAVY_SHARE = 10  # exports, uploads, projections and code cost ten times as much as a look
STRANGER_SHARE = 10  # likewise for who has not come in; enough for twenty people at one address
FREE = frozenset({"/api/v1/health"})
ENTRANCES = frozenset({"/enter", "/sign-in", "/sign-in/callback"})
"""Where people come in; every try counts for the address from which it comes."""
STATE = "quotas"  # where a request's quotas are kept in its scope


@dataclass(slots=True)
class _Told:
    """What is to be told in the headers of an answer: the quota of each policy that counted."""

    quotas: dict[str, Quota] = field(default_factory=dict)


class Limits:
    """The buckets of one server, and what stands around its application because of them."""

    def __init__(
        self, clock: Clock, *, per_minute: int | None, address: Callable[[Scope], str] | None = None
    ) -> None:
        """Fill every bucket.

        Args:
            clock: fills them.
            per_minute: requests that each may send in a minute; `None` = not limited.
            address: from which a request comes; `None` = that of the connection.
        """
        self._clock = clock
        self._address = address or _address
        self._is_limited = per_minute is not None
        usual = max(1, per_minute or 1)
        self._usual = Buckets(USUAL, usual)
        self._heavy = Buckets(HEAVY, max(1, usual // HEAVY_SHARE))
        self._strangers = Buckets(STRANGER, max(1, usual // STRANGER_SHARE))

    # ── around the application, from outside in ──────────────────────────────────────────────────

    def telling(self, app: ASGIApp) -> ASGIApp:
        """Write what is left into every answer, refusals included; stands outside everything that refuses."""

        async def telling(scope: Scope, receive: Receive, send: Send) -> None:
            told = _Told()
            scope["state"] = {**scope.get("state", {}), STATE: told}

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start" and told.quotas:
                    _write(MutableHeaders(scope=message), list(told.quotas.values()))
                await send(message)

            await app(scope, receive, sent if self._counts(scope) else send)

        return telling

    def at_the_door(self, app: ASGIApp) -> ASGIApp:
        """Count requests for their address until it is known who asks; stands before the guard."""

        async def at_the_door(scope: Scope, receive: Receive, send: Send) -> None:
            if self._counts(scope):
                self._take(self._strangers, self._address(scope), scope)
            await app(scope, receive, send)

        return at_the_door

    def inside(self, app: ASGIApp) -> ASGIApp:
        """Count requests for who asks, and no more for the address; stands behind the guard."""

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            who = _principal(scope)
            if who is not None and self._counts(scope):
                self._strangers.give_back(self._address(scope), self._clock.monotonic())
                _told(scope).quotas.pop(STRANGER, None)
                self._take(self._usual, who, scope)
            await app(scope, receive, send)

        return inside

    def count_heavy(self, scope: Scope) -> None:
        """Count a request to an expensive route once more.

        Raises:
            Refused: if it is one too many.
        """
        if self._counts(scope):
            self._take(self._heavy, _principal(scope) or f"@{self._address(scope)}", scope)

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    def _counts(self, scope: Scope) -> bool:
        return self._is_limited and scope["type"] == "http" and scope["path"] not in FREE

    def _take(self, buckets: Buckets, who: str, scope: Scope) -> None:
        """Take a request out of a bucket and note what is left.

        Raises:
            Refused: if it is one too many.
        """
        quota = buckets.take(who, self._clock.monotonic())
        _told(scope).quotas[quota.policy] = quota
        if quota.is_spent:
            raise _too_many(quota)


async def _count_heavy(request: Request) -> None:
    limits = cast("Limits | None", getattr(request.app.state, "limits", None))
    if limits is not None:
        limits.count_heavy(request.scope)


heavy: Any = Depends(_count_heavy)
"""Declares that a route is expensive; goes into its `dependencies` behind what it needs."""


def _told(scope: Scope) -> _Told:
    return cast("_Told", scope["state"].setdefault(STATE, _Told()))


def _principal(scope: Scope) -> str | None:
    """Who asks; `None` = nobody who has come in, or somebody who is about to."""
    principal = scope.get("state", {}).get("principal")
    is_known = principal is not None and principal.id and scope["path"] not in ENTRANCES
    return str(principal.id) if is_known else None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _write(headers: MutableHeaders, quotas: list[Quota]) -> None:
    """The headers of draft-ietf-httpapi-ratelimit-headers: q = quota, w = window, r = left, t = full in."""
    headers["RateLimit-Policy"] = ", ".join(f'"{q.policy}";q={q.limit};w={q.window_s}' for q in quotas)
    headers["RateLimit"] = ", ".join(f'"{q.policy}";r={q.remaining};t={q.reset_s}' for q in quotas)


def _too_many(quota: Quota) -> Refused:
    kind = {USUAL: "", HEAVY: " to expensive addresses", STRANGER: " without a key"}[quota.policy]
    return refuse(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_requests",
        f"There were more than {quota.limit:,} requests{kind} within {quota.window_s} s.",
        hint=f"go on in {quota.retry_after_s} s; events tell what happens without asking again and again.",
        retry_after=str(quota.retry_after_s),
    )
