from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.api.team import HOST, OTHER, TeamServer, open_team

from weft.api import lasting
from weft.api.lasting import Lasting
from weft.api.team_guarding import TeamGuard
from weft.errors import NotAllowed
from weft.rights import HOME, LOCAL, Permission, Principal, Role

VIEWER = Principal(id="p1", roles=frozenset({Role.VIEWER}))


async def pieces() -> AsyncGenerator[bytes, None]:
    """Three pieces of an answer."""
    for each in (b"1", b"2", b"3"):
        yield each


def request(*found: Principal | None) -> Any:
    """A request of somebody who is recognised as these, one after the other."""
    answers = iter(found)

    async def again() -> Principal | None:
        return next(answers)

    return SimpleNamespace(state=SimpleNamespace(again=again))


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again before each piece."""
    monkeypatch.setattr(lasting, "AGAIN_S", -1.0)


@pytest.mark.parametrize("later", [None, Principal(id="p1")])
async def test_events_end_when_somebody_may_look_no_more(later: Principal | None) -> None:
    """S35: who was let go, or has lost the role, hears nothing more; the stream ends as if nothing was wrong."""
    told = Lasting(request(VIEWER, later), Permission.LOOK).events(pieces())

    assert [each async for each in told] == [b"1"]


async def test_export_breaks_off_when_somebody_may_export_no_more() -> None:
    """S35: an export that is not whole is not taken for one."""
    owner = Principal(id="p2", is_owner=True)
    told = Lasting(request(owner, owner, VIEWER), Permission.EXPORT).whole(pieces())

    assert [await anext(told), await anext(told)] == [b"1", b"2"]
    with pytest.raises(NotAllowed):
        await anext(told)


async def test_own_server_looks_at_nobody_again() -> None:
    """The server of one person knows one person, who may do everything."""
    own: Any = SimpleNamespace(state=SimpleNamespace(principal=LOCAL))

    assert [each async for each in Lasting(own, Permission.LOOK).events(pieces())] == [b"1", b"2", b"3"]


async def test_looks_are_seconds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is not asked for each piece."""
    monkeypatch.setattr(lasting, "AGAIN_S", 3_600.0)

    assert [each async for each in Lasting(request(), Permission.LOOK).events(pieces())] == [b"1", b"2", b"3"]


# ── whom the guard recognises again ──────────────────────────────────────────────────────────────


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server with a viewer of both workspaces."""
    found = await open_team(tmp_path)
    await found.person("vera", {HOME: Role.VIEWER, OTHER: Role.VIEWER})
    yield found
    await found.houses.close()


async def entered(server: TeamServer, **headers: str) -> dict[str, Any]:
    """What the guard tells the routes about a request."""
    heard: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del receive, send
        heard.set_result(scope["state"])

    raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/me",
        "headers": [(b"host", HOST.encode()), *raw],
    }
    nothing: Any = None
    await TeamGuard(application, server.gate, is_open=lambda _: False)(scope, nothing, nothing)
    return await heard


async def test_revoked_token_is_recognised_no_more(server: TeamServer) -> None:
    """S35: what lasts asks again by the token, and one that was revoked is dead."""
    vera = server.people["vera"]
    made = await server.houses.tokens.create(vera.id, workspace=OTHER, scopes=[Permission.LOOK])
    state = await entered(server, authorization=f"Bearer {made.text}")

    before = await state["again"]()
    await server.houses.tokens.revoke(made.token.id)

    assert before == state["principal"]
    assert await state["again"]() is None


async def test_who_was_let_go_is_recognised_no_more(server: TeamServer) -> None:
    """S35: a session goes on in other workspaces; here it opens nothing more."""
    vera = server.people["vera"]
    state = await entered(server, cookie=await server.cookie(vera))

    before = await state["again"]()
    await server.houses.members.remove(vera.id, workspace=HOME)

    assert (before.id, before.workspace) == (vera.id, HOME)
    assert await state["again"]() is None
