"""Marks of a table in a file of their own: any page of it is found without reading what stands before.

Knows that marks are good for one content read in one way, whose name stands at the top, and that
anything odd means "no marks". They are of one size, so that the right one is found by looking at a
dozen. Refuses to know what a mark means to a format.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, overload

from weft.protocols import Mark, MarkedTable
from weft.row import BrokenRow, Row

TITLE = b"weft marks 1\n"
_MARK = struct.Struct("<QQQQB8sQ")


class MarksFile:
    """Writes marks down as they come."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Begin.

        Args:
            stream: stays open.
            name: of the content and the way it is read, such as a hash.
        """
        self._stream = stream
        stream.write(_top(name))

    def keep(self, mark: Mark) -> None:
        """Add a mark; its place is beyond those before."""
        self._stream.write(
            _MARK.pack(mark.place, mark.line, mark.offset, mark.skip, len(mark.held), mark.held, mark.flags)
        )


def is_marked(path: Path, name: str) -> bool:
    """Whether there are marks for this content and this way to read it."""
    top = _top(name)
    try:
        with path.open("rb") as stream:
            return stream.read(len(top)) == top
    except OSError:
        return False


def find_mark(path: Path, name: str, *, place: int) -> Mark | None:
    """The last mark at or before a place; `None` if there is none, or there are no marks."""
    top = _top(name)
    try:
        with path.open("rb") as stream:
            if stream.read(len(top)) != top:
                return None
            marks = _Marks(stream, len(top), (path.stat().st_size - len(top)) // _MARK.size)
            found = bisect_right(marks, place, key=lambda mark: mark.place)
            return marks[found - 1] if found else None
    except OSError:
        return None


def read_page(table: MarkedTable, mark: Mark | None, *, place: int, rows: int) -> Iterator[Row | BrokenRow]:
    """Read some rows from a place on.

    Args:
        table: that the mark was made for.
        mark: at or before the place; `None` = from the start, which takes its time.
        rows: the most of them.

    Raises:
        UnreadableTable: if the table breaks off before.
    """
    walk = table.rows() if mark is None else table.rows_from(mark)
    first = place - (0 if mark is None else mark.place)
    return islice(walk, first, first + rows)


@dataclass(frozen=True, slots=True)
class _Marks(Sequence[Mark]):
    """The marks of an open file, read one by one."""

    stream: BinaryIO
    top: int
    total: int

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, number: int) -> Mark: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Mark]: ...
    def __getitem__(self, number: int | slice) -> Mark | Sequence[Mark]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(self.total))]
        self.stream.seek(self.top + number * _MARK.size)
        place, line, offset, skip, length, held, flags = _MARK.unpack(self.stream.read(_MARK.size))
        return Mark(place, line, offset, skip, held[:length], flags)


def _top(name: str) -> bytes:
    return TITLE + name.encode() + b"\n"
