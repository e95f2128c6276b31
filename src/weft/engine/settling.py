"""Stop 8: write it down, once.

Turns what a reply held into one transaction: exact cost, ends of rows, answers to remember.
Building it is pure; writing it is one call of the ledger that must not be interrupted.
Refuses to know how the answers were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.call import PackRow, RowEnd, Usage
from weft.engine.spending import Reservation
from weft.engine.unpacking import Unanswered
from weft.kit import plain_json
from weft.money import Price, Usd
from weft.row import Checked, RowState


@dataclass(frozen=True, slots=True)
class Bill:
    """What one call cost.

    Attributes:
        usd: by the stated usage, or the reservation where none was stated; `None` = price unknown.
        tokens: likewise.
        estimated: the provider stated no usable usage.
    """

    usd: Usd | None
    tokens: int
    estimated: bool


def bill(usage: Usage, price: Price | None, held: Reservation) -> Bill:
    """Price a call by what the provider counted; never below the truth.

    Where the counts are missing or zero, the whole reservation is booked and said to be an estimate.
    """
    if not usage.is_known:
        return Bill(held.usd, held.tokens, estimated=True)
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    usd = None
    if price is not None:
        cached = min(usage.cached_input_tokens, read)
        usd = price.cost(read, written, cached, cache_write_tokens=usage.cache_write_tokens)
    return Bill(usd, read + written, estimated=False)


def beyond(paid: Bill, held: Reservation) -> str:
    """Say that a provider billed more than the call was limited to; empty if it did not."""
    if paid.tokens > held.tokens:
        return f"The provider billed {paid.tokens:,} tokens for a call that was limited to {held.tokens:,}."
    if paid.usd is not None and held.usd is not None and paid.usd > held.usd:
        return f"The provider billed {paid.usd.rounded} for a call that was limited to {held.usd.rounded}."
    return ""


def answered(answers: Sequence[tuple[PackRow, Checked]]) -> list[RowEnd]:
    """The ends of rows with good answers, their waiting twins included."""
    state, written = RowState.ANSWERED, plain_json.kept_all([checked.values for _, checked in answers])
    return [
        RowEnd(
            row.place,
            row.key,
            state,
            answer,
            "",
            "",
            tuple([note.message for note in checked.notes]) if checked.notes else (),
            tuple(row.twins) if row.twins else (),
        )
        for (row, checked), answer in zip(answers, written, strict=True)
    ]


def failed(one: Unanswered) -> RowEnd:
    """The end of a row that is given up; nothing is remembered."""
    row = one.row
    return RowEnd(
        row.place,
        row.key,
        RowState.FAILED,
        None,
        one.complaint,
        one.code,
        (),
        tuple(row.twins),
        remember=False,
    )
