from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.call import Usage
from weft.money import Price, Usd
from weft.testing.bills import Bill, count_tokens, read_bill

PRICE = Price(input=Usd.of("0.15"), output=Usd.of("0.60"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), max_size=20))
def test_bill_is_the_sum_of_its_lines(calls: list[tuple[int, int]]) -> None:
    """I6: the total is exactly what its lines add up to, to the nano-dollar."""
    bill = Bill(PRICE)

    lines = [bill.charge("c", Usage(input_tokens=i, output_tokens=o)) for i, o in calls]

    assert bill.usd == sum(line.cost for line in lines)
    assert (bill.calls, bill.input_tokens) == (len(calls), sum(i for i, _ in calls))


def test_unknown_price_charges_nothing() -> None:
    """Without a price tokens are counted and no money."""
    bill = Bill(None)

    bill.charge("c", Usage(input_tokens=5, output_tokens=7))

    assert (bill.usd, bill.output_tokens) == (0, 7)


def test_rows_paid_again_are_named() -> None:
    """I5: contents that were paid for twice stand out; all of them are listed on demand."""
    bill = Bill(PRICE)
    bill.charge("one", Usage(input_tokens=1, output_tokens=1), digests=[1, 2])
    bill.charge("two", Usage(input_tokens=1, output_tokens=1), digests=[2, 3])

    assert bill.totals()["rows_paid_again"] == {"0000000000000002": 2}
    assert bill.totals(every_row=True)["rows_by_digest"]["0000000000000001"] == 1
    assert (bill.totals()["rows"], bill.totals()["distinct_rows"]) == (4, 3)


def test_bill_file_outlives_its_writer(tmp_path: Path) -> None:
    """Each line is in the file when `charge` returns; a cut last line is left out."""
    path = tmp_path / "bill.jsonl"
    bill = Bill(PRICE, path=path)
    line = bill.charge("c1", Usage(input_tokens=10, output_tokens=20), digests=[7], fault="reset")
    seen_at_once = read_bill(path)
    bill.close()
    bill.close()
    with path.open("ab") as stream:
        stream.write(b'{"call": "c2", "inp')

    assert seen_at_once == [line]
    assert read_bill(path) == [line]


def test_reset_bill_starts_at_nothing() -> None:
    """After a reset only later calls count."""
    bill = Bill(PRICE)
    bill.charge("c", Usage(input_tokens=10, output_tokens=20), digests=[7])

    bill.reset()

    assert bill.totals()["usd_nanos"] == bill.totals()["rows"] == bill.calls == 0


def test_tokens_never_exceed_bytes() -> None:
    """The rule of thumb stays below the UTF-8 bytes, as every real tokenizer does."""
    assert count_tokens("hello", "") == 2
    assert count_tokens("🧵" * 8) <= len(("🧵" * 8).encode())
