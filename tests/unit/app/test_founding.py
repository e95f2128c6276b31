from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.app.founding import check_scopes, found_team
from weft.app.opening import look_around
from weft.app.principals import Principals
from weft.app.team import TeamHouses
from weft.errors import NotAllowed
from weft.kit.clocks import VirtualClock
from weft.rights import HOME, Permission, Role


@pytest.fixture
async def houses(tmp_path: Path) -> AsyncIterator[TeamHouses]:
    """A folder in which there is nothing yet."""
    found = TeamHouses(look_around(start=tmp_path, environment={}), clock=VirtualClock())
    yield found
    await found.close()


async def test_first_owner_may_do_everything(houses: TeamHouses, tmp_path: Path) -> None:
    """The first token opens `home` with every permission, and others cannot read the store."""
    done = await found_team(houses, "anna@example.com", name="Anna")
    assert done.token is not None

    who = await Principals(houses.members, houses.tokens, houses.workspaces).of_token(done.token.text)

    assert who is not None
    assert (who.workspace, who.permissions, who.is_owner) == (HOME, frozenset(Permission), True)
    assert stat.S_IMODE((tmp_path / ".weft/weft.db").stat().st_mode) == 0o600


async def test_second_founding_makes_nothing(houses: TeamHouses) -> None:
    """Founding again gives no second token; somebody else becomes an owner with a token of their own."""
    await found_team(houses, "anna@example.com")
    again = await found_team(houses, "Anna@example.com")
    other = await found_team(houses, "bob@example.com")

    assert again.token is None
    assert other.token is not None
    assert len(await houses.tokens.listed()) == 2


async def test_token_beyond_the_roles_is_refused(houses: TeamHouses) -> None:
    """A token cannot be made for more than its member may do, and for nobody who is not there."""
    bob = await houses.members.invite("bob@example.com", {HOME: {Role.VIEWER}})

    check_scopes(bob, {Permission.LOOK}, workspace=HOME)
    with pytest.raises(NotAllowed, match="may not do `run` in `home`"):
        check_scopes(bob, {Permission.LOOK, Permission.RUN}, workspace=HOME)
    with pytest.raises(NotAllowed, match="may not do `look` in `other`"):
        check_scopes(bob, {Permission.LOOK}, workspace="other")
