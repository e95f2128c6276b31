from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.app.opening import look_around
from weft.app.principals import Principals
from weft.app.team import TeamHouses
from weft.errors import UnknownName
from weft.kit.clocks import VirtualClock
from weft.rights import HOME, Permission, Principal, Role


@pytest.fixture
async def houses(tmp_path: Path) -> AsyncIterator[TeamHouses]:
    """A server with `home` and `support`."""
    around = look_around(start=tmp_path, environment={}, keywords={"store": "memory://"})
    found = TeamHouses(around, clock=VirtualClock())
    await found.workspaces.create("support")
    yield found
    await found.close()


@pytest.fixture
def principals(houses: TeamHouses) -> Principals:
    return Principals(houses.members, houses.tokens, houses.workspaces)


async def test_token_is_its_member_within_its_scopes(houses: TeamHouses, principals: Principals) -> None:
    """Who asks with a token is its member, in its workspace, with the roles of there and its scopes."""
    bob = await houses.members.invite("bob@example.com", {HOME: {Role.ADMIN}, "support": {Role.OPERATOR}})
    made = await houses.tokens.create(bob.id, workspace="support", scopes={Permission.RUN, Permission.GOVERN})

    who = await principals.of_token(made.text)

    assert who == Principal(
        id=bob.id,
        name="bob@example.com",
        workspace="support",
        roles=frozenset({Role.OPERATOR}),
        scopes=frozenset({Permission.LOOK, Permission.RUN, Permission.GOVERN}),
        via="token",
        session=made.token.id,
    )
    assert who.permissions == {Permission.LOOK, Permission.RUN}


@pytest.mark.parametrize("wanted", [HOME, "nowhere", "Support", "../support"])
async def test_token_opens_no_other_workspace(
    houses: TeamHouses, principals: Principals, wanted: str
) -> None:
    """S33: with a token for one workspace every other one is not there, whether it exists or not."""
    bob = await houses.members.invite("bob@example.com", {HOME: {Role.ADMIN}, "support": {Role.OPERATOR}})
    made = await houses.tokens.create(bob.id, workspace="support", scopes=[])

    with pytest.raises(UnknownName, match=f"There is no workspace `{wanted}`"):
        await principals.of_token(made.text, wanted=wanted)


async def test_token_of_who_has_gone_opens_nothing(houses: TeamHouses, principals: Principals) -> None:
    """Who is let go from a workspace takes their tokens for it along."""
    bob = await houses.members.invite("bob@example.com", {HOME: {Role.VIEWER}, "support": {Role.VIEWER}})
    made = [await houses.tokens.create(bob.id, workspace=name, scopes=[]) for name in (HOME, "support")]

    await houses.members.remove(bob.id, workspace="support")

    assert [await principals.of_token(each.text) is not None for each in made] == [True, False]


@pytest.mark.parametrize(
    ("roles", "usual", "wanted", "where"),
    [
        ({HOME: {Role.VIEWER}, "support": {Role.ADMIN}}, "", "", HOME),
        ({HOME: {Role.VIEWER}, "support": {Role.ADMIN}}, "support", "", "support"),
        ({HOME: {Role.VIEWER}, "support": {Role.ADMIN}}, HOME, "support", "support"),
        ({"support": {Role.ADMIN}}, HOME, "", "support"),
        ({"support": {Role.ADMIN}}, "gone", "", "support"),
        ({"gone": {Role.ADMIN}}, "", "", ""),
    ],
)
async def test_person_is_where_they_want_to_be(
    houses: TeamHouses,
    principals: Principals,
    roles: dict[str, set[Role]],
    usual: str,
    wanted: str,
    where: str,
) -> None:
    """A person is in the workspace that they ask for, else where they were, else where they can be."""
    bob = await houses.members.invite("bob@example.com", roles)

    who = await principals.of_person(bob.id, session="s", wanted=wanted, usual=usual)

    assert who is not None
    assert (who.workspace, who.roles) == (where, frozenset(roles.get(where, ())))


async def test_owner_without_roles_may_do_everything(houses: TeamHouses, principals: Principals) -> None:
    """An owner of the server is in every workspace that is in use."""
    olga = await houses.members.invite("olga@example.com", {}, is_owner=True)

    who = await principals.of_person(olga.id, session="s", wanted="support")

    assert who is not None
    assert who.permissions == frozenset(Permission)
    assert [each.name for each in await principals.open_to(olga)] == [HOME, "support"]


async def test_nobody_is_nobody(principals: Principals) -> None:
    """A session of a member who is gone, and a text that is no token, are nobody's."""
    assert await principals.of_person("p" + "a" * 16, session="s") is None
    assert await principals.of_token("weft_" + "a" * 43) is None
