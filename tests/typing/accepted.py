"""Code that must type-check: how people use weft's words and its face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

from weft.ids import CallId, RunId
from weft.kit.clocks import Clock, SystemClock, VirtualClock
from weft.money import Price, Usd
from weft.protocols import CallLedger, RunStore, Store
from weft.row import Outcome, Row, RowState, move
from weft.schema import Field, Kind, Schema


def money_stays_money(price: Price) -> Usd:
    """Sums, shares and products of amounts are amounts."""
    assert_type(Usd.of("0.15") + Usd.of("0.05"), Usd)
    assert_type(2 * Usd.of("0.15"), Usd)
    assert_type(sum([Usd.of(1), Usd.of(2)], Usd(0)), Usd)
    return price.cost(1000, 10, cached_input_tokens=500)


def unknown_must_be_looked_at(outcome: Outcome) -> str:
    """An unknown cost is `None`, so it has to be handled before it can be shown."""
    return "unknown" if outcome.cost is None else outcome.cost.rounded


def words_are_plain_values(row: Row) -> Schema:
    """Words are made by name and read by attribute."""
    cells: Mapping[str, object] = row.cells
    assert_type(move(RowState.WAITING, RowState.ASKED), RowState)
    return Schema((Field(name="topic", kind=Kind.STRING, required="topic" in cells),))


def every_clock_is_a_clock() -> list[Clock]:
    """Both clocks keep the promise of `Clock`."""
    return [SystemClock(), VirtualClock()]


def store_keeps_every_promise(store: Store) -> tuple[RunStore, CallLedger]:
    """A store can be handed to whoever needs one of its promises only."""
    return store, store


def names_are_text(run: RunId, call: CallId) -> str:
    """Ids can be printed and joined like text."""
    return f"{run}/{call}"
