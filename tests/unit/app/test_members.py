from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from weft.app.members import KIND, Member, MembersDesk
from weft.app.opening import look_around
from weft.app.stores import Stores
from weft.errors import ImpossibleMove, Mistake, UnknownName
from weft.kit.clocks import VirtualClock
from weft.rights import Role, read_roles

ISSUER = "https://id.example.com"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def stores(tmp_path: Path, clock: VirtualClock) -> Stores:
    """A store in memory."""
    settings = look_around(start=tmp_path, environment={}, keywords={"store": "memory://"}).settings
    return Stores(settings, clock=clock)


@pytest.fixture
async def desk(stores: Stores, clock: VirtualClock) -> AsyncIterator[MembersDesk]:
    """A desk that knows nobody."""
    yield MembersDesk(stores, clock=clock)
    await stores.close()


async def signs_in(desk: MembersDesk, subject: str, email: str, *, is_verified: bool = True) -> Member | None:
    """Somebody comes from the identity provider."""
    return await desk.admit(ISSUER, subject, email=email, is_verified=is_verified, name=subject.title())


async def test_nobody_is_known_before_there_is_a_store(tmp_path: Path, clock: VirtualClock) -> None:
    """Looking at members makes no store."""
    settings = look_around(start=tmp_path, environment={}).settings
    desk = MembersDesk(Stores(settings, clock=clock), clock=clock)

    assert await desk.listed() == []
    assert await desk.find("p" + "a" * 16) is None
    assert not (tmp_path / ".weft").exists()


async def test_invitation_is_taken_up_by_a_verified_address(desk: MembersDesk) -> None:
    """Who signs in with the invited address, for which the issuer vouches, becomes the member."""
    invited = await desk.invite("Anna@Example.com", {"home": {Role.AUTHOR}})

    stranger = await signs_in(desk, "mallory", "mallory@example.com")
    unverified = await signs_in(desk, "mallory", "anna@example.com", is_verified=False)
    anna = await signs_in(desk, "anna", "anna@example.com")

    assert (stranger, unverified) == (None, None)
    assert anna is not None
    assert (anna.id, anna.email, anna.name, anna.subject) == (invited.id, "anna@example.com", "Anna", "anna")


async def test_issuer_and_subject_count_afterwards(desk: MembersDesk) -> None:
    """A changed address is the same person, and the address alone opens nothing to the next who has it."""
    invited = await desk.invite("anna@example.com", {"home": {Role.AUTHOR}})
    await signs_in(desk, "anna", "anna@example.com")

    renamed = await signs_in(desk, "anna", "anna.b@example.com")
    successor = await signs_in(desk, "other-anna", "anna@example.com")
    elsewhere = await desk.admit("https://evil.example", "anna", email="x@example.com", is_verified=True)

    assert renamed is not None
    assert (renamed.id, renamed.email) == (invited.id, "anna.b@example.com")
    assert (successor, elsewhere) == (None, None)


async def test_two_people_cannot_take_one_invitation(desk: MembersDesk) -> None:
    """Of two who come with the same address at the same time, one is let in."""
    await desk.invite("anna@example.com", {"home": {Role.AUTHOR}})

    found = await asyncio.gather(*(signs_in(desk, f"anna{n}", "anna@example.com") for n in range(5)))

    assert sum(each is not None for each in found) == 1


async def test_two_invitations_make_one_member(desk: MembersDesk) -> None:
    """Inviting an address again, also at the same time, gives one member with the roles of both workspaces."""
    await asyncio.gather(
        *(desk.invite("anna@example.com", {f"w{n}": {Role.VIEWER}}) for n in range(5)),
    )

    (anna,) = await desk.listed()

    assert sorted(anna.roles) == ["w0", "w1", "w2", "w3", "w4"]


async def test_roles_elsewhere_are_not_told(desk: MembersDesk) -> None:
    """The members of a workspace are told with what they are there and nothing else."""
    await desk.invite("anna@example.com", {"home": {Role.ADMIN}, "other": {Role.VIEWER}})
    await desk.invite("bob@example.com", {"home": {Role.VIEWER}})

    assert [(each.email, dict(each.roles)) for each in await desk.listed("other")] == [
        ("anna@example.com", {"other": {Role.VIEWER}})
    ]


@pytest.mark.parametrize("workspace", ["other", "nowhere"])
async def test_member_of_another_workspace_is_not_there(desk: MembersDesk, workspace: str) -> None:
    """S33: somebody who is not in a workspace cannot be changed or removed from there; nor one who is nobody."""
    bob = await desk.invite("bob@example.com", {"home": {Role.VIEWER}})

    for name in (bob.id, "p" + "a" * 16):
        with pytest.raises(UnknownName, match="There is no member"):
            await desk.change(name, {Role.ADMIN}, workspace=workspace)
        with pytest.raises(UnknownName, match="There is no member"):
            await desk.remove(name, workspace=workspace)


async def test_who_is_nowhere_is_forgotten(desk: MembersDesk, stores: Stores) -> None:
    """Of who was let go everywhere only the id stays; the next with the address is somebody else."""
    bob = await desk.invite("bob@example.com", {"home": {Role.VIEWER}}, name="Bob")
    await signs_in(desk, "bob", "bob@example.com")

    await desk.remove(bob.id, workspace="home")
    again = await desk.invite("bob@example.com", {"home": {Role.VIEWER}})
    kept = await stores.open().document(KIND, bob.id)

    assert await desk.find(bob.id) is None
    assert again.id != bob.id
    assert kept is not None
    assert "bob" not in str(kept.content)


async def test_last_owner_stays(desk: MembersDesk) -> None:
    """The last owner can neither be let go nor be made none, also where two try each other's."""
    anna = await desk.invite("anna@example.com", {}, is_owner=True)
    bob = await desk.invite("bob@example.com", {"home": {Role.ADMIN}}, is_owner=True)

    done = await asyncio.gather(
        desk.remove(anna.id), desk.own(bob.id, is_owner=False), return_exceptions=True
    )
    owners = [each for each in await desk.listed() if each.is_owner]
    with pytest.raises(ImpossibleMove, match="last owner"):
        await desk.remove(owners[0].id)

    assert owners
    assert all(isinstance(each, Member | ImpossibleMove) for each in done)


async def test_owner_without_roles_stays_a_member(desk: MembersDesk) -> None:
    """An owner who is let go from a workspace is an owner still."""
    anna = await desk.invite("anna@example.com", {"home": {Role.ADMIN}}, is_owner=True)

    left = await desk.remove(anna.id, workspace="home")

    assert replace(left, version=0) == replace(anna, roles={}, version=0)
    assert await desk.listed("home") == []


@pytest.mark.parametrize(
    "email", ["", "anna", "anna@", "@example.com", "an na@example.com", "<anna@example.com>", "a@b"]
)
async def test_what_is_no_address_is_refused(desk: MembersDesk, email: str) -> None:
    """An invitation needs an address that somebody can have."""
    with pytest.raises(Mistake, match="no e-mail address"):
        await desk.invite(email, {"home": {Role.VIEWER}})


async def test_names_are_made_fit_to_be_shown(desk: MembersDesk) -> None:
    """S27: what an issuer says of a name reaches nobody's terminal as control characters."""
    await desk.invite("anna@example.com", {"home": {Role.VIEWER}})

    anna = await desk.admit(
        ISSUER, "a", email="anna@example.com", is_verified=True, name="An\x1b[2Jna\u202e" + "x" * 999
    )

    assert anna is not None
    assert anna.name == "An[2Jna" + "x" * 193


def test_unknown_role_names_the_nearest() -> None:
    """A role that there is not is refused with the nearest one."""
    with pytest.raises(UnknownName, match="operater") as caught:
        read_roles(["viewer", "operater"])

    assert caught.value.facts["nearest"] == ["operator"]
