from __future__ import annotations

import itertools
from dataclasses import fields, replace
from typing import Any

import pytest

from weft.errors import ImpossibleMove
from weft.run import RUN_MOVES, RunSpec, RunState, move_run

ALLOWED = {
    ("drafted", "held"),
    ("drafted", "queued"),
    ("drafted", "cancelled"),
    ("held", "queued"),
    ("held", "declined"),
    ("held", "cancelled"),
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "paused"),
    ("running", "finished"),
    ("running", "stopped"),
    ("running", "cancelled"),
    ("running", "running"),
    ("paused", "running"),
    ("paused", "cancelled"),
    ("finished", "running"),
    ("stopped", "running"),
    ("cancelled", "running"),
}
SPEC = RunSpec(
    table="a.csv",
    table_digest="0" * 64,
    columns=("a", "b"),
    prompter="f" * 64,
    prompter_source={},
    template="t 1.0.0",
    provider="openai",
    model="m",
)
OTHERS: dict[str, Any] = {
    "table": "b.csv",
    "table_digest": "1" * 64,
    "columns": ("a",),
    "prompter": "e" * 64,
    "template": "t 1.0.1",
    "provider": "local",
    "model": "n",
    "base_url": "http://x",
    "options": {"temperature": 1},
    "limit": 3,
}


@pytest.mark.parametrize(("state", "to"), [*itertools.product(RunState, RunState)])
def test_run_moves_by_its_table(state: RunState, to: RunState) -> None:
    """Every pair of states is either a move that was meant or an error that names both."""
    if (state.value, to.value) in ALLOWED:
        assert move_run(state, to) is to
    else:
        with pytest.raises(ImpossibleMove, match=f"`{state}` to `{to}`"):
            move_run(state, to)


def test_every_run_state_has_its_moves() -> None:
    """No state is forgotten in the table; a declined run is over for good."""
    assert set(RUN_MOVES) == set(RunState)
    assert [state for state in RunState if not RUN_MOVES[state]] == [RunState.DECLINED]


@pytest.mark.parametrize("name", OTHERS)
def test_what_changes_answers_changes_identity(name: str) -> None:
    """L14: a resumed run must have the same table, prompt, model and options."""
    assert replace(SPEC, **{name: OTHERS[name]}).identity != SPEC.identity


@pytest.mark.parametrize("change", [{"rows_per_call": 1}, {"fresh": True}, {"prompter_source": {"a": 1}}])
def test_how_rows_are_packed_is_no_identity(change: dict[str, Any]) -> None:
    """Pace and packing may differ between two lives of one run."""
    assert replace(SPEC, **change).identity == SPEC.identity


def test_every_part_of_a_spec_was_considered() -> None:
    """A new attribute must be placed: it changes answers, or it does not."""
    considered = {*OTHERS, "rows_per_call", "fresh", "prompter_source", "fields"}

    assert {each.name for each in fields(RunSpec)} == considered
