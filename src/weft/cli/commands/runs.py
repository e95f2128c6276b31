"""List the newest runs.

Knows the columns of the list. Refuses to touch any run.
"""

from __future__ import annotations

import asyncio
from pathlib import PurePath

from weft.app.opening import look_around
from weft.app.summaries import summarise
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.drawing import Fit
from weft.cli.flags import STORE, Flag, Flags, one_command, setting_flags
from weft.cli.wording import duration, moment, money
from weft.run import Run

SHOWN = 20


def runs(console: Console, flags: Flags) -> int:
    """List the newest runs first, with their state, rows and cost."""
    return asyncio.run(_runs(console, flags))


async def _runs(console: Console, flags: Flags) -> int:
    async with Weft(look_around(settings_in(flags))) as house:
        found = await house.runs.newest(limit=flags["limit"])
    if console.json:
        console.value([{**summarise(run).plain(), "created_at": run.created_at} for run in found])
    elif found:
        console.table(COLUMNS, [_cells(run) for run in found], right=RIGHT, fit=FIT)
    else:
        console.line("There is no run yet; `weft run` starts one.")
    return 0


COLUMNS = (
    "run",
    "name",
    "begun",
    "state",
    "reason",
    "template",
    "version",
    "model",
    "table",
    "rows",
    "answered",
    "cost",
    "time",
)
RIGHT = ("rows", "answered", "cost", "time")
FIT = Fit(
    spare=(
        "model",
        "version",
        "table",
        "time",
        "reason",
        "begun",
        "name",
        "template",
        "cost",
        "answered",
        "rows",
    ),
    least={"name": 8, "template": 12, "model": 12, "table": 10, "reason": 8},
    styles={
        "finished": "green",
        "running": "cyan",
        "paused": "yellow",
        "stopped": "yellow",
        "cancelled": "yellow",
    },
)
"""The id is always whole: it is what other commands ask for."""


def _cells(run: Run) -> tuple[str, ...]:
    tally = run.tally
    return (
        run.id,
        run.name,
        moment(run.created_at).rpartition(":")[0],  # nobody tells runs apart by their second
        run.state.value,
        run.reason.replace("_", " "),
        *run.spec.template.partition(" ")[::2],
        f"{run.spec.provider}/{run.spec.model}",
        PurePath(run.spec.table).name,
        f"{tally.total:,}",
        f"{tally.answered:,}",
        money(tally.spent),
        duration(run.elapsed_s),
    )


command = one_command(
    "runs",
    runs,
    flags=[
        Flag(name="limit", help=f"The most runs to list. [{SHOWN}]", kind=int, default=SHOWN, metavar="RUNS"),
        *setting_flags(*STORE),
    ],
)
