"""The book of calls: reserve, sent, answered, settle, and the two ways to end without an answer.

Knows how long to hold on to what cannot be written, and what a crash left open. What each
move books is in `booking.py`. Refuses to know when a call should be made and what it says.

Whatever carries money that is already spent (answered, settled, unknown, void) is not lost when
the disk is full: it waits in memory and is tried again, while new reservations fail at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from sqlalchemy import bindparam, select

from weft.call import Call, RawReply, Settlement
from weft.errors import DiskFull, StoreBusy, WeftError
from weft.ids import CallId, Label, RunId
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.money import Usd
from weft.protocols import OpenCall
from weft.store.book import Book
from weft.store.booking import mark_answered, mark_sent, reserve, settle, unknown, void
from weft.store.reading import Reader
from weft.store.space import FreeSpace
from weft.store.sql import Sql, number
from weft.store.tables import CALL_STATES, calls, replies, runs
from weft.store.writing import Writing

PACK_FROM = 4096  # bytes; packing a usual reply would take longer than writing it
HOLD_S = 600.0  # how long a paid answer waits in memory for room on the disk, or for a lock
HOLD_RETRY_S = 1.0

OPEN_CALLS = Sql(
    select(
        calls.c.id, calls.c.places, calls.c.labels, calls.c.reserved, calls.c.reserved_tokens,
        calls.c.attempt, calls.c.state,
        replies.c.status, replies.c.headers, replies.c.elapsed_s, replies.c.packed, replies.c.body,
    )
    .select_from(
        calls.join(runs, runs.c.seq == calls.c.run).outerjoin(replies, replies.c.call == calls.c.seq)
    )
    .where(runs.c.id == bindparam("run"), calls.c.state < number(3))
    .order_by(calls.c.seq),
    "run",
)  # fmt: skip


class LedgerPart:
    """The store's four transactions of a call; see `weft.protocols.CallLedger`."""

    _writer: Writing
    _reader: Reader
    _clock: Clock
    _space: FreeSpace
    _held: int

    async def reserve(self, call: Call, *, epoch: int, leaving: bool = False) -> None:
        """Tx1: write the call with its upper bound, if the run's budget still holds it.

        Repeating it with the same call id changes nothing.

        Args:
            leaving: note it as *sent* in the same commit.

        Raises:
            BudgetExceeded: if the budget does not hold it; nothing is written.
            RunBusy: if a later epoch owns the run; nothing is written.
            DiskFull: if the disk is full or nearly so; nothing is written.
            UnknownPrice: if the run has a budget in USD and the call no upper bound.
        """
        if self._held:
            raise DiskFull(
                f"The disk is full: {self._held} paid answers wait in memory to be written.",
                hint="free some space; the answers are written as soon as there is room.",
                held=self._held,
            )
        self._space.check()
        act = partial(reserve, call=call, epoch=epoch, now=self._clock.wall(), leaving=leaving)
        await self._writer.do(act)

    async def sent(self, call: Call) -> None:
        """Tx2: written before the first byte leaves.

        Raises:
            ImpossibleMove: if the call was voided meanwhile; then it must not be sent.
        """
        await self._writer.do(partial(mark_sent, call=call, now=self._clock.wall()))

    async def answered(self, call: Call, raw: RawReply) -> None:
        """Tx3: keep the raw reply, before anybody parses it; the first reply counts.

        A reply to an `unknown` call takes its spending back into a reservation.
        """
        reply = pack_reply(raw)
        await self._until_written(partial(mark_answered, call=call, reply=reply, now=self._clock.wall()))

    async def settle(self, settlement: Settlement) -> None:
        """Tx4: exact cost, ends of rows and twins, remembered answers; reservation released.

        A settlement of an old epoch books the money, also as the rows' shares, but changes how no
        row stands; its reply is kept. Repeating a settlement changes nothing.
        """
        await self._until_written(
            partial(settle, settlement=settlement, now=self._clock.wall()), rows=len(settlement.ends)
        )

    async def void(self, call: Call, error: WeftError) -> None:
        """Surely not billed: release the reservation, keep the line."""
        await self._until_written(partial(void, call=call, error=error, now=self._clock.wall()))

    async def unknown(self, call: Call, error: WeftError) -> None:
        """Perhaps billed: the reservation counts as spent and is shared over the rows.

        Its tokens count against a token budget; rows get no tokens, for none were stated.
        """
        await self._until_written(partial(unknown, call=call, error=error, now=self._clock.wall()))

    async def open_calls(self, run: RunId) -> list[OpenCall]:
        """Calls that an earlier life left open, oldest first.

        Raises:
            UnknownName: if there is no such run.
        """
        return await self._reader.apart(_open_calls, run)

    async def _until_written(self, operation: Callable[[Book], None], rows: int = 1) -> None:
        """Write what is already paid for; while the disk is full or locked keep it and try again."""
        give_up = self._clock.monotonic() + HOLD_S
        while True:
            try:
                await self._writer.do(operation, rows)
            except (DiskFull, StoreBusy) as exc:
                if self._clock.monotonic() >= give_up:
                    raise
                await self._hold(full=isinstance(exc, DiskFull))
                if self._writer.is_closed:
                    raise
            else:
                return

    async def _hold(self, *, full: bool) -> None:
        self._held += full
        try:
            await self._clock.sleep(HOLD_RETRY_S)
        finally:
            self._held -= full


# ── raw replies ──────────────────────────────────────────────────────────────────────────────────


def pack_reply(raw: RawReply) -> tuple[Any, ...]:
    """Make a raw reply fit for the table: status, headers, elapsed time, packed, body."""
    packed = len(raw.body) > PACK_FROM
    body = zlib.compress(raw.body, 1) if packed else raw.body
    return raw.status, plain_json.dump(dict(raw.headers)).decode(), raw.elapsed_s, int(packed), body


def unpack_reply(found: tuple[Any, ...]) -> RawReply:
    """Read a raw reply back."""
    status, headers, elapsed_s, packed, body = found
    return RawReply(
        status=status,
        headers=plain_json.load(headers),
        body=zlib.decompress(body) if packed else body,
        elapsed_s=elapsed_s,
    )


def _open_calls(reader: Reader, run: RunId) -> list[OpenCall]:
    reader.run(run)
    return [_open_call(run, found) for found in reader.fetch(OPEN_CALLS, (run,))]


def _open_call(run: RunId, found: tuple[Any, ...]) -> OpenCall:
    call_id, places, labels, reserved, tokens, attempt, state, *reply = found
    call = Call(
        id=CallId(call_id),
        run=run,
        places=tuple(orjson.loads(places)),
        labels=tuple(Label(each) for each in orjson.loads(labels)),
        reserved=None if reserved is None else Usd(reserved),
        reserved_tokens=tokens,
        attempt=attempt,
        state=CALL_STATES[state],
    )
    return OpenCall(call=call, raw=None if reply[0] is None else unpack_reply(tuple(reply)))
