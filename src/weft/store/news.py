"""The feed of changes as it is written: which rows of a run stand differently, line by line.

Knows how places are written, that a line never holds more than one answer to a reader does, and how
many lines are kept. Numbers are given out by the transaction that changes the rows, while it holds
the run's line: whoever has seen a number has seen everything below it. Refuses to know what changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlalchemy import bindparam, delete, insert

from weft.store.lines import RunLine
from weft.store.sql import Sql
from weft.store.tables import changes

LINE_PLACES = 2_000  # of one line, and of one answer to a reader
KEPT = 2_048  # newest numbers of a run at work: about a megabyte at most
KEPT_AT_REST = 256  # likewise of one at rest; who comes later looks at the whole run
TRIM_EVERY = 256  # numbers between two looks whether there are too many

NEW_CHANGE = Sql(insert(changes).values(mark=bindparam("mark"), places=bindparam("places")), "mark", "places")
TRIM = Sql(
    delete(changes).where(changes.c.mark >= bindparam("first"), changes.c.mark < bindparam("end")),
    "first",
    "end",
)
_SPAN = re.compile(r"(\d+)(?:-(\d+))?")


class News:
    """What one transaction has to tell, gathered until it is written."""

    __slots__ = ("_at_rest", "_places")

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._places: dict[str, list[int]] = {}
        self._at_rest: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._places)

    def add(self, run: RunLine, places: Iterable[int], *, at_rest: bool = False) -> None:
        """Note that rows of a run stand differently, or, without places, that it itself does."""
        self._places.setdefault(run.id, []).extend(places)
        if at_rest:
            self._at_rest.add(run.id)

    def clear(self) -> None:
        """Forget what was gathered."""
        self._places.clear()
        self._at_rest.clear()

    def take(self, lines: dict[str, RunLine]) -> tuple[list[tuple[int, str]], list[tuple[int, int]]]:
        """Give numbers out, and forget: the parameters of `NEW_CHANGE` and of `TRIM`.

        Args:
            lines: the lines of the runs, whose `changed` is raised.
        """
        new: list[tuple[int, str]] = []
        old: list[tuple[int, int]] = []
        for run, places in self._places.items():
            line = lines[run]
            before = line.changed
            for text in written(places):
                line.changed += 1
                new.append((line.base + line.changed, text))
            line.changed = max(line.changed, before + 1)
            if run in self._at_rest:
                old.append((line.base, line.base + line.changed - KEPT_AT_REST + 1))
            elif line.changed // TRIM_EVERY != before // TRIM_EVERY:
                old.append((line.base, line.base + line.changed - KEPT + 1))
        self.clear()
        return new, [(first, end) for first, end in old if first < end]


def written(places: Iterable[int]) -> Iterator[str]:
    """Write places down as lines, each of at most `LINE_PLACES`.

    >>> list(written([7, 3, 4, 5]))
    ['3-5,7']
    """
    line: list[str] = []
    room = LINE_PLACES
    for first, last in _spans(sorted(set(places))):
        while first <= last:
            end = min(last, first + room - 1)
            line.append(str(first) if first == end else f"{first}-{end}")
            room -= end - first + 1
            first = end + 1  # noqa: PLW2901 - what is left of the span
            if not room:
                yield ",".join(line)
                line, room = [], LINE_PLACES
    if line:
        yield ",".join(line)


def read_places(text: str) -> Iterator[int]:
    """Read the places of a line back."""
    for first, last in _SPAN.findall(text):
        yield from range(int(first), int(last or first) + 1)


def _spans(places: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbours together, as first and last."""
    first = last = -2
    for place in places:
        if place != last + 1:
            if first >= 0:
                yield first, last
            first = place
        last = place
    if first >= 0:
        yield first, last
