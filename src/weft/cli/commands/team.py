"""Prepare a server for a team, and look whether it would start.

Knows that a first token is shown once, and that something unsafe is an exit code.
Refuses to know what is unsafe.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from importlib import import_module
from typing import Any

from weft.app.founding import Founded, found_team
from weft.app.opening import look_around
from weft.app.team import TeamHouses
from weft.cli.asking import settings_in
from weft.cli.commands.serve import load_server
from weft.cli.console import Console
from weft.cli.deeds import noted
from weft.cli.flags import STORE, TEAM, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import count, moment
from weft.errors import Mistake
from weft.rights import HOME


def init(console: Console, flags: Flags) -> int:
    """Make the first owner of a server for a team, and a token with which they may begin.

    The token is shown once. The store and the folders of workspaces are kept from other users of the
    machine. Harmless when repeated: who is an owner already gets no second token.
    """
    done = asyncio.run(_init(flags))
    token = done.token
    if console.json:
        told = {"owner": done.owner.id, "email": done.owner.email}
        made = {} if token is None else {"token": token.text, "expires_at": token.token.expires_at}
        console.value({**told, **made})
    if token is None:
        console.line(f"{done.owner.email} is an owner already; nothing was made.")
        return 0
    console.note(f"{done.owner.email} owns the server. This token is shown once:")
    console.line(token.text)
    console.note(f"It may do everything in `{HOME}` until {moment(token.token.expires_at)}.")
    console.note("`weft team check` says what is still to do.")
    return 0


async def _init(flags: Flags) -> Founded:
    houses = TeamHouses(look_around(settings_in(flags)))
    try:
        async with noted(await houses.open(HOME), "found_team", "members"):
            return await found_team(houses, flags["owner"], name=flags["name"] or "")
    finally:
        await houses.close()


def check(console: Console, flags: Flags) -> int:
    """Say everything that a server for a team would refuse to start with; the exit code is 2 then."""
    load_server(team=True)
    found = asyncio.run(_check(flags, debug=console.debug))
    if console.json:
        console.value({"safe": not found, "problems": [asdict(each) for each in found]})
    elif not found:
        console.line("Nothing is in the way: `weft serve --team` would start.")
    for each in found:
        console.line(f"✗ {each.message}", "red")
        console.line(f"  {each.hint}")
    if found:
        console.line(f"{count(len(found), 'thing')} to mend; nothing was changed.")
    return Mistake.exit_code if found else 0


async def _check(flags: Flags, *, debug: bool) -> list[Any]:
    safety = import_module("weft.app.safety")  # it knows how people sign in, whose libraries are an extra
    houses = TeamHouses(look_around(settings_in(flags)))
    try:
        found: list[Any] = await safety.look_for_unsafe(
            houses, safety.Serving(workers=flags["workers"], debug=debug)
        )
        return found
    finally:
        await houses.close()


command = new_group("Prepare a server for a team, and look whether it would start.")
add_command(
    command,
    "init",
    init,
    flags=[
        Flag(name="owner", help="E-mail address of the first owner.", required=True, metavar="EMAIL"),
        Flag(name="name", help="What they are called.", metavar="NAME"),
        *setting_flags(*STORE),
    ],
)
add_command(
    command,
    "check",
    check,
    flags=[
        Flag(
            name="workers",
            help="Processes that are to walk runs. [1]",
            kind=int,
            default=1,
            metavar="NUMBER",
        ),
        *setting_flags(*STORE, "base_url", *TEAM),
    ],
)
