"""What a call leaves behind when it is over: counts of this life, and words for those who listen.

Knows which events a call ends in and what a run must be told to rest for. The store has its
lines already when any of this is called. Refuses to write and to ask.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft.call import Call, PackRow, RawReply, Settlement
from weft.engine.mending import judge
from weft.engine.trip import Errand, Trip
from weft.errors import Billing, WeftError
from weft.events import BudgetWarned, PackLost, PackSent, PackSettled
from weft.money import Usd
from weft.row import RowState


def tell_sent(trip: Trip, call: Call, rows: Sequence[PackRow]) -> None:
    """Tell that a call leaves now."""
    if trip.gear.listeners:
        again = max([row.attempts for row in rows]) > 0
        trip.tell(
            PackSent(
                run=trip.run,
                call=call.id,
                number=trip.calls,
                rows=len(rows),
                attempt=call.attempt,
                again=again,
            )
        )


def hear_reply(trip: Trip, raw: RawReply, *, good: bool) -> None:
    """Note that the other side is there; `good` = at least one row ended with this reply."""
    trip.answered += good
    if good:
        trip.put_off = 0
        trip.last_good_s = trip.clock.monotonic()
    trip.gate.succeeded(trip.provider.pace(raw))


def tell_settled(trip: Trip, settlement: Settlement, *, number: int) -> None:
    """Count the rows that a call has ended, twins included, and tell of them."""
    ends, failed = settlement.ends, RowState.FAILED
    trip.ended += len(ends) + sum([len(end.twins) for end in ends])
    trip.failed += sum([1 + len(end.twins) for end in ends if end.state is failed])
    if not trip.gear.listeners:
        return
    settled = [(place, end.state) for end in ends for place in (end.place, *end.twins)]
    usage = settlement.usage
    trip.tell(
        PackSettled(
            run=trip.run,
            call=settlement.call.id,
            number=number,
            rows=tuple(settled),
            returned=len(settlement.returned),
            cost=settlement.cost,
            input_tokens=usage.input_tokens or 0,
            output_tokens=usage.output_tokens or 0,
            problem=settlement.problem,
        )
    )


def tell_lost(trip: Trip, errand: Errand, error: WeftError) -> None:
    """Book a call without a reply in this life's own counts, and tell of it."""
    if error.billing is Billing.VOID:
        trip.gate.released(errand.held)
    else:
        trip.gate.settled(errand.held, usd=errand.held.usd, tokens=errand.held.tokens)
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


def go_on_or_rest(trip: Trip, *, crossed: bool, odd: WeftError | None) -> None:
    """Warn once when the budget's warning line was crossed; raise what brings the run to rest.

    Raises:
        BudgetExceeded: if more was billed than the budget holds.
        TooManyFailures: if the share of failed rows is larger than allowed.
        WeftError: `odd` itself, what a reply showed about the other side.
    """
    spending = trip.gate.spending
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
