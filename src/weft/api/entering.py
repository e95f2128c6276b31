"""The way in for a person's browser: a code that is good once becomes a cookie.

Knows that a code in an address must not stay there: it is traded and the browser sent on to a clean
one. Refuses to know what a person may do then.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from weft.api.guarding import cookie_header, cookie_name
from weft.api.limiting import heavy
from weft.api.permitting import needs
from weft.api.problems import refuse
from weft.api.sessions import Sessions

routes = APIRouter(include_in_schema=False)
FRONT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>weft</title></head>
<body><h1>weft is running</h1>
<p>This server is asked over HTTP. <a href="/api/v1/openapi.json">Its addresses</a> are described in OpenAPI;
<a href="/api/v1/checkup">the check-up</a> says whether a run would have all it needs.</p>
</body></html>
"""


@routes.get("/enter", dependencies=[needs(None), heavy])
async def enter(request: Request, code: Annotated[str, Query(max_length=100)]) -> Response:
    """Trade the code for a session's cookie and go on to the front page.

    Raises:
        Refused: if the code is none, or was used.
    """
    sessions: Sessions = request.app.state.sessions
    session = sessions.open(code)
    if session is None:
        raise refuse(
            HTTPStatus.FORBIDDEN,
            "code_used",
            "This address was used already, or is not the one that was printed last.",
            hint="go on in the window where it was opened, or start `weft serve` again for a new one.",
        )
    answer = RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    name = cookie_name(request.app.state.port)
    answer.headers.append("set-cookie", cookie_header(name, sessions.seal(session)))
    return answer


@routes.get("/", dependencies=[needs(None)])
async def show_front() -> Response:
    """Say what this is, and where its addresses are described."""
    return HTMLResponse(FRONT)
