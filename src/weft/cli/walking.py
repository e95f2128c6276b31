"""Walk a run in front of a person: progress, signals, the files at the end, and what is said then.

Knows that the first Ctrl-C stops cleanly and the second one leaves. Refuses to know how a run goes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.app.calling import is_complete
from weft.app.exporting import ExportRequest
from weft.app.runs import Errand
from weft.app.summaries import dollars, error_of, summarise
from weft.app.weft import Weft
from weft.cli.console import LEFT, Console, plain_error
from weft.cli.progress import ProgressTeller
from weft.cli.telling import exit_code, problem_line, problem_lines, tell_summary
from weft.cli.wording import count, duration, moment
from weft.errors import BudgetExceeded, Cancelled, WeftError
from weft.row import RowState
from weft.run import Run, RunState

PROBLEMS = (RowState.FAILED, RowState.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be written when the run comes to rest.

    Attributes:
        export: `None` = no file.
        records: folder for a JSON record per row; `None` = none.
        writing: the flags for these and the store as they were given, for the next command.
        pace: the settings of this life of the run likewise, for a command that resumes.
    """

    export: ExportRequest | None = None
    records: Path | None = None
    writing: str = ""
    pace: str = ""


@dataclass(slots=True)
class _Told:
    """What was written, to be told at the end."""

    lines: list[str] = field(default_factory=list)
    output: str | None = None
    records: int = 0


async def walk_errand(console: Console, house: Weft, *, errand: Errand, wanted: Wanted) -> int:
    """Walk a run to its rest, write what is wanted, say how it went; return the exit code."""
    teller = ProgressTeller(console, house.clock, settings=house.settings, fresh=errand.run.spec.fresh)
    with _stoppable(console, house, errand.run, wanted):
        await _tell_beginning(console, house, errand)
        try:
            run = await house.runs.walk(errand, [teller])
        except Cancelled as stopped:  # while the table was being read
            stopped.hint = _resume_hint(errand.run, wanted)
            raise
        finally:
            console.leave()
    told = _Told()
    error = error_of(run)
    if is_complete(run):
        _write(console, house, run, wanted, told)
    if console.json:
        console.value(_plain(house, run, errand, told))
        return exit_code(run)
    _tell_end(console, house, run, wanted, told)
    if error is not None:
        if isinstance(error, Cancelled):
            error.hint = ""  # the next lines say it, with the run's id
        console.fail(error)
        _tell_resume(console, run, wanted, budget=await budget_flags(house, run))
    return exit_code(run)


async def _tell_beginning(console: Console, house: Weft, errand: Errand) -> None:
    for note in errand.notes:
        console.note(f"Note: {note}")
    if errand.resumed:
        tally = errand.run.tally
        stands = f": {tally.settled:,}/{tally.total:,} rows are settled" if tally.total else ""
        console.note(f"Resuming run {errand.run.id}{stands}")
    if errand.run.spec.fresh:
        console.note("Cache: not used (--no-cache)")
        return
    facts = await house.cache.stats()
    latest = f" (latest: {moment(facts.latest)})" if facts.latest is not None else ""
    console.note(f"Cache: {count(facts.entries, 'entry', 'entries')}{latest}")
    console.note("Checking cache for all rows...")


@contextmanager
def _stoppable(console: Console, house: Weft, run: Run, wanted: Wanted) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the run: once cleanly, twice at once."""
    loop, asked = asyncio.get_running_loop(), 0

    def stop() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            console.leave()
            _tell_resume(console, run, wanted)
            os._exit(LEFT)  # everything that counts is in the store; answers in flight are given up
        house.runs.stop()
        grace = duration(house.settings.grace_s)
        console.note(
            f"Stopping: answers in flight are awaited for up to {grace}; Ctrl-C again leaves now.", "yellow"
        )

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


def _write(console: Console, house: Weft, run: Run, wanted: Wanted, told: _Told) -> None:
    if wanted.export is not None:
        written = house.runs.export(run, wanted.export)
        told.output = str(written.path) if written.path else None
        if written.path:
            told.lines.append(f"Output: {written.path} ({count(written.rows, 'row')})")
        if written.altered:
            told.lines.append(
                f"{count(written.altered, 'cell')} altered so that no spreadsheet runs them; `--raw` leaves them alone."
            )
    if wanted.records is not None:
        told.records = write_records_of(console, house, run=run, folder=wanted.records)
        told.lines.append(f"Records: {wanted.records / run.id} ({count(told.records, 'file')})")


def write_records_of(console: Console, house: Weft, *, run: Run, folder: Path | str | None) -> int:
    """Write a JSON record per row and tell each; return how many."""
    records = 0
    for each in house.runs.record(run, Path(folder)) if folder else ():
        records += 1
        mark, style = ("✓", "green") if each.state is RowState.ANSWERED else ("✗", "yellow")
        console.note(f"{mark} Row {each.place + 1}: {each.state.value} → {each.path.name}", style)
    return records


def _tell_end(console: Console, house: Weft, run: Run, wanted: Wanted, told: _Told) -> None:
    # Rows on stdout must stay alone there.
    is_apart = wanted.export is not None and told.output is None and is_complete(run)
    say = console.note if is_apart else console.line
    tell_summary(console, run, aside=say == console.note)
    troubled = run.tally.failed + run.tally.rejected
    if troubled:
        found = problem_lines(house.runs.outcomes(run, PROBLEMS), troubled)
        problems = ["Problems:", *(f"  - {line}" for line in found)]
        if is_apart and console.quiet:
            console.warn("\n".join(problems))
        else:
            for line in problems:
                say(line)
    for line in told.lines:
        say(line)
    if run.state is RunState.FINISHED:
        for line in _next_lines(run, wanted):
            say(line)


def _next_lines(run: Run, wanted: Wanted) -> list[str]:
    lines = []
    if wanted.export is None and run.tally.total:
        lines.append(f"Next: weft export {run.id} --out FILE{wanted.writing}")
    if run.tally.failed:
        lines.append(f"Next: the same command asks again about {count(run.tally.failed, 'failed row')}.")
    return lines


def _tell_resume(console: Console, run: Run, wanted: Wanted, *, budget: str = "") -> None:
    console.hint(_resume_hint(run, wanted, budget=budget))
    if wanted.export is not None and run.tally.waiting:
        console.hint(
            f"nothing was written yet; `weft export {run.id} --partial{wanted.writing}` writes what there is."
        )


def _resume_hint(run: Run, wanted: Wanted, *, budget: str = "") -> str:
    return f"`weft resume {run.id}{budget}{wanted.writing}{wanted.pace}` goes on."


async def budget_flags(house: Weft, run: Run) -> str:
    """The flags with which a run goes on that its budget stopped; empty where it needs none."""
    if not isinstance(error_of(run), BudgetExceeded):
        return ""
    try:
        needed = await house.runs.needed_budget(run)
    except WeftError:  # such as a price file that is gone: then the amount is up to the person
        return ""
    usd = "" if needed.usd is None else f" --budget-usd {dollars(needed.usd)}"
    return usd + ("" if needed.tokens is None else f" --budget-tokens {needed.tokens}")


def _plain(house: Weft, run: Run, errand: Errand, told: _Told) -> dict[str, Any]:
    error: WeftError | None = error_of(run)
    troubles = [
        {
            "row": each.place,
            "line": each.line or None,
            "state": each.state.value,
            "code": each.problem_code,
            "problem": problem_line(each),
        }
        for each, _ in zip(house.runs.outcomes(run, PROBLEMS), range(10), strict=False)
    ]
    found: dict[str, Any] = {
        "run": summarise(run).plain(),
        "resumed": errand.resumed,
        "output": told.output,
        "records": told.records,
        "problems": troubles,
        "exit_code": exit_code(run),
    }
    return found if error is None else {**found, "error": plain_error(error)}
