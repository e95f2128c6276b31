"""A copy of a table that can only be read from its start: one JSON text per row, with its line.

Knows that workbooks unpack slowly and know no places: who wants to look into their middle reads the
copy. Values and broken records come back as they were. Refuses to be an export: a copy is weft's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from weft.kit import plain_json
from weft.protocols import Mark, Span, Table
from weft.row import BrokenRow, Row, Value
from weft.schema import Problem

BLOCK = 1 << 16  # bytes that are read, or written, together


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The rows of another table; a `MarkedTable`.

    Attributes:
        file: the copy. path: of the table that was copied.
    """

    file: Path
    path: str
    format: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `reopen_copy` needs; plain JSON."""
        return {"format": self.format, "columns": list(self.columns), "notes": list(self.notes)}

    def digest(self) -> str:
        """Nobody may take a copy for the table.

        Raises:
            TypeError: always.
        """
        raise TypeError("a copy has no digest of its own")

    def rows(self) -> Iterator[Row | BrokenRow]:
        """Read from the start."""
        return self.rows_from(Mark(0, 0, 0))

    def rows_from(self, mark: Mark) -> Iterator[Row | BrokenRow]:
        """Read on from a mark."""
        columns = self.columns
        with self.file.open("rb") as stream:
            stream.seek(mark.offset)
            for place, text in enumerate(stream, start=mark.place):
                found = plain_json.load(text)
                if isinstance(found, list):
                    line, *values = found
                    yield Row(place, line, dict(zip(columns, values, strict=True)))
                else:
                    problem = Problem("", found["message"], found["code"])
                    yield BrokenRow(place, found["line"], found["cells"], problem)

    def spans(self) -> Iterator[Span]:
        """Read from the start, about a block at a time."""
        place = offset = 0
        with self.file.open("rb") as stream:
            while lines := stream.readlines(BLOCK):
                records: list[Sequence[Value]]
                records = [found[1:] for found in map(plain_json.load, lines) if isinstance(found, list)]
                yield Span(Mark(place, 0, offset), len(lines), records)
                place += len(lines)
                offset += sum(map(len, lines))


def copy_rows(table: Table, stream: BinaryIO) -> None:
    """Write every row of a table.

    Raises:
        UnreadableTable: if the table breaks off.
    """
    for row in table.rows():
        if isinstance(row, Row):
            found: Any = [row.line, *row.cells.values()]
        else:
            found = {
                "line": row.line,
                "cells": dict(row.cells),
                "message": row.problem.message,
                "code": row.problem.code,
            }
        stream.write(plain_json.dump(found) + b"\n")


def reopen_copy(file: Path, path: Path, recipe: Mapping[str, Any]) -> Copy:
    """Open a copy that was made before.

    Args:
        file: the copy.
        path: of the table that was copied.
        recipe: as the copy told it.
    """
    return Copy(
        file=file,
        path=str(path),
        format=recipe["format"],
        columns=tuple(recipe["columns"]),
        notes=tuple(recipe["notes"]),
    )
