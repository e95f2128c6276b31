"""Read the log of deeds of a server, and look whether it is whole.

Knows how a deed is told in a line, and that a log which is not whole is an exit code.
Refuses to know how the log is chained.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime

from weft.app.auditing import Listed, Verified, Wanted
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import count
from weft.documents import Deed
from weft.errors import Mistake

BROKEN = 1
"""Exit code where deeds were changed, removed or put in."""
COLUMNS = ("Deed", "Time (UTC)", "Who", "What", "To what", "Where", "Outcome")


def listing(console: Console, flags: Flags) -> int:
    """List what was done on a server of a team, the newest first."""
    limit, before = flags["limit"], flags["before"]
    if limit < 1 or (before is not None and before < 1):
        raise Mistake("`--limit` and `--before` are 1 or more.")
    found = asyncio.run(_find(flags))
    if console.json:
        console.value({"deeds": [asdict(each) for each in found.deeds], "next": found.next})
    elif not found.deeds:
        console.line("No such deed is written down.")
    else:
        console.table(COLUMNS, [_line(each) for each in found.deeds], right=("Deed",))
        if found.next is not None:
            console.hint(f"`--before {found.next}` goes on.")
    return 0


async def _find(flags: Flags) -> Listed:
    wanted = Wanted(
        workspace=flags["workspace"],
        actor=flags["actor"] or "",
        act=flags["act"] or "",
        outcome=flags["outcome"] or "",
        before=flags["before"],
        limit=flags["limit"],
    )
    async with Weft(look_around(settings_in(flags))) as house:
        return await house.audit.find(wanted)


def _line(deed: Deed) -> list[str]:
    moment = datetime.fromtimestamp(deed.at, tz=UTC).isoformat(sep=" ", timespec="seconds")
    return [
        str(deed.number),
        moment.removesuffix("+00:00"),
        deed.actor or "—",
        deed.act,
        deed.thing or "—",
        deed.workspace or "—",
        deed.outcome,
    ]


def verify(console: Console, flags: Flags) -> int:
    """Look whether deeds were changed, removed or put in; reads the whole log.

    Note the last number and digest somewhere else, and hand them over later as `--noted`: whoever can
    write the whole store could write the whole log anew, and only the note shows that.
    The exit code is 1 if the log is not whole.
    """
    found = asyncio.run(_verify(flags))
    if console.json:
        console.value({"whole": not found.problems, "note": found.note} | asdict(found))
    elif not found.problems and found.count:
        console.line(f"The log is whole: {count(found.count, 'deed')}. Note: {found.note}")
    elif not found.problems:
        console.line("The log is whole: no deed is written down yet.")
    for each in found.problems:
        console.line(f"✗ {each}", "red")
    return BROKEN if found.problems else 0


async def _verify(flags: Flags) -> Verified:
    async with Weft(look_around(settings_in(flags))) as house:
        return await house.audit.verify(noted=flags["noted"] or "")


command = new_group("Read the log of deeds of a server, and look whether it is whole.")
add_command(
    command,
    "list",
    listing,
    flags=[
        Flag(name="workspace", help="Only deeds in this workspace.", metavar="ID"),
        Flag(name="actor", help="Only deeds of this member.", metavar="ID"),
        Flag(name="act", help="Only this kind, such as `create_run` or `sign_in`.", metavar="WORD"),
        Flag(name="outcome", help="Only with this outcome: `done`, `denied` or a code.", metavar="WORD"),
        Flag(name="before", help="Only deeds with a lower number.", kind=int, metavar="NUMBER"),
        Flag(name="limit", help="How many at most.", kind=int, default=50, metavar="N"),
        *setting_flags(*STORE),
    ],
)
add_command(
    command,
    "verify",
    verify,
    flags=[
        Flag(
            name="noted", help="A deed as it was noted earlier: number and digest.", metavar="NUMBER:DIGEST"
        ),
        *setting_flags(*STORE),
    ],
)
