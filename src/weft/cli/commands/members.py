"""Say who may come into a team's server, and what they may do in which workspace.

Knows that people are named by address or id. Refuses to know how they sign in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from weft.app.members import Member
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.deeds import noted
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import moment
from weft.errors import Mistake
from weft.rights import HOME, Role, read_roles

ROLES = ", ".join(each.value for each in Role)
NAMED = Flag(
    name="member", help="Their e-mail address or id.", positional=True, required=True, metavar="MEMBER"
)
ROLE = Flag(
    name="role", help=f"What they are there: {ROLES}; may be repeated.", kind=list[str], metavar="ROLE"
)
OWNER = Flag(
    name="owner",
    help="Whether they own the server: an owner may do everything everywhere.",
    kind=bool,
    spelling=("--owner/--no-owner",),
)
WORKSPACE = Flag(name="workspace", help=f"Where. [{HOME}]", default=HOME, metavar="NAME")


def show(console: Console, flags: Flags) -> int:
    """List members with their roles in each workspace."""

    async def listed(house: Weft) -> list[Member]:
        return await house.members.listed(flags["workspace"])

    found = _asked(flags, listed)
    if console.json:
        console.value([_plain(each) for each in found])
        return 0
    if not found:
        console.line("Nobody is a member yet.")
        return 0
    console.table(
        ["id", "address", "name", "owner", "roles", "last signed in"],
        [
            [
                each.id,
                each.email,
                each.name,
                "yes" if each.is_owner else "",
                _roles(each),
                "never" if each.signed_in_at is None else moment(each.signed_in_at),
            ]
            for each in found
        ],
    )
    return 0


def add(console: Console, flags: Flags) -> int:
    """Let somebody come in once they have signed in with an address; nothing is sent to it.

    Who is known already gets these roles in this workspace, and keeps those elsewhere.
    """
    roles = read_roles(flags["role"] or [])
    if not roles and not flags["owner"]:
        raise Mistake("No role was given.", hint=f"add `--role ROLE`: {ROLES}; or `--owner`.")

    async def invite(house: Weft) -> Member:
        await house.workspaces.get(flags["workspace"])
        async with noted(house, "invite_member", "members", workspace=flags["workspace"]):
            given = {flags["workspace"]: roles} if roles else {}
            return await house.members.invite(
                flags["email"], given, name=flags["name"] or "", is_owner=bool(flags["owner"])
            )

    return _told(console, _asked(flags, invite))


def change(console: Console, flags: Flags) -> int:
    """Say what a member is in a workspace from now on, or whether they own the server."""
    roles = read_roles(flags["role"] or [])
    if not roles and flags["owner"] is None:
        raise Mistake("Nothing was to be changed.", hint="add `--role ROLE`, `--owner` or `--no-owner`.")

    async def changed(house: Weft) -> Member:
        found = await house.members.named(flags["member"])
        async with noted(house, "change_member", f"members/{found.id}", workspace=flags["workspace"]):
            if roles and found.roles_in(flags["workspace"]):
                found = await house.members.change(found.id, roles, workspace=flags["workspace"])
            elif roles:
                await house.workspaces.get(flags["workspace"])
                found = await house.members.invite(found.email, {flags["workspace"]: roles})
            if flags["owner"] is not None:
                found = await house.members.own(found.id, is_owner=flags["owner"])
            return found

    return _told(console, _asked(flags, changed))


def remove(console: Console, flags: Flags) -> int:
    """Let somebody go from a workspace, or with --everywhere from the server.

    Their sessions and tokens open nothing there any more, at once.
    """
    where = None if flags["everywhere"] else flags["workspace"]

    async def removed(house: Weft) -> Member:
        found = await house.members.named(flags["member"])
        async with noted(house, "remove_member", f"members/{found.id}", workspace=where or HOME):
            return await house.members.remove(found.id, workspace=where)

    done = _asked(flags, removed)
    if console.json:
        console.value({"removed": done.id, "from": where})
    console.line(
        f"{flags['member']} is no member of {'the server' if where is None else f'`{where}`'} any more."
    )
    return 0


def _asked(flags: Flags, question: Callable[[Weft], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with Weft(look_around(settings_in(flags))) as house:
            return await question(house)

    return asyncio.run(ask())


def _told(console: Console, member: Member) -> int:
    if console.json:
        console.value(_plain(member))
    owner = ", owner of the server" if member.is_owner else ""
    console.line(f"{member.email} ({member.id}): {_roles(member) or 'no role'}{owner}.")
    return 0


def _roles(member: Member) -> str:
    return "; ".join(f"{where}: {', '.join(sorted(each))}" for where, each in sorted(member.roles.items()))


def _plain(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "email": member.email,
        "name": member.name,
        "is_owner": member.is_owner,
        "roles": {where: sorted(each) for where, each in sorted(member.roles.items())},
        "invited_at": member.invited_at,
        "signed_in_at": member.signed_in_at,
    }


command = new_group("Say who may come into a team's server, and what they may do in which workspace.")
add_command(
    command,
    "list",
    show,
    flags=[
        Flag(name="workspace", help="Only its members. [everybody]", metavar="NAME"),
        *setting_flags(*STORE),
    ],
)
add_command(
    command,
    "add",
    add,
    flags=[
        Flag(name="email", help="As their identity provider knows it.", positional=True, required=True, metavar="EMAIL"),
        ROLE,
        WORKSPACE,
        Flag(name="name", help="What they are called, until they have signed in.", metavar="NAME"),
        Flag(name="owner", help="Make them an owner of the server.", kind=bool, default=False),
        *setting_flags(*STORE),
    ],
)  # fmt: skip
add_command(command, "change", change, flags=[NAMED, ROLE, WORKSPACE, OWNER, *setting_flags(*STORE)])
add_command(
    command,
    "remove",
    remove,
    flags=[
        NAMED,
        WORKSPACE,
        Flag(name="everywhere", help="From every workspace.", kind=bool, default=False),
        *setting_flags(*STORE),
    ],
)
