from __future__ import annotations

import itertools

import pytest

from weft.call import CALL_MOVES, MESSAGE_TOKENS, CallState, Prompt, Usage, move_call
from weft.errors import ImpossibleMove

ALLOWED = {
    ("reserved", "sent"),
    ("reserved", "void"),
    ("sent", "answered"),
    ("sent", "void"),
    ("sent", "unknown"),
    ("answered", "settled"),
    ("unknown", "answered"),
}


@pytest.mark.parametrize(("state", "to"), [*itertools.product(CallState, CallState)])
def test_call_moves_by_its_table(state: CallState, to: CallState) -> None:
    """Every pair of states is either a move that was meant or an error that names both."""
    if (state.value, to.value) in ALLOWED:
        assert move_call(state, to) is to
    else:
        with pytest.raises(ImpossibleMove, match=f"`{state}` to `{to}`"):
            move_call(state, to)


def test_every_call_state_has_its_moves() -> None:
    """No state is forgotten; settled and void calls are closed books."""
    assert set(CALL_MOVES) == set(CallState)
    assert {s for s in CallState if not CALL_MOVES[s]} == {CallState.SETTLED, CallState.VOID}


def test_answered_call_can_only_be_settled() -> None:
    """Once the reply is durable, its money is never released."""
    assert CALL_MOVES[CallState.ANSWERED] == {CallState.SETTLED}


@pytest.mark.parametrize(
    ("usage", "known"),
    [
        (Usage(input_tokens=3, output_tokens=0), True),
        (Usage(input_tokens=3, output_tokens=4), True),
        (Usage(), False),
        (Usage(input_tokens=3), False),
        (Usage(output_tokens=3), False),
        (Usage(input_tokens=0, output_tokens=3), False),
        (Usage(input_tokens=-1, output_tokens=3), False),
        (Usage(input_tokens=3, output_tokens=-1), False),
    ],
)
def test_usage_is_known_only_if_it_makes_sense(usage: Usage, known: bool) -> None:
    """Missing, zero or negative counts are unknown usage, never a free call."""
    assert usage.is_known is known


def test_prompt_states_an_upper_bound_of_its_tokens() -> None:
    """P08: every byte may be a token, and each message has a frame."""
    prompt = Prompt(system="ä", user="b" * 10, schema={}, schema_name="s", max_output_tokens=1)

    assert prompt.input_tokens_limit == 2 + 10 + 2 * MESSAGE_TOKENS
