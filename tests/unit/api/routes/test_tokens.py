from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.unit.api.conftest import Server, open_server
from tests.unit.api.team import TeamServer, open_team

from weft.rights import HOME, Role


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server with an administrator and an operator of `home`."""
    found = await open_team(tmp_path)
    await found.person("anna", {HOME: Role.ADMIN})
    await found.person("otto", {HOME: Role.OPERATOR})
    yield found
    await found.houses.close()


@pytest.fixture
async def otto(server: TeamServer) -> AsyncIterator[httpx.AsyncClient]:
    """Otto's browser."""
    async with server.browser("otto") as page:
        yield page


async def test_token_is_told_once_and_works(server: TeamServer, otto: httpx.AsyncClient) -> None:
    """S35: a token is told when it is made, never again, works until it is revoked, and then nowhere."""
    made = (await otto.post("/api/v1/tokens", json={"scopes": ["run"], "name": "ci", "days": 30})).json()
    listed = (await otto.get("/api/v1/tokens")).text
    async with server.program(made["text"]) as program:
        before = (await program.get("/api/v1/me")).json()
        await otto.delete(f"/api/v1/tokens/{made['id']}")
        after = await program.get("/api/v1/me")

    assert (before["permissions"], before["via"], before["id"]) == (["look", "run"], "token", made["member"])
    assert made["expires_at"] - made["made_at"] == 30 * 86_400
    assert made["text"] not in listed
    assert '"name":"ci"' in listed
    assert after.status_code == 401


@pytest.mark.parametrize("scope", ["govern", "keep_keys", "found"])
async def test_token_allows_no_more_than_its_maker(otto: httpx.AsyncClient, scope: str) -> None:
    """S34: nobody makes a token that may do what they may not."""
    answer = await otto.post("/api/v1/tokens", json={"scopes": ["run", scope]})

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_token_made_with_a_token_is_no_way_out(server: TeamServer) -> None:
    """A program may make a token of its own scopes, which ends with the one that it has."""
    text = (
        await server.houses.tokens.create(server.people["otto"].id, workspace=HOME, scopes=[], days=2)
    ).text

    async with server.program(text) as program:
        made = (await program.post("/api/v1/tokens", json={"scopes": ["look"], "days": 366})).json()
        refused = await program.post("/api/v1/tokens", json={"scopes": ["run"]})
        first = (await program.get("/api/v1/tokens")).json()["tokens"]

    assert made["expires_at"] - made["made_at"] == 2 * 86_400
    assert refused.status_code == 403
    assert len(first) == 2


async def test_who_governs_ends_everybodys(server: TeamServer, otto: httpx.AsyncClient) -> None:
    """An administrator sees and ends the tokens of their workspace; an operator only their own."""
    made = (await otto.post("/api/v1/tokens", json={"scopes": ["run"]})).json()
    cookie = await server.cookie(server.people["anna"])
    async with server.page(cookie) as anna:
        own = (await anna.get("/api/v1/tokens")).json()["tokens"]
        everybodys = (await anna.get("/api/v1/tokens?everybody=true")).json()["tokens"]
        hers = (await anna.post("/api/v1/tokens", json={"scopes": ["look"]})).json()
        tried = [
            await otto.get("/api/v1/tokens?everybody=true"), await otto.delete(f"/api/v1/tokens/{hers['id']}"),
        ]  # fmt: skip
        ended = await anna.delete(f"/api/v1/tokens/{made['id']}")

    assert (own, [each["id"] for each in everybodys]) == ([], [made["id"]])
    assert [each.status_code for each in tried] == [403, 404]
    assert ended.status_code == 204


async def test_local_server_has_no_tokens(tmp_path: Path) -> None:
    """The local server has one key; it makes no tokens, and says who asks."""
    server: Server = open_server(tmp_path)
    async with server.house, server.with_key() as program:
        refused = await program.post("/api/v1/tokens", json={"scopes": ["look"]})
        told = (await program.get("/api/v1/me")).json()

    assert (refused.status_code, refused.json()["code"]) == (409, "impossible_move")
    assert (told["id"], told["workspace"], told["is_owner"]) == ("local", "home", True)
    assert told["workspaces"] == [{"name": "home", "title": ""}]


async def test_token_ends_itself_and_none_that_may_do_more(
    server: TeamServer, otto: httpx.AsyncClient
) -> None:
    """S35: a token that may only look cannot end one of the same member that runs."""
    runs = (await otto.post("/api/v1/tokens", json={"scopes": ["run"]})).json()
    looks = [(await otto.post("/api/v1/tokens", json={"scopes": ["look"]})).json() for _ in range(2)]
    async with server.program(looks[0]["text"]) as program:
        answers = [
            (await program.delete(f"/api/v1/tokens/{each['id']}")).status_code
            for each in (runs, looks[1], looks[0])
        ]

    assert answers == [403, 204, 204]
