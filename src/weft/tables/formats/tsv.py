"""Tab-separated values: as CSV, but the delimiter is always a tab.

A cell that holds a tab or a newline is quoted, as spreadsheets do; there are no backslash escapes.
Encodings, ragged records and the guard against formulas are as for CSV.
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
class TsvFormat:
    """The drop-in `tsv`; a `TableFormat`."""

    suffixes: tuple[str, ...] = (".tsv", ".tab")
    reads: tuple[str, ...] = ("encoding", "delimiter", "ragged")

    def open(self, path: Path, options: ReadOptions) -> DelimitedTable:
        """Find out encoding and columns; see `open_delimited`."""
        return open_delimited(path, options, name="tsv", delimiter="\t")

    def reopen(self, path: Path, recipe: Mapping[str, Any]) -> DelimitedTable:
        """Open a file as it was opened before."""
        return reopen_delimited(path, recipe, name="tsv")

    def writer(self, stream: BinaryIO, columns: Sequence[str], *, options: WriteOptions) -> DelimitedWriter:
        """Begin a TSV file with its header."""
        return DelimitedWriter(stream, columns, delimiter="\t", raw=options.raw)


format = TsvFormat()  # noqa: A001 - the name by which drop-ins are found
