import pytest

from weft.call import PackRow, Part, Usage
from weft.engine.settling import Bill, answered, beyond, bill, failed
from weft.engine.spending import Reservation
from weft.engine.unpacking import Unanswered
from weft.ids import RowKey
from weft.money import Price, Usd
from weft.row import Checked, RowState
from weft.schema import Problem

PRICE = Price(input=Usd.of("1"), output=Usd.of("4"))
HELD = Reservation(Usd(9_000), 3_000)


def row(*, twins=()):
    return PackRow(4, 6, RowKey(b"k"), {"body": "x"}, Part("{}", 1), twins=list(twins))


def test_stated_usage_is_billed_exactly():
    """I6: input and output at their prices, rounded up to a nano-dollar at most."""
    paid = bill(Usage(input_tokens=1_000, output_tokens=50), PRICE, HELD)

    assert paid == Bill(Usd(1_000 * 1_000 + 50 * 4_000), 1_050, estimated=False)


def test_cached_input_is_billed_as_such():
    """B36: the part of the input that came from the provider's cache, or went into it, has its own price."""
    price = Price(
        input=Usd.of("1"), output=Usd.of("4"), cached_input=Usd.of("0.1"), cache_write=Usd.of("1.25")
    )
    usage = Usage(input_tokens=1_000, output_tokens=50, cached_input_tokens=600, cache_write_tokens=200)

    paid = bill(usage, price, HELD)

    assert paid.usd == 200 * 1_000 + 600 * 100 + 200 * 1_250 + 50 * 4_000


@pytest.mark.parametrize(
    "usage",
    [Usage(), Usage(input_tokens=0, output_tokens=0), Usage(input_tokens=10), Usage(output_tokens=10)],
    ids=["nothing", "zero", "no output", "no input"],
)
def test_unstated_usage_is_billed_at_the_bound(usage):
    """F30, I6: where a count is missing or zero, the whole reservation is booked and marked as an estimate."""
    assert bill(usage, PRICE, HELD) == Bill(HELD.usd, HELD.tokens, estimated=True)


def test_an_unknown_price_stays_unknown():
    """P07: without a price tokens are counted, and the cost is unknown, never zero."""
    assert bill(Usage(input_tokens=5, output_tokens=5), None, Reservation(None, 99)).usd is None


@pytest.mark.parametrize(
    ("paid", "says"),
    [
        (Bill(Usd(9_000), 3_000, estimated=False), ""),
        (Bill(None, 3_000, estimated=False), ""),
        (Bill(Usd(1), 3_001, estimated=False), "billed 3,001 tokens for a call that was limited to 3,000"),
        (
            Bill(Usd(9_000_000), 10, estimated=False),
            "billed $0.0090 for a call that was limited to $0.0000090",
        ),
    ],
    ids=["at the bound", "no price", "tokens", "money"],
)
def test_a_bill_beyond_the_bound_is_said(paid, says):
    """F31: more tokens or more money than a call was limited to are named with both figures."""
    said = beyond(paid, HELD)

    assert says in said
    assert bool(said) == bool(says)


def test_a_good_answer_is_remembered_with_its_notes():
    """An answer ends the row and its twins, is kept as canonical JSON, and carries what was repaired."""
    note = Problem("n", "`n` was read as 3 from '3'.", "coerced")

    (end,) = answered([(row(twins=[7, 9]), Checked({"n": 3}, notes=(note,)))])

    assert (end.state, end.answer, end.twins, end.remember) == (RowState.ANSWERED, b'{"n":3}', (7, 9), True)
    assert end.notes == ("`n` was read as 3 from '3'.",)


def test_a_failure_is_never_remembered():
    """P37: a row that is given up keeps its complaint and its code; nothing is kept for later runs."""
    end = failed(Unanswered(row(twins=[7]), "wrong_shape", "It has no shape."))

    assert (end.state, end.answer, end.remember) == (RowState.FAILED, None, False)
    assert (end.problem, end.problem_code, end.twins) == ("It has no shape.", "wrong_shape", (7,))
