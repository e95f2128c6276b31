from __future__ import annotations

import itertools

import pytest

from weft.errors import ImpossibleMove
from weft.row import MOVES, TERMINAL, Checked, Outcome, RowState, move

ALLOWED = {
    ("waiting", "asked"),
    ("waiting", "answered"),
    ("waiting", "rejected"),
    ("waiting", "skipped"),
    ("asked", "answered"),
    ("asked", "failed"),
    ("asked", "waiting"),
    ("failed", "waiting"),
    ("skipped", "waiting"),
}


@pytest.mark.parametrize(("state", "to"), [*itertools.product(RowState, RowState)])
def test_row_moves_by_its_table(state: RowState, to: RowState) -> None:
    """Every pair of states is either a move that was meant or an error that names both."""
    if (state.value, to.value) in ALLOWED:
        assert move(state, to) is to
    else:
        with pytest.raises(ImpossibleMove, match=f"`{state}` to `{to}`"):
            move(state, to)


def test_every_row_state_has_its_moves() -> None:
    """No state is forgotten in the table."""
    assert set(MOVES) == set(RowState)


def test_answered_and_rejected_rows_stay() -> None:
    """A paid answer is never asked again, and a row that does not fit never becomes fit."""
    assert {state for state in RowState if not MOVES[state]} == {RowState.ANSWERED, RowState.REJECTED}
    assert set(RowState) - TERMINAL == {RowState.WAITING, RowState.ASKED}


def test_every_state_can_come_to_an_end() -> None:
    """From every state a way leads to a state in which a row may stay."""
    for state in RowState:
        reached = {state}
        for _ in RowState:
            reached |= {to for each in reached for to in MOVES[each]}

        assert reached & TERMINAL


def test_outcome_that_cost_nothing_is_free_not_unknown() -> None:
    """Unknown cost is None and must be said; a recalled row costs zero."""
    outcome = Outcome(place=0, line=2, cells={}, state=RowState.ANSWERED)

    assert outcome.cost == 0
    assert outcome.cost is not None


def test_checked_values_are_compared_by_content() -> None:
    """Two checks with the same findings are equal."""
    assert Checked({"a": 1}) == Checked({"a": 1})
    assert Checked({"a": 1}) != Checked({"a": 2})
