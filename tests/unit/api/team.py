"""A server for a team as tests ask it: workspaces, people in every role, tokens and cookies."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from weft.api.cookies import SESSION
from weft.api.team_guarding import Gate
from weft.api.team_serving import assemble, open_gate
from weft.app.members import Member
from weft.app.opening import look_around
from weft.app.team import TeamHouses
from weft.app.working import Lanes
from weft.kit.clocks import VirtualClock
from weft.rights import Permission, Role

HOST = "weft.example.com"
URL = f"https://{HOST}"
OTHER = "other"
EVERYTHING = frozenset(Permission)
MASTER = b64encode(bytes(range(32))).decode()
SETTINGS = {
    "store": "memory://",
    "model": "local",
    "public_url": URL,
    "server_rpm": None,
    "oidc_issuer": "https://id.example.com",
    "oidc_client_id": "weft",
}


@dataclass
class TeamServer:
    """The application of a team's server over empty workspaces."""

    houses: TeamHouses
    gate: Gate
    clock: VirtualClock
    application: ASGIApp
    people: dict[str, Member] = field(default_factory=dict)

    async def person(self, name: str, roles: Mapping[str, Role], *, is_owner: bool = False) -> Member:
        """Somebody with a role in each of some workspaces; the same one each time."""
        if name not in self.people:
            given = {where: {role} for where, role in roles.items()}
            invited = await self.houses.members.invite(f"{name}@example.com", given, is_owner=is_owner)
            self.people[name] = invited
        return self.people[name]

    async def token(
        self, member: Member, workspace: str = "home", scopes: frozenset[Permission] = EVERYTHING
    ) -> str:
        """The text of a new token."""
        return (await self.houses.tokens.create(member.id, workspace=workspace, scopes=scopes)).text

    async def cookie(self, member: Member) -> str:
        """The cookie of a new session."""
        _, secret = await self.gate.sessions.open(member.id)
        return f"{SESSION}={secret}"

    def asking(self, **headers: str) -> httpx.AsyncClient:
        """Ask with these headers and nothing else."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        transport = httpx.ASGITransport(self.application, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=URL, headers=told)

    def program(self, token: str, **headers: str) -> httpx.AsyncClient:
        """Ask as a program does."""
        return self.asking(authorization=f"Bearer {token}", **headers)

    def page(self, cookie: str, **headers: str) -> httpx.AsyncClient:
        """Ask as a page of the server does."""
        return self.asking(cookie=cookie, origin=URL, sec_fetch_site="same-origin", x_weft="1", **headers)

    @asynccontextmanager
    async def browser(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """Ask as the browser of somebody who has signed in."""
        async with self.page(await self.cookie(self.people[name])) as page:
            yield page


async def open_team(folder: Path, **settings: object) -> TeamServer:
    """A server with the workspaces `home` and `other`; who opens it closes its houses."""
    clock = VirtualClock()
    around = look_around(
        start=folder, environment={"WEFT_MASTER_KEY": MASTER}, keywords={**SETTINGS, **settings}
    )
    houses = TeamHouses(around, clock=clock)
    await houses.workspaces.create(OTHER)
    gate = open_gate(houses, Lanes(houses, clock=clock))
    return TeamServer(houses, gate, clock, assemble(houses, gate, draw=lambda: "number-1"))
