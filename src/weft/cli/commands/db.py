"""Bring the store up to date, check it, back it up.

Knows how its state is told, and that a store that does not add up is an exit code.
Refuses to know what kind of database it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from weft.app.databases import Backup, Upgraded
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import count, size
from weft.errors import Mistake


def upgrade(console: Console, flags: Flags) -> int:
    """Bring the store's tables up to date; make them in an empty database.

    A store in a file is brought up to date whenever it is opened, and a copy of the older one kept.
    A store in PostgreSQL that others use waits for this command: stop them first, and make a backup.
    """
    done = asyncio.run(_upgrade(flags))
    if console.json:
        console.value(asdict(done))
    if done.before == done.after:
        console.line(f"{done.store} is up to date (revision {done.after}).")
    elif done.before:
        console.line(f"{done.store} was brought from revision {done.before} to {done.after}.")
    else:
        console.line(f"{done.store} is ready (revision {done.after}).")
    return 0


async def _upgrade(flags: Flags) -> Upgraded:
    async with Weft(look_around(settings_in(flags))) as house:
        return await house.databases.upgrade()


def check(console: Console, flags: Flags) -> int:
    """Look for damage, and whether what rows and calls cost adds up to what runs have spent.

    Reads the whole store. The exit code is 2 if something is wrong.
    """
    found = asyncio.run(_check(flags))
    if console.json:
        console.value({"sound": not found, "problems": found})
    elif not found:
        console.line("The store is sound: nothing is damaged, and all costs add up.")
    for each in found:
        console.line(f"✗ {each}", "red")
    if found:
        console.line(f"{count(len(found), 'problem')} found; nothing was changed.")
    return Mistake.exit_code if found else 0


async def _check(flags: Flags) -> list[str]:
    async with Weft(look_around(settings_in(flags))) as house:
        return await house.databases.check()


def backup(console: Console, flags: Flags) -> int:
    """Copy the store to a new file as it stands at one moment; runs may go on meanwhile.

    A store in a file is copied as such a file. A store in PostgreSQL is written by `pg_dump`,
    which must be installed, in the form that `pg_restore` reads.
    """
    done = asyncio.run(_backup(flags))
    if console.json:
        console.value({"store": done.store, "path": str(done.path), "bytes": done.bytes})
    console.line(f"Backed up {done.store} to {done.path} ({size(done.bytes)}).")
    return 0


async def _backup(flags: Flags) -> Backup:
    async with Weft(look_around(settings_in(flags))) as house:
        return await house.databases.backup(Path(flags["file"]))


command = new_group("Bring the store up to date, check it, back it up.")
add_command(command, "upgrade", upgrade, flags=setting_flags(*STORE))
add_command(command, "check", check, flags=setting_flags(*STORE))
add_command(
    command,
    "backup",
    backup,
    flags=[
        Flag(
            name="file", help="The file to write; it must not be there yet.", metavar="FILE", positional=True,
            required=True,
        ),
        *setting_flags(*STORE),
    ],
)  # fmt: skip
