"""Code that must not type-check; each line says with which complaint."""

from __future__ import annotations

from weft.ids import CallId, RunId
from weft.money import Price, Usd
from weft.row import Outcome, RowState, move
from weft.schema import Field


def ids_are_not_mixed(run: RunId, call: CallId) -> CallId:
    """One kind of id is not another, and any text is none."""
    call = run  # refused: assignment
    call = CallId("c1")
    return "c2" + call  # refused: return-value


def unknown_cost_is_not_added(outcome: Outcome) -> Usd:
    """A cost may be unknown, so it cannot be added unseen."""
    return Usd(0) + outcome.cost  # refused: operator


def values_do_not_change(price: Price, outcome: Outcome) -> None:
    """Words are frozen."""
    price.input = Usd(1)  # refused: misc
    outcome.state = RowState.FAILED  # refused: misc


def values_are_made_by_name() -> Field:
    """Fields of words are keyword-only."""
    return Field("topic")  # refused: call-arg


def states_are_not_text() -> RowState:
    """A state is one of the enum, not a string that looks like it."""
    return move("waiting", RowState.ASKED)  # refused: arg-type


def prices_are_amounts() -> Price:
    """A price is `Usd`, never a float."""
    return Price(input=0.15, output=Usd.of("0.60"))  # refused: arg-type
