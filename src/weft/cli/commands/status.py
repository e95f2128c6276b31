"""Show how a run stands.

Knows how a run is told. Refuses to touch it: looking changes nothing, also while it is at work.
"""

from __future__ import annotations

import asyncio
import shlex
from itertools import islice

from weft.app.opening import look_around
from weft.app.runs import RunsDesk
from weft.app.stores import hide_password
from weft.app.summaries import UNFINISHED, summarise
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, one_command, setting_flags
from weft.cli.telling import MOST_PROBLEMS, problem_line, problem_lines, tell_summary
from weft.cli.walking import PROBLEMS, budget_flags
from weft.cli.wording import moment
from weft.run import Run


def status(console: Console, flags: Flags) -> int:
    """Show how a run stands: the newest one, or one by its id or name."""
    return asyncio.run(_status(console, flags))


async def _status(console: Console, flags: Flags) -> int:
    async with Weft(look_around(settings_in(flags))) as house:
        run = await house.runs.get(flags["run"])
        store = f" --store {shlex.quote(hide_password(flags['store']))}" if flags["store"] else ""
        troubled = run.tally.failed + run.tally.rejected
        if console.json:
            found = islice(house.runs.outcomes(run, PROBLEMS), MOST_PROBLEMS)
            console.value({"run": summarise(run).plain(), "problems": [problem_line(each) for each in found]})
            return 0
        for line in heading_lines(run):
            console.line(line)
        tell_summary(console, run)
        _tell_problems(console, house.runs, run, troubled)
        if run.state in UNFINISHED:
            console.line(f"Next: weft resume {run.id}{store}{await budget_flags(house, run)}")
        elif run.tally.total:
            console.line(f"Next: weft export {run.id} --out FILE{store}")
    return 0


def heading_lines(run: Run) -> list[str]:
    """What a run is about, and where it is."""
    named = f" “{run.name}”" if run.name else ""
    lines = [
        f"Run {run.id}{named}: {run.state.value}",
        f"Begun: {moment(run.created_at)}",
        f"Table: {run.spec.table}",
        f"Template: {run.spec.template}",
        f"Model: {run.spec.provider}/{run.spec.model}",
    ]
    return lines + [f"Why: {line}" for line in run.message.splitlines()[:1]]


def _tell_problems(console: Console, runs: RunsDesk, run: Run, troubled: int) -> None:
    if troubled:
        console.line("Problems:")
        for line in problem_lines(runs.outcomes(run, PROBLEMS), troubled):
            console.line(f"  - {line}")


command = one_command(
    "status",
    status,
    flags=[
        Flag(
            name="run",
            help="Id of the run, the beginning of it, or its name; by default the newest one.",
            positional=True,
            metavar="[RUN]",
        ),
        *setting_flags(*STORE),
    ],
)
