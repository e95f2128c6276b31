"""Key figures: hand-computed sums, windows, and laws of sums."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.metrics.runs import figures

from weft.metrics.kpis import COLUMNS, KPIS, Window, figures_of, sum_up
from weft.money import Usd
from weft.run import RunState

ALL = Window()


def test_rows_are_counted_by_how_they_ended():
    """T15: three rows, two answered and one failed, give a success rate of two thirds."""
    (line,) = sum_up([figures(total=3, answered=2, failed=1)], ALL)

    assert (line.rows, line.answered, line.failed) == (3, 2, 1)
    assert KPIS["success_rate"](line) == 2 / 3


def test_versions_are_lines_of_their_own():
    """T16: one name in the versions 1.0 and 1.1 gives two lines."""
    lines = sum_up([figures("review 1.0", total=1), figures("review 1.1", total=1)], ALL)

    assert [(each.template, each.version) for each in lines] == [("review", "1.0"), ("review", "1.1")]


def test_most_runs_come_first():
    """T17: lines are sorted by runs, descending; then by rows."""
    runs = [figures("a 1", total=9), figures("b 1", total=1), figures("c 1"), figures("c 1")]

    assert [each.template for each in sum_up(runs, ALL)] == ["c", "a", "b"]


def test_money_and_tokens_are_hand_computed():
    """T18: total money, money per row and tokens per row equal what a person computes."""
    runs = [
        figures(total=3, answered=3, calls=1, input_tokens=300, output_tokens=30, spent=Usd.of("0.3")),
        figures(total=1, failed=1, calls=1, input_tokens=100, output_tokens=10, spent=Usd.of("0.1")),
    ]
    (line,) = sum_up(runs, ALL)

    assert line.spent == Usd.of("0.4")
    assert KPIS["cost_per_row"](line) == Usd.of("0.1")
    assert KPIS["tokens_per_row"](line) == 110
    assert KPIS["rows_per_call"](line) == 2


def test_unknown_money_makes_a_sum_unknown():
    """One run whose price is not known makes the money of its line unknown, never too small."""
    (line,) = sum_up([figures(total=1, answered=1, spent=None), figures(spent=Usd(5))], ALL)

    assert line.spent is None
    assert KPIS["cost_per_row"](line) is None


def test_recalled_rows_are_told_apart():
    """Rows answered from memory count as success and lower nothing but the share of asked rows."""
    (line,) = sum_up(
        [figures(total=4, answered=4, recalled=3, calls=1, input_tokens=8, cached_input_tokens=4)], ALL
    )

    assert (line.answered, line.recalled) == (1, 3)
    assert KPIS["recalled_share"](line) == 0.75
    assert KPIS["cached_input_share"](line) == 0.5
    assert KPIS["seconds_per_row"](line) == 2.0


def test_nothing_to_divide_by_is_none():
    """A line without rows and calls has no rates, and no error."""
    (line,) = sum_up([figures()], ALL)

    assert {name: kpi(line) for name, kpi in KPIS.items()} == dict.fromkeys(KPIS)


def test_windows_leave_what_they_name():
    """T14: filters by template, version, model and time; an empty list stays empty."""
    runs = [
        figures("review 1.0", model="a", created_at=10),
        figures("review 1.1", model="b", created_at=20),
        figures("other 1.0", model="a", created_at=30),
    ]

    def left(**window):
        return sum(each.runs for each in sum_up(runs, Window(**window)))

    assert left(template="review") == 2
    assert left(template="review 1.0") == 1
    assert left(model="a") == left(model="local/a") == 2
    assert left(since=20) == 2
    assert left(since=10, until=20) == 1
    assert sum_up([], Window(template="review")) == []


def test_columns_name_every_figure():
    """T19: a line has every column, those of the template included, in one order."""
    (line,) = sum_up([figures()], ALL)

    assert tuple(figures_of(line)) == COLUMNS
    assert COLUMNS[:3] == ("template", "version", "model")


RUNS = st.lists(
    st.builds(
        lambda template, model, counts, spent: figures(
            template, model=model, state=RunState.PAUSED, total=sum(counts), answered=counts[0],
            failed=counts[1], waiting=counts[2], spent=spent,
        ),
        st.sampled_from(["a 1", "a 2", "b 1"]),
        st.sampled_from(["x", "y"]),
        st.tuples(*[st.integers(0, 50)] * 3),
        st.one_of(st.none(), st.integers(0, 10**12).map(Usd)),
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(RUNS)
def test_lines_add_up_to_all_runs(runs):
    """However lines are grouped, rows and runs add up, and every rate is a share."""
    for by_model in (False, True):
        lines = sum_up(runs, ALL, by_model=by_model)

        assert sum(each.runs for each in lines) == len(runs)
        assert sum(each.rows for each in lines) == sum(run.tally.total for run in runs)
        assert all(0 <= rate <= 1 for each in lines if (rate := KPIS["success_rate"](each)) is not None)
        if all(run.tally.spent is not None for run in runs):
            assert sum(each.spent for each in lines) == sum(run.tally.spent for run in runs)
