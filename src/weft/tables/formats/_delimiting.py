"""Writes records as delimited text: quotes where needed, LF line ends, formulas guarded.

Works in blocks of records, so that the common case runs at the speed of C and the rare ones (a
lone CR, a lone surrogate) are found by one look at a whole block. Refuses to know where the
records come from and what becomes of the stream.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from weft.row import Value
from weft.tables.formats._guard import SUSPECT, as_text, encodable, guarded

BLOCK = 128  # records; enough to make the look at a block cheap, few enough that many need no quotes


class DelimitedWriter:
    """A `TableWriter` for one stream.

    Attributes:
        altered: cells that were guarded, or hold a lone surrogate (written as `?`), the header's too.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[str], *, delimiter: str, raw: bool) -> None:
        self.altered = 0
        self._stream = stream
        self._delimiter = delimiter
        self._raw = raw
        self.write([columns])

    def write(self, records: Iterable[Sequence[Value]]) -> int:
        """Write records; return how many."""
        rows = 0
        texts = self._texts(records)
        while block := list(islice(texts, BLOCK)):
            self._stream.write(self._encoded(block))
            rows += len(block)
        return rows

    def close(self) -> None:
        """Nothing is held back."""

    def _texts(self, records: Iterable[Sequence[Value]]) -> Iterator[list[str]]:
        if self._raw:
            return (
                [cell if cell.__class__ is str else as_text(cell) for cell in record] for record in records
            )
        suspect, closer = SUSPECT, self._closer
        return (
            [cell if cell.__class__ is str and cell[:1] not in suspect else closer(cell) for cell in record]
            for record in records
        )

    def _closer(self, value: Value) -> str:
        """Look closer at a value that is no text or starts suspiciously."""
        if not isinstance(value, str):
            return as_text(value)  # numbers, booleans and JSON start no formula
        safe = guarded(value)
        self.altered += safe is not value
        return safe

    def _encoded(self, block: list[list[str]]) -> bytes:
        text = self._joined(block)
        if "\r" in text:
            text = self._joined_carefully(block)
        try:
            return text.encode()
        except UnicodeEncodeError:
            self.altered += sum(encodable(cell) != cell for record in block for cell in record)
            return text.encode(errors="replace")

    def _joined(self, block: list[list[str]]) -> str:
        """Join what needs no quotes at once: the `csv` module looks at every character by itself."""
        delimiter = self._delimiter
        lines = [*map(delimiter.join, block)]
        text = "\n".join(lines)
        delimiters = sum(map(len, block)) - len(block)
        if '"' in text or text.count(delimiter) != delimiters or text.count("\n") != len(block) - 1:
            return self._quoted(block)
        if "" in lines:  # a record of one empty cell is not an empty line
            return self._quoted(block)
        return text + "\n"

    def _quoted(self, block: list[list[str]]) -> str:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self._delimiter, lineterminator="\n").writerows(block)
        return buffer.getvalue()

    def _joined_carefully(self, block: list[list[str]]) -> str:
        """Quote records with a lone CR as a whole; before Python 3.13 `csv` leaves it unquoted."""
        buffer = io.StringIO(newline="")
        plain = csv.writer(buffer, delimiter=self._delimiter, lineterminator="\n")
        quoted = csv.writer(buffer, delimiter=self._delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for record in block:
            lone = any("\r" in cell and "\n" not in cell for cell in record)
            (quoted if lone else plain).writerow(record)
        return buffer.getvalue()
