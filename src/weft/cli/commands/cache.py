"""Look at remembered answers, or forget them.

Knows how the counts are told, and that forgetting is asked about first. Refuses to know answers.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import count, moment, size
from weft.errors import Mistake

DAY_S = 86_400


def stats(console: Console, flags: Flags) -> int:
    """Count remembered answers."""
    return asyncio.run(_stats(console, flags))


async def _stats(console: Console, flags: Flags) -> int:
    async with Weft(look_around(settings_in(flags))) as house:
        facts = await house.cache.stats()
    if console.json:
        console.value(asdict(facts))
        return 0
    latest = f" (latest: {moment(facts.latest)})" if facts.latest is not None else ""
    console.line(f"Cache: {count(facts.entries, 'entry', 'entries')}{latest}")
    console.line(f"Size: {size(facts.bytes)}")
    console.line(f"Rows answered from it so far: {facts.hits:,}")
    if facts.damaged:
        console.line(f"Damaged and forgotten: {facts.damaged:,}")
    return 0


def clear(console: Console, flags: Flags) -> int:
    """Forget remembered answers; runs keep theirs. Later runs pay for them again."""
    return asyncio.run(_clear(console, flags))


async def _clear(console: Console, flags: Flags) -> int:
    days = flags["older_than_days"]
    if days is not None and days < 0:
        raise Mistake(f"An age of {days} days makes no sense.", hint="give 0 or more.")
    async with Weft(look_around(settings_in(flags))) as house:
        entries = (await house.cache.stats()).entries
        if entries and not flags["yes"]:
            _ask(console, entries)
        before = None if days is None else house.clock.wall() - days * DAY_S
        gone = await house.cache.clear(older_than=before)
    if console.json:
        console.value({"forgotten": gone})
    console.line(f"Forgot {count(gone, 'answer')}.")
    return 0


def _ask(console: Console, entries: int) -> None:
    """Ask a person before answers that were paid for are forgotten.

    Raises:
        Mistake: if nobody is there, or the answer is no.
    """
    if not console.can_ask:
        raise Mistake(
            f"{count(entries, 'remembered answer')} would be forgotten and paid for again.",
            hint="`--yes` forgets them without asking.",
        )
    if not console.confirm(f"Forget up to {count(entries, 'remembered answer')}?"):
        raise Mistake("Nothing was forgotten.")


command = new_group("Look at remembered answers, or forget them.")
add_command(command, "stats", stats, flags=setting_flags(*STORE))
add_command(
    command,
    "clear",
    clear,
    flags=[
        Flag(
            name="older_than_days",
            help="Only answers that are older than so many days.",
            kind=float,
            metavar="DAYS",
        ),
        Flag(name="yes", help="Do not ask first.", kind=bool, default=False, spelling=("--yes", "-y")),
        *setting_flags(*STORE),
    ],
)
