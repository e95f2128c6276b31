"""A server's desks for signing in, and a browser that goes to a pretended provider and comes back.

Knows no HTTP server of ours: what the browser brings is handed to the desk directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
from tests.unit.app.test_sessions import Secrets

from weft.app.members import MembersDesk
from weft.app.sessions import SessionsDesk
from weft.app.signing_in import Returned, SignedIn, SigningInDesk
from weft.app.stores import Stores
from weft.identity._wire import Wire
from weft.identity.errands import Errands
from weft.identity.openid import OpenIdProvider
from weft.identity.registration import Registration
from weft.kit.clocks import VirtualClock
from weft.settings import Settings
from weft.testing.identity_server import IdentityServer

CALLBACK = "https://weft.example.com/sign-in/callback"
KEY = b"a planted master key of 32 bytes"


def provider_of(server: IdentityServer, clock: VirtualClock, **told: object) -> OpenIdProvider:
    """The provider as weft knows it; `told` = parts of the registration that are otherwise."""
    parts = {
        "issuer": server.issuer, "client_id": "weft", "secret": server.secret, "redirect_uri": CALLBACK,
        "rehearsal": True, **told,
    }  # fmt: skip
    return OpenIdProvider(Registration(**parts), clock=clock, wire=Wire(timeout_s=0.5))


@dataclass
class Desks:
    """One process of a server; several may share a store."""

    server: IdentityServer
    stores: Stores
    clock: VirtualClock
    provider: OpenIdProvider
    members: MembersDesk
    sessions: SessionsDesk
    desk: SigningInDesk

    async def deeds(self) -> list[tuple[str, str]]:
        """Act and outcome of every deed."""
        return [(each.act, each.outcome) for each in await self.stores.open().deeds()]

    async def visit(self, onward: str = "/") -> tuple[str, Returned]:
        """Go to the provider and come back: the errand's cookie, and what the address says."""
        begun = await self.desk.begin(onward)
        return begun.errand, await go(begun.address)

    async def sign_in(self, onward: str = "/", before: str = "") -> SignedIn:
        """The whole way."""
        errand, returned = await self.visit(onward)
        return await self.desk.finish(errand, returned, before=before)


async def go(address: str) -> Returned:
    """What the provider sends a browser back with."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        sent = await browser.get(address)
    assert sent.status_code == 302, sent.text
    told = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
    return Returned(
        state=told.get("state", ""),
        code=told.get("code", ""),
        error=told.get("error", ""),
        issuer=told.get("iss"),
    )


def open_desks(server: IdentityServer, clock: VirtualClock, stores: Stores | None = None) -> Desks:
    """A process of a server whose provider is the pretended one."""
    stores = stores or Stores(Settings(store="memory://"), clock=clock)
    provider = provider_of(server, clock)
    members = MembersDesk(stores, clock=clock)
    draw = Secrets()
    sessions = SessionsDesk(stores, clock=clock, draw=draw)
    errands = Errands(KEY, clock=clock, draw=draw)
    desk = SigningInDesk(provider, stores, members=members, sessions=sessions, errands=errands, clock=clock)
    return Desks(server, stores, clock, provider, members, sessions, desk)
