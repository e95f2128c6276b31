"""Comma-separated values, or whatever the vote on the first 64 kB finds between the cells.

Reads UTF-8, UTF-16 and UTF-32 by their marks and other encodings by name. Writes UTF-8 without a
mark, LF at line ends, quotes where they are needed, formulas guarded unless `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from weft.protocols import ReadOptions, WriteOptions
from weft.tables.formats._delimited import DelimitedTable, open_delimited, reopen_delimited
from weft.tables.formats._delimiting import DelimitedWriter


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """The drop-in `csv`; a `TableFormat`."""

    suffixes: tuple[str, ...] = (".csv", ".txt")
    reads: tuple[str, ...] = ("encoding", "delimiter", "ragged")

    def open(self, path: Path, options: ReadOptions) -> DelimitedTable:
        """Find out encoding, dialect and columns; see `open_delimited`."""
        return open_delimited(path, options, name="csv")

    def reopen(self, path: Path, recipe: Mapping[str, Any]) -> DelimitedTable:
        """Open a file as it was opened before."""
        return reopen_delimited(path, recipe, name="csv")

    def writer(self, stream: BinaryIO, columns: Sequence[str], *, options: WriteOptions) -> DelimitedWriter:
        """Begin a CSV file with its header."""
        return DelimitedWriter(stream, columns, delimiter=options.delimiter or ",", raw=options.raw)


format = CsvFormat()  # noqa: A001 - the name by which drop-ins are found
