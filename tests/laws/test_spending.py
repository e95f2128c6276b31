import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.spending import Reservation, Spending
from weft.errors import BudgetExceeded
from weft.money import Budget, Usd

steps = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "release"]), st.integers(0, 400)), max_size=200
)


@given(st.integers(0, 2000), st.integers(0, 2000), steps)
def test_spent_and_reserved_never_pass_the_budget(usd, tokens, steps):
    """Law 4, I7, P10: settled plus reserved stays within both limits; at rest nothing is reserved."""
    spending = Spending(Budget(usd=Usd(usd), tokens=tokens))
    held: list[Reservation] = []
    for act, size in steps:
        if act == "reserve":
            wanted = Reservation(Usd(size), size * 2)
            if spending.fits(wanted):
                spending.reserve(wanted)
                held.append(wanted)
        elif held and act == "settle":
            one = held.pop()
            spending.settle(one, Usd(min(size, one.usd or 0)), min(size, one.tokens))
        elif held:
            spending.release(held.pop())
        assert spending.spent + spending.reserved <= usd
        assert spending.tokens + spending.reserved_tokens <= tokens
    while held:
        spending.release(held.pop())

    assert (spending.reserved, spending.reserved_tokens) == (0, 0)
    assert not spending.is_over


def test_zero_allows_nothing_paid():
    """P09: a budget of zero refuses the smallest call and lets a free one go."""
    spending = Spending(Budget(usd=Usd(0)))
    spending.reserve(Reservation(Usd(0), 100))

    with pytest.raises(BudgetExceeded, match=r"budget of \$0\.00"):
        spending.reserve(Reservation(Usd(1), 100))


def test_the_warning_comes_once_at_90_percent():
    """T35: the call that crosses 90 % of the budget says so, the next ones do not."""
    spending = Spending(Budget(usd=Usd(100)))
    crossed = []
    for _ in range(4):
        spending.reserve(Reservation(Usd(30), 1))
        crossed.append(spending.settle(Reservation(Usd(30), 1), Usd(25 if crossed else 20), 1))

    assert crossed == [False, False, False, True]


def test_both_limits_hold_together():
    """T34, T49: tokens are limited independently of money, and the message names both amounts."""
    spending = Spending(Budget(usd=Usd.of(100), tokens=50))
    spending.reserve(Reservation(Usd(1), 40))

    with pytest.raises(BudgetExceeded, match="11 tokens, but 0 of the budget of 50 tokens"):
        spending.reserve(Reservation(Usd(1), 11))


def test_overspending_is_seen():
    """F31: usage beyond the reservation is booked as it is and noticed."""
    spending = Spending(Budget(usd=Usd(10)))
    spending.reserve(Reservation(Usd(10), 1))
    spending.settle(Reservation(Usd(10), 1), Usd(25), 1)

    assert spending.is_over
    assert spending.spent == 25


def test_unknown_price_counts_tokens_only():
    """P07: without a price the money is unknown, the tokens still count."""
    spending = Spending(Budget(tokens=100))
    spending.reserve(Reservation(None, 60))
    spending.settle(Reservation(None, 60), None, 50)

    assert (spending.spent, spending.tokens) == (0, 50)
