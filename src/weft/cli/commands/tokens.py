"""Make and end the tokens with which programs ask a team's server.

Knows that a token is shown once, when it is made. Refuses to show one that exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from weft.app.founding import check_scopes
from weft.app.opening import look_around
from weft.app.tokens import MOST_DAYS, USUAL_DAYS, NewToken, Token
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.deeds import noted
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import moment
from weft.errors import Mistake
from weft.rights import HOME, Permission, read_permissions

SCOPES = ", ".join(each.value for each in Permission)


def show(console: Console, flags: Flags) -> int:
    """List tokens: in whose name, for which workspace, what they are held to, until when."""

    async def listed(house: Weft) -> tuple[list[Token], dict[str, str]]:
        member = None if flags["member"] is None else (await house.members.named(flags["member"])).id
        addresses = {each.id: each.email for each in await house.members.listed()}
        return await house.tokens.listed(flags["workspace"], member=member), addresses

    found, addresses = _asked(flags, listed)
    if console.json:
        console.value([_plain(each) for each in found])
        return 0
    if not found:
        console.line("There is no token.")
        return 0
    console.table(
        ["id", "name", "member", "workspace", "may", "until", "last used"],
        [
            [
                each.id,
                each.name,
                addresses.get(each.member) or each.member,
                each.workspace,
                ", ".join(sorted(each.scopes)),
                "revoked" if each.revoked_at is not None else moment(each.expires_at),
                "never" if each.used_at is None else moment(each.used_at),
            ]
            for each in found
        ],
    )
    return 0


def create(console: Console, flags: Flags) -> int:
    """Make a token in the name of a member; it is shown this once.

    It opens one workspace, and never allows more than its member may do there at the time.
    """
    scopes = read_permissions(flags["scope"] or [])
    if not scopes:
        raise Mistake("The token could do nothing.", hint=f"add `--scope PERMISSION`: {SCOPES}.")

    async def made(house: Weft) -> NewToken:
        member = await house.members.named(flags["member"])
        await house.workspaces.get(flags["workspace"])
        check_scopes(member, scopes, workspace=flags["workspace"])
        async with noted(house, "create_token", f"members/{member.id}", workspace=flags["workspace"]):
            return await house.tokens.create(
                member.id,
                workspace=flags["workspace"],
                scopes=scopes,
                name=flags["name"] or "",
                days=flags["days"],
            )

    new = _asked(flags, made)
    if console.json:
        console.value({**_plain(new.token), "text": new.text})
    console.line(new.text)
    console.note(f"It is shown this once, and good until {moment(new.token.expires_at)}.")
    console.note(f"`weft tokens revoke {new.token.id}` ends it.")
    return 0


def revoke(console: Console, flags: Flags) -> int:
    """End a token for ever; every process of the server refuses it at once."""

    async def revoked(house: Weft) -> Token:
        found = await house.tokens.get(flags["token"])
        async with noted(house, "revoke_token", f"tokens/{found.id}", workspace=found.workspace):
            return await house.tokens.revoke(found.id)

    done = _asked(flags, revoked)
    if console.json:
        console.value(_plain(done))
    console.line(f"{done.id} is revoked.")
    return 0


def _asked(flags: Flags, question: Callable[[Weft], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with Weft(look_around(settings_in(flags))) as house:
            return await question(house)

    return asyncio.run(ask())


def _plain(token: Token) -> dict[str, Any]:
    names = ("id", "name", "member", "workspace", "made_at", "expires_at", "used_at", "revoked_at")
    return {name: getattr(token, name) for name in names} | {"scopes": sorted(token.scopes)}


command = new_group("Make and end the tokens with which programs ask a team's server.")
add_command(
    command,
    "list",
    show,
    flags=[
        Flag(name="workspace", help="Only those for it. [all]", metavar="NAME"),
        Flag(name="member", help="Only those in the name of this member. [all]", metavar="MEMBER"),
        *setting_flags(*STORE),
    ],
)
add_command(
    command,
    "create",
    create,
    flags=[
        Flag(name="member", help="In whose name: an e-mail address or id.", required=True, metavar="MEMBER"),
        Flag(name="workspace", help=f"The one that it opens. [{HOME}]", default=HOME, metavar="NAME"),
        Flag(
            name="scope",
            help=f"What it may do: {SCOPES}; may be repeated. To look is always among it.",
            kind=list[str],
            metavar="PERMISSION",
        ),
        Flag(name="name", help="For people, such as the program that gets it.", metavar="NAME"),
        Flag(
            name="days",
            help=f"How long it is good, at most {MOST_DAYS}. [{USUAL_DAYS}]",
            kind=int,
            default=USUAL_DAYS,
            metavar="DAYS",
        ),
        *setting_flags(*STORE),
    ],
)
add_command(
    command,
    "revoke",
    revoke,
    flags=[
        Flag(name="token", help="Its id.", positional=True, required=True, metavar="ID"),
        *setting_flags(*STORE),
    ],
)
