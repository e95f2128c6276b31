"""Resume a run that did not finish.

Knows its flags. Refuses to know what may differ when a run goes on: the desk does.
"""

from __future__ import annotations

import asyncio

from weft.app.exporting import check_target
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import EXPORT, RECORDS, SETTINGS, settings_in
from weft.cli.commands.run import wanted_of
from weft.cli.console import Console
from weft.cli.flags import Flag, Flags, one_command
from weft.cli.walking import walk_errand


def resume(console: Console, flags: Flags) -> int:
    """Resume a run that did not finish: the newest one, or one by its id or name.

    Everything comes from the store, the table's file is not needed any more. A new budget may be
    given; a new model, template or option may not, because all rows of a run are asked alike.
    """
    return asyncio.run(_resume(console, flags))


async def _resume(console: Console, flags: Flags) -> int:
    wanted = wanted_of(console, flags)
    async with Weft(look_around(settings_in(flags))) as house:
        errand = await house.runs.prepare_resume(flags["run"], as_begun=flags["as_begun"])
        if wanted.export is not None:
            check_target(wanted.export, errand.run.spec.table)
        return await walk_errand(console, house, errand=errand, wanted=wanted)


command = one_command(
    "resume",
    resume,
    flags=[
        Flag(
            name="run",
            help="Id of the run, the beginning of it, or its name; by default the newest unfinished one.",
            positional=True,
            metavar="[RUN]",
        ),
        Flag(
            name="as_begun",
            help="Go on with the template as it was, even if its file has changed since.",
            kind=bool,
            default=False,
        ),
        *EXPORT,
        RECORDS,
        *SETTINGS,
    ],
)
