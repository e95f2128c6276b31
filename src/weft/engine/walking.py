"""Stops 5 to 8 for one pack: admit, ask, unpack, settle, and mend what is left.

Reads like the table of stops. Every decision in here is asked of a pure neighbour: `retrying`
when a call brought nothing, `mending` when an answer was no good, `spending` when money is short.
Refuses to know where rows come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weft.call import Call, Pack, PackRow, Prompt, RawReply, Reply, RowEnd, Settlement, Usage
from weft.engine.asking import ask
from weft.engine.mending import Mended, halve, judge, mend
from weft.engine.packing import input_tokens, label_rows
from weft.engine.retrying import Lane, Patience, Pause, PutOff, Repeat, Tries, at_rest, decide
from weft.engine.settling import answered, beyond, bill, failed
from weft.engine.spending import Reservation
from weft.engine.trip import Trip
from weft.engine.unpacking import Unanswered, Unpacked, unpack_reply
from weft.errors import (
    BadReply,
    BadRequest,
    Billing,
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
    WrongModel,
)
from weft.events import BudgetWarned, LaneWaiting, PackLost, PackSent, PackSettled
from weft.ids import new_call_id
from weft.money import Usd
from weft.row import RowState

SYSTEMIC_REFUSALS = 3  # single rows refused as invalid before any answer: it is not the rows


@dataclass(slots=True, frozen=True)
class Errand:
    """One call on its way: what is needed to settle it."""

    pack: Pack
    held: Reservation
    call: Call
    number: int


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
            before = min([trip.first_sent.get(row.place, trip.answered) for row in rows])
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
                trip.provider, trip.store, errand.call, prompt=prompt, timeout_s=trip.settings.timeout_s
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
            trip.gate.released(held)
            raise
        trip.calls += 1
        trip.repeats += attempt > 1
        trip.tell(PackSent(run=trip.run, call=call.id, number=trip.calls, rows=len(rows), attempt=attempt))
        return Errand(pack, held, call, trip.calls), prompt

    async def settle(self, errand: Errand, raw: RawReply) -> Mended:
        """Unpack a durable reply and write down what it brought.

        Raises:
            BudgetExceeded: if the provider billed beyond the upper bound and the budget is passed.
            TooManyFailures: if the share of failed rows is larger than allowed.
            NotTheApi, WrongModel: if the reply shows that the other side is not who it should be;
                the call is settled and its rows wait.
        """
        trip = self._trip
        reply, usage, unpacked, odd = self._read(raw, errand.pack)
        rows = errand.pack.rows
        for row in rows:
            row.attempts += 1
            row.alone += len(rows) == 1
        mended = (
            Mended((rows,), ())
            if odd
            else mend(rows, unpacked.unanswered, row_attempts=trip.settings.row_attempts)
        )
        for one in unpacked.unanswered:
            one.row.complaint = one.complaint
        ends = [answered(row, checked) for row, checked in unpacked.answers]
        ends += [failed(one) for one in mended.failed]
        paid = bill(usage, trip.provider.price, errand.held)
        for end in ends:
            trip.in_flight.leave(end)
        problem = unpacked.problem or _first_complaint(unpacked.unanswered)
        if too_much := beyond(paid, errand.held):  # our upper bound was none: the next ones are wider
            trip.surplus_tokens = max(trip.surplus_tokens, usage.output_tokens or 0)
            problem = f"{problem} {too_much}".strip()
        await trip.store.settle(
            Settlement(
                call=errand.call,
                epoch=trip.epoch,
                usage=usage,
                cost=paid.usd,
                ends=tuple(ends),
                returned=tuple([row.place for pack in mended.packs for row in pack]),
                estimated=paid.estimated,
                problem=problem,
                model=reply.model if reply else "",
                request_id=reply.request_id if reply else "",
            )
        )
        for end in ends:
            trip.in_flight.leave(end)
        self._heard(raw, good=bool(ends))
        crossed = trip.gate.settled(errand.held, usd=paid.usd, tokens=paid.tokens)
        self._tell(errand, ends, mended=mended, cost=paid.usd, usage=usage, problem=problem)
        self._judge(crossed=crossed, odd=odd)
        return mended

    def _read(self, raw: RawReply, pack: Pack) -> tuple[Reply | None, Usage, Unpacked, WeftError | None]:
        """Read a raw reply; the last is an error that concerns the other side, not the rows."""
        trip = self._trip
        try:
            reply = trip.provider.read(raw)
        except (BadReply, Refusal, Outage) as error:
            stated = error.facts.get("usage")
            usage = Usage(**stated) if isinstance(stated, dict) else Usage()
            return None, usage, _unanswered(pack.rows, error), error if isinstance(error, Outage) else None
        if trip.settings.strict_model and not _same_model(trip.provider.model, reply.model):
            wrong = WrongModel(
                f"`{reply.model}` answered instead of `{trip.provider.model}`.",
                hint="name the exact model, or leave --strict-model out.",
            )
            return reply, reply.usage, _unanswered(pack.rows, wrong), wrong
        return reply, reply.usage, unpack_reply(reply, pack, trip.prompter), None

    # ── what follows ─────────────────────────────────────────────────────────────────────────────

    def _heard(self, raw: RawReply, *, good: bool) -> None:
        trip = self._trip
        trip.answered += good
        if good:
            trip.put_off = 0
            trip.last_good_s = trip.clock.monotonic()
        trip.gate.succeeded(trip.provider.pace(raw))

    def _tell(
        self,
        errand: Errand,
        ends: Sequence[RowEnd],
        *,
        mended: Mended,
        cost: Usd | None,
        usage: Usage,
        problem: str,
    ) -> None:
        trip = self._trip
        settled = [(place, end.state) for end in ends for place in (end.place, *end.twins)]
        trip.ended += len(settled)
        trip.failed += sum([state is RowState.FAILED for _, state in settled])
        trip.tell(
            PackSettled(
                run=trip.run,
                call=errand.call.id,
                number=errand.number,
                rows=tuple(settled),
                returned=sum([len(pack) for pack in mended.packs]),
                cost=cost,
                input_tokens=usage.input_tokens or 0,
                output_tokens=usage.output_tokens or 0,
                problem=problem,
            )
        )

    def _judge(self, *, crossed: bool, odd: WeftError | None) -> None:
        """Warn, or bring the run to rest, after a call was settled."""
        trip, spending = self._trip, self._trip.gate.spending
        if crossed:
            used, limit = f"{Usd(spending.spent).rounded}", str(spending.budget.usd)
            if spending.budget.usd is None:
                used, limit = f"{spending.tokens:,} tokens", f"{spending.budget.tokens:,} tokens"
            trip.tell(BudgetWarned(run=trip.run, used=used, limit=limit, share=spending.share))
        if spending.is_over:
            raise spending.passed()
        too_many = judge(trip.ended, trip.failed, most=trip.settings.max_failed_share)
        if too_many is not None:
            raise too_many
        if odd is not None:
            raise odd

    def _lost(self, errand: Errand, error: WeftError) -> None:
        """Book a call without a reply in the run's own counts; the ledger has its line already."""
        trip, gate = self._trip, self._trip.gate
        if error.billing is Billing.VOID:
            gate.released(errand.held)
        else:
            gate.settled(errand.held, usd=errand.held.usd, tokens=errand.held.tokens)
        trip.tell(
            PackLost(
                run=trip.run,
                call=errand.call.id,
                number=errand.number,
                rows=len(errand.pack.rows),
                code=error.code,
                problem=error.message,
                billing=error.billing,
            )
        )
        if isinstance(error, PromptTooLong) and len(errand.pack.rows) > 1:
            tokens = input_tokens(errand.pack.rows)
            trip.most_input = min(tokens, trip.most_input or tokens)
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
        trip.in_flight.leave(end)
        await trip.store.end_rows(trip.run, [end], epoch=trip.epoch)
        trip.in_flight.leave(end)
        return Mended((), ())

    async def _take_back(self, ends: Sequence[RowEnd]) -> None:
        """Let rows wait again that were given up for what is wrong with every request."""
        trip = self._trip
        for place in [place for end in ends for place in (end.place, *end.twins)]:
            await trip.store.reopen(trip.run, (RowState.FAILED,), epoch=trip.epoch, place=place)


def _unanswered(rows: Sequence[PackRow], error: WeftError) -> Unpacked:
    return Unpacked((), tuple([Unanswered(row, error.code, error.message) for row in rows]), error.message)


def _first_complaint(unanswered: Sequence[Unanswered]) -> str:
    return unanswered[0].complaint if unanswered else ""


def _same_model(asked: str, answered_by: str) -> bool:
    """Whether a reply's model is the one asked for, dated or prefixed forms included."""
    found = answered_by.removeprefix("models/")
    return not found or found == asked or found.startswith(f"{asked}-")
