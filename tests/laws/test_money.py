from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.money import Price, Usd, split_fairly

AMOUNTS = st.integers(0, 2**62)
TOKENS = st.integers(0, 10**9)
PRICES = st.builds(
    Price,
    input=st.integers(0, 10**11).map(Usd),
    output=st.integers(0, 10**11).map(Usd),
    cached_input=st.none() | st.integers(0, 10**11).map(Usd),
)


@settings(max_examples=200)
@given(AMOUNTS, st.integers(1, 500))
def test_shares_add_up_exactly(amount: int, parts: int) -> None:
    """Law 4: what rows of a call cost adds up to what the call cost, to the nano-dollar."""
    shares = split_fairly(amount, parts)

    assert sum(shares) == amount
    assert len(shares) == parts
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


@settings(max_examples=200)
@given(PRICES, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS)
def test_reservation_bounds_the_bill(
    price: Price, counted: int, limit: int, more_input: int, more_output: int, cached: int
) -> None:
    """Law 4: more tokens never cost less, so a reservation for the most is an upper bound."""
    without_discount = Price(input=price.input, output=price.output)
    bill = without_discount.cost(counted, limit, min(cached, counted))

    assert bill <= without_discount.cost(counted + more_input, limit + more_output)
    assert bill >= 0


@settings(max_examples=200)
@given(PRICES, TOKENS, TOKENS, TOKENS)
def test_cost_is_rounded_up_by_less_than_a_nano(
    price: Price, input_tokens: int, output_tokens: int, cached: int
) -> None:
    """The exact price is never undercut, and never passed by a whole nano-dollar."""
    cached = min(cached, input_tokens)
    cached_price = price.input if price.cached_input is None else price.cached_input
    exact = (input_tokens - cached) * price.input + cached * cached_price + output_tokens * price.output

    assert 0 <= price.cost(input_tokens, output_tokens, cached) * 1_000_000 - exact < 1_000_000


@settings(max_examples=200)
@given(AMOUNTS)
def test_amount_survives_its_own_text(nanos: int) -> None:
    """An amount that was shown exactly can be read again without loss."""
    assert Usd.of(str(Usd(nanos).dollars)) == nanos
    assert Usd.of(str(Usd(nanos)).removeprefix("$").replace(",", "")) == nanos
