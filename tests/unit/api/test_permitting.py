"""Who may ask what: the route table, held against a table that people read, and really asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from tests.unit.api.team import OTHER, TeamServer, open_team

from weft.api import exposing, signing_in
from weft.api.application import PREFIX, ROUTES
from weft.api.permitting import Address, addresses_of, needs
from weft.rights import GRANTS, HOME, Permission, Role

TABLE = Path(__file__).with_name("permissions.txt")
ROLES = [*(role.value for role in Role), "owner"]
ACTORS = [*ROLES, "nobody"]
NOT_ASKED = {"/sign-in", "/sign-in/callback", "/sign-out"}  # these ask the identity provider
NAMES = {
    "run": "r" + "a" * 12, "table": "t" + "a" * 12, "member": "p" + "a" * 16, "token": "k" + "a" * 20, "choice": "0" * 12,
    "place": "0", "bytes": "1",
}  # fmt: skip


def addresses() -> list[Address]:
    """Every address of a team's server."""
    subjects = [(PREFIX, ROUTES.get(name)) for name in ROUTES.names()]
    return addresses_of([("", exposing.routes), ("", signing_in.routes), *subjects])


def methods(address: Address) -> list[str]:
    """The methods of an address."""
    return sorted(address.route.methods - {"HEAD", "OPTIONS"})


def grants(permission: Permission | None, actor: str) -> bool:
    """What the table of rights says."""
    if permission is None or actor == "owner":
        return True
    return actor != "nobody" and permission in GRANTS[Role(actor)]


def line(method: str, address: Address) -> str:
    """One line of the table, as it should be."""
    marks = "".join(f"{'+' if grants(address.needs, actor) else '-':<{len(actor) + 1}}" for actor in ACTORS)
    return f"{method:<7}{address.path:<60}{address.needs or 'nothing':<11}{marks}".rstrip()


def test_every_address_stands_in_the_table() -> None:
    """S32: the route table with its permissions equals the checked-in table; a new address needs a line."""
    heading = f"{'':<7}{'':<60}{'needs':<11}{' '.join(ACTORS)}".rstrip()
    found = sorted(line(method, each) for each in addresses() for method in methods(each))
    found.sort(key=lambda each: each[7:].split()[0])

    kept = TABLE.read_text(encoding="utf-8").splitlines()

    assert len(found) > 60
    assert kept == [heading, *found]


def path_of(address: Address) -> str:
    """An address with names in it that nothing has."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: NAMES.get(found[1], "nothing"), address.path)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server with somebody in each role, in `home` only."""
    found = await open_team(tmp_path)
    for role in Role:
        await found.person(role.value, {HOME: role})
    await found.person("owner", {}, is_owner=True)
    yield found
    await found.houses.close()


async def refusals(asking: httpx.AsyncClient, method: str, path: str) -> str:
    """The code with which somebody is kept out; empty = they are let in, whatever comes of it."""
    answer = await asking.request(method, path, headers={"content-type": "application/json"})
    code = answer.json().get("code", "") if answer.headers.get("content-type", "").endswith("json") else ""
    known = {"not_allowed": 403, "not_signed_in": 401, "cross_site": 403, "unknown_host": 400}
    if code in known:
        assert answer.status_code == known[code]
        return str(code)
    assert answer.status_code < 500, answer.text
    return ""


@pytest.mark.parametrize("actor", ROLES)
async def test_table_holds_for_who_is_asked(server: TeamServer, actor: str) -> None:
    """S32: every address lets each role in exactly where the table says so, with a cookie and with a token."""
    member = server.people[actor]
    cookie, token = await server.cookie(member), await server.token(member)

    wrong = []
    for each in addresses():
        expected = "" if grants(each.needs, actor) else "not_allowed"
        for method in methods(each) if each.path not in NOT_ASKED else ():
            async with server.page(cookie) as page, server.program(token) as program:
                codes = [await refusals(asking, method, path_of(each)) for asking in (page, program)]
            if codes != [expected, expected]:
                wrong.append(f"{method} {each.path}: {codes}, expected {expected!r}")

    assert not wrong, "\n".join(wrong)


async def test_nobody_is_let_in_anywhere_else(server: TeamServer) -> None:
    """S32: who has not shown who they are reaches what needs nothing, and nothing else."""
    wrong = []
    async with server.asking() as stranger:
        for each in addresses():
            expected = "" if each.needs is None else "not_signed_in"
            for method in methods(each) if each.path not in NOT_ASKED else ():
                code = await refusals(stranger, method, path_of(each))
                if code != expected:
                    wrong.append(f"{method} {each.path}: {code}")
        described = await stranger.get("/api/v1/openapi.json")

    assert not wrong, "\n".join(wrong)
    assert described.status_code == 401


@pytest.mark.parametrize("actor", [each for each in ROLES if each != "owner"])
async def test_other_workspaces_are_not_there(server: TeamServer, actor: str) -> None:
    """S33: in a workspace that is none of theirs every address answers as if it did not exist."""
    member = server.people[actor]
    cookie, token = await server.cookie(member), await server.token(member)

    answers = []
    for name in (OTHER, "nowhere"):
        async with (
            server.page(cookie, weft_workspace=name) as page,
            server.program(token, weft_workspace=name) as program,
        ):
            for each in addresses():
                for method in methods(each) if each.needs is not None else ():
                    answers += [
                        (name, await asking.request(method, path_of(each))) for asking in (page, program)
                    ]

    assert {each.status_code for _, each in answers} == {404}
    assert {each.json()["detail"].replace(name, "…") for name, each in answers} == {
        "There is no workspace `…`."
    }


async def test_owner_is_in_every_workspace_with_a_session(server: TeamServer) -> None:
    """An owner of the server chooses any workspace; a token of theirs opens the one that it is for."""
    owner = server.people["owner"]
    cookie, token = await server.cookie(owner), await server.token(owner)

    async with server.page(cookie) as page, server.program(token) as program:
        chosen = await page.get("/api/v1/me", headers={"weft-workspace": OTHER})
        other = await program.get("/api/v1/me", headers={"weft-workspace": OTHER})

    assert (chosen.json()["workspace"], chosen.json()["workspaces"]) == (
        OTHER,
        [{"name": "home", "title": ""}, {"name": OTHER, "title": ""}],
    )
    assert other.status_code == 404


@pytest.mark.parametrize("permission", Permission)
async def test_token_is_held_to_its_scopes(server: TeamServer, permission: Permission) -> None:
    """S35: a token allows what it is held to and to look, even where its member may do everything."""
    token = await server.token(server.people["owner"], scopes=frozenset({permission}))

    async with server.program(token) as program:
        told = (await program.get("/api/v1/me")).json()

    assert set(told["permissions"]) == {permission, Permission.LOOK}


async def test_roles_that_are_taken_away_are_gone_at_once(server: TeamServer) -> None:
    """A change of roles holds for the next request, for sessions and tokens that exist."""
    member = server.people["operator"]
    cookie, token = await server.cookie(member), await server.token(member)

    async with server.page(cookie) as page, server.program(token) as program:
        before = [(await each.delete("/api/v1/cache")).status_code for each in (page, program)]
        await server.houses.members.change(member.id, {Role.VIEWER}, workspace=HOME)
        after = [(await each.delete("/api/v1/cache")).status_code for each in (page, program)]
        await server.houses.members.remove(member.id, workspace=HOME)
        gone = [(await each.get("/api/v1/cache")).status_code for each in (page, program)]

    assert (before, after, gone) == ([200, 200], [403, 403], [401, 401])


def test_address_without_a_permission_is_refused() -> None:
    """S32: an address that declares nothing, or two permissions, is found before anything is served."""
    router = APIRouter()

    @router.get("/bare")
    async def bare() -> None:
        """Declare nothing."""

    @router.get("/twice", dependencies=[needs(Permission.LOOK), needs(Permission.RUN)])
    async def twice() -> None:
        """Declare too much."""

    with pytest.raises(RuntimeError, match="/api/bare, /api/twice"):
        addresses_of([("/api", router)])
