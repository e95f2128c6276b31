"""Who is let in at a team's server: the Host, a token or a session, and whether a page of ours asks.

Knows the rules of the team's server: one public name behind TLS, a cookie that is for this host
alone, changes only from the server's own origin, and rights that are looked up for each request.
What is none of somebody's business is answered as if it were not there. Refuses to know what is
asked for, and how a session is opened (`signing_in.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from weft.api.cookies import SESSION, read_cookie
from weft.api.guarding import SAFE
from weft.api.offices import Offices
from weft.api.problems import Refused, problem_of, refuse
from weft.app.auditing import AuditDesk
from weft.app.fronting import Proxies, PublicPlace
from weft.app.principals import Principals
from weft.app.sessions import SessionsDesk
from weft.errors import NotAllowed, WeftError
from weft.rights import Principal
from weft.settings import Settings

WORKSPACE = "weft-workspace"
"""The header that names the workspace which is meant."""
API = "/api/"
OWN_SITES = frozenset({"same-origin", "none"})
NOBODY = Principal(id="")
"""Who has not shown who they are; may do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the guard of a team asks.

    Attributes:
        place: where people reach the server.
        principals: who somebody is, from a token or a session.
        sessions: of people who have signed in.
        offices: of workspaces.
        proxies: what stands in front.
        settings: of the server.
        audit: where it is written down what everybody does.
    """

    place: PublicPlace
    principals: Principals
    sessions: SessionsDesk
    offices: Offices
    proxies: Proxies
    settings: Settings
    audit: AuditDesk

    def asker(self, scope: Scope) -> str:
        """The address of who asks, for logs and deeds and nothing else; empty = not known."""
        client = scope.get("client")
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        return self.proxies.asker(client[0] if client else "", forwarded)


class TeamGuard:
    """Lets members in, each into a workspace of theirs."""

    def __init__(self, app: ASGIApp, gate: Gate, *, is_open: Callable[[Scope], bool]) -> None:
        """Stand before an application.

        Args:
            gate: what is asked about who comes.
            is_open: whether an address is for anybody.
        """
        self._app = app
        self._gate = gate
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it.

        Raises:
            Refused: with what is wrong; nothing of its body has been read.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # there is no such address
            return
        headers = Headers(scope=scope)
        self._check_host(headers)
        try:
            state = await self._enter(scope, headers)
        except WeftError as error:
            raise Refused(problem_of(error)) from error
        scope["state"] = {**scope.get("state", {}), **state, "address": self._gate.asker(scope)}
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        given = headers.getlist("host")
        if len(given) != 1 or given[0].lower() not in self._gate.place.hosts:
            raise refuse(
                HTTPStatus.BAD_REQUEST,
                "unknown_host",
                "The request is addressed to a host that this server is not.",
                hint="ask at the server's public address; what stands in front must hand the Host on.",
            )

    async def _enter(self, scope: Scope, headers: Headers) -> dict[str, object]:
        """Who asks and where, for the routes.

        Raises:
            Refused: if nobody has shown who they are, or another page asks.
            UnknownName: if the workspace that is meant is not there for them.
            NotAllowed: if they are in no workspace.
        """
        is_open = self._is_open(scope)
        principal = await self._recognise(scope, headers, wanted=headers.get(WORKSPACE, ""))
        if principal is None and is_open:
            return {"principal": NOBODY, "session": "", "office": None}
        if principal is None:
            raise refuse(
                HTTPStatus.UNAUTHORIZED,
                "not_signed_in",
                "The request has neither a token nor the cookie of a session that is good.",
                hint="sign in, or send a token of yours as `Authorization: Bearer …`.",
                www_authenticate="Bearer",
            )
        if not principal.workspace and not is_open:
            raise NotAllowed(
                "You are in no workspace.", hint="ask an administrator of one to make you a member."
            )
        office = await self._gate.offices.open(principal.workspace) if principal.workspace else None
        again = partial(self._again, scope, headers, wanted=principal.workspace)
        return {"principal": principal, "session": principal.session, "office": office, "again": again}

    async def _again(self, scope: Scope, headers: Headers, *, wanted: str) -> Principal | None:
        """Who asks, looked at once more while an answer lasts; `None` = they are not let in any more."""
        try:
            return await self._recognise(scope, headers, wanted=wanted)
        except (Refused, WeftError):
            return None

    async def _recognise(self, scope: Scope, headers: Headers, *, wanted: str) -> Principal | None:
        """Who asks; `None` = nobody who could be recognised.

        A session beside a token makes it a browser's request, so that the browser's rules hold.
        """
        secret = read_cookie(headers, SESSION)
        session = await self._gate.sessions.find(secret) if secret else None
        if session is not None:
            found = await self._gate.principals.of_person(
                session.person, session=session.id, wanted=wanted, usual=session.workspace
            )
            if found is not None:
                self._check_origin(scope, headers)
                return found
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return await self._gate.principals.of_token(given.strip(), wanted=wanted)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse what another page makes a person's browser send.

        A link on another page may lead to a page of ours; it changes nothing and asks for no answer
        that the other page could read.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        is_change = scope["method"] not in SAFE
        is_ours = origin in {None, self._gate.place.origin}
        if site is not None:
            is_ours = is_ours and site in OWN_SITES
        elif is_change:
            is_ours = origin == self._gate.place.origin
        is_link = not is_change and not scope["path"].startswith(API)
        if (is_ours or is_link) and (not is_change or headers.get("x-weft") == "1"):
            return
        raise refuse(
            HTTPStatus.FORBIDDEN,
            "cross_site",
            "The request does not come from a page of this server.",
            hint="pages send `Origin` and `X-Weft: 1` with every change; programs send a token and no cookie.",
        )
