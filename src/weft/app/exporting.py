"""Write a run's rows to a file: what stands in it, and when it may be written.

Knows that a run with waiting rows is exported only when somebody says so (W26).
Refuses to know formats: `tables/` writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from weft.errors import RunBusy, UnwritableFile
from weft.protocols import WriteOptions
from weft.row import Outcome
from weft.run import Run, RunState
from weft.tables.writing import Layout, Written, check_writable, write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to write and how.

    Attributes:
        target: a path, or an open binary stream.
        form: name of the format; empty = by the ending of the path, CSV for a stream.
        meta: append columns with facts about each row.
        raw: leave cells alone that a spreadsheet would run as formulas.
        partial: also if rows still wait; they get empty answers.
    """

    target: str | Path | BinaryIO
    form: str = ""
    meta: bool = False
    raw: bool = False
    partial: bool = False


def check_target(request: ExportRequest, table: str | Path | None = None) -> None:
    """Find out before anything is asked whether an export can be written.

    Args:
        request: where to.
        table: the table that is read; it is never written over.

    Raises:
        UnwritableFile: if it cannot.
        UnknownName: if the format is not known.
    """
    if not isinstance(request.target, str | Path):
        return
    path = Path(request.target)
    if table is not None and path.exists() and Path(table).exists() and path.samefile(table):
        raise UnwritableFile(
            f"`{path}` is the table itself; it is not written over.",
            hint="choose another `--out`.",
            path=str(path),
        )
    check_writable(path, request.form)


def write_export(run: Run, outcomes: Iterable[Outcome], request: ExportRequest) -> Written:
    """Write a run's rows in the order of its table: the table's columns, then the answers.

    Raises:
        RunBusy: if rows still wait and `partial` was not asked for.
        UnwritableFile: if the file cannot be written; an old one is as it was.
    """
    if not request.partial:
        check_at_rest(run)
    layout = Layout(columns=run.spec.columns, fields=run.spec.fields, run=run.id, meta=request.meta)
    return write_table(
        outcomes, request.target, layout=layout, form=request.form, options=WriteOptions(raw=request.raw)
    )


def check_at_rest(run: Run) -> None:
    """Refuse an export while rows wait.

    Raises:
        RunBusy: then.
    """
    if run.tally.waiting or run.state is RunState.DRAFTED:
        waiting = (
            "its rows are still being read"
            if run.state is RunState.DRAFTED
            else f"{run.tally.waiting:,} rows wait"
        )
        raise RunBusy(
            f"Run `{run.id}` is not done: {waiting}.",
            hint=f"`weft resume {run.id}` goes on; `--partial` exports what there is.",
            run=run.id,
            waiting=run.tally.waiting,
        )
