"""Founding a team's server: its first owner, a first token, and files that nobody else may read.

Knows that it may be repeated, and that a second time it makes nothing that is there. Refuses to
start a server, and to say whether everything is safe (`safety.py`).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from weft.app.members import Member
from weft.app.team import PRIVATE, TeamHouses, folders_of
from weft.app.tokens import NewToken
from weft.errors import NotAllowed, UnwritableFile
from weft.rights import HOME, Permission, Role, permissions_of

PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Founded:
    """What a server begins with.

    Attributes:
        token: opens `home` with everything that an owner may do; `None` = they were an owner already.
    """

    owner: Member
    token: NewToken | None


async def found_team(houses: TeamHouses, email: str, *, name: str = "") -> Founded:
    """Make somebody an owner of a server, and give them a first token.

    Raises:
        Mistake: if it is no address.
        UnwritableFile: if the store cannot be made, or kept from others.
    """
    houses.control.open()
    await (await houses.open(HOME)).runs.newest()  # makes the folder of `home`
    shut(houses)
    standing = [each for each in await houses.members.listed() if each.is_owner]
    owner = await houses.members.invite(email, {HOME: {Role.ADMIN}}, name=name, is_owner=True)
    if any(each.id == owner.id for each in standing):
        return Founded(owner, None)
    token = await houses.tokens.create(
        owner.id, workspace=HOME, scopes=frozenset(Permission), name="the first one"
    )
    return Founded(owner, token)


def shut(houses: TeamHouses) -> None:
    """Keep others from the store's file and from the folders of workspaces.

    Raises:
        UnwritableFile: if somebody else owns them.
    """
    if os.name == "nt":
        return  # Windows tells rights in other ways
    store = houses.control.path
    beside = [] if store is None else [store.with_name(store.name + end) for end in ("", "-wal", "-shm")]
    try:
        folders_of(houses.surroundings).chmod(PRIVATE)
        for each in beside:
            if each.exists():
                each.chmod(PRIVATE_FILE)
    except OSError as exc:
        raise UnwritableFile(
            f"`{exc.filename}` cannot be kept from others: {exc.strerror or exc}.",
            hint="let the server's own user own it.",
            path=str(exc.filename),
        ) from exc


def check_scopes(member: Member, scopes: Collection[Permission], *, workspace: str) -> None:
    """Refuse a token that would allow more than its member may do in a workspace.

    Raises:
        NotAllowed: naming what they may not.
    """
    allowed = frozenset(Permission) if member.is_owner else permissions_of(member.roles_in(workspace))
    missing = sorted(frozenset(scopes) - allowed)
    if missing or not allowed:
        what = f"`{missing[0]}`" if missing else "anything"
        raise NotAllowed(
            f"`{member.email}` may not do {what} in `{workspace}`, and so no token of theirs can.",
            hint=f"allowed: {', '.join(sorted(allowed)) or 'nothing'}; `weft members change` gives other roles.",
            permission=missing[0].value if missing else "",
            workspace=workspace,
        )
