from __future__ import annotations

from decimal import Decimal

import pytest

from weft.money import Budget, Price, Usd, split_fairly


@pytest.mark.parametrize(
    ("dollars", "nanos"),
    [
        ("0.15", 150_000_000),
        (0.1, 100_000_000),
        (Decimal("1e-9"), 1),
        ("0.0000000001", 1),
        ("0.0000000011", 2),
        ("-0.0000000011", -1),
        (3, 3_000_000_000),
        ("0", 0),
    ],
)
def test_dollars_become_nanos_rounded_up(dollars: str, nanos: int) -> None:
    """An amount is whole nano-dollars; a fraction of one is never lost in the spender's favour."""
    assert Usd.of(dollars) == nanos
    assert type(Usd.of(dollars)) is Usd


@pytest.mark.parametrize(
    "dollars", ["", "five", "nan", "inf", float("nan"), "1,5", "1e10", "-1e10", "1e999999", "9" * 5000]
)
def test_no_amount_is_refused(dollars: str) -> None:
    """What is no finite number is no amount."""
    with pytest.raises(ValueError, match="is not an amount"):
        Usd.of(dollars)


@pytest.mark.parametrize(
    ("amount", "shown", "rounded"),
    [
        ("0", "$0.00", "$0.00"),
        ("0.15", "$0.15", "$0.1500"),
        ("0.0042", "$0.0042", "$0.0042"),
        ("0.000000001", "$0.000000001", "$0.0000000010"),
        ("0.00012345", "$0.00012345", "$0.00012"),
        ("1234.5", "$1,234.50", "$1,234.50"),
        ("-0.5", "-$0.50", "-$0.5000"),
        ("-12", "-$12.00", "-$12.00"),
    ],
)
def test_amount_is_shown_exactly_and_rounded(amount: str, shown: str, rounded: str) -> None:
    """The exact form hides nothing, the rounded one is for a person's eye."""
    assert str(Usd.of(amount)) == shown
    assert Usd.of(amount).rounded == rounded


def test_arithmetic_stays_money() -> None:
    """Sums, differences and multiples of amounts are amounts."""
    total = sum([Usd(1), Usd(2)], Usd(0))

    assert all(type(each) is Usd for each in (total, total - Usd(1), total * 3, 3 * total, 0 + total))
    assert (total - Usd(5), 3 * total) == (-2, 9)
    assert repr(Usd.of("0.15")) == "Usd.of('0.15')"


def test_amount_reads_its_own_form() -> None:
    """What `dollars` gives, `of` takes back."""
    assert Usd.of(Usd(123_456_789_012).dollars) == 123_456_789_012


def test_call_is_priced_per_million_tokens() -> None:
    """Five cents per million tokens are 50 nano-dollars per token; cached input has its own price."""
    price = Price(input=Usd.of("0.15"), output=Usd.of("0.60"), cached_input=Usd.of("0.075"))

    assert price.cost(1_000_000, 0) == Usd.of("0.15")
    assert price.cost(1000, 100) == Usd.of("0.00021")
    assert price.cost(1000, 100, cached_input_tokens=1000) == Usd.of("0.000135")
    assert type(price.cost(1, 1)) is Usd


def test_price_of_a_call_is_rounded_up() -> None:
    """A call that cost a fraction of a nano-dollar is booked as a whole one."""
    price = Price(input=Usd(1), output=Usd(0))

    assert price.cost(1, 0) == 1
    assert price.cost(0, 0) == 0


def test_cached_tokens_cost_as_input_without_a_discount() -> None:
    """Where no cached price is known, cached tokens are never free."""
    price = Price(input=Usd.of("1"), output=Usd.of("1"))

    assert price.cost(500, 0, cached_input_tokens=500) == price.cost(500, 0)


def test_budget_of_zero_is_a_limit() -> None:
    """P09: zero means nothing at all, None means no limit."""
    assert Budget(usd=Usd(0)).is_limited
    assert Budget(tokens=0).is_limited
    assert not Budget().is_limited


def test_shares_differ_by_one_at_most() -> None:
    """The first parts carry the remainder."""
    assert split_fairly(10, 3) == [4, 3, 3]
    assert split_fairly(0, 2) == [0, 0]
    assert split_fairly(1, 1) == [1]


def test_the_most_is_above_every_way_to_pay():
    """Law 4: an upper bound holds for fresh, cached and newly cached input alike."""
    price = Price(input=Usd.of(3), output=Usd.of(15), cached_input=Usd.of("0.3"), cache_write=Usd.of("3.75"))

    most = price.most(1000, 10)

    assert most == price.cost(1000, 10, cache_write_tokens=1000)
    assert most >= price.cost(1000, 10) >= price.cost(1000, 10, 1000)
