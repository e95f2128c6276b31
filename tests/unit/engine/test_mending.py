import pytest

from weft.call import PackRow, Part
from weft.engine.mending import halve, judge, mend
from weft.engine.unpacking import Unanswered
from weft.ids import RowKey


def rows_of(count):
    return tuple(PackRow(place, 0, RowKey(b"%d" % place), {}, Part("{}", 1)) for place in range(count))


@pytest.mark.parametrize(("count", "sizes"), [(2, [1, 1]), (3, [2, 1]), (20, [10, 10]), (21, [11, 10])])
def test_a_pack_is_divided_in_the_middle(count, sizes):
    """F8, F11: halves keep the order of the table and hold every row once."""
    rows = rows_of(count)

    mended = halve(rows)

    assert [len(pack) for pack in mended.packs] == sizes
    assert tuple(row for pack in mended.packs for row in pack) == rows
    assert mended.failed == ()


@pytest.mark.parametrize(("attempts", "gives_up"), [(1, False), (2, True)])
def test_what_cannot_be_stored_is_asked_once_more(attempts, gives_up):
    """F20: a row whose answer no store can hold fails after its second answer, not after its third."""
    row = rows_of(1)[0]
    row.attempts, row.alone = attempts, 1

    mended = mend([row], [Unanswered(row, "unstorable", "holds NUL")], row_attempts=3)

    assert bool(mended.failed) == gives_up
    assert bool(mended.packs) != gives_up


@pytest.mark.parametrize(
    ("ended", "failed", "most", "stops"),
    [
        (49, 49, 0.5, False),
        (50, 25, 0.5, False),
        (50, 26, 0.5, True),
        (1000, 1000, None, False),
        (60, 1, 0.0, True),
    ],
    ids=["too early", "at the limit", "beyond it", "no limit", "none allowed"],
)
def test_failures_are_judged_by_their_share(ended, failed, most, stops):
    """A share of failures counts from fifty ended rows on, and only where one is set."""
    error = judge(ended, failed, most=most)

    assert (error is not None) == stops
    if error is not None:
        assert f"{failed} of {ended} rows failed" in error.message
        assert error.hint
