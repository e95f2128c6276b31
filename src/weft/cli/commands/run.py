"""Run one prompt over every row of a table.

Knows its flags and the question before much money is spent. Refuses to know how a run goes.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from weft.app.exporting import check_target
from weft.app.opening import look_around
from weft.app.providing import DECODING
from weft.app.recording import prepare_folder
from weft.app.requesting import RunRequest
from weft.app.stores import hide_password
from weft.app.weft import Weft
from weft.cli.asking import EXPORT, RECORDS, SETTINGS, TASK, WHAT, export_of, request_of, settings_in
from weft.cli.commands.estimate import tell_estimate
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, one_command
from weft.cli.walking import Wanted, walk_errand
from weft.cli.wording import money
from weft.errors import Cancelled
from weft.money import Usd

ASK_ABOVE = Usd.of(1)  # dollars; a person who is there, and gave no budget, is asked first

PINNED = {"model", "base_url", "budget_usd", "budget_tokens", "strict_model", "until_budget", *DECODING}
"""Settings that a run keeps by itself, or that say nothing about how it goes on."""


def run(console: Console, flags: Flags) -> int:
    """Run one prompt over every row of a table.

    `weft run TEMPLATE TABLE` uses a template; `weft run TABLE --prompt "…" --field "…"` needs none.
    The same command again asks nobody twice: it resumes a run that did not finish, and recalls
    every answer of one that did.
    """
    request = request_of(flags, name=flags["name"] or "")
    house = Weft(look_around(settings_in(flags)))
    wanted = wanted_of(console, flags)
    if flags["dry_run"]:
        return asyncio.run(_project(console, house, request))
    if wanted.export is not None:
        check_target(wanted.export, request.table)
    return asyncio.run(_run(console, house, request, wanted=wanted, sure=flags["yes"]))


def wanted_of(console: Console, flags: Flags) -> Wanted:
    """What is to be written at the end, and the flags to repeat for that and for going on."""
    given = settings_in(flags)
    writing = {"out": "--out", "form": "--format", "output_dir": "--output-dir", **_spelled(given, STORE)}
    pace = _spelled(given, [name for name in given if name not in PINNED and name not in STORE])
    switches = "".join(f" --{name}" for name in ("meta", "raw") if flags[name])
    return Wanted(
        export=export_of(console, flags),
        records=Path(flags["output_dir"]) if flags["output_dir"] else None,
        writing=_repeated(flags, writing) + switches,
        pace=_repeated(flags, pace),
    )


def _spelled(given: Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
    return {name: f"--{name.replace('_', '-')}" for name in names if name in given}


def _repeated(flags: Flags, named: Mapping[str, str]) -> str:
    """The flags that were given, as they are written on a command line, each behind a blank."""
    given = {spelled: hide_password(str(flags[name])) for name, spelled in named.items() if flags[name]}
    return "".join(f" {spelled} {shlex.quote(value)}" for spelled, value in given.items())


async def _project(console: Console, house: Weft, request: RunRequest) -> int:
    async with house:
        return tell_estimate(console, await house.runs.estimate(request))


async def _run(console: Console, house: Weft, request: RunRequest, *, wanted: Wanted, sure: bool) -> int:
    async with house:
        if console.can_ask and not sure:
            await _ask_first(console, house, request)
        errand = await house.runs.prepare(request)
        if wanted.records is not None:
            prepare_folder(wanted.records)
        return await walk_errand(console, house, errand=errand, wanted=wanted)


async def _ask_first(console: Console, house: Weft, request: RunRequest) -> None:
    """Ask a person before a run without a budget that will cost much.

    Raises:
        Cancelled: if the answer is no.
    """
    settings = house.settings
    if settings.budget_usd is not None or settings.budget_tokens is not None:
        return
    estimate = await house.runs.estimate(request)
    if estimate.cost is not None and estimate.cost >= ASK_ABOVE:
        question = f"This run will cost about {money(estimate.cost)} in {estimate.calls:,} calls. Go on?"
        if not console.confirm(question):
            raise Cancelled(
                "The run was not started.", hint="`--budget-usd` sets a limit, `--yes` asks no question."
            )


command = one_command(
    "run",
    run,
    flags=[
        *WHAT,
        Flag(name="name", help="A name for the run, shown in lists.", metavar="TEXT", panel=TASK),
        Flag(
            name="dry_run",
            help="Project calls, tokens, cost and time; ask nobody, write nothing.",
            kind=bool,
            default=False,
            panel=TASK,
        ),
        Flag(
            name="yes",
            help="Ask no question before a run that will cost much.",
            kind=bool,
            default=False,
            spelling=("--yes", "-y"),
            panel=TASK,
        ),
        *EXPORT,
        RECORDS,
        *SETTINGS,
    ],
)
