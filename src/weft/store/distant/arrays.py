"""Many rows in one statement: every parameter becomes an array of its values.

Knows how the text of a statement for one row is turned into that for many, and how arrays look on
the wire. Refuses to know what any statement is for. A statement over arrays has one text whatever
the number of rows, so the server plans it once, and a thousand rows cost one round trip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from struct import Struct
from typing import Any

from sqlalchemy.engine.interfaces import Dialect

from weft.store.faults import storable
from weft.store.sql import Sql

_PARAMETER = re.compile(r"\$(\d+)::(\w+)")
_INSERT = re.compile(r"(INSERT INTO [^()]* \([^()]*\)) VALUES \((.*?)\)( ON CONFLICT .*)?", re.DOTALL)
_UPDATE = re.compile(r"(UPDATE .*) (WHERE .*)", re.DOTALL)

_HEADER = Struct("!iiIii").pack  # dimensions, whether NULLs, type, length, first index
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)


class Packed(bytes):
    """A parameter as the server reads it: an array in its binary form."""

    __slots__ = ()


def encoded(text: str) -> bytes:
    """A text as UTF-8; what PostgreSQL refuses, NUL and lone surrogates, as escapes."""
    try:
        plain = text.encode()
    except UnicodeEncodeError:
        return storable(text).encode()
    return storable(text).encode() if b"\x00" in plain else plain


def _array(oid: int, parts: list[bytes]) -> Packed:
    return Packed(_HEADER(1, 1, oid, len(parts), 1) + b"".join(parts))


def _numbers(values: Sequence[Any], *, oid: int, form: str) -> Packed:
    element = Struct(f"!i{form}")
    pack, size = element.pack, element.size - 4
    return _array(oid, [_NULL if value is None else pack(size, value) for value in values])


def _blobs(values: Sequence[Any]) -> Packed:
    return _array(17, [_NULL if value is None else _LENGTH(len(value)) + value for value in values])


def texts(values: Sequence[str | None]) -> Packed:
    """Pack texts."""
    parts: list[bytes] = []
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            plain = encoded(value)
            parts.append(_LENGTH(len(plain)) + plain)
    return _array(25, parts)


_KINDS: dict[str, tuple[str, Callable[[Sequence[Any]], Packed]]] = {
    "SMALLINT": ("int2", partial(_numbers, oid=21, form="h")),
    "INTEGER": ("int4", partial(_numbers, oid=23, form="i")),
    "BIGINT": ("int8", partial(_numbers, oid=20, form="q")),
    "FLOAT": ("float8", partial(_numbers, oid=701, form="d")),
    "BYTEA": ("bytea", _blobs),
    "VARCHAR": ("text", texts),
}
"""Type in a compiled statement → its name in an array, and how values of it are packed."""


class Many:
    """A statement that takes arrays: its text, and how each parameter is packed."""

    __slots__ = ("_packers", "text")

    def __init__(self, text: str, packers: Sequence[Callable[[Sequence[Any]], Packed]]) -> None:
        """Keep both; `packers` in the order of the parameters."""
        self.text = text
        self._packers = packers

    def pack(self, rows: Sequence[Sequence[Any]]) -> list[Packed]:
        """Turn rows of parameters into columns."""
        return [pack(column) for pack, column in zip(self._packers, zip(*rows, strict=True), strict=True)]


@cache
def many(sql: Sql, dialect: Dialect) -> Many | None:
    """Give the statement that does at once what `sql` does row by row; `None` where there is none.

    An update of many rows must meet each row once; see `waves`.
    """
    text = sql.text(dialect)
    kinds = dict(sorted((int(number), kind) for number, kind in _PARAMETER.findall(text)))
    if len(kinds) != len(sql.names):
        return None
    names = [f"c{number}" for number in kinds]
    arrays = ", ".join(f"${number}::{_KINDS[kind][0]}[]" for number, kind in kinds.items())
    source = f"FROM unnest({arrays}) AS v({', '.join(names)})"
    if found := _INSERT.fullmatch(text):
        into, values, conflict = found.groups()
        made = f"{into} SELECT {_columns(values)} {source}{conflict or ''}"
    elif found := _UPDATE.fullmatch(text):
        what, where = found.groups()
        made = f"{_columns(what)} {source} {_columns(where)}"
    else:
        return None
    return Many(made, [_KINDS[kind][1] for kind in kinds.values()])


def _columns(text: str) -> str:
    return _PARAMETER.sub(r"v.c\1", text)


def waves(rows: Sequence[tuple[Any, ...]], at: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Cut changes into sets in which no row is met twice; changes of one row keep their order.

    Args:
        rows: parameters of one statement.
        at: which of them names the row that is changed.
    """
    while rows:
        met: set[Any] = set()
        first: list[tuple[Any, ...]] = []
        later: list[tuple[Any, ...]] = []
        for row in rows:
            (later if row[at] in met else first).append(row)
            met.add(row[at])
        yield first
        rows = later
