"""The ASGI application: an open house, its routes, and what stands before them.

Knows the order of what a request passes: headers of every answer, the last line of defence, limits of
requests, the guard, the body's limits, deeds, tags, routes. Routes are files in `routes/`; a new one is there by itself.
Refuses to open the house and to listen anywhere (`serving.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

import weft
from weft.api import entering, exposing
from weft.api.bodies import Bodies, Stream
from weft.api.guarding import Dressed, Guard
from weft.api.limiting import Limits
from weft.api.needs import Office, open_office, refuse_unknown_parameters
from weft.api.permitting import Address, addresses_of
from weft.api.problems import MEDIA_TYPE, LastDefence, register
from weft.api.recording import Recorder
from weft.api.sessions import Sessions
from weft.api.shortening import Shortened
from weft.api.tagging import Tags
from weft.api.team_guarding import Gate, TeamGuard
from weft.api.wire.shapes import ProblemShape
from weft.app.bundling import MOST_BYTES
from weft.app.weft import Weft
from weft.kit.registries import Registry
from weft.settings import Settings

PREFIX = "/api/v1"
ROUTES: Registry[APIRouter] = Registry(
    "weft.api.routes", "routes", what="subject of the server", group="weft.routes"
)
"""Every subject; its file's name is its name."""
POLLED = frozenset({"grid", "outcomes", "runs"})
"""Subjects that pages ask for again and again."""

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
    HTTPStatus.TOO_MANY_REQUESTS: "More requests than are taken from one; `Retry-After` says when to go on.",
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
    application, _ = _assemble(
        [entering.routes, exposing.routes], entrance="From the file that `weft serve` names."
    )
    application.state.office = office or open_office(house)
    application.state.sessions = sessions
    application.state.port = port
    limits = Limits(house.clock, per_minute=house.settings.server_rpm)

    def guard(app: ASGIApp) -> ASGIApp:
        return Guard(app, sessions=sessions, port=port)

    return _surround(application, guard, limits=limits, settings=house.settings, draw=draw)


def build_team_application(
    gate: Gate,
    *,
    limits: Limits,
    draw: Callable[[], str],
    routers: Sequence[APIRouter] = (),
    parts: Mapping[str, Any] | None = None,
    folders: Sequence[Path] = (),
) -> ASGIApp:
    """Build the application of a team's server.

    Args:
        gate: who may come in, and where.
        limits: how many requests are taken from each.
        draw: gives numbers to unforeseen errors.
        routers: addresses besides those of the API, such as the ones for signing in; they look at their
            parameters themselves.
        parts: what these find at the application's `state`, by name.
        folders: where the server keeps its files; answers leave them out.
    """
    application, addresses = _assemble(
        [exposing.routes], routers, entrance="A token, which `weft tokens create` and `POST tokens` make."
    )
    is_open = [each for each in addresses if each.needs is None]
    application.state.gate = gate
    for name, part in (parts or {}).items():
        setattr(application.state, name, part)

    def guard(app: ASGIApp) -> ASGIApp:
        return TeamGuard(app, gate, is_open=lambda scope: any(each.is_meant(scope) for each in is_open))

    def recorder(app: ASGIApp) -> ASGIApp:
        return Recorder(app, addresses, record=gate.audit.record)

    whole = _surround(application, guard, recorder=recorder, limits=limits, settings=gate.settings, draw=draw)
    return Shortened(whole, (*folders, Path(weft.__file__).parent))


def _surround(
    application: FastAPI,
    guard: Callable[[ASGIApp], ASGIApp],
    *,
    limits: Limits,
    settings: Settings,
    draw: Callable[[], str],
    recorder: Callable[[ASGIApp], ASGIApp] | None = None,
) -> ASGIApp:
    """What a request passes before it comes to the routes, from the inside out."""
    application.state.limits = limits
    tagged: ASGIApp = Tags(application)
    recorded = tagged if recorder is None else recorder(tagged)
    bodies = limits.inside(Bodies(recorded, streams=_streams(settings)))
    guarded = LastDefence(limits.at_the_door(guard(bodies)), draw=draw)
    return Dressed(limits.telling(guarded))


def _assemble(
    routers: Sequence[APIRouter], others: Sequence[APIRouter] = (), *, entrance: str
) -> tuple[FastAPI, list[Address]]:
    """The routes of the API and some others, with what all of them share."""
    application = _Described(
        title="weft",
        version=weft.__version__,
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    application.entrance = entrance
    register(application)
    application.add_exception_handler(Exception, _hand_on)
    subjects = [ROUTES.get(name) for name in sorted(ROUTES.names(), key=_asked_rarely)]
    addresses = addresses_of(
        [("", each) for each in (*routers, *others)] + [(PREFIX, each) for each in subjects]
    )
    strictly = [Depends(refuse_unknown_parameters)]
    for each in routers:
        application.include_router(each, dependencies=strictly)
    for each in others:
        application.include_router(each)
    for each in subjects:
        application.include_router(each, prefix=PREFIX, dependencies=strictly, responses=_refusals())
    return application, addresses


def _streams(settings: Settings) -> tuple[Stream, ...]:
    """Addresses whose body goes to the disk as it comes."""
    return (
        Stream("POST", re.compile(f"{PREFIX}/tables"), settings.table_mb * 1_000_000),
        Stream("POST", re.compile(f"{PREFIX}/templates/bundles"), MOST_BYTES),
    )


def _asked_rarely(name: str) -> bool:
    """Whether a subject is not polled; addresses are held against a request one after the other."""
    return name not in POLLED


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

    entrance: str = ""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _with_key(super().openapi(), self.entrance)
        return self.openapi_schema


def _with_key(described: dict[str, Any], entrance: str) -> dict[str, Any]:
    parts = described.setdefault("components", {})
    shape = ProblemShape.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= {**shape.pop("$defs", {}), ProblemShape.__name__: shape}
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": entrance}}
    for path, methods in described["paths"].items():
        for operation in methods.values():
            operation["security"] = [] if path == f"{PREFIX}/health" else [{"key": []}]
            if "requestBody" not in operation:
                operation["responses"].pop("415", None)
    return described
