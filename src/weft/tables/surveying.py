"""One walk over a whole table: how many rows, what its columns hold, where to read on from.

Knows ceilings, and refuses what passes one with the place at which it does. Nothing of the table is
kept but counts, a bounded number of hashes, and marks. What type a column has is guessed from some of
its cells. Refuses to know where marks are kept (`marking.py`), and what a row is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weft.errors import UnreadableTable
from weft.protocols import Mark, MarkedTable, Span
from weft.row import Value
from weft.tables.formats._guard import as_text

DISTINCT = 1_000  # different values of a column that are counted; beyond it there are "many"
HASHES = 200_000  # kept for all columns together; about 16 MB
SAMPLED = 20  # cells of each span from which a type is guessed
_KINDS = (
    ("boolean", re.compile(r"(?i:true|false|yes|no)")),
    ("integer", re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")),
    ("number", re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")),
    ("date", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")),
)
_CLASSES = {bool: "boolean", int: "integer", float: "number", list: "list", dict: "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What a table may be at most.

    Attributes:
        rows: records, broken ones too.
        cell: characters of one cell, written as text.
    """

    rows: int
    cell: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """What is known about a column.

    Attributes:
        empty: rows without anything in it.
        distinct: different values; `None` = more than were counted.
        longest: characters of the longest cell, written as text.
        kind: guessed: `string`, `integer`, `number`, `boolean`, `date`, `list`, `object`, `mixed`, or
            `empty`.
    """

    name: str
    empty: int
    distinct: int | None
    longest: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one walk has found.

    Attributes:
        rows: all of them, broken ones too.
        broken: records that are no rows, such as ones with too many cells.
    """

    rows: int
    broken: int
    columns: tuple[ColumnFacts, ...]


def survey(table: MarkedTable, ceilings: Ceilings, *, keep: Callable[[Mark], object]) -> Survey:
    """Walk over a table.

    Args:
        table: from its start to its end.
        ceilings: that it must not pass.
        keep: is given marks in the order of the table, about one for every 64 kB.

    Raises:
        UnreadableTable: at the first line that cannot be read, or the first row beyond a ceiling.
    """
    most = max(1, min(DISTINCT, HASHES // max(1, len(table.columns))))
    columns = [_Column(name, most) for name in table.columns]
    rows = broken = 0
    for span in table.spans():
        if span.mark is not None:
            keep(span.mark)
        rows += span.rows
        broken += span.rows - len(span.records)
        if rows > ceilings.rows:
            raise _too_many(table, ceilings.rows)
        if span.records:
            _look(table, span, columns=columns, ceiling=ceilings.cell)
    return Survey(rows=rows, broken=broken, columns=tuple(each.facts() for each in columns))


def _look(table: MarkedTable, span: Span, *, columns: Sequence[_Column], ceiling: int) -> None:
    for column, values in zip(columns, zip(*span.records, strict=True), strict=True):
        column.look(values)
        if column.longest > ceiling:
            raise _too_long(table, span.mark, column=column, ceiling=ceiling)


@dataclass(slots=True)
class _Column:
    """What the cells of a column were so far."""

    name: str
    most: int
    empty: int = 0
    longest: int = 0
    kinds: set[str] = field(default_factory=set)
    seen: set[int] | None = field(default_factory=set)

    def look(self, values: Sequence[Value]) -> None:
        """Look at some more of them, a whole column at a time: a step per cell would take minutes."""
        classes = set(map(type, values))
        texts = values if classes == {str} else [as_text(value) for value in values]
        self.empty += texts.count("")
        self.longest = max(self.longest, *map(len, texts), 0)
        if self.seen is not None:
            self.seen.update(map(hash, texts))
            if len(self.seen) > self.most + 1:  # nothing may be one of them
                self.seen = None
        self.kinds.update(map(_kind, values[:SAMPLED]))

    def facts(self) -> ColumnFacts:
        distinct = None if self.seen is None else len(self.seen) - (hash("") in self.seen)
        return ColumnFacts(
            name=self.name,
            empty=self.empty,
            distinct=distinct if distinct is None or distinct <= self.most else None,
            longest=self.longest,
            kind=_together(self.kinds - {""}),
        )


def _kind(value: Value) -> str:
    """The kind of one value; empty for nothing."""
    if not isinstance(value, str):
        return "" if value is None else _CLASSES.get(type(value), "string")
    text = value.strip()
    if not text or len(text) > 40:  # no number or date is so long
        return "string" if text else ""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(text)), "string")


def _together(kinds: set[str]) -> str:
    if len(kinds) <= 1:
        return next(iter(kinds), "empty")
    if kinds == {"integer", "number"}:
        return "number"
    return "mixed" if kinds & {"list", "object"} else "string"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


def _too_many(table: MarkedTable, most: int) -> UnreadableTable:
    return UnreadableTable(
        f"`{table.path}` has more than {most:,} rows.",
        hint="hand it over in several parts; `table_rows` in `weft.toml` is the server's limit.",
        path=table.path,
        row=most + 1,
        reason="too_large",
    )


def _too_long(table: MarkedTable, mark: Mark | None, *, column: _Column, ceiling: int) -> UnreadableTable:
    """Find the cell again and name it."""
    row = next(
        row
        for row in (table.rows() if mark is None else table.rows_from(mark))
        if len(as_text(row.cells.get(column.name))) > ceiling
    )
    where = f"Line {row.line}" if row.line else f"Row {row.place + 1:,}"
    return UnreadableTable(
        f"{where} of `{table.path}` has {column.longest:,} characters in `{column.name}`, more than {ceiling:,}.",
        hint="shorten it; or does a quote open there that is not closed where it should be?",
        path=table.path,
        row=row.place + 1,
        column=column.name,
        reason="too_large",
        **({"line": row.line} if row.line else {}),
    )
