"""JSON Lines: one object per line; values keep their types, nested ones included.

The columns are the union of all keys, found by one walk over the file before the first row.
Strict: no NaN, no infinity, no key twice in one object. A line that is no object is a broken
record, so that the others survive; a file whose first line is none is no JSON Lines file.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from weft.errors import UnreadableTable
from weft.kit import plain_json
from weft.kit.strict_json import is_deep
from weft.protocols import Mark, ReadOptions, Span, WriteOptions
from weft.row import BrokenRow, Row, Value
from weft.schema import Problem
from weft.tables.formats._columns import COLUMN_LIMIT, name_columns, quoted
from weft.tables.formats._files import digest_of
from weft.tables.formats._text import Pieces, Text, open_text

BLOCK = 512  # records per write


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonlTable:
    """A file of JSON objects whose keys are known; a `Table`.

    Attributes:
        keys: as they stand in the file, in the order of the columns.
    """

    source: Text
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    format: str = "jsonl"

    @property
    def path(self) -> str:
        """The file as it was given."""
        return str(self.source.path)

    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        return digest_of(self.source.path)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `reopen` needs; plain JSON."""
        return {
            "encoding": self.source.encoding,
            "skip": self.source.skip,
            "keys": list(self.keys),
            "columns": list(self.columns),
            "notes": list(self.notes),
        }

    def rows(self) -> Iterator[Row | BrokenRow]:
        """Read from the start; an absent key is `None`, blank lines are no records.

        Raises:
            UnreadableTable: at the line from which the file is no text.
        """
        return self._read(Pieces(self.source), 0)

    def rows_from(self, mark: Mark) -> Iterator[Row | BrokenRow]:
        """Read on from a mark.

        Raises:
            UnreadableTable: as for `rows`.
        """
        return self._read(Pieces(self.source, mark), mark.place)

    def _read(self, pieces: Pieces, place: int) -> Iterator[Row | BrokenRow]:
        pairs = tuple(zip(self.columns, self.keys, strict=True))
        for line, text in _filled(pieces):
            try:
                found = _strict(text)
            except ValueError as exc:
                told = f"The line is no JSON object: {exc}. It reads {quoted(text.strip())}."
                yield BrokenRow(place, line, {}, Problem("", told, "not_json"))
            else:
                yield Row(place, line, {column: found.get(key) for column, key in pairs})
            place += 1

    def spans(self) -> Iterator[Span]:
        """Read from the start, a piece at a time.

        Raises:
            UnreadableTable: as for `rows`.
        """
        pieces, place = Pieces(self.source), 0
        for piece in pieces:
            span = Span(pieces.mark(place, pieces.line), 0, [])
            for text in io.StringIO(piece, newline=""):
                if text.isspace():
                    continue
                span.rows += 1
                with suppress(ValueError):
                    found = _strict(text)
                    span.records.append([found.get(key) for key in self.keys])
            place += span.rows
            yield span


def _filled(pieces: Pieces) -> Iterator[tuple[int, str]]:
    """Every line that is not blank, with its number."""
    for piece in pieces:
        for line, text in enumerate(io.StringIO(piece, newline=""), start=pieces.line):
            if not text.isspace():
                yield line, text


def _strict(text: str) -> dict[str, Value]:
    """Read one object.

    Raises:
        ValueError: with a short reason that reads well after a colon.
    """
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError as exc:
        raise ValueError(f"{exc.msg.lower()} at character {exc.pos + 1}") from exc
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    if not isinstance(found, dict):
        raise ValueError(f"it holds {_SPOKEN[type(found)]}")  # noqa: TRY004 - a wrong value of a file, not of a caller
    if is_deep(text, found):
        raise ValueError("it is nested too deeply")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_finite)
_SPOKEN = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _keys(source: Text) -> tuple[str, ...]:
    """The union of all keys in the order in which they are first seen."""
    keys: dict[str, None] = {}
    for line, text in _filled(Pieces(source)):
        try:
            found = orjson.loads(text)
        except ValueError:  # broken, or only beyond the fast reader
            found = _keys_slowly(source, line, text, first=not keys)
        if not isinstance(found, dict):
            found = _keys_slowly(source, line, text, first=not keys)
        if found.keys() - keys.keys():
            keys |= dict.fromkeys(found)
        if len(keys) > COLUMN_LIMIT:
            break  # `name_columns` says so
    return tuple(keys)


def _keys_slowly(source: Text, line: int, text: str, *, first: bool) -> dict[str, Any]:
    try:
        return _strict(text)
    except ValueError as exc:
        if first:
            raise UnreadableTable(
                f"Line {line} of `{source.path}` is no JSON object: {exc}.",
                hint="a JSON Lines file has one complete object on every line.",
                path=str(source.path),
                line=line,
            ) from exc
        return {}


class JsonlWriter:
    """A `TableWriter`: one object per line with every column, in the order of the header."""

    def __init__(self, stream: BinaryIO, columns: Sequence[str]) -> None:
        self.altered = 0
        self._stream = stream
        self._columns = tuple(columns)

    def write(self, records: Iterable[Sequence[Value]]) -> int:
        """Write records; return how many."""
        rows = 0
        columns, dump = self._columns, plain_json.dump
        lines = (dump(dict(zip(columns, record, strict=True))) for record in records)
        while block := list(islice(lines, BLOCK)):
            self._stream.write(b"\n".join(block) + b"\n")
            rows += len(block)
        return rows

    def close(self) -> None:
        """Nothing is held back."""


@dataclass(frozen=True, slots=True)
class JsonlFormat:
    """The drop-in `jsonl`; a `TableFormat`."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")
    reads: tuple[str, ...] = ("encoding",)

    def open(self, path: Path, options: ReadOptions) -> JsonlTable:
        """Walk over the file once to find its columns."""
        source = open_text(path, options.encoding)
        keys = _keys(source)
        columns, renamed = name_columns(keys, f"`{path}`")
        return JsonlTable(source=source, keys=keys, columns=columns, notes=(*source.notes, *renamed))

    def reopen(self, path: Path, recipe: Mapping[str, Any]) -> JsonlTable:
        """Open a file as it was opened before; it is not walked over."""
        return JsonlTable(
            source=Text(path=path, encoding=recipe["encoding"], skip=recipe["skip"]),
            keys=tuple(recipe["keys"]),
            columns=tuple(recipe["columns"]),
            notes=tuple(recipe["notes"]),
        )

    def writer(self, stream: BinaryIO, columns: Sequence[str], *, options: WriteOptions) -> JsonlWriter:  # noqa: ARG002 - nothing in a JSON file is run
        """Begin a JSON Lines file; it has no header."""
        return JsonlWriter(stream, columns)


format = JsonlFormat()  # noqa: A001 - the name by which drop-ins are found
