"""Keep keys of providers sealed in the store; nobody can read one back.

Knows that a key comes from a pipe or is typed without an echo, never from the command line, where
other users and the shell's history would see it. Refuses to know how a key is sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict

from weft.app.kept_key import KeptKey, MadeMaster
from weft.app.opening import look_around
from weft.app.rotating import Turned, rotate_all
from weft.app.team import surroundings_of
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console, read_secret
from weft.cli.deeds import noted
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import count, moment
from weft.errors import Mistake
from weft.rights import HOME

NAME = Flag(
    name="name",
    help="What it is called; a provider's name for the key of that provider.",
    positional=True,
    required=True,
    metavar="NAME",
)
WORKSPACE = Flag(name="workspace", help=f"A workspace of a team. [{HOME}]", default=HOME, metavar="NAME")


@asynccontextmanager
async def _house(flags: Flags, act: str = "") -> AsyncIterator[Weft]:
    """The house of the workspace that is meant.

    Args:
        flags: name it.
        act: what changes there; on the server of a team it is written down. Empty = nothing does.

    Raises:
        UnknownName: if there is no such workspace.
    """
    around, wanted = look_around(settings_in(flags)), flags.get("workspace", HOME)
    async with AsyncExitStack() as opened:
        house = home = await opened.enter_async_context(Weft(around))
        if wanted != HOME:
            await home.workspaces.get(wanted)
            own = Weft(surroundings_of(around, wanted), clock=home.clock, control=home.control)
            house = await opened.enter_async_context(own)
        if act and await home.members.listed():
            thing = f"keys/{flags['name']}" if "name" in flags else "keys"
            await opened.enter_async_context(noted(home, act, thing, workspace=wanted))
        yield house


def keep(console: Console, flags: Flags) -> int:
    """Keep a key for a provider or a server; it replaces the one by this name.

    The key is typed, without an echo, or comes from a pipe. It is sealed under the master key and
    bound to host and port: it is sent there and nowhere else. Nobody can read it back.
    """
    text = read_secret(f"Key for {flags['name']}")
    if not text:
        raise Mistake("No key was given.", hint="type it, or pipe it into the command.")
    kept = asyncio.run(_keep(flags, text))
    if console.json:
        console.value(asdict(kept))
    console.line(f"Kept `{kept.name}` for {kept.provider} at {kept.place}{_ending(kept)}.")
    return 0


async def _keep(flags: Flags, text: str) -> KeptKey:
    async with _house(flags, "keep_key") as house:
        return await house.keys.keep(
            flags["name"], text, provider=flags["provider"] or "", base_url=flags["bound_url"] or ""
        )


def _ending(kept: KeptKey) -> str:
    return f", ending in {kept.last_four}" if kept.last_four else ""


def show(console: Console, flags: Flags) -> int:
    """List kept keys: for whom, bound to which host and port, how they end, set and used when."""
    found = asyncio.run(_listed(flags))
    if console.json:
        console.value([asdict(each) for each in found])
        return 0
    if not found:
        console.line("No key is kept.")
        return 0
    console.table(
        ["name", "provider", "sent to", "ends in", "set by", "set", "last used"],
        [
            [
                each.name,
                each.provider,
                each.place,
                each.last_four or "–",
                each.set_by,
                moment(each.set_at),
                "never" if each.used_at is None else moment(each.used_at),
            ]
            for each in found
        ],
    )
    return 0


async def _listed(flags: Flags) -> Sequence[KeptKey]:
    async with _house(flags) as house:
        return await house.keys.listed()


def remove(console: Console, flags: Flags) -> int:
    """Forget a kept key. A run that is at work with it goes on until it rests."""
    asyncio.run(_remove(flags))
    if console.json:
        console.value({"removed": flags["name"]})
    console.line(f"Removed `{flags['name']}`.")
    return 0


async def _remove(flags: Flags) -> None:
    async with _house(flags, "remove_key") as house:
        await house.keys.remove(flags["name"])


def rotate(console: Console, flags: Flags) -> int:
    """Seal all kept keys anew under the newest master key, those of every workspace.

    May be repeated. The exit code is 2 if a key does not open; it is left as it is.
    """
    found = asyncio.run(_rotate(flags))
    if console.json:
        console.value([{"workspace": each.workspace, **asdict(each.rotated)} for each in found])
    for each in found:
        done = each.rotated
        console.line(f"{each.workspace}: {count(len(done.sealed), 'key')} sealed by {done.master}.")
        for name in done.broken:
            console.line(f"✗ {each.workspace}: `{name}` does not open; set it anew.", "red")
    needless = set.intersection(*(set(each.rotated.needless) for each in found))
    if needless:
        console.line(f"Needed no more by this store: {', '.join(sorted(needless))}.")
    return Mistake.exit_code if any(each.rotated.broken for each in found) else 0


async def _rotate(flags: Flags) -> list[Turned]:
    async with _house(flags, "rotate_keys") as house:
        return await rotate_all(house)


def new_master(console: Console, flags: Flags) -> int:
    """Make a master key; it seals from now on, and those before it still open.

    It is written before the others into the file that `WEFT_MASTER_KEY_FILE` names, or into your own
    folder of settings, and only you may read it. Keep a copy apart from the store: without it no
    kept key opens.
    """
    made = asyncio.run(_new_master(flags))
    if console.json:
        console.value({"id": made.id, "path": made.path and str(made.path), "key": made.text or None})
    elif made.path is None:
        console.line(made.text)
    else:
        console.line(f"Made master key {made.id} in {made.path}.")
        if made.count > 1:
            console.note(f"It holds {count(made.count, 'master key')}; `weft keys rotate` seals anew.")
    return 0


async def _new_master(flags: Flags) -> MadeMaster:
    async with Weft(look_around(settings_in(flags))) as house:
        return house.keys.make_master(show=flags["show"])


command = new_group("Keep keys of providers sealed in the store; nobody can read one back.")
add_command(
    command,
    "set",
    keep,
    flags=[
        NAME,
        Flag(
            name="provider",
            help="Whom it is for. [the one by this name, or with --base-url openai]",
            metavar="NAME",
        ),
        Flag(
            name="bound_url",
            help="Address of the server that it is for. [the provider's own]",
            spelling=("--base-url",),
            metavar="URL",
        ),
        WORKSPACE,
        *setting_flags(*STORE, "private_networks"),
    ],
)
add_command(command, "list", show, flags=[WORKSPACE, *setting_flags(*STORE)])
add_command(command, "remove", remove, flags=[NAME, WORKSPACE, *setting_flags(*STORE)])
add_command(command, "rotate", rotate, flags=setting_flags(*STORE))
add_command(
    command,
    "new-master",
    new_master,
    flags=[
        Flag(name="show", help="Write it to stdout and into no file.", kind=bool, default=False),
        *setting_flags(*STORE),
    ],
)
