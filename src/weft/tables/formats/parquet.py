"""Parquet files, read and written a few thousand rows at a time through pyarrow.

Dates and times become ISO 8601 text (nanoseconds are cut to microseconds), decimals their exact
text, bytes Base64. On writing, a column's type follows its values: whole numbers, numbers,
booleans, else text; lists and mappings are JSON text. Needs the extra `parquet`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from weft.errors import UnreadableTable
from weft.protocols import Mark, ReadOptions, Span, WriteOptions
from weft.row import Row, Value
from weft.tables.formats._columns import name_columns
from weft.tables.formats._extras import missing
from weft.tables.formats._files import check_readable, digest_of
from weft.tables.formats._guard import as_text, encodable
from weft.tables.plain import plain

READ_ROWS = 2_000  # rows turned into Python values at once
WRITE_ROWS = 10_000  # rows of a row group


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional extra, loaded where it is needed
        from pyarrow import parquet  # noqa: PLC0415 - likewise
    except ImportError as exc:
        raise missing("parquet", exc) from exc
    return pa, parquet


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetTable:
    """A Parquet file whose columns are known; a `Table`."""

    file: Path
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    format: str = "parquet"

    @property
    def path(self) -> str:
        """The file as it was given."""
        return str(self.file)

    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        return digest_of(self.file)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `reopen` needs; plain JSON."""
        return {"columns": list(self.columns), "notes": list(self.notes)}

    def rows(self) -> Iterator[Row]:
        """Read from the start; lines are 0, for there are none.

        Raises:
            UnreadableTable: at the row group that is damaged.
        """
        return self.rows_from(Mark(0, 0, 0))

    def rows_from(self, mark: Mark) -> Iterator[Row]:
        """Read on from a mark: a row group, and rows of it to leave out.

        Raises:
            UnreadableTable: as for `rows`.
        """
        columns, place = self.columns, mark.place
        for _, records in _parts(self.file, mark):
            for record in records:
                yield Row(place, 0, dict(zip(columns, record, strict=True)))
                place += 1

    def spans(self) -> Iterator[Span]:
        """Read from the start, a part of a row group at a time.

        Raises:
            UnreadableTable: as for `rows`.
        """
        for mark, records in _parts(self.file, Mark(0, 0, 0)):
            found = list(records)
            yield Span(mark, len(found), found)


def _parts(path: Path, start: Mark) -> Iterator[tuple[Mark, Iterable[Sequence[Value]]]]:
    """Plain records, a part of a row group at a time, each with where it starts."""
    arrow, parquet = _arrow()
    place, skip = start.place, start.skip
    try:
        with parquet.ParquetFile(path) as source:
            for group in range(start.offset, source.num_row_groups):
                within = 0
                for part in source.iter_batches(batch_size=READ_ROWS, row_groups=[group]):
                    rows = part.num_rows
                    if skip < within + rows:
                        kept = part.slice(skip - within) if skip > within else part
                        mark = Mark(place, 0, group, within + rows - kept.num_rows)
                        yield mark, zip(*(_values(arrow, column) for column in kept.columns), strict=True)
                        place += kept.num_rows
                    within += rows
                skip = 0
    except (arrow.ArrowException, OSError, ValueError, TypeError) as exc:
        raise _unreadable(path, exc) from exc


def _values(arrow: Any, column: Any) -> list[Value]:
    kind = column.type
    if arrow.types.is_timestamp(kind) and kind.unit == "ns":  # Python knows microseconds at best
        column = column.cast(arrow.timestamp("us", tz=kind.tz), safe=False)
    found: list[Value] = column.to_pylist()
    if arrow.types.is_string(kind) or arrow.types.is_integer(kind) or arrow.types.is_boolean(kind):
        return found
    return [plain(value) for value in found]


def _unreadable(path: Path, exc: Exception) -> UnreadableTable:
    reason = str(exc).strip().partition("\n")[0].rstrip(".")
    return UnreadableTable(
        f"`{path}` cannot be read as Parquet: {reason}.",
        hint="is the file complete, and is it Parquet?",
        path=str(path),
    )


@dataclass(slots=True)
class _Seen:
    """What the values of one column have been so far."""

    kinds: set[type]
    largest: int = 0

    def look(self, values: Iterable[Value]) -> None:
        self.kinds.update({value.__class__ for value in values} - {type(None)})
        if int in self.kinds:
            self.largest = max([self.largest, *(abs(value) for value in values if value.__class__ is int)])

    def type(self, arrow: Any) -> Any:
        """The narrowest type that holds them all exactly."""
        if not self.kinds:
            return arrow.null()
        if self.kinds == {bool}:
            return arrow.bool_()
        if self.kinds == {int} and self.largest < 1 << 63:
            return arrow.int64()
        if self.kinds <= {int, float} and self.largest <= 1 << 53:
            return arrow.float64()
        return arrow.string()


class ParquetWriter:
    """A `TableWriter`; the file is built beside and copied to the stream when it is complete.

    A column whose later values do not fit its type so far is widened: what was written is
    rewritten once, a row group at a time.

    Attributes:
        altered: cells with a lone surrogate (written as `?`).
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[str]) -> None:
        self.altered = 0
        self._stream = stream
        self._columns = list(columns)
        self._arrow, self._parquet = _arrow()
        self._seen = [_Seen(set()) for _ in columns]
        self._types = [self._arrow.null()] * len(self._columns)
        self._built = _new_file()
        self._writer: Any = None

    def write(self, records: Iterable[Sequence[Value]]) -> int:
        """Write records; return how many."""
        rows = 0
        records = iter(records)
        while block := list(islice(records, WRITE_ROWS)):
            cells = list(zip(*block, strict=True))
            for seen, values in zip(self._seen, cells, strict=True):
                seen.look(values)
            self._widen([seen.type(self._arrow) for seen in self._seen])
            self._put(cells)
            self._stream.flush()  # says so if nobody waits for the file any more
            rows += len(block)
        return rows

    def close(self) -> None:
        """Complete the file and copy it to the stream."""
        if self._writer is None:
            self._put([()] * len(self._columns))
        self._writer.close()
        self._built.seek(0)
        shutil.copyfileobj(self._built, self._stream)
        self._built.close()

    def _put(self, cells: Sequence[Sequence[Value]]) -> None:
        arrays = [self._array(kind, values) for kind, values in zip(self._types, cells, strict=True)]
        schema = self._arrow.schema(list(zip(self._columns, self._types, strict=True)))
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._built, schema)
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=schema))

    def _array(self, kind: Any, values: Sequence[Value]) -> Any:
        if kind != self._arrow.string():
            return self._arrow.array(values, type=kind)
        texts = [None if value is None else as_text(value) for value in values]
        try:
            return self._arrow.array(texts, type=kind)
        except UnicodeEncodeError:
            encoded = [None if text is None else encodable(text) for text in texts]
            self.altered += sum(new != old for new, old in zip(encoded, texts, strict=True))
            return self._arrow.array(encoded, type=kind)

    def _widen(self, types: list[Any]) -> None:
        """Give the columns wider types, in what was written too."""
        if types == self._types:
            return
        self._types = types
        if self._writer is None:
            return
        self._writer.close()
        self._writer, narrow = None, self._built
        self._built = _new_file()
        narrow.seek(0)
        with self._parquet.ParquetFile(narrow) as source:
            for part in source.iter_batches(batch_size=WRITE_ROWS):
                self._put([column.to_pylist() for column in part.columns])
        narrow.close()


def _new_file() -> Any:
    return tempfile.TemporaryFile(prefix="weft-", suffix=".parquet")


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """The drop-in `parquet`; a `TableFormat`."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")
    reads: tuple[str, ...] = ()

    def open(self, path: Path, options: ReadOptions) -> ParquetTable:  # noqa: ARG002 - a Parquet file says it all
        """Read the file's own description of its columns."""
        check_readable(path)
        arrow, parquet = _arrow()
        try:
            schema = parquet.read_schema(path)
        except (arrow.ArrowException, OSError, ValueError) as exc:
            raise _unreadable(path, exc) from exc
        columns, notes = name_columns(schema.names, f"`{path}`")
        return ParquetTable(file=path, columns=columns, notes=notes)

    def reopen(self, path: Path, recipe: Mapping[str, Any]) -> ParquetTable:
        """Open a file as it was opened before."""
        return ParquetTable(file=path, columns=tuple(recipe["columns"]), notes=tuple(recipe["notes"]))

    def writer(self, stream: BinaryIO, columns: Sequence[str], *, options: WriteOptions) -> ParquetWriter:  # noqa: ARG002 - nothing in a Parquet file is run
        """Begin a Parquet file."""
        return ParquetWriter(stream, columns)


format = ParquetFormat()  # noqa: A001 - the name by which drop-ins are found
