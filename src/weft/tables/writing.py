"""Rows out: originals, answers and facts about the run, merged and put in place at once.

Knows the order and the names of an export's columns. A file takes the old one's place only when
it is complete. Refuses to know where outcomes come from and how a format looks inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import BinaryIO

from weft.ids import RunId
from weft.protocols import TableFormat, WriteOptions
from weft.row import Outcome, Value
from weft.tables.choosing import FORMATS, choose_format
from weft.tables.formats._files import check_writable as check_place
from weft.tables.formats._files import replacing

META = ("state", "run", "row", "cost", "tokens", "call", "attempts", "recalled", "problem")
"""The optional columns with facts about each row; `row` is its place, counted
from 0, `cost` is in USD, `tokens` are input and output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written.

    Attributes:
        altered: cells that do not stand as they were, because a spreadsheet would run them or they
            have no encoding; 0 with `raw`, short of the latter.
        path: the file; `None` for a stream.
    """

    rows: int
    altered: int
    path: Path | None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The columns of an export: originals, then one per answer field, then facts if wanted.

    A field or fact called like an earlier column gets the prefix `weft.`; the originals keep
    their names, so an export lies over its table.

    Attributes:
        columns: the table's own, in its order.
        fields: answer fields in schema order.
        run: shown in the facts.
        meta: append the columns of `META`.
    """

    columns: tuple[str, ...]
    fields: tuple[str, ...]
    run: RunId | str = ""
    meta: bool = False

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Every column's name, all distinct."""
        header = list(self.columns)
        for name in (*self.fields, *(META if self.meta else ())):
            while name in header:
                name = f"weft.{name}"  # noqa: PLW2901 - until it is free
            header.append(name)
        return tuple(header)

    def record(self, outcome: Outcome) -> list[Value]:
        """The cells of one outcome in the order of the header; `None` where there is nothing."""
        record = [outcome.cells.get(column) for column in self.columns]
        answer = outcome.answer or {}
        record += [answer.get(name) for name in self.fields]
        if self.meta:
            record += (
                outcome.state.value,
                self.run,
                outcome.place,
                None if outcome.cost is None else format(outcome.cost.dollars.normalize(), "f"),
                outcome.input_tokens + outcome.output_tokens,
                outcome.call,
                outcome.attempts,
                outcome.recalled,
                outcome.problem,
            )
        return record


def write_table(
    outcomes: Iterable[Outcome],
    target: str | Path | BinaryIO,
    *,
    layout: Layout,
    form: str = "",
    options: WriteOptions | None = None,
) -> Written:
    """Write outcomes in the order in which they come, one record each.

    Args:
        target: a path, or an open binary stream that stays open.
        layout: which columns.
        form: name of the format; empty = by the ending of the path, CSV for a stream.
        options: how to write; `None` = formulas guarded.

    Raises:
        UnwritableFile: if the file cannot be written; the old one is as it was.
        UnknownName: if the format is not known.
        MissingExtra: if the format needs a package that is not installed.
    """
    records = map(layout.record, outcomes)
    return write_rows(records, target, header=layout.header, form=form, options=options)


def write_rows(
    records: Iterable[Sequence[Value]],
    target: str | Path | BinaryIO,
    *,
    header: Sequence[str],
    form: str = "",
    options: WriteOptions | None = None,
) -> Written:
    """Write records that are merged already, each as wide as the header.

    Arguments and errors are those of `write_table`. Nothing of the records is kept in memory.
    """
    options = options or WriteOptions()

    def fill(chosen: TableFormat, stream: BinaryIO) -> tuple[int, int]:
        writer = chosen.writer(stream, header, options=options)
        rows = writer.write(records)
        writer.close()
        return rows, writer.altered

    if not isinstance(target, str | Path):
        rows, altered = fill(FORMATS.get(form or "csv"), target)
        return Written(rows=rows, altered=altered, path=None)
    path = Path(target)
    return _into_file(path, choose_format(PurePath(path), form), fill)


def _into_file(
    path: Path, chosen: TableFormat, fill: Callable[[TableFormat, BinaryIO], tuple[int, int]]
) -> Written:
    with replacing(path) as stream:
        rows, altered = fill(chosen, stream)
    return Written(rows=rows, altered=altered, path=path)


def check_writable(path: str | Path, form: str = "") -> None:
    """Find out before anything is asked whether an export can be written here.

    Leaves nothing behind.

    Raises:
        UnwritableFile: if its folder is missing or closed, or if it is a folder or read-only.
        UnknownName: if the format is not known.
    """
    choose_format(PurePath(path), form)
    check_place(Path(path))
