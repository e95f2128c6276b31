"""Bring the store up to date, check it, back it up.

Knows how its state is told, that a store that does not add up is an exit code, and that each
workspace of a team has a store of its own.
Refuses to know what kind of database it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from weft.app.databases import DatabasesDesk
from weft.app.opening import look_around
from weft.app.stores import Stores
from weft.app.team import surroundings_of
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import count, size
from weft.errors import Mistake, UnknownName
from weft.rights import HOME

T = TypeVar("T")
WORKSPACE = Flag(
    name="workspace", help=f"The store of this workspace of a team. [{HOME}]", default=HOME, metavar="NAME"
)


def upgrade(console: Console, flags: Flags) -> int:
    """Bring the store's tables up to date; make them in an empty database.

    A store in a file is brought up to date whenever it is opened, and a copy of the older one kept.
    A store in PostgreSQL that others use waits for this command: stop them first, and make a backup.
    """
    done, others = asyncio.run(_asked(flags, lambda desk: desk.upgrade()))
    if console.json:
        console.value(asdict(done))
    if done.before == done.after:
        console.line(f"{done.store} is up to date (revision {done.after}).")
    elif done.before:
        console.line(f"{done.store} was brought from revision {done.before} to {done.after}.")
    else:
        console.line(f"{done.store} is ready (revision {done.after}).")
    _tell_others(console, others)
    return 0


def check(console: Console, flags: Flags) -> int:
    """Look for damage, and whether what rows and calls cost adds up to what runs have spent.

    Reads the whole store. The exit code is 2 if something is wrong.
    """
    found, others = asyncio.run(_asked(flags, lambda desk: desk.check()))
    if console.json:
        console.value({"sound": not found, "problems": found})
    elif not found:
        console.line("The store is sound: nothing is damaged, and all costs add up.")
    for each in found:
        console.line(f"✗ {each}", "red")
    if found:
        console.line(f"{count(len(found), 'problem')} found; nothing was changed.")
    _tell_others(console, others)
    return Mistake.exit_code if found else 0


def backup(console: Console, flags: Flags) -> int:
    """Copy the store to a new file as it stands at one moment; runs may go on meanwhile.

    A store in a file is copied as such a file. A store in PostgreSQL is written by `pg_dump`,
    which must be installed, in the form that `pg_restore` reads. Each workspace of a team has a store
    of its own.
    """
    path = Path(flags["file"])
    done, others = asyncio.run(_asked(flags, lambda desk: desk.backup(path)))
    if console.json:
        console.value({"store": done.store, "path": str(done.path), "bytes": done.bytes})
    console.line(f"Backed up {done.store} to {done.path} ({size(done.bytes)}).")
    _tell_others(console, others)
    return 0


async def _asked(flags: Flags, question: Callable[[DatabasesDesk], Awaitable[T]]) -> tuple[T, list[str]]:
    """What the store that is meant answers, and the other workspaces that have stores.

    Raises:
        UnknownName: if there is no such workspace, or it has no store yet.
    """
    around, wanted = look_around(settings_in(flags)), flags["workspace"]
    async with Weft(around) as home:
        if wanted == HOME:
            answer = await question(home.databases)
            if isinstance(answer, list) and answer:  # a damaged store knows no workspaces for sure
                return answer, []
            known = await home.workspaces.listed(archived=True)
            return answer, [each.name for each in known if each.name != HOME and _has_store(home, each.name)]
        await home.workspaces.get(wanted)
        if not _has_store(home, wanted):
            raise UnknownName(
                f"Workspace `{wanted}` has no store yet.",
                hint="its first run, or anything kept in it, makes one.",
            )
        async with Weft(surroundings_of(around, wanted), clock=home.clock) as house:
            return await question(house.databases), []


def _has_store(home: Weft, workspace: str) -> bool:
    settings = surroundings_of(home.surroundings, workspace).settings
    return Stores(settings, clock=home.clock).is_there()


def _tell_others(console: Console, others: list[str]) -> None:
    if others:
        names = ", ".join(f"`--workspace {each}`" for each in others)
        console.note(f"This was the store of `{HOME}`. Others have stores of their own: {names}.")


command = new_group("Bring the store up to date, check it, back it up.")
add_command(command, "upgrade", upgrade, flags=[WORKSPACE, *setting_flags(*STORE)])
add_command(command, "check", check, flags=[WORKSPACE, *setting_flags(*STORE)])
add_command(
    command,
    "backup",
    backup,
    flags=[
        Flag(
            name="file", help="The file to write; it must not be there yet.", metavar="FILE", positional=True,
            required=True,
        ),
        WORKSPACE,
        *setting_flags(*STORE),
    ],
)  # fmt: skip
