"""Rows that were just read, held so that the first of them need not be read back and checked again.

Knows which rows of a table it holds, each question once with its twins, and up to which place.
Refuses to be needed: everything in here stands in the store too, and a run without it is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from weft.call import PackRow, Part
from weft.ids import RowKey
from weft.protocols import NewRow
from weft.row import Value

MOST_HELD = 20_000  # rows; some 25 MB of usual ones, whatever the size of the table
NOT_RENDERED = Part("", 0)
"""Stands where a row's part is still to come."""


class Held:
    """The first rows of a table on their way from reading to asking.

    Attributes:
        until: the last place that is covered: held, the twin of a held row, or rejected; -1 = none.
    """

    def __init__(self) -> None:
        """Start with nothing held."""
        self.until = -1
        self._rows: deque[PackRow] = deque()
        self._first: dict[RowKey, PackRow] = {}
        self._is_full = False

    def hold(self, lines: Iterable[tuple[NewRow, Mapping[str, Value] | None]]) -> None:
        """Take the next rows of the table, in order; does nothing once enough are held.

        Args:
            lines: as they go into the store, each with its mapped, typed inputs; `None` if it was rejected.
        """
        rows, first = self._rows, self._first
        for line, values in lines:
            if self._is_full or len(rows) >= MOST_HELD:
                self._is_full = True
                return
            self.until = line.place
            key = line.key
            if values is None or key is None:
                continue
            if (leader := first.get(key)) is not None:
                leader.twins.append(line.place)
            else:
                first[key] = row = PackRow(line.place, line.line, key, values, NOT_RENDERED)
                rows.append(row)

    def release(self) -> Iterator[PackRow]:
        """Let the rows go one by one, in order; their parts are still to be rendered."""
        self._first.clear()
        while self._rows:
            yield self._rows.popleft()
