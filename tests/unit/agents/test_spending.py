"""How much a session may spend: sums, refusals, and the law that the limit holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.agents.spending import Commitment, Cost, check_budget, check_session, committed, cost_of
from weft.errors import BudgetExceeded, Mistake
from weft.money import Price, Usd


def test_run_that_goes_on_counts_with_its_budget():
    """What a run may still spend is set aside; what it has spent beyond its budget counts too."""
    assert committed([Commitment(budget=Usd(10), spent=Usd(3))]) == 10
    assert committed([Commitment(budget=Usd(10), spent=Usd(12))]) == 12


def test_run_at_rest_counts_with_what_it_has_spent():
    """The unspent part of a budget is free again when the run rests."""
    assert committed([Commitment(budget=Usd(10), spent=Usd(3), is_over=True)]) == 3


def test_what_was_spent_before_counts_for_nobody():
    """A run that was begun elsewhere counts only from where the session took it up."""
    assert committed([Commitment(budget=Usd(10), before=Usd(4), spent=Usd(5))]) == 6
    assert committed([Commitment(budget=Usd(10), before=Usd(4), spent=Usd(5), is_over=True)]) == 1
    assert committed([Commitment(budget=Usd(3), before=Usd(4), spent=Usd(4), is_over=True)]) == 0


def test_session_takes_what_is_left_and_no_more():
    """The last of the limit may be taken; one nano-dollar more is refused with what is left."""
    others = [Commitment(budget=Usd.of("0.6"))]

    check_session(Usd.of("1"), others, Commitment(budget=Usd.of("0.4")))
    with pytest.raises(BudgetExceeded) as refused:
        check_session(Usd.of("1"), others, Commitment(budget=Usd.of("0.400000001")))

    assert "$0.60 of it is spent or set aside" in refused.value.message
    assert "at most $0.40" in refused.value.hint


def test_session_without_limit_takes_everything():
    """Without a limit for the session only budgets of runs count."""
    check_session(None, [], Commitment(budget=Usd.of("1000000")))


@pytest.mark.parametrize(
    ("cost", "usd", "tokens", "most", "says"),
    [
        (Cost.PAID, None, None, None, "`budget_usd`"),
        (Cost.PAID, None, 100, None, "`budget_usd`"),
        (Cost.UNKNOWN, None, None, None, "`budget_tokens`"),
        (Cost.UNKNOWN, None, 100, Usd(1), "known price"),
    ],
)
def test_runs_that_may_cost_need_a_budget(cost, usd, tokens, most, says):
    """Money needs a budget in dollars; an unknown price one in tokens, and no limit of a session."""
    with pytest.raises(Mistake) as refused:
        check_budget(cost, usd=usd, tokens=tokens, most=most, model="`m`")

    assert says in refused.value.hint


@pytest.mark.parametrize(
    ("cost", "usd", "tokens"),
    [(Cost.FREE, None, None), (Cost.PAID, Usd(0), None), (Cost.UNKNOWN, None, 0)],
)
def test_free_models_and_budgets_are_let_through(cost, usd, tokens):
    """What costs nothing needs no budget; a budget of nothing is one."""
    check_budget(cost, usd=usd, tokens=tokens, most=None, model="`m`")


def test_price_says_what_costs():
    """A price of zero is free only if every part of it is; none at all is unknown."""
    assert cost_of(None) is Cost.UNKNOWN
    assert cost_of(Price(input=Usd(0), output=Usd(0))) is Cost.FREE
    assert cost_of(Price(input=Usd(0), output=Usd(0), cache_write=Usd(1))) is Cost.PAID


AMOUNTS = st.integers(0, 100).map(Usd)


@settings(max_examples=200, deadline=None)
@given(AMOUNTS, st.lists(st.tuples(AMOUNTS, st.floats(0, 1), st.booleans()), max_size=12))
def test_session_never_spends_more_than_it_may(most, runs):
    """Whatever is asked for and however runs end, what was spent stays within the limit."""
    commitments = []
    for budget, share, is_over in runs:
        try:
            check_session(most, commitments, Commitment(budget=budget))
        except BudgetExceeded:
            continue
        spent = Usd(int(budget * share))  # the engine keeps to budgets
        commitments.append(Commitment(budget=budget, spent=spent, is_over=is_over))

    assert committed(commitments) <= most
    assert sum(each.spent for each in commitments) <= most
