"""What an earlier life of a run left open: calls between *reserved* and *settled*.

    reserved   nothing has left          released
    sent       may have been billed      unknown: the reservation counts as spent, rows wait again
    answered   the raw reply is durable  settled from it, at no further cost

Refuses to ask anybody anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft.call import CallState, Pack, PackRow
from weft.engine.feeding import pack_row
from weft.engine.spending import Reservation
from weft.engine.trip import Errand, Trip
from weft.engine.walking import Walker
from weft.errors import Disconnected, Mistake
from weft.protocols import OpenCall


async def recover(trip: Trip, walker: Walker, columns: Sequence[str]) -> None:
    """Bring every open call of a run to rest."""
    for found in await trip.store.open_calls(trip.run):
        lost = Disconnected(
            "weft was stopped before the reply was written down.", hint="the rows are asked again."
        )
        if found.call.state is CallState.RESERVED:
            await trip.store.void(found.call, lost)
        elif found.raw is None:
            await trip.store.unknown(found.call, lost)
        else:
            await _settle(trip, walker, found, columns)


async def _settle(trip: Trip, walker: Walker, found: OpenCall, columns: Sequence[str]) -> None:
    assert found.raw is not None  # the caller has looked
    rows = [await _row(trip, place, columns) for place in found.call.places]
    kept = [(row, label) for row, label in zip(rows, found.call.labels, strict=True) if row is not None]
    pack = Pack(tuple([row for row, _ in kept]), tuple([label for _, label in kept]))
    held = Reservation(found.call.reserved, found.call.reserved_tokens)
    trip.gate.adopt(held)
    await walker.settle(Errand(pack, held, found.call, 0), found.raw)


async def _row(trip: Trip, place: int, columns: Sequence[str]) -> PackRow | None:
    """The row at a place if it still waits; its answer may have come in another way."""
    waiting = await trip.store.waiting(trip.run, after=place - 1, limit=1)
    if not waiting or waiting[0].place != place:
        return None
    try:
        return pack_row(trip, waiting[0], columns)
    except Mistake:
        return None
