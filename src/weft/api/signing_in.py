"""Signing in and out as a browser meets it: to the identity provider, back again, and the cookie.

Knows where a browser is sent, which cookies it has meanwhile, and that what goes wrong is a small
page for a person and a problem for a program. A code stands in an address once, and the browser is
sent on to a clean one. Refuses to know who is a member and what a token says (`app/signing_in.py`).
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from weft.api.cookies import ERRAND, SESSION, give, read_cookie, take
from weft.api.limiting import heavy
from weft.api.permitting import needs, principal_of
from weft.api.problems import Problem, problem_of, refuse
from weft.app.sessions import LIFE_S
from weft.app.signing_in import ERRAND_S, Returned, SigningInDesk
from weft.errors import WeftError

FRONT, ENTRANCE, RETURN, EXIT = "/", "/sign-in", "/sign-in/callback", "/sign-out"
COOKIE = "cookie"
"""How a principal has come in who has a session (`Principal.via`)."""
LONGEST = 5_000  # characters of a parameter that a provider sends back

routes = APIRouter(include_in_schema=False)
"""To be included without `refuse_unknown_parameters`: providers add parameters of their own."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>weft: not signed in</title></head>
<body><h1>You are not signed in</h1>
<p>{detail}</p>
<p>{hint}</p>
<p><a href="/sign-in">Sign in</a></p>
</body></html>
"""

FRONT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>weft</title></head>
<body><h1>weft is running</h1>
<p>{who}</p>
<p>This server is asked over HTTP. <a href="/api/v1/openapi.json">Its addresses</a> are described in OpenAPI;
<a href="/api/v1/me">who you are here</a> says where you may do what.</p>
</body></html>
"""


@routes.get(FRONT, dependencies=[needs(None)])
async def show_front(request: Request) -> Response:
    """Say what this is, and who has signed in."""
    principal = principal_of(request)
    who = (
        f"You are signed in as {escape(principal.name)}."
        if principal.id
        else '<a href="/sign-in">Sign in</a>.'
    )
    return HTMLResponse(FRONT_PAGE.format(who=who))


@routes.get(ENTRANCE, dependencies=[needs(None), heavy])
async def sign_in(
    request: Request, onward: Annotated[str, Query(alias="next", max_length=LONGEST)] = "/"
) -> Response:
    """Send a browser to the identity provider; afterwards it goes on to `next`, a path of this server."""
    try:
        begun = await desk_of(request).begin(onward)
    except WeftError as error:
        return _told(request, problem_of(error))
    answer = _sent_on(begun.address)
    answer.headers.append("set-cookie", give(ERRAND, begun.errand, life_s=ERRAND_S))
    return answer


@routes.get(RETURN, dependencies=[needs(None), heavy])
async def come_back(
    request: Request,
    *,
    state: Annotated[str, Query(max_length=LONGEST)] = "",
    code: Annotated[str, Query(max_length=LONGEST)] = "",
    error: Annotated[str, Query(max_length=LONGEST)] = "",
    iss: Annotated[str | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """Let a browser in that the identity provider has sent back."""
    returned = Returned(state=state, code=code, error=error, issuer=iss)
    before, errand = (read_cookie(request.headers, name) for name in (SESSION, ERRAND))
    try:
        signed_in = await desk_of(request).finish(errand, returned, before=before)
    except WeftError as refusal:
        answer = _told(request, problem_of(refusal))
    else:
        answer = _sent_on(signed_in.onward)
        answer.headers.append("set-cookie", give(SESSION, signed_in.secret, life_s=LIFE_S))
    answer.headers.append("set-cookie", take(ERRAND))
    return answer


@routes.post(EXIT, dependencies=[needs(None)])
async def sign_out(request: Request) -> Response:
    """End the session of who asks; the identity provider's own goes on.

    Raises:
        Refused: if they have no session.
    """
    principal = principal_of(request)
    if principal.via != COOKIE:
        raise refuse(
            HTTPStatus.CONFLICT,
            "no_session",
            "You have not come in with a session, so there is none to end.",
            hint="a token is ended where tokens are kept.",
        )
    await desk_of(request).leave(principal)
    answer = _sent_on(ENTRANCE) if wants_page(request) else Response(status_code=HTTPStatus.NO_CONTENT)
    answer.headers.append("set-cookie", take(SESSION))
    return answer


def desk_of(request: Request) -> SigningInDesk:
    """The desk that the application was built with (`state.signing_in`)."""
    return cast("SigningInDesk", request.app.state.signing_in)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page, and not a program for values."""
    return "text/html" in request.headers.get("accept", "")


def page_of(problem: Problem) -> Response:
    """A problem as a small page with the way to sign in."""
    text = PAGE.format(detail=escape(problem.detail), hint=escape(problem.hint))
    return HTMLResponse(text, status_code=int(problem.status), headers=dict(problem.headers))


def _told(request: Request, problem: Problem) -> Response:
    return page_of(problem) if wants_page(request) else problem.response()


def _sent_on(address: str) -> Response:
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)
