"""Show what runs have taken and brought, template by template.

Knows the columns of the table, and how a window of time is written. Refuses to know how figures are made.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from weft.app.metrics import Figures, Window, plain_figures, write_csv
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.drawing import Fit
from weft.cli.flags import STORE, Flag, Flags, one_command, setting_flags
from weft.cli.wording import UNKNOWN, duration, percent
from weft.errors import Mistake
from weft.money import Usd

DAY_S = 86_400


def metrics(console: Console, flags: Flags) -> int:
    """Show key figures per template and version: runs, rows, success, cost, tokens, time.

    Runs that are under way count with what they have reached. Success is the share of ended rows
    that have an answer; recalled rows were answered from memory or by an identical row.
    """
    if flags["csv"] and console.json:
        raise Mistake("`--json` and `--csv` both write to stdout.", hint="leave one of them out.")
    return asyncio.run(_metrics(console, flags))


async def _metrics(console: Console, flags: Flags) -> int:
    async with Weft(look_around(settings_in(flags))) as house:
        window = _window(flags, now=house.clock.wall())
        found = await house.metrics.figures(window, by_model=flags["by_model"])
    if console.json:
        console.value(plain_figures(found))
    elif flags["csv"]:
        console.stream.write(write_csv(found).encode())
        console.stream.flush()
    elif found.lines:
        _show(console, found)
    else:
        console.line("No run is in this window.")
    return 0


def _window(flags: Flags, *, now: float) -> Window:
    """Which runs are meant.

    Raises:
        Mistake: if a time makes no sense.
    """
    days, since = flags["days"], _time(flags, "since")
    if days is not None:
        if since is not None:
            raise Mistake("`--days` and `--since` both say where to begin.", hint="leave one of them out.")
        if not 0 < days <= 36_500:
            raise Mistake(f"`--days` is {days:g}; expected more than 0 and at most 36,500.")
        since = now - days * DAY_S
    return Window(
        since=since,
        until=_time(flags, "until"),
        template=flags["template"] or "",
        model=flags["for_model"] or "",
    )


def _time(flags: Flags, name: str) -> float | None:
    """A date or time of a flag as seconds since the epoch; UTC unless it says otherwise.

    Raises:
        Mistake: if it is none.
    """
    text = flags[name]
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Mistake(
            f"`--{name}` is `{text}`; expected a date or a time.",
            hint="write 2026-03-01, or 2026-03-01T12:00 in UTC.",
        ) from exc
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


COLUMNS = (
    "template",
    "version",
    "model",
    "runs",
    "rows",
    "answered",
    "recalled",
    "failed",
    "rejected",
    "success",
    "cost",
    "cost/row",
    "tokens/row",
    "rows/call",
    "time",
)
RIGHT = COLUMNS[3:]
FIT = Fit(
    spare=("time", "rejected", "rows/call", "recalled", "tokens/row", "cost/row", "version", "failed"),
    least={"template": 12, "model": 12},
)


def _show(console: Console, found: Figures) -> None:
    """Show the lines; the column for the model only where it says something."""
    by_model = any(each.model for each in found.lines)
    columns = [each for each in COLUMNS if by_model or each != "model"]
    lines = [_cells(each) for each in plain_figures(found)["lines"]]
    console.table(columns, [[line[each] for each in columns] for line in lines], right=RIGHT, fit=FIT)


def _cells(line: dict[str, Any]) -> dict[str, str]:
    return {
        "template": line["template"],
        "version": line["version"],
        "model": line["model"],
        **{
            name: f"{line[name]:,}" for name in ("runs", "rows", "answered", "recalled", "failed", "rejected")
        },
        "success": percent(line["success_rate"]),
        "cost": _dollars(line["spent_usd"]),
        "cost/row": _dollars(line["cost_per_row_usd"]),
        "tokens/row": _number(line["tokens_per_row"], 1),
        "rows/call": _number(line["rows_per_call"], 1),
        "time": duration(line["elapsed_s"]),
    }


def _dollars(text: str | None) -> str:
    return UNKNOWN if text is None else Usd.of(text).rounded


def _number(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:,.{digits}f}"


command = one_command(
    "metrics",
    metrics,
    flags=[
        Flag(name="days", help="Only runs of the last so many days.", kind=float, metavar="DAYS"),
        Flag(name="since", help="Only runs begun at this time or later, in UTC.", metavar="TIME"),
        Flag(name="until", help="Only runs begun before this time.", metavar="TIME"),
        Flag(
            name="template", help="Only this template: its key, or key and version in quotes.", metavar="KEY"
        ),
        Flag(
            name="for_model",
            help="Only runs that asked this model: its name, or provider/name.",
            spelling=("--model",),
            metavar="MODEL",
        ),
        Flag(name="by_model", help="A line per model too.", kind=bool, default=False),
        Flag(name="csv", help="Write CSV to stdout, every figure in it.", kind=bool, default=False),
        *setting_flags(*STORE),
    ],
)
