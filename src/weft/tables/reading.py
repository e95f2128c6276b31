"""Stop 1: open a table, name its columns, yield rows with their physical line.

Chooses the format and hands over; what a format knows stays in its file. Refuses to know prompts,
models and which columns are needed. Rows in memory are in `memory.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

from weft.errors import BadSetting
from weft.protocols import ReadOptions, Table
from weft.row import BrokenRow, Row
from weft.tables.choosing import choose_format


def open_table(path: str | Path, options: ReadOptions | None = None) -> Table:
    """Look at the beginning of a file and say what its columns are; rows are read later.

    Args:
        path: the ending chooses the format.
        options: how to read it; `None` = find out.

    Raises:
        UnreadableTable: if the file is missing, empty, broken or has no usable header.
        UnknownName: if its ending belongs to no known format.
        BadSetting: if an option has no usable value, or means nothing to the format.
        MissingExtra: if the format needs a package that is not installed.
    """
    path, options = Path(path), options or ReadOptions()
    chosen = choose_format(path)
    for each in fields(options):
        if each.name not in chosen.reads and getattr(options, each.name) != each.default:
            raise BadSetting(
                f"`{each.name}` means nothing for `{path}`: a {path.suffix} table has none.",
                hint="leave it out, or name a table to which it applies.",
                setting=each.name,
            )
    return chosen.open(path, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows of a table, for a person's eye.

    Attributes:
        rows: broken ones too, in the order of the table.
        problems: a sentence per broken row among them, with record and line.
        notes: what was found or repaired on opening.
        more: there are further rows.
    """

    columns: tuple[str, ...]
    rows: tuple[Row | BrokenRow, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    more: bool


def preview(table: Table, rows: int = 10) -> Preview:
    """Read the first rows and nothing beyond them.

    Raises:
        UnreadableTable: if the table breaks off within them.
    """
    found = list(islice(table.rows(), rows + 1))
    shown = tuple(found[:rows])
    return Preview(
        columns=table.columns,
        rows=shown,
        problems=tuple(describe(row) for row in shown if isinstance(row, BrokenRow)),
        notes=table.notes,
        more=len(found) > rows,
    )


def describe(row: BrokenRow) -> str:
    """Say where a broken row stands and what is wrong with it.

    >>> from weft.schema import Problem
    >>> describe(BrokenRow(179, 214, {}, Problem("", "The record has 7 cells, the header has 5.")))
    'Line 214 (record 180): The record has 7 cells, the header has 5.'
    """
    where = f"Line {row.line} (record {row.place + 1})" if row.line else f"Record {row.place + 1}"
    return f"{where}: {row.problem.message}"
