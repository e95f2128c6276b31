"""Listens for a team behind what ends TLS, and serves every workspace until it is told to stop.

Knows how the parts of a team's server are put together: houses, lanes, the gate, signing in.
Refuses to start with what is safe for one person only to anybody but `app/safety.py`, and to know
terminals (`cli/`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.types import ASGIApp

from weft.api import signing_in
from weft.api.application import build_team_application
from weft.api.limiting import Limits
from weft.api.offices import Offices
from weft.api.serving import bind_address, listen
from weft.api.team_guarding import Gate
from weft.app.auditing import AuditDesk
from weft.app.fronting import Proxies, read_public_url
from weft.app.opening import new_secret
from weft.app.principals import Principals
from weft.app.registering import open_signing_in
from weft.app.sessions import SessionsDesk
from weft.app.team import TeamHouses, file_places
from weft.app.working import Lanes

ANYWHERE = {"localhost": "127.0.0.1", "[::1]": "::1"}
"""Other names of addresses."""


@dataclass(frozen=True, slots=True)
class TeamListening:
    """A server for a team that listens.

    Attributes:
        url: where people reach it.
        place: where what stands in front reaches it.
    """

    url: str
    place: str


async def serve_team(
    houses: TeamHouses,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    tell: Callable[[TeamListening], None],
    walks: bool = True,
) -> None:
    """Serve every workspace until `stop` is set; then answer what is under way and return.

    Args:
        houses: found safe; who calls closes them.
        host: an address of this machine.
        port: 0 = any free one.
        tell: is called once when requests are taken.
        walks: this process walks runs too; `False` = others do (`weft worker --team`).

    Raises:
        BadSetting: if a setting has no usable value, or the port cannot be listened at.
    """
    lanes = Lanes(houses, clock=houses.clock)
    gate = open_gate(houses, lanes)
    application = assemble(houses, gate)
    with bind_address(ANYWHERE.get(host, host), port) as listener:
        address, number = listener.getsockname()[:2]
        place = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
        told = TeamListening(gate.place.origin, place)
        await listen(application, listener, lanes=lanes, walks=walks, stop=stop, tell=lambda: tell(told))


def open_gate(houses: TeamHouses, lanes: Lanes) -> Gate:
    """What the guard of a team asks, over its houses.

    Raises:
        BadSetting: if the public address or a proxy is none.
    """
    settings = houses.surroundings.settings
    return Gate(
        place=read_public_url(settings.public_url),
        principals=Principals(houses.members, houses.tokens, houses.workspaces),
        sessions=SessionsDesk(houses.control, clock=houses.clock, draw=new_secret),
        offices=Offices(houses, lanes),
        proxies=Proxies(settings.trusted_proxies),
        settings=settings,
        audit=AuditDesk(houses.control, clock=houses.clock),
    )


def assemble(houses: TeamHouses, gate: Gate, *, draw: Callable[[], str] | None = None) -> ASGIApp:
    """The application of a team's server; people sign in where an identity provider is named.

    Args:
        draw: gives numbers to unforeseen errors; `None` = such as nobody can guess.

    Raises:
        BadSetting: if the registration at the identity provider cannot be used.
    """
    settings = houses.surroundings.settings
    limits = Limits(houses.clock, per_minute=settings.server_rpm, address=gate.asker)
    routers: list[APIRouter] = []
    parts: dict[str, Any] = {}
    if settings.oidc_issuer:
        routers.append(signing_in.routes)
        parts["signing_in"] = open_signing_in(
            houses.surroundings,
            houses.control,
            members=houses.members,
            sessions=gate.sessions,
            clock=houses.clock,
        )
    number = draw or (lambda: new_secret()[:12])
    return build_team_application(
        gate,
        limits=limits,
        draw=number,
        routers=routers,
        parts=parts,
        folders=file_places(houses.surroundings),
    )
