"""Write a run's rows to a file: what stands in it, and when it may be written.

Knows that a run with waiting rows is exported only when somebody says so (W26).
Refuses to know formats: `tables/` writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from weft.app.deriving import Derived, derived_of
from weft.app.summaries import dollars
from weft.errors import RunBusy, UnwritableFile
from weft.ids import RunId
from weft.kit import plain_json
from weft.kit.interpreter import tuned
from weft.money import Usd
from weft.protocols import AnswerRow, ExportRow, RunStore, WriteOptions
from weft.row import Value
from weft.run import Run, RunState
from weft.tables.choosing import FORMATS, choose_format
from weft.tables.writing import Layout, Written, check_writable, write_rows

SHORT = 3  # values of an `AnswerRow`
BLOCK = 128  # rows whose JSON is read at once; a lone one that the quick reader refuses costs so many


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


def format_of(request: ExportRequest) -> str:
    """The name of the format that an export is written in.

    Raises:
        UnknownName: if there is none of that name or ending.
    """
    if not isinstance(request.target, str | Path):
        return request.form or "csv"
    chosen = choose_format(PurePath(request.target), request.form)
    return next(name for name in FORMATS.names() if FORMATS.get(name) is chosen)


def rows_for(request: ExportRequest, store: RunStore, run: RunId) -> Iterator[ExportRow | AnswerRow]:
    """Read what an export needs of a run's rows; all facts only where they are asked for."""
    return store.export_rows(run) if request.meta else store.answer_rows(run)


def write_export(run: Run, rows: Iterable[ExportRow | AnswerRow], request: ExportRequest) -> Written:
    """Write a run's rows in the order of its table: its columns, the answers, computed fields.

    Args:
        run: as it stands.
        rows: as `rows_for` reads them.
        request: where to and how.

    Raises:
        RunBusy: if rows still wait and `partial` was not asked for.
        UnwritableFile: if the file cannot be written; an old one is as it was.
    """
    if not request.partial:
        check_at_rest(run)
    derived = derived_of(run.spec)
    fields = (*run.spec.fields, *derived.names)
    layout = Layout(columns=run.spec.columns, fields=fields, run=run.id, meta=request.meta)
    records = _records(rows, run, derived, meta=request.meta)
    options = WriteOptions(raw=request.raw)
    with tuned():
        return write_rows(records, request.target, header=layout.header, form=request.form, options=options)


def _records(
    rows: Iterable[ExportRow | AnswerRow], run: Run, derived: Derived, *, meta: bool
) -> Iterator[list[Value]]:
    """Cells, answers, computed fields and facts side by side, as `Layout.record` does for outcomes.

    Straight from the stored JSON, a block of rows at once: an outcome per row would take four times as
    long, and an export of a million rows is waited for.
    """
    fields, width = run.spec.fields, len(run.spec.columns)
    blank = [None] * len(fields)
    source: Iterator[Any] = iter(rows)
    while block := list(islice(source, BLOCK)):
        at_cells, at_answer = (1, 2) if len(block[0]) == SHORT else (2, 4)
        cells = plain_json.load_all([row[at_cells] for row in block])
        answers = plain_json.load_all(
            [b"null" if row[at_answer] is None else row[at_answer] for row in block]
        )
        for row, own, answer in zip(block, cells, answers, strict=True):
            record: list[Value] = own
            if len(record) < width:
                record += [None] * (width - len(record))
            computed = derived.values(record) if derived.names else ()
            record += blank if answer is None else [answer.get(name) for name in fields]
            record += computed
            if meta:
                record += _facts(row, run)
            yield record


def _facts(row: ExportRow, run: Run) -> tuple[Value, ...]:
    """The columns of `META` in their order."""
    place, _, _, state, _, problem, _, cost, read, written, attempts, call, recalled, _ = row
    return (
        state,
        run.id,
        place,
        None if cost is None else dollars(Usd(cost)),
        read + written,
        call,
        attempts,
        bool(recalled),
        problem,
    )


def check_at_rest(run: Run) -> None:
    """Refuse an export while rows wait.

    Raises:
        RunBusy: then.
    """
    if run.tally.waiting or run.state is RunState.DRAFTED:
        waiting = f"{run.tally.waiting:,} rows wait" if run.tally.waiting else "its rows are still being read"
        raise RunBusy(
            f"Run `{run.id}` is not done: {waiting}.",
            hint=f"`weft resume {run.id}` goes on; `--partial`, or `partial=true` over HTTP, exports what there is.",
            run=run.id,
            waiting=run.tally.waiting,
        )
