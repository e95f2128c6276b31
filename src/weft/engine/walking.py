"""Stops 5 to 8 for one pack: admit, ask, unpack, settle, and mend what is left.

Reads like the table of stops. Every decision in here is asked of a pure neighbour: `retrying`
when a call brought nothing, `mending` when an answer was no good, `spending` when money is short.
Refuses to know where rows come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from weft.call import Call, PackRow, Prompt, RawReply, RowEnd, Settlement
from weft.engine.asking import ask
from weft.engine.mending import Mended, halve, mend
from weft.engine.packing import input_tokens, label_rows
from weft.engine.receiving import Received, receive
from weft.engine.retrying import Lane, Patience, Pause, PutOff, Repeat, Tries, at_rest, decide
from weft.engine.settling import Bill, answered, beyond, bill, failed
from weft.engine.telling import go_on_or_rest, hear_reply, tell_lost, tell_sent, tell_settled
from weft.engine.trip import Errand, Trip
from weft.engine.unpacking import Unanswered
from weft.errors import (
    BadRequest,
    BudgetExceeded,
    Disconnected,
    NotTheApi,
    Outage,
    Overloaded,
    PromptTooLong,
    RateLimited,
    Refusal,
    TimedOut,
    WeftError,
)
from weft.events import LaneWaiting
from weft.ids import new_call_id
from weft.row import RowState

SYSTEMIC_REFUSALS = 3  # single rows refused as invalid before any answer: it is not the rows


class Walker:
    """Walks packs of one trip through the stops."""

    def __init__(self, trip: Trip, shrink: Callable[[int], None]) -> None:
        """Walk for a trip.

        Args:
            shrink: tells the feeder how many input tokens of rows later packs may have.
        """
        self._trip = trip
        self._shrink = shrink
        settings = trip.settings
        self._patience = Patience(
            attempts=settings.attempts,
            retry_after_cap_s=settings.retry_after_cap_s,
            patience_s=settings.patience_s,
            retry_share=settings.retry_share,
            circuit_open_s=settings.circuit_open_s,
        )

    async def walk(self, rows: tuple[PackRow, ...]) -> None:
        """Ask about rows until each has ended.

        Raises:
            WeftError: what brings the whole run to rest; the rows wait for its next life.
        """
        try:
            await self._walk(rows, Tries())
        except WeftError:
            self._trip.gate.close()  # nobody else need wait for a lane that will not open
            raise

    async def _walk(self, rows: tuple[PackRow, ...], tries: Tries, before: int | None = None) -> None:
        """Ask about rows, then about what is left of them; `before` = calls answered when they first went."""
        trip, whole = self._trip, before is None and len(rows) > 1
        if before is None:
            sent = trip.first_sent  # empty but for rows that were put off
            before = min([sent.get(row.place, trip.answered) for row in rows]) if sent else trip.answered
        while True:
            if self._is_too_long(rows):
                mended = halve(rows)
                break
            try:
                mended = await self._ask(rows, attempt=tries.failed + tries.unsure + 1)
                tries = Tries()
                break
            except BudgetExceeded:
                if len(rows) == 1 or trip.gate.is_closed or trip.gate.spending.is_over:
                    raise
                mended = halve(rows)
                break
            except (Outage, Refusal) as error:
                next_step = await self._after(error, rows, tries, before=before, whole=whole)
            if isinstance(next_step, Mended):
                mended = next_step
                break
            tries = next_step
        for smaller in mended.packs:
            await self._walk(smaller, tries, before)

    async def _after(
        self, error: Outage | Refusal, rows: tuple[PackRow, ...], tries: Tries, *, before: int, whole: bool
    ) -> Tries | Mended:
        """Act on a call that brought no reply: the tries so far to repeat it, or what is left of its rows."""
        trip = self._trip
        lane = self._lane(before, whole=whole)
        decision = decide(error, tries, lane=lane, patience=self._patience, random=trip.random)
        if isinstance(decision, Pause):
            raise at_rest(error, wall=trip.clock.wall(), patience=self._patience) from error
        if isinstance(decision, Repeat):
            return await self._wait(error, decision, tries)
        if isinstance(decision, PutOff):
            return self._put_off(rows, before)
        return await self._divide(rows, error)

    # ── stops 5 to 8 ─────────────────────────────────────────────────────────────────────────────

    async def _ask(self, rows: tuple[PackRow, ...], *, attempt: int) -> Mended:
        """Send one call and settle it; return what is still to be asked."""
        trip = self._trip
        errand, prompt = await self._admit(rows, attempt)  # 5
        try:
            raw = await ask(  # 6
                trip.provider,
                trip.store,
                errand.call,
                prompt=prompt,
                timeout_s=trip.settings.timeout_s,
                landed=trip.gate.landed,
            )
        except WeftError as error:
            self._lost(errand, error)
            raise
        return await self.settle(errand, raw)  # 7 and 8

    async def _admit(self, rows: tuple[PackRow, ...], attempt: int) -> tuple[Errand, Prompt]:
        trip = self._trip
        pack = label_rows(rows, trip.random)
        prompt = trip.prompt(pack)
        held = trip.reservation(prompt)
        await trip.gate.admit(held, tokens=trip.expected_tokens(prompt))
        call = Call(
            id=new_call_id(trip.random),
            run=trip.run,
            places=tuple([row.place for row in rows]),
            labels=pack.labels,
            reserved=held.usd,
            reserved_tokens=held.tokens,
            attempt=attempt,
        )
        try:
            await trip.store.reserve(call, epoch=trip.epoch, leaving=True)
        except WeftError:
            trip.gate.landed()
            trip.gate.released(held)
            raise
        trip.calls += 1
        trip.repeats += attempt > 1
        tell_sent(trip, call, rows)
        return Errand(pack, held, call, trip.calls), prompt

    async def settle(self, errand: Errand, raw: RawReply) -> Mended:
        """Unpack a durable reply and write down what it brought.

        Raises:
            BudgetExceeded: if the provider billed beyond the upper bound and the budget is passed.
            TooManyFailures: if the share of failed rows is larger than allowed.
            NotTheApi, WrongModel: if the reply shows that the other side is not who it should be;
                the call is settled and its rows wait.
        """
        trip, rows = self._trip, errand.pack.rows
        received = (
            await asyncio.to_thread(receive, trip, raw, errand.pack)  # its checks may take long
            if trip.prompter.is_confined
            else receive(trip, raw, errand.pack)
        )
        unpacked = received.unpacked
        for row in rows:
            row.attempts += 1
        if len(rows) == 1:
            rows[0].alone += 1
        mended = (
            Mended((rows,), ())
            if received.odd
            else mend(rows, unpacked.unanswered, row_attempts=trip.settings.row_attempts)
        )
        for one in unpacked.unanswered:
            one.row.complaint = one.complaint
        ends = [*answered(unpacked.answers), *map(failed, mended.failed)]
        trip.in_flight.leave(ends)
        paid = bill(received.usage, trip.provider.price, errand.held)
        settlement = self._settlement(errand, received, ends, mended=mended, paid=paid)
        await trip.store.settle(settlement)
        trip.in_flight.leave(ends)
        hear_reply(trip, raw, good=bool(ends))
        crossed = trip.gate.settled(errand.held, usd=paid.usd, tokens=paid.tokens)
        tell_settled(trip, settlement, number=errand.number)
        go_on_or_rest(trip, crossed=crossed, odd=received.odd)
        return mended

    def _settlement(
        self, errand: Errand, received: Received, ends: Sequence[RowEnd], *, mended: Mended, paid: Bill
    ) -> Settlement:
        trip, problem = self._trip, received.problem
        if too_much := beyond(paid, errand.held):  # our upper bound was none: the next ones are wider
            trip.surplus_tokens = max(trip.surplus_tokens, received.usage.output_tokens or 0)
            problem = f"{problem} {too_much}".strip()
        return Settlement(
            call=errand.call,
            epoch=trip.epoch,
            usage=received.usage,
            cost=paid.usd,
            ends=tuple(ends),
            returned=tuple([row.place for pack in mended.packs for row in pack]),
            estimated=paid.estimated,
            problem=problem,
            model=received.model,
            request_id=received.request_id,
        )

    # ── what a call without a reply leads to ─────────────────────────────────────────────────────

    def _lost(self, errand: Errand, error: WeftError) -> None:
        """Book a call without a reply; learn from one that was too long."""
        self._trip.gate.landed()
        tell_lost(self._trip, errand, error)
        if isinstance(error, PromptTooLong) and len(errand.pack.rows) > 1:
            tokens = input_tokens(errand.pack.rows)
            self._trip.most_input = min(tokens, self._trip.most_input or tokens)
            self._shrink(tokens // 2)

    def _is_too_long(self, rows: Sequence[PackRow]) -> bool:
        """Whether a pack no larger than this was too long for the model already."""
        most = self._trip.most_input
        return most is not None and len(rows) > 1 and input_tokens(rows) >= most

    def _put_off(self, rows: Sequence[PackRow], before: int) -> Mended:
        """Leave rows waiting in the store; the next round asks them again, after the others."""
        trip = self._trip
        trip.put_off += 1
        for row in rows:
            trip.first_sent[row.place] = before
            trip.in_flight.forget(row)
        return Mended((), ())

    def _lane(self, answered_before: int, *, whole: bool) -> Lane:
        trip = self._trip
        return Lane(
            silent_s=trip.clock.monotonic() - trip.last_good_s,
            answered_since=trip.answered > answered_before,
            whole=whole,
            put_off=trip.put_off,
            repeats=trip.repeats,
            calls=trip.calls,
        )

    async def _wait(self, error: WeftError, decision: Repeat, tries: Tries) -> Tries:
        """Act on a decision to repeat; return the tries so far."""
        trip = self._trip
        if decision.strained:
            trip.gate.strained()
        if not isinstance(error, RateLimited):
            trip.gate.failed(overloaded=isinstance(error, Overloaded))
        if decision.lane:
            trip.gate.pause(error.code, decision.wait_s)
        else:
            trip.tell(LaneWaiting(run=trip.run, reason=error.code, wait_s=decision.wait_s))
            await trip.gate.rest(decision.wait_s)
        unsure = isinstance(error, TimedOut | Disconnected | NotTheApi)
        counted = not decision.strained and not unsure
        return Tries(
            failed=tries.failed + counted,
            unsure=tries.unsure + unsure,
            wait_s=0.0 if decision.lane else decision.wait_s,
        )

    async def _divide(self, rows: tuple[PackRow, ...], error: WeftError) -> Mended:
        """Halve a pack whose call failed for what may be in it; give a single row up."""
        trip = self._trip
        if len(rows) > 1:
            return halve(rows)
        end = failed(Unanswered(rows[0], error.code, error.message))
        if isinstance(error, BadRequest) and not trip.answered:
            trip.refused_alone.append(end)
            if len(trip.refused_alone) >= SYSTEMIC_REFUSALS:
                await self._take_back(trip.refused_alone[:-1])
                raise error
        trip.in_flight.leave([end])
        await trip.store.end_rows(trip.run, [end], epoch=trip.epoch)
        trip.in_flight.leave([end])
        return Mended((), ())

    async def _take_back(self, ends: Sequence[RowEnd]) -> None:
        """Let rows wait again that were given up for what is wrong with every request."""
        trip = self._trip
        for place in [place for end in ends for place in (end.place, *end.twins)]:
            await trip.store.reopen(trip.run, (RowState.FAILED,), epoch=trip.epoch, place=place)
