"""Deeds of a team's server: whatever changes something, or takes something out, is written down first.

Stands behind the guard, so that it is known who asks, and before the routes, so that it is written
before anything happens: what cannot be written down is not done. A refusal adds a second deed with
its code. Looking leaves none, unless somebody may not; nor does a body that cannot be read, which
asks for nothing. Refuses to know queries and answers, and bodies but for their digest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.api.bodies import DIGEST
from weft.api.guarding import SAFE
from weft.api.permitting import Address
from weft.api.problems import MEDIA_TYPE, Refused, problem_of
from weft.app.auditing import DENIED
from weft.errors import NotAllowed, WeftError, code_of
from weft.kit.plain_json import load
from weft.rights import Permission, Principal

Record = Callable[..., Awaitable[Any]]
"""Writes a deed down, as `weft.app.auditing.AuditDesk.record` does."""
LONGEST = 200  # characters of an address that are kept
NOT_ALLOWED = code_of(NotAllowed)
LOOKING = frozenset({"preview_template"})
"""Operations that change nothing, although what they look at comes in a body."""
BROKE = "bug"
"""Outcome of what ended by an unforeseen error."""


def leaves_deed(address: Address, method: str) -> bool:
    """Whether a request of this method to an address is written down although it is allowed.

    Changes and exports are; projections, which change nothing, and what is open to anybody are not:
    who signs in or out is written down where that happens.
    """
    if address.needs in {None, Permission.ESTIMATE} or address.route.operation_id in LOOKING:
        return False
    return method not in SAFE or address.needs is Permission.EXPORT


class Recorder:
    """Writes deeds of requests down."""

    def __init__(self, app: ASGIApp, addresses: Sequence[Address], *, record: Record) -> None:
        """Stand before an application.

        Args:
            addresses: of the application.
            record: writes a deed down, durably.
        """
        self._app = app
        self._addresses = [each for each in addresses if each.needs is not None]
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: if the deed cannot be written down; nothing was done then.
        """
        address = self._address(scope) if scope["type"] == "http" else None
        if address is None or address.needs is None:
            await self._app(scope, receive, send)
        elif not scope["state"]["principal"].may(address.needs):
            await self._write(scope, address, DENIED)
            await self._app(scope, receive, send)
        elif leaves_deed(address, scope["method"]):
            await self._write(scope, address, "done")
            await self._watched(scope, receive, send, address=address)
        else:
            await self._app(scope, receive, send)

    def _address(self, scope: Scope) -> Address | None:
        return next((each for each in self._addresses if each.is_meant(scope)), None)

    async def _watched(self, scope: Scope, receive: Receive, send: Send, *, address: Address) -> None:
        """Pass a request on, and write down how it was refused, before anybody is told."""
        start: Message | None = None

        async def watch(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                start = message  # held back until its body says why
                return
            if start is not None:
                first, start = start, None
                await self._write(scope, address, _outcome(first, message), status=first["status"])
                await send(first)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Refused as refused:
            await self._write(scope, address, refused.problem.code, status=int(refused.problem.status))
            raise
        except Exception:
            await self._write(scope, address, BROKE)
            raise

    async def _write(self, scope: Scope, address: Address, outcome: str, **facts: object) -> None:
        principal: Principal = scope["state"]["principal"]
        known: Mapping[str, object] = {
            "via": principal.via,
            "session": principal.session,
            "address": scope["state"].get("address", ""),
            "body": "" if address.needs is Permission.KEEP_KEYS else scope["state"].get(DIGEST, ""),
            **facts,
        }
        try:
            await self._record(
                principal,
                address.route.operation_id or address.route.name,
                thing=scope["path"].removeprefix(address.prefix).lstrip("/")[:LONGEST],
                outcome=outcome,
                facts={name: value for name, value in known.items() if value != ""},
            )
        except WeftError as error:
            raise Refused(problem_of(error)) from error


def _outcome(start: Message, body: Message) -> str:
    """The code of a refusal, from the problem that tells it."""
    headers = {name.lower(): value for name, value in start["headers"]}
    if headers.get(b"content-type", b"").partition(b";")[0].decode("latin-1") != MEDIA_TYPE:
        return str(start["status"])
    try:
        code = str(load(body.get("body", b""))["code"])
    except (KeyError, TypeError, ValueError):
        return str(start["status"])
    return DENIED if code == NOT_ALLOWED else code[:LONGEST]
