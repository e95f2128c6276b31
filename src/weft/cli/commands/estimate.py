"""Project what a run would take: calls, tokens, cost, time.

Knows how a projection is told. Refuses to know how it is made; nobody is asked, nothing written.
"""

from __future__ import annotations

import asyncio

from weft.app.opening import look_around
from weft.app.summaries import plain_estimate
from weft.app.weft import Weft
from weft.cli.asking import SETTINGS, TASK, WHAT, request_of, settings_in
from weft.cli.console import Console
from weft.cli.flags import Flag, Flags, one_command
from weft.cli.telling import estimate_lines
from weft.errors import BudgetExceeded, Halt
from weft.run import Estimate


def estimate(console: Console, flags: Flags) -> int:
    """Project what a run would take: calls, tokens, cost and time. Asks nobody, writes nothing.

    Takes the same arguments as `weft run`. The exit code is 3 if a budget would not hold.
    """
    return asyncio.run(_estimate(console, flags))


async def _estimate(console: Console, flags: Flags) -> int:
    request = request_of(flags)
    async with Weft(look_around(settings_in(flags))) as house:
        return tell_estimate(console, await house.runs.estimate(request, per_row=flags["per_row"]))


def tell_estimate(console: Console, found: Estimate) -> int:
    """Show a projection; return 0, or 3 if the run would not start."""
    if console.json:
        console.value(plain_estimate(found))
        return 0 if found.within_budget else Halt.exit_code
    for line in estimate_lines(found):
        console.line(line)
    if found.per_row:
        rows = [
            (
                f"{r.place + 1:,}",
                f"{r.input_tokens:,}",
                f"{r.output_tokens:,}",
                "unknown" if r.cost is None else str(r.cost),
            )
            for r in found.per_row
        ]
        console.table(
            ("row", "tokens in", "tokens out", "cost"), rows, right=("row", "tokens in", "tokens out", "cost")
        )
    for warning in found.warnings:
        console.warn(warning)
    if found.errors:
        console.fail(
            BudgetExceeded(
                " ".join(found.errors), hint="raise the budget, or take fewer rows with `--limit`."
            )
        )
        return Halt.exit_code
    return 0


command = one_command(
    "estimate",
    estimate,
    flags=[
        *WHAT,
        Flag(name="per_row", help="Also list every row's share.", kind=bool, default=False, panel=TASK),
        *SETTINGS,
    ],
)
