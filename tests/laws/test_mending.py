import math

from hypothesis import example, given
from hypothesis import strategies as st

from weft.call import PackRow, Part
from weft.engine.mending import mend
from weft.engine.unpacking import Unanswered
from weft.ids import RowKey


def rows_of(count: int) -> tuple[PackRow, ...]:
    return tuple(PackRow(place, 0, RowKey(b"%d" % place), {}, Part("{}", 1)) for place in range(count))


def walk(rows, bad, *, poison, attempts=3):
    """Walk packs until all rows ended; a bad row fails alone, or with everybody if it is poison."""
    calls, failed, answered, todo = 0, [], [], [rows]
    while todo:
        pack = todo.pop(0)
        calls += 1
        for row in pack:
            row.attempts += 1
            row.alone += len(pack) == 1
        spoilt = [row for row in pack if row.place in bad]
        lost = pack if spoilt and poison else spoilt
        answered += [row.place for row in pack if row not in lost]
        mended = mend(pack, [Unanswered(row, "invalid", "no") for row in lost], row_attempts=attempts)
        failed += [one.row.place for one in mended.failed]
        todo += mended.packs
    return calls, failed, answered


@given(st.integers(1, 50), st.data(), st.booleans(), st.integers(1, 6))
@example(20, None, True, 3)
def test_one_bad_row_costs_logarithmically(count, data, poison, attempts):
    """Law 5, B17: one bad row among n costs at most 2·⌈log₂ n⌉ + 1 further calls, and only it fails."""
    bad = data.draw(st.integers(0, count - 1)) if data else 13

    calls, failed, answered = walk(rows_of(count), {bad}, poison=poison, attempts=attempts)

    assert calls - 1 <= 2 * math.ceil(math.log2(count)) + 1
    assert failed == [bad]
    assert sorted(answered) == [place for place in range(count) if place != bad]


@given(st.integers(1, 50), st.sets(st.integers(0, 49)), st.booleans())
def test_mending_ends_with_every_row(count, bad, poison):
    """Law 1, B18, B19: whatever is bad, every row is answered or failed once, after finitely many calls."""
    bad = {place for place in bad if place < count}

    calls, failed, answered = walk(rows_of(count), bad, poison=poison)

    assert sorted(failed + answered) == list(range(count))
    assert set(failed) == bad
    assert calls <= 4 * count


def test_missing_rows_are_asked_again_together():
    """F21, P37: the rows that a reply left out go again as one smaller pack."""
    rows = rows_of(20)
    missing = [Unanswered(row, "missing_labels", "no answer") for row in rows[5:8]]

    mended = mend(rows, missing, row_attempts=3)

    assert mended.packs == (rows[5:8],)
    assert mended.failed == ()


def test_a_refused_row_is_not_asked_again():
    """F27: a single row that was refused fails at once."""
    row = rows_of(1)
    row[0].alone = 1

    mended = mend(row, [Unanswered(row[0], "content_refused", "declined")], row_attempts=3)

    assert [one.code for one in mended.failed] == ["content_refused"]
