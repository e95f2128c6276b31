import pytest

from weft.engine.spending import Reservation, Spending
from weft.money import Budget, Usd


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (Budget(usd=Usd.of("0.01")), "$0.0500 is spent, $0.0400 above the budget of $0.01."),
        (Budget(tokens=1_000), "5,000 tokens are used, 4,000 above the budget of 1,000 tokens."),
        (Budget(usd=Usd.of(1), tokens=1_000), "5,000 tokens are used, 4,000 above"),
    ],
    ids=["money", "tokens", "both, tokens passed"],
)
def test_a_passed_budget_says_by_how_much(budget, says):
    """F31, I7: when a provider bills beyond its own limits, what is above the budget is told to the last token."""
    spending = Spending(budget)
    spending.reserve(Reservation(Usd.of("0.01"), 900))

    spending.settle(Reservation(Usd.of("0.01"), 900), Usd.of("0.05"), 5_000)

    assert spending.is_over
    assert says in spending.passed().message
    assert "reasoning_tokens" in spending.passed().hint
