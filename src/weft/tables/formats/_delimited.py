"""Tables whose cells are separated by one character: the ground under `csv.py` and `tsv.py`.

Knows records, physical lines, ragged records and quotes that are never closed. A record is read
and forgotten: memory does not grow with the file, nor with a quote that swallows the rest of it.
Refuses to know encodings, which are in `_text.py`, and the vote on the dialect.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from weft.errors import BadSetting, UnreadableTable
from weft.protocols import Mark, ReadOptions, Span
from weft.row import BrokenRow, Row
from weft.schema import Problem
from weft.tables.formats._columns import name_columns, quoted
from weft.tables.formats._dialect import SAMPLE, Dialect, vote
from weft.tables.formats._files import digest_of
from weft.tables.formats._quotes import CELL_LIMIT, RECORD_LIMIT, explain
from weft.tables.formats._text import Pieces, Text, open_text

_SPOKEN = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedTable:
    """A table in text form whose dialect and columns are known; a `Table`."""

    source: Text
    dialect: Dialect
    format: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    pad: bool = False

    @property
    def path(self) -> str:
        """The file as it was given."""
        return str(self.source.path)

    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        return digest_of(self.source.path)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `reopen_delimited` needs; plain JSON."""
        return {
            "encoding": self.source.encoding,
            "skip": self.source.skip,
            "dialect": [self.dialect.delimiter, self.dialect.quote, self.dialect.lead],
            "columns": list(self.columns),
            "notes": list(self.notes),
            "pad": self.pad,
        }

    def rows(self) -> Iterator[Row | BrokenRow]:
        """Read from the start; blank lines are no records.

        Raises:
            UnreadableTable: at the line from which the file cannot be read.
        """
        return self._read(_Records(self.source, self.dialect), -1)  # the header's place

    def rows_from(self, mark: Mark) -> Iterator[Row | BrokenRow]:
        """Read on from a mark.

        Raises:
            UnreadableTable: as for `rows`.
        """
        return self._read(_Records(self.source, self.dialect, mark), mark.place)

    def _read(self, records: _Records, place: int) -> Iterator[Row | BrokenRow]:
        columns, width = self.columns, len(self.columns)
        for record in records:
            if place >= 0:
                if len(record) == width:
                    yield Row(place, records.line, dict(zip(columns, record)))  # noqa: B905 - equal, and hot
                else:
                    yield self._ragged(place, records.line, record)
            place += 1

    def spans(self) -> Iterator[Span]:
        """Read from the start, about a block at a time.

        Raises:
            UnreadableTable: as for `rows`.
        """
        records = _Records(self.source, self.dialect)
        pieces, width = records.pieces, len(self.columns)
        walk = iter(records)
        next(walk, None)  # the header
        seen = pieces.count
        span = Span(pieces.mark(0, records.next_line()), 0, [])
        for place, record in enumerate(walk, start=1):  # the next one's
            span.rows += 1
            if len(record) == width:
                span.records.append(record)
            elif isinstance(row := self._ragged(place - 1, records.line, record), Row):
                span.records.append(list(row.cells.values()))
            if pieces.count != seen:
                seen = pieces.count
                yield span
                span = Span(pieces.mark(place, records.next_line()), 0, [])
        yield span

    def _ragged(self, place: int, line: int, record: list[str]) -> Row | BrokenRow:
        """A record of another width: padded if that was asked for and loses nothing, else broken."""
        width = len(self.columns)
        if self.pad and not any(record[width:]):
            cells = record[:width] + [""] * (width - len(record))
            return Row(place, line, dict(zip(self.columns, cells, strict=True)))
        problem = _ragged_problem(len(record), width, lost=self.dialect.delimiter.join(record[width:]))
        return BrokenRow(place, line, dict(zip(self.columns, record, strict=False)), problem)


def _ragged_problem(found: int, width: int, *, lost: str) -> Problem:
    cells = "1 cell" if found == 1 else f"{found} cells"
    rest = f" Beyond the last column: {quoted(lost)}." if found > width else ""
    advice = (
        "quote cells that contain the delimiter" if found > width else "pad short records with --ragged pad"
    )
    return Problem("", f"The record has {cells}, the header has {width}; {advice}.{rest}", "ragged")


class _Records:
    """The records of a file, blank ones left out; good for one reading.

    Attributes:
        line: physical line in which the last record that came out starts; while the next one is
            being read, its first line.
    """

    def __init__(self, source: Text, dialect: Dialect, mark: Mark | None = None) -> None:
        self.pieces = Pieces(source, mark)
        self.line = dialect.lead + 1 if mark is None else mark.line
        self._lead = 0 if mark else dialect.lead
        self._source = source
        self._dialect = dialect
        self._walk = iter(self.pieces)
        self._reader: Any = None  # of `csv`, from where it is needed on
        self._first = self.line  # in which that begins

    def __iter__(self) -> Iterator[list[str]]:
        delimiter, quote = self._dialect.delimiter, self._dialect.quote
        for piece in self._walk:
            if quote in piece or "\r" in piece or len(piece) > CELL_LIMIT:
                yield from self._with_care(piece)
                return
            lines = piece.removesuffix("\n").split("\n")
            skipped, self._lead = self._lead, max(0, self._lead - len(lines))
            for line in lines[skipped:] if skipped else lines:
                if line:
                    yield line.split(delimiter)
                self.line += 1

    def _with_care(self, piece: str) -> Iterator[list[str]]:
        """Read on from the first piece that holds a quote: one may go on in the next piece."""
        lines = islice(chain.from_iterable(self._parts(piece)), self._lead, None)
        if csv.field_size_limit() < CELL_LIMIT:  # the limit is the whole process's: it is only ever raised
            csv.field_size_limit(CELL_LIMIT)
        dialect, first = self._dialect, self.line
        reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
        self._reader, self._first = reader, first
        try:
            for record in reader:
                if record:
                    yield record
                self.line = reader.line_num + first
        except csv.Error as exc:
            raise self._explained("a cell larger than 1 MiB") from exc

    def next_line(self) -> int:
        """The line behind the last record that came out."""
        return self.line + 1 if self._reader is None else self._reader.line_num + self._first

    def _parts(self, piece: str) -> Iterator[io.StringIO]:
        """Hand pieces of text to the reader; stop it when one record swallows too many."""
        swallowed = line = 0
        for each in chain([piece], self._walk):
            swallowed = swallowed + len(each) if line == self.line else len(each)
            line = self.line
            if swallowed > RECORD_LIMIT:
                raise self._explained("a record larger than 8 MiB")
            yield io.StringIO(each, newline="")

    def _explained(self, limit: str) -> UnreadableTable:
        return explain(self._source, self._dialect, line=self.line, limit=limit)


def open_delimited(path: Path, options: ReadOptions, *, name: str, delimiter: str = "") -> DelimitedTable:
    """Find out encoding, dialect and columns of a file.

    Args:
        name: the format's name.
        delimiter: what the format itself prescribes; empty = it is asked for or voted upon.

    Raises:
        UnreadableTable: if the file has no readable header.
        BadSetting: if an option has no usable value.
    """
    if options.ragged not in {"reject", "pad"}:
        raise BadSetting(
            f"`ragged` cannot be {options.ragged!r}.", hint="it is `reject` or `pad`.", setting="ragged"
        )
    asked = _delimiter(options.delimiter) or delimiter
    source = open_text(path, options.encoding)
    first = next(source.pieces(), "")
    dialect = vote(first[:SAMPLE], whole=len(first) < SAMPLE and path.stat().st_size <= SAMPLE)
    notes = list(source.notes)
    if asked:
        dialect = Dialect(asked, dialect.quote, dialect.lead)
    elif dialect.delimiter != ",":
        notes.append(f"Cells are separated by {dialect.delimiter!r}.")
    if dialect.quote != '"':
        notes.append(f"Cells are quoted by {dialect.quote}.")
    header = next(iter(_Records(source, dialect)), None)
    if header is None:
        raise UnreadableTable(
            f"`{path}` has no header, only blank lines.",
            hint="a table starts with a line of column names.",
            path=str(path),
        )
    columns, renamed = name_columns(header, f"`{path}`")
    return DelimitedTable(
        source=source,
        dialect=dialect,
        format=name,
        columns=columns,
        notes=(*notes, *renamed),
        pad=options.ragged == "pad",
    )


def reopen_delimited(path: Path, recipe: Mapping[str, Any], *, name: str) -> DelimitedTable:
    """Open a file as it was opened before."""
    return DelimitedTable(
        source=Text(path=path, encoding=recipe["encoding"], skip=recipe["skip"]),
        dialect=Dialect(*recipe["dialect"]),
        format=name,
        columns=tuple(recipe["columns"]),
        notes=tuple(recipe["notes"]),
        pad=recipe["pad"],
    )


def _delimiter(asked: str) -> str:
    asked = _SPOKEN.get(asked.lower(), asked)
    if len(asked) > 1 or asked in {'"', "\r", "\n"}:
        raise BadSetting(
            f"The delimiter cannot be {asked!r}.",
            hint="it is one character, such as `;`, or the word `tab`.",
            setting="delimiter",
        )
    return asked
