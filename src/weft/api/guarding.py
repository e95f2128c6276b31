"""Who is let in: the Host, the session or the key, and whether a page of ours asks.

Knows the rules of the local server: only loopback names with its own port, no cross-origin request
at all, and a change only with the key, or with a cookie from the server's own origin and `X-Weft: 1`.
Every answer leaves with the same headers. Refuses to know what is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.api.problems import refuse
from weft.api.sessions import LIFE_S, Session, Sessions
from weft.rights import LOCAL

NAMES = ("localhost", "127.0.0.1", "[::1]")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset({"/enter", "/api/v1/health"})
"""Addresses that need no session: where one is made, and whether anybody is there."""
HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer says, errors included."""
UNKEPT = "no-store"  # what an answer says about being kept, where it does not say it itself


class Dressed:
    """Gives every answer the headers that each must have."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand around an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in HEADERS.items():
                    headers[name] = text
                headers.setdefault("cache-control", UNKEPT)
            await send(message)

        await self._app(scope, receive, dressed if scope["type"] == "http" else send)


class Guard:
    """Lets requests in that come from this machine's own person or programs."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions, port: int) -> None:
        """Stand before an application.

        Args:
            sessions: who has the key or a cookie.
            port: at which the server listens; a Host with another one is somebody else's.
        """
        self._app = app
        self._sessions = sessions
        self._cookie = cookie_name(port)
        self._hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())

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
        host = self._check_host(headers)
        session = self._check_who(scope, headers, host)
        name = "" if session is None else session.name
        scope["state"] = {**scope.get("state", {}), "principal": LOCAL, "session": name}
        await self._app(scope, receive, self._renewing(send, session))

    def _check_host(self, headers: Headers) -> str:
        given = headers.getlist("host")
        if len(given) == 1 and given[0].lower() in self._hosts:
            return given[0].lower()
        raise refuse(
            HTTPStatus.BAD_REQUEST,
            "unknown_host",
            "The request is addressed to a host that this server is not.",
            hint=f"ask at http://{min(self._hosts)}, by that name.",
        )

    def _check_who(self, scope: Scope, headers: Headers, host: str) -> Session | None:
        """Let the key in, or a session from our own pages; `None` = no session.

        A cookie beside a key makes it a browser's request, so that the browser's rules hold.
        """
        cookie = self._read_cookie(headers)
        bearer = self._has_key(headers)
        if cookie is None and bearer:
            return None
        if cookie is not None:
            self._check_origin(scope, headers, host)
            return cookie
        if scope["path"] in OPEN:
            return None
        raise refuse(
            HTTPStatus.UNAUTHORIZED,
            "not_signed_in",
            "The request has neither the server's key nor the cookie of a session.",
            hint="open the address that `weft serve` has printed, or send the key from the file that it names "
            "as `Authorization: Bearer …`.",
            www_authenticate="Bearer",
        )

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._sessions.has_key(given.strip())

    def _read_cookie(self, headers: Headers) -> Session | None:
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return None
        found = jar.get(self._cookie)
        return None if found is None else self._sessions.read(found.value)

    def _check_origin(self, scope: Scope, headers: Headers, host: str) -> None:
        """Refuse what another page makes a person's browser send."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        own = f"http://{host}"
        is_foreign = site not in {None, "same-origin", "none"} or origin not in {None, own}
        is_change = scope["method"] not in SAFE
        if is_foreign or (is_change and (origin != own or headers.get("x-weft") != "1")):
            raise refuse(
                HTTPStatus.FORBIDDEN,
                "cross_site",
                "The request does not come from a page of this server.",
                hint="pages send `Origin` and `X-Weft: 1` with every change; programs send the key and no cookie.",
            )

    def _renewing(self, send: Send, session: Session | None) -> Send:
        """Hand out a newer cookie with the answer, so that a session in use does not end."""
        newer = None if session is None else self._sessions.renewed(session)
        if newer is None:
            return send

        async def renewing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("set-cookie", cookie_header(self._cookie, self._sessions.seal(newer)))
            await send(message)

        return renewing


def cookie_name(port: int) -> str:
    """The cookie's name; cookies do not know ports, and another server must not get or spoil it."""
    return f"weft_{port}"


def cookie_header(name: str, value: str) -> str:
    """The header that hands out a cookie: for our own pages only, and out of reach for scripts."""
    return f"{name}={value}; Path=/; Max-Age={int(LIFE_S)}; HttpOnly; SameSite=Strict"
