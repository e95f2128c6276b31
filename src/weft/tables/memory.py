"""Rows that are in memory already: mappings, pandas and polars frames, as a table.

Knows how to ask each for its columns and records, without importing any of these libraries.
Refuses to copy a list or a frame; an iterator, which can be walked only once, is kept as a list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.errors import UnreadableTable
from weft.kit.fingerprints import canonical
from weft.row import Row, Value
from weft.tables.formats._columns import name_columns
from weft.tables.plain import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTable:
    """Rows in memory; a `Table`. What it was made from must not change while it is in use.

    Attributes:
        records: starts a new walk over raw values in the order of the columns.
    """

    columns: tuple[str, ...]
    records: Callable[[], Iterator[Sequence[Any]]]
    path: str = "rows in memory"
    format: str = "memory"
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[Row]:
        """Walk from the start; lines are 0, for there are none.

        Raises:
            UnreadableTable: at the first value that no table can hold.
        """
        columns = self.columns
        for place, record in enumerate(self.records()):
            yield Row(
                place,
                0,
                {name: self._plain(value, place, name) for name, value in zip(columns, record, strict=True)},
            )

    def digest(self) -> str:
        """SHA-256, hex, over the columns and every row as canonical JSON; equal content, equal digest."""
        sha = hashlib.sha256(canonical(list(self.columns)))
        for row in self.rows():
            sha.update(b"\n" + canonical(list(row.cells.values())))
        return sha.hexdigest()

    def _plain(self, value: Any, place: int, column: str) -> Value:
        try:
            return plain(value)
        except TypeError as exc:
            raise UnreadableTable(
                f"Row {place + 1} holds no plain value in `{column}`: {exc}.",
                hint="turn it into text or a number first.",
                row=place + 1,
                column=column,
            ) from exc


def memory_table(source: Any) -> MemoryTable:
    """Make a table of a data frame or of an iterable of mappings.

    The columns of mappings are the union of their keys in the order in which they are first seen;
    a row without a key has `None` there.

    Args:
        source: a pandas or polars frame, or an iterable of mappings.

    Raises:
        UnreadableTable: if it is none of these, or if there is no column at all.
    """
    if hasattr(source, "itertuples"):  # pandas
        return _frame(source.columns, lambda: source.itertuples(index=False, name=None))
    if hasattr(source, "iter_rows"):  # polars
        return _frame(source.columns, source.iter_rows)
    if isinstance(source, str | bytes | Mapping) or not isinstance(source, Iterable):
        raise UnreadableTable(
            f"A `{type(source).__name__}` is no table.",
            hint="give a path, a list of mappings, or a pandas or polars frame (a lazy one after `.collect()`).",
        )
    return _mappings(source)


def _frame(header: Iterable[Any], records: Callable[[], Iterable[Sequence[Any]]]) -> MemoryTable:
    columns, notes = name_columns([str(name) for name in header], "the data frame")
    return MemoryTable(columns=columns, records=lambda: iter(records()), notes=notes)


def _mappings(source: Iterable[Any]) -> MemoryTable:
    rows: Sequence[Mapping[Any, Any]] = source if isinstance(source, list | tuple) else list(source)
    keys: dict[Any, None] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise UnreadableTable(
                f"Row {place + 1} is a `{type(row).__name__}`, not a mapping of columns to values.",
                hint='give rows such as {"title": "…"}.',
                row=place + 1,
            )
        keys |= dict.fromkeys(row)
    columns, notes = name_columns([str(key) for key in keys], "the rows in memory")
    order = tuple(keys)
    return MemoryTable(
        columns=columns, records=lambda: ([row.get(key) for key in order] for row in rows), notes=notes
    )
