from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.call import PackRow, Part
from weft.engine.packing import MOST_ROWS, Packer, PackLimits, label_rows, pack_rows
from weft.ids import RowKey


def rows_of(sizes: list[int], text: str = "{}") -> list[PackRow]:
    return [
        PackRow(place, 0, RowKey(b"%d" % place), {}, Part(text, size)) for place, size in enumerate(sizes)
    ]


async def packed(rows, limits, *, each):
    """Lay rows that come one by one."""

    async def stream():
        for row in rows:
            yield row

    return [pack async for pack in pack_rows(stream(), limits, row_output_tokens=each)]


sizes = st.lists(st.integers(0, 500), max_size=120)
limits = st.builds(
    PackLimits, rows=st.integers(1, 30), input_tokens=st.integers(1, 900), output_tokens=st.integers(1, 900)
)


@given(sizes, limits, st.integers(1, 100))
@example([5] * 150, PackLimits(rows=20, input_tokens=10_000, output_tokens=10_000), 10)
async def test_every_row_travels_once_in_order(sizes, limits, each):
    """Law 1, B35, P42: packs keep order and hold every row once, within all three limits."""
    packs = await packed(rows_of(sizes), limits, each=each)

    assert [row.place for pack in packs for row in pack] == list(range(len(sizes)))
    for pack in packs:
        if len(pack) > 1:
            assert len(pack) <= limits.rows
            assert sum(row.part.input_tokens for row in pack) <= limits.input_tokens
            assert len(pack) * each <= limits.output_tokens


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["", "short", "long"])), max_size=120), limits)
async def test_only_rows_of_one_group_share_a_call(rows, limits):
    """B35: rows of different groups never meet, each group keeps its order, and no row is lost."""
    laid = [
        PackRow(place, 0, RowKey(b"%d" % place), {}, Part("{}", size, group))
        for place, (size, group) in enumerate(rows)
    ]

    packs = await packed(laid, limits, each=10)

    assert all(len({row.part.group for row in pack}) == 1 for pack in packs)
    for group in {group for _, group in rows}:
        places = [row.place for pack in packs for row in pack if row.part.group == group]
        assert places == [place for place, (_, own) in enumerate(rows) if own == group]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["", "", "long"])), max_size=120),
    limits,
    limits,
    st.integers(1, 100),
    st.integers(1, 60),
)
async def test_rows_laid_together_lie_as_one_by_one(rows, first, then, each, size):
    """B35: blocks of rows are laid into the packs that row after row would give, also when limits change."""
    laid = [
        PackRow(place, 0, RowKey(b"%d" % place), {}, Part("{}", tokens, group))
        for place, (tokens, group) in enumerate(rows)
    ]
    one, many = Packer(first, each), Packer(first, each)
    found: list[list[tuple[PackRow, ...]]] = [[], []]

    for start in range(0, len(laid), size):
        found[0] += [pack for row in laid[start : start + size] if (pack := one.add(row))]
        found[1] += many.add_all(laid[start : start + size])
        one.limits = many.limits = then

    assert found[0] + [*one.flush()] == found[1] + [*many.flush()]


async def test_150_rows_make_eight_packs():
    """B01: 150 rows are laid as 20, 20, 20, 20, 20, 20, 20, 10."""
    wide = PackLimits(rows=20, input_tokens=10**6, output_tokens=10**6)

    packs = await packed(rows_of([10] * 150), wide, each=30)

    assert [len(pack) for pack in packs] == [20] * 7 + [10]


async def test_packs_shrink_with_long_rows():
    """B34: a pack holds fewer rows when their text is longer."""
    limits = PackLimits(rows=20, input_tokens=1000, output_tokens=10**6)

    packs = await packed(rows_of([400] * 4 + [10] * 4), limits, each=1)

    assert [len(pack) for pack in packs] == [2, 6]


@pytest.mark.parametrize("limit", ["rows", "input_tokens", "output_tokens"])
def test_limits_below_one_are_refused(limit):
    """A pack that may hold nothing is a mistake in our own house."""
    with pytest.raises(ValueError, match="at least one"):
        PackLimits(**{"rows": 1, "input_tokens": 1, "output_tokens": 1, limit: 0})


def test_no_pack_holds_more_rows_than_models_keep_apart():
    """B02: fifty rows share a call at most; a pack for more is refused with that number."""
    assert PackLimits(rows=MOST_ROWS, input_tokens=1, output_tokens=1).rows == 50
    with pytest.raises(ValueError, match="at most 50 rows"):
        PackLimits(rows=MOST_ROWS + 1, input_tokens=1, output_tokens=1)


@given(st.integers(1, 50), st.integers(0, 2**32))
def test_labels_are_distinct_and_fresh(count, seed):
    """S9, B03: every row of a pack has its own short label, and another call has others."""
    random = Random(seed)

    first, second = label_rows(rows_of([1] * count), random), label_rows(rows_of([1] * count), random)

    assert len(set(first.labels)) == count
    assert all(len(label) == 6 for label in first.labels)
    assert first.labels != second.labels


def test_a_label_never_stands_in_a_cell():
    """S8: a label that occurs in any row's text is drawn again."""
    guess = label_rows(rows_of([1]), Random(7)).labels[0]

    pack = label_rows(rows_of([1], text=f'{{"note":"answer for {guess}"}}'), Random(7))

    assert pack.labels[0] != guess
