from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.unit.api.team import OTHER, TeamServer, open_team

from weft.rights import HOME, Permission, Role


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server with an administrator of `home` and one of `other`."""
    found = await open_team(tmp_path)
    await found.person("anna", {HOME: Role.ADMIN})
    await found.person("olga", {OTHER: Role.ADMIN})
    yield found
    await found.houses.close()


@pytest.fixture
async def anna(server: TeamServer) -> AsyncIterator[httpx.AsyncClient]:
    """Anna's browser."""
    async with server.browser("anna") as page:
        yield page


async def test_members_come_and_go(server: TeamServer, anna: httpx.AsyncClient) -> None:
    """Somebody is invited, gets other roles and is let go; each list says so."""
    body = {"email": "Bob@example.com", "roles": ["viewer", "author"], "name": "Bob"}
    made = await anna.post("/api/v1/members", json=body)
    bob = made.json()
    changed = await anna.put(f"/api/v1/members/{bob['id']}/roles", json={"roles": ["operator"]})
    listed = (await anna.get("/api/v1/members")).json()["members"]
    gone = await anna.delete(f"/api/v1/members/{bob['id']}")
    after = (await anna.get("/api/v1/members")).json()["members"]

    assert (made.status_code, bob["email"], bob["roles"]) == (201, "bob@example.com", ["author", "viewer"])
    assert changed.json()["roles"] == ["operator"]
    assert [each["email"] for each in listed] == ["anna@example.com", "bob@example.com"]
    assert gone.status_code == 204
    assert [each["email"] for each in after] == ["anna@example.com"]


async def test_invitation_may_be_sent_twice(anna: httpx.AsyncClient) -> None:
    """S38: an invitation with a key is carried out once."""
    body = {"email": "bob@example.com", "roles": ["viewer"]}

    first, second = [
        (await anna.post("/api/v1/members", json=body, headers={"idempotency-key": "k"})).json()
        for _ in range(2)
    ]

    assert first == second


async def test_members_of_others_are_not_there(server: TeamServer, anna: httpx.AsyncClient) -> None:
    """S33: somebody of another workspace is answered as somebody who does not exist."""
    olga, nobody = server.people["olga"].id, "p" + "a" * 16

    answers = [
        await anna.request(method, f"/api/v1/members/{name}{end}", json=body)
        for name in (olga, nobody)
        for method, end, body in (("PUT", "/roles", {"roles": ["viewer"]}), ("DELETE", "", None))
    ]

    assert {each.status_code for each in answers} == {404}
    assert len({each.json()["detail"].partition("`")[0] for each in answers}) == 1


async def test_what_somebody_is_elsewhere_stays(server: TeamServer, anna: httpx.AsyncClient) -> None:
    """Inviting somebody who is known tells and changes nothing of what they are elsewhere."""
    made = (
        await anna.post("/api/v1/members", json={"email": "olga@example.com", "roles": ["viewer"]})
    ).json()
    await anna.delete(f"/api/v1/members/{made['id']}")

    olga = await server.houses.members.get(server.people["olga"].id)

    assert made["roles"] == ["viewer"]
    assert OTHER not in str(made)
    assert dict(olga.roles) == {OTHER: {Role.ADMIN}}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"roles": ["viewer"]}, "body.email"),
        ({"email": "bob", "roles": ["viewer"]}, "body.email"),
        ({"email": "bob@example.com", "roles": []}, "body.roles"),
        ({"email": "bob@example.com", "roles": ["owner"]}, "body.roles.0"),
        ({"email": "bob@example.com", "roles": ["viewer"], "is_owner": True}, "body.is_owner"),
    ],
)
async def test_bad_invitations_name_the_field(
    anna: httpx.AsyncClient, body: dict[str, object], path: str
) -> None:
    """S34: what is wrong is named, and nobody becomes an owner of the server over HTTP."""
    answer = await anna.post("/api/v1/members", json=body)

    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["problems"]] == [path]


@pytest.mark.parametrize("role", ["operator", "admin"])
async def test_held_token_gives_no_more_than_it_has(server: TeamServer, role: str) -> None:
    """S32, S34: with a token that is held to `govern` nobody is given what the token itself may not do."""
    anna = server.people["anna"]
    bob = await server.person("bob", {HOME: Role.VIEWER})
    token = await server.token(anna, scopes=frozenset({Permission.LOOK, Permission.GOVERN}))

    async with server.program(token) as program:
        answers = [
            await program.post("/api/v1/members", json={"email": "eve@example.com", "roles": [role]}),
            await program.put(f"/api/v1/members/{bob.id}/roles", json={"roles": ["viewer", role]}),
        ]
        viewer = await program.post("/api/v1/members", json={"email": "dan@example.com", "roles": ["viewer"]})
        listed = (await program.get("/api/v1/members")).json()["members"]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(403, "not_allowed")] * 2
    assert viewer.status_code == 201
    assert {each["email"]: each["roles"] for each in listed} == {
        "anna@example.com": ["admin"],
        "bob@example.com": ["viewer"],
        "dan@example.com": ["viewer"],
    }
