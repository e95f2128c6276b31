"""From the store to packs: waiting rows are read in order, recalled, joined to twins, or laid.

Knows one block of rows at a time, so memory does not grow with the table. The next block is
read while the last is being asked about. Refuses to know money and replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from weft.call import PackRow, Part, RowEnd
from weft.engine.checking import sentence
from weft.engine.holding import NOT_RENDERED, Held
from weft.engine.packing import Packer, PackLimits
from weft.engine.trip import Trip
from weft.errors import Mistake
from weft.ids import RowKey
from weft.kit import plain_json
from weft.protocols import WaitingRow
from weft.row import RowState

BLOCK = 512  # rows read at once: large enough to be quick, small enough to weigh nothing


class Feeder:
    """Turns the waiting rows of a run into packs, once each."""

    def __init__(self, trip: Trip, columns: Sequence[str], limits: PackLimits) -> None:
        """Read with the run's columns in the order in which the cells are kept."""
        self._trip = trip
        self._columns = tuple(columns)
        self._packer = Packer(limits, trip.prompter.row_output_tokens)

    def shrink(self, input_tokens: int) -> None:
        """Lay at most so many tokens of rows into later packs: the model could not carry more."""
        limits = self._packer.limits
        if input_tokens < limits.input_tokens:
            self._packer.limits = replace(limits, input_tokens=max(1, input_tokens))

    async def packs(self, held: Held | None = None) -> AsyncIterator[tuple[PackRow, ...]]:
        """Yield packs in the order of the table until no row waits.

        Args:
            held: the first rows, if this process has just read them and none of them has ended.
        """
        after = -1
        if held is not None:
            after = held.until
            async for pack in self._lay_held(held):
                yield pack
        look = self._look(after)
        try:
            while True:
                block = await look
                if not block:
                    break
                after = block[-1].place
                look = self._look(after)
                for pack in await self._lay(block):
                    yield pack
        finally:
            look.cancel()
        for rest in self._packer.flush():
            yield rest

    async def preview(self) -> AsyncIterator[PackRow]:
        """Yield what would be asked, once per question, without starting anything."""
        after, seen = -1, set[RowKey]()
        while block := await self._trip.store.waiting(self._trip.run, after=after, limit=BLOCK):
            after = block[-1].place
            for waiting in block:
                if waiting.remembered is not None or waiting.key in seen:
                    continue
                seen.add(waiting.key)
                with suppress(Mistake):  # it will be rejected at no cost
                    yield pack_row(self._trip, waiting, self._columns)

    def _look(self, after: int) -> asyncio.Task[list[WaitingRow]]:
        self._trip.in_flight.look_begins()
        return asyncio.ensure_future(self._trip.store.waiting(self._trip.run, after=after, limit=BLOCK))

    async def _lay_held(self, held: Held) -> AsyncIterator[tuple[PackRow, ...]]:
        rows = held.release()
        while block := list(islice(rows, BLOCK)):
            self._trip.in_flight.look_begins()  # no look, but ends need not be known for longer
            for row in block:
                self._trip.in_flight.enter(row)
            for pack in await self._rendered(block):
                yield pack

    async def _lay(self, block: Sequence[WaitingRow]) -> list[tuple[PackRow, ...]]:
        known: list[RowEnd] = []
        rows: list[PackRow] = []
        in_flight = self._trip.in_flight
        for waiting, row in zip(block, await self._read(block), strict=True):
            end = self._known(waiting)
            if end is not None:
                known.append(end)
            elif not in_flight.joins(waiting.key, waiting.place):
                in_flight.enter(row)
                rows.append(row)
        await self._end(known, recalled=True)
        return await self._rendered(rows)

    async def _end(self, ends: Sequence[RowEnd], *, recalled: bool = False) -> None:
        if ends:
            trip = self._trip
            await trip.store.end_rows(trip.run, ends, epoch=trip.epoch, recalled=recalled)

    def _known(self, waiting: WaitingRow) -> RowEnd | None:
        """The end of a row whose answer is remembered, or whose twin has just ended."""
        if waiting.remembered is not None:
            return RowEnd(waiting.place, waiting.key, RowState.ANSWERED, waiting.remembered, remember=False)
        end = self._trip.in_flight.end_of(waiting.key)
        return None if end is None else replace(end, place=waiting.place, twins=(), remember=False)

    async def _read(self, block: Sequence[WaitingRow]) -> list[PackRow]:
        """Read all values of a block; in a thread, where that may take long."""
        trip, columns = self._trip, self._columns
        if trip.prompter.is_confined:
            return await asyncio.to_thread(waiting_rows, trip, block, columns)
        return waiting_rows(trip, block, columns)

    async def _rendered(self, rows: Sequence[PackRow]) -> list[tuple[PackRow, ...]]:
        """Render the parts of rows and lay them; one that cannot be rendered is rejected with its twins."""
        fit: list[PackRow] = []
        unfit: list[RowEnd] = []
        for row, part in zip(rows, await self._parts(rows), strict=True):
            if isinstance(part, Mistake):
                self._trip.in_flight.forget(row)
                unfit.append(_rejected(row, part))
            else:
                row.part = part
                fit.append(row)
        await self._end(unfit)
        return self._packer.add_all(fit)

    async def _parts(self, rows: Sequence[PackRow]) -> list[Part | Mistake]:
        prompter, values = self._trip.prompter, [row.values for row in rows]
        return (
            await asyncio.to_thread(prompter.parts, values)
            if prompter.is_confined
            else prompter.parts(values)
        )


def _rejected(row: PackRow, error: Mistake) -> RowEnd:
    said = f"{sentence(row.place, row.line, ())}{error.message}"
    return RowEnd(
        row.place,
        row.key,
        RowState.REJECTED,
        None,
        said,
        error.code,
        (),
        tuple(row.twins),
        remember=False,
    )


def waiting_rows(trip: Trip, block: Sequence[WaitingRow], columns: Sequence[str]) -> list[PackRow]:
    """Read the values of waiting rows again; their parts are still to be rendered."""
    cells = [dict(zip(columns, plain_json.load(waiting.cells), strict=True)) for waiting in block]
    return [
        PackRow(waiting.place, waiting.line, waiting.key, checked.values, NOT_RENDERED, waiting.attempts)
        for waiting, checked in zip(block, trip.prompter.values_of(cells), strict=True)
    ]


def pack_row(trip: Trip, waiting: WaitingRow, columns: Sequence[str]) -> PackRow:
    """Prepare a waiting row for asking: its values again, and its part of a prompt.

    Raises:
        Mistake: if the template cannot be rendered for it.
    """
    (row,) = waiting_rows(trip, [waiting], columns)
    row.part = trip.prompter.part(row.values)
    return row
