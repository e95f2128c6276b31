"""Looking on while a run goes: every row in one letter, what has changed since, a screenful of rows.

Knows that a reader who takes the grid, and then the changes behind its cursor, never misses one: the
cursor is read before the rows, and a change that comes later has a higher number. Refuses to write.
Letters of many rows come as one text: a result with a hundred thousand lines would keep the process busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Text, and_, bindparam, case, cast, func, select
from sqlalchemy.sql.elements import ColumnElement

from weft.ids import RunId
from weft.protocols import Changes, Glance, Grid
from weft.row import CANCELLED_LETTER, LETTERS, NO_ROW_LETTER, TERMINAL, RowState
from weft.store.answers import LAST_SPOT
from weft.store.lines import RunLine
from weft.store.news import LINE_PLACES, read_places
from weft.store.outcomes import OUTCOME, outcome_of
from weft.store.reading import Reader
from weft.store.sql import EMPTY, Sql, number, word
from weft.store.tables import ROW_CODES, calls, cells, changes, rows
from weft.store.tallying import asked_places, read_run

STRETCH = 50_000  # rows whose letters are read at once, about 10 ms
ASK_PLACES = 500  # places of one query
LINES_AT_ONCE = 256  # of the feed
MOST_GLANCES = 200  # rows that are looked at together

_WAITING, _ASKED = LETTERS[RowState.WAITING], LETTERS[RowState.ASKED]
_LETTER: ColumnElement[str] = case(
    (
        and_(rows.c.state == number(ROW_CODES[RowState.SKIPPED]), rows.c.problem_code == word("cancelled")),
        word(CANCELLED_LETTER),
    ),
    *((rows.c.state == number(ROW_CODES[state]), word(letter)) for state, letter in LETTERS.items()),
)


def _joined(texts: ColumnElement[Any]) -> ColumnElement[str]:
    """All texts as one; the empty text between them stands in the statement itself."""
    return func.aggregate_strings(texts, EMPTY)  # type: ignore[arg-type]  # it takes an expression as well


_ORDERED = (
    select(rows.c.spot, _LETTER.label("letter"))
    .where(rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end"))
    .order_by(rows.c.spot)
    .subquery("ordered")
)
STRETCH_LETTERS = Sql(
    # Both databases join texts in the order in which a subquery hands them over.
    select(_joined(_ORDERED.c.letter), func.min(_ORDERED.c.spot)),
    "first", "end",
)  # fmt: skip
SPOT_LETTERS = Sql(select(_ORDERED.c.spot, _ORDERED.c.letter).order_by(_ORDERED.c.spot), "first", "end")
SOME_LETTERS = Sql(
    select(_joined(cast(rows.c.spot - bindparam("base"), Text).op("||")(_LETTER))).where(
        rows.c.spot.in_([bindparam(f"s{n}") for n in range(ASK_PLACES)])
    ),
    "base", *(f"s{n}" for n in range(ASK_PLACES)),
)  # fmt: skip
LINES = Sql(
    select(changes.c.mark, changes.c.places)
    .where(changes.c.mark > bindparam("after"), changes.c.mark <= bindparam("last"))
    .order_by(changes.c.mark)
    .limit(number(LINES_AT_ONCE))
    .offset(number(0)),
    "after", "last",
)  # fmt: skip
OLDEST_LINE = Sql(
    select(func.min(changes.c.mark)).where(
        changes.c.mark > bindparam("first"), changes.c.mark < bindparam("end")
    ),
    "first", "end",
)  # fmt: skip
GLANCES = Sql(
    select(*OUTCOME, _LETTER, calls.c.sent_at, calls.c.ended_at)
    .select_from(
        rows.join(cells, cells.c.spot == rows.c.spot).outerjoin(calls, calls.c.seq == rows.c.call)
    )
    .where(rows.c.spot.in_([bindparam(f"s{n}") for n in range(MOST_GLANCES)]))
    .order_by(rows.c.spot),
    "base", *(f"s{n}" for n in range(MOST_GLANCES)),
)  # fmt: skip
OPEN_SINCE = Sql(
    select(calls.c.places, calls.c.sent_at)
    .where(calls.c.run == bindparam("run"), calls.c.state < number(3), calls.c.state > number(0))
    .order_by(calls.c.seq),
    "run",
)
_PLACED = re.compile(r"(\d+)([a-z])")


class WatchPart:
    """The store's reports to whoever looks on; see the end of `weft.protocols.RunStore`."""

    _reader: Reader

    async def grid(self, run: RunId) -> Grid:
        """How every row of a run stands; rows that move meanwhile are among the changes behind its cursor.

        Raises:
            UnknownName: if there is no such run.
        """
        line, last = await self._reader.apart(_bounds, run)
        codes = bytearray()
        for first in range(line.base, last + 1, STRETCH):
            codes += await self._reader.apart(_letters, first, min(first + STRETCH, last + 1))
        for place in await self._reader.apart(asked_places, line.seq):
            if codes[place : place + 1] == _WAITING.encode():
                codes[place] = ord(_ASKED)
        return Grid(line.changed, codes.decode())

    async def changes(self, run: RunId, *, since: int) -> Changes:
        """Up to 2,000 rows that stand differently than at a cursor, those that changed first.

        Raises:
            UnknownName: if there is no such run.
        """
        return await self._reader.apart(_changes, run, since)

    async def glances(self, run: RunId, places: Sequence[int]) -> list[Glance]:
        """Rows at up to 200 places, in the order of the table; places without a row are left out.

        Raises:
            UnknownName: if there is no such run.
        """
        return await self._reader.apart(_glances, run, places)


def _bounds(reader: Reader, run: RunId) -> tuple[RunLine, int]:
    """A run's line, read before its rows are, and the spot of its last row."""
    line = reader.run(run)
    last = reader.fetch(LAST_SPOT, (line.base, line.end))[0][0]
    return line, line.base - 1 if last is None else last


def _letters(reader: Reader, first: int, end: int) -> bytes:
    """The letters of all spots of a stretch."""
    text, begins = reader.fetch(STRETCH_LETTERS, (first, end))[0]
    if begins == first and len(text) == end - first:
        return bytes(text.encode())
    found = bytearray(NO_ROW_LETTER.encode() * (end - first))  # some rows were not added yet
    for spot, letter in reader.fetch(SPOT_LETTERS, (first, end)):
        found[spot - first] = ord(letter)
    return bytes(found)


def _changes(reader: Reader, run: RunId, since: int) -> Changes:
    line = reader.run(run)
    if since == line.changed:
        return Changes(since)
    lines = reader.fetch(LINES, (line.base + since, line.base + line.changed))
    oldest = reader.fetch(OLDEST_LINE, (line.base, line.end))[0][
        0
    ]  # read after them: none was trimmed between
    if since > line.changed or oldest is None or oldest - line.base > since + 1:
        return Changes(line.changed, is_reset=True)
    places: set[int] = set()
    cursor, is_last = line.changed, len(lines) < LINES_AT_ONCE
    for at, (mark, text) in enumerate(lines):
        more = places.union(read_places(text))
        if len(more) > LINE_PLACES and at:
            cursor, is_last = lines[at - 1][0] - line.base, False
            break
        places, cursor = more, line.changed if is_last else mark - line.base
    return Changes(cursor, _codes(reader, line, places), is_last)


def _codes(reader: Reader, line: RunLine, places: set[int]) -> Mapping[int, str]:
    codes: dict[int, str] = {}
    wanted = iter(sorted(places))
    while some := [line.base + place for place in islice(wanted, ASK_PLACES)]:
        padded = some + [some[0]] * (ASK_PLACES - len(some))
        text = reader.fetch(SOME_LETTERS, (line.base, *padded))[0][0] or ""
        codes.update((int(place), letter) for place, letter in _PLACED.findall(text))
    for place in asked_places(reader, line.seq):
        if codes.get(place) == _WAITING:
            codes[place] = _ASKED
    return codes


def _glances(reader: Reader, run: RunId, places: Sequence[int]) -> list[Glance]:
    found = read_run(reader, run, counted=False)
    line = reader.run(run)
    some = [line.base + place for place in dict.fromkeys(places)][:MOST_GLANCES]
    if not some:
        return []
    padded = some + [some[0]] * (MOST_GLANCES - len(some))
    lines = reader.fetch(GLANCES, (line.base, *padded))
    asked = dict(_asked_since(reader, line.seq, frozenset(places)))
    return [_glance(found.spec.columns, each, asked) for each in lines]


def _asked_since(reader: Reader, run: int, places: frozenset[int]) -> Iterator[tuple[int, float]]:
    for text, sent_at in reader.fetch(OPEN_SINCE, (run,)):
        for place in places.intersection(orjson.loads(text)):
            yield place, sent_at


def _glance(columns: Sequence[str], found: Sequence[Any], asked: Mapping[int, float]) -> Glance:
    *row, letter, sent_at, ended_at = found
    place, state = row[0], row[3]
    if state == RowState.WAITING and place in asked:
        row[3] = RowState.ASKED.value
        return Glance(outcome_of(columns, tuple(row)), _ASKED, asked[place], None)
    outcome = outcome_of(columns, tuple(row))
    has_ended = outcome.state in TERMINAL and outcome.call is not None
    return Glance(outcome, letter, sent_at if has_ended else None, ended_at if has_ended else None)
