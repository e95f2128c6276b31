"""The desk for who looks on: every row of a run in one letter, what has changed since, some rows as a table shows them.

Knows that all who look at a run share one picture of it, which follows the store's feed: so counts cost
as much as what has changed, and not as much as the run is long. Refuses to change anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weft.app.stores import Stores
from weft.errors import UnknownName
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.protocols import Changes, Glance, Grid, Store
from weft.row import LETTERS, NO_ROW_LETTER, RowState
from weft.run import Run, RunState

MOST_PICTURES = 64  # runs that are looked at; a picture has a byte for every row
WINDOW_S = 30.0  # over which the pace is measured
LEAST_S = 1.0  # between two measurements

_OPEN = (LETTERS[RowState.WAITING], LETTERS[RowState.ASKED])


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a run stands, as far as it is told again and again.

    Attributes:
        run: everything but the counts of its rows.
        counts: letter → rows, as in `weft.row.LETTERS`; letters without a row are left out.
        rows_per_s: rows that came to their end per second, lately; `None` = not known, or not at work.
        left_s: seconds until none waits, at this pace; likewise.
    """

    run: Run
    counts: Mapping[str, int]
    rows_per_s: float | None
    left_s: float | None

    @property
    def total(self) -> int:
        """All rows that are there by now."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told to somebody who looks on.

    Attributes:
        cursor: where to go on.
        progress: `None` = as it was.
        codes: place → letter of rows that stand differently.
        is_last: nothing more has changed by now.
        is_reset: the cursor is too old: take the whole grid again.
    """

    cursor: int
    progress: Progress | None = None
    codes: Mapping[int, str] = field(default_factory=dict)
    is_last: bool = True
    is_reset: bool = False


class WatchingDesk:
    """Tells any number of people how runs go."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Look at nothing yet."""
        self._stores = stores
        self._clock = clock
        self._pictures: OrderedDict[RunId, _Picture] = OrderedDict()

    async def grid(self, run: RunId) -> Grid:
        """How every row of a run stands, also while its table is being read.

        Raises:
            UnknownName: if there is no such run.
        """
        picture = await self._picture(run)
        return Grid(picture.cursor or 0, picture.codes.decode())

    async def changes(self, run: RunId, *, since: int) -> Told:
        """What has changed since a cursor: at most 2,000 rows, and how the run stands.

        Raises:
            UnknownName: if there is no such run.
        """
        store = self._stores.reading()
        found = await store.run(run, counted=False)
        if found.changed == since:
            return Told(cursor=since)
        news = await store.changes(run, since=since)
        picture = await self._picture(run)
        progress = picture.progress(found, self._clock.monotonic())
        return Told(
            cursor=news.cursor,
            progress=progress,
            codes=news.codes,
            is_last=news.is_last,
            is_reset=news.is_reset,
        )

    async def rows(self, run: RunId, places: Sequence[int]) -> list[Glance]:
        """Rows at up to 200 places, in the order of the table; places without a row are left out.

        Raises:
            UnknownName: if there is no such run.
        """
        return await self._stores.reading().glances(run, places)

    async def _picture(self, run: RunId) -> _Picture:
        """The shared picture of a run, as it is by now."""
        store = self._stores.reading()
        picture = self._pictures.setdefault(run, _Picture())
        self._pictures.move_to_end(run)
        while len(self._pictures) > MOST_PICTURES:
            self._pictures.popitem(last=False)
        try:
            async with picture.turn:
                await picture.follow(store, run)
        except UnknownName:
            self._pictures.pop(run, None)
            raise
        return picture


class _Picture:
    """Every row of one run in one letter, and how many there are of each."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.cursor: int | None = None
        self.codes = bytearray()
        self._counts: Counter[str] = Counter()
        self._pace: deque[tuple[float, int]] = deque()

    async def follow(self, store: Store, run: RunId) -> None:
        """Take in what has changed."""
        is_last = False
        while not is_last:
            news = await store.changes(run, since=self.cursor) if self.cursor is not None else None
            if news is None or news.is_reset:
                self._begin(await store.grid(run))  # what has changed while it was read comes next
                continue
            self._hear(news)
            is_last = news.is_last

    def progress(self, run: Run, now: float) -> Progress:
        """Measure the pace and tell the counts."""
        ended = sum(self._counts.values()) - sum(self._counts[letter] for letter in _OPEN)
        if not self._pace or now - self._pace[-1][0] >= LEAST_S:
            self._pace.append((now, ended))
        while len(self._pace) > 2 and now - self._pace[1][0] > WINDOW_S:
            self._pace.popleft()
        rate = self._rate(run, ended, now) if run.state is RunState.RUNNING else None
        waiting = sum(self._counts[letter] for letter in _OPEN)
        return Progress(
            run=run,
            counts={letter: count for letter, count in self._counts.items() if count},
            rows_per_s=rate,
            left_s=waiting / rate if rate else None,
        )

    def _rate(self, run: Run, ended: int, now: float) -> float | None:
        began, before = self._pace[0]
        if now - began >= LEAST_S and ended > before:
            return (ended - before) / (now - began)
        return ended / run.elapsed_s if run.elapsed_s > 0 and ended else None

    def _begin(self, grid: Grid) -> None:
        self.cursor, self.codes = grid.cursor, bytearray(grid.codes.encode())
        self._counts = Counter(grid.codes)
        del self._counts[NO_ROW_LETTER]
        self._pace.clear()

    def _hear(self, news: Changes) -> None:
        self.cursor = news.cursor
        for place, code in news.codes.items():
            if place >= len(self.codes):
                self.codes.extend(NO_ROW_LETTER.encode() * (place + 1 - len(self.codes)))
            before = chr(self.codes[place])
            if before != NO_ROW_LETTER:
                self._counts[before] -= 1
            self._counts[code] += 1
            self.codes[place] = ord(code)
