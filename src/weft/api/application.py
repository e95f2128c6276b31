"""The ASGI application: an open house, its routes, and what stands before them.

Knows the order of what a request passes: headers of every answer, the last line of defence, the
guard, the body's limits, tags, routes. Routes are files in `routes/`; a new one is there by itself.
Refuses to open the house and to listen anywhere (`serving.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

import weft
from weft.api import entering, exposing
from weft.api.bodies import Bodies, Stream
from weft.api.guarding import Dressed, Guard
from weft.api.needs import Office, open_office, refuse_unknown_parameters
from weft.api.permitting import check_declared
from weft.api.problems import MEDIA_TYPE, LastDefence, register
from weft.api.sessions import Sessions
from weft.api.tagging import Tags
from weft.api.wire.shapes import ProblemShape
from weft.app.tables import MOST_BYTES
from weft.app.weft import Weft
from weft.kit.registries import Registry

PREFIX = "/api/v1"
ROUTES: Registry[APIRouter] = Registry(
    "weft.api.routes", "routes", what="subject of the server", group="weft.routes"
)
"""Every subject; its file's name is its name."""
STREAMS = (Stream("POST", re.compile(f"{PREFIX}/tables"), MOST_BYTES),)
"""Addresses whose body goes to the disk as it comes."""

DESCRIPTION = """One prompt over every row of a table: correctly, cheaply and without losing anything.

Every refusal is a problem (RFC 9457) with a `code`, a `hint` and, where a request is wrong, the place
of each complaint. Money is exact dollars in text; `null` is unknown, never zero. Lists come in pages:
ask again with `next` as `cursor`. Parameters and fields that are not described here are refused."""

REFUSALS: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "The Host is wrong, or the body is no JSON.",
    HTTPStatus.UNAUTHORIZED: "Neither a key nor a session.",
    HTTPStatus.FORBIDDEN: "A change that does not come from a page of this server.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The address does not take this method.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come.",
    HTTPStatus.CONFLICT: "The request is fine, but not as things stand.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as JSON.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request does not say what this address expects.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "weft has a bug; the number is in the log.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something is busy; try again after a while.",
}


def build_application(
    house: Weft,
    sessions: Sessions,
    *,
    port: int,
    draw: Callable[[], str],
    office: Office | None = None,
) -> ASGIApp:
    """Build the application of the local server.

    Args:
        house: open; who calls closes it.
        sessions: who may come in.
        port: at which it will listen.
        draw: gives numbers to unforeseen errors.
        office: whose worker somebody starts; `None` = runs that are handed in wait.
    """
    application = _Described(
        title="weft",
        version=weft.__version__,
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    application.state.office = office or open_office(house)
    application.state.sessions = sessions
    application.state.port = port
    register(application)
    application.add_exception_handler(Exception, _hand_on)
    for each in (entering.routes, exposing.routes):
        application.include_router(each, dependencies=[Depends(refuse_unknown_parameters)])
    for name in ROUTES.names():
        application.include_router(
            ROUTES.get(name),
            prefix=PREFIX,
            dependencies=[Depends(refuse_unknown_parameters)],
            responses=_refusals(),
        )
    check_declared(application.routes)
    guarded = Guard(Bodies(Tags(application), streams=STREAMS), sessions=sessions, port=port)
    return Dressed(LastDefence(guarded, draw=draw))


def _hand_on(request: Request, error: Exception) -> Response:
    """Leave unforeseen errors to the last line of defence."""
    del request
    raise error


def _refusals() -> dict[int | str, dict[str, Any]]:
    return {
        int(status): {
            "description": sentence,
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemShape.__name__}"}}},
        }
        for status, sentence in REFUSALS.items()
    }


class _Described(FastAPI):
    """Says in its description how a request is let in, and what a problem looks like."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _with_key(super().openapi())
        return self.openapi_schema


def _with_key(described: dict[str, Any]) -> dict[str, Any]:
    parts = described.setdefault("components", {})
    shape = ProblemShape.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= {**shape.pop("$defs", {}), ProblemShape.__name__: shape}
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "From the file that `weft serve` names."}
    }
    for path, methods in described["paths"].items():
        for operation in methods.values():
            operation["security"] = [] if path == f"{PREFIX}/health" else [{"key": []}]
            if "requestBody" not in operation:
                operation["responses"].pop("415", None)
    return described
