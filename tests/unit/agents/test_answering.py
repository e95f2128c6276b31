"""What an agent is told: runs, pages of rows within a size."""

from __future__ import annotations

import pytest
from tests.unit.agents.fakes import LINE, FakeDesk, answered

from weft.agents.answering import (
    MOST_TEMPLATES,
    PAGE_BYTES,
    ROW_BYTES,
    results_told,
    run_told,
    templates_told,
)
from weft.app.submitting import AGAIN
from weft.errors import UnknownName
from weft.money import Budget, Usd
from weft.row import Outcome, RowState
from weft.run import RunState

RUN = FakeDesk().keep(RunState.FINISHED, budget=Budget(usd=Usd.of("0.5")), spent=Usd.of("0.25"))


def told(rows, *, limit=50, columns=None):
    """A page of rows."""
    return results_told(RUN, rows, limit=limit, columns=columns)


def test_run_is_told_with_its_money():
    """Money is exact dollars in text."""
    found = run_told(RUN)

    assert (found.spent_usd, found.budget_usd, found.state, found.is_at_rest) == (
        "0.25",
        "0.5",
        "finished",
        True,
    )


def test_run_that_goes_on_by_itself_is_queued():
    """A run that waits for a worker is told as queued, without our own reason."""
    found = run_told(FakeDesk().keep(RunState.PAUSED, reason=AGAIN))

    assert (found.state, found.reason, found.is_at_rest) == ("queued", "", False)


def test_page_says_where_to_go_on():
    """With one row more than fits, `next` is the place of the last that is told."""
    rows = [answered(place) for place in range(4)]

    page = told(rows[:3], limit=2)
    assert [each.place for each in page.rows] == [0, 1]
    assert page.next == 1
    assert told(rows[2:], limit=2).next is None
    assert told([]).next is None


def test_page_ends_where_it_would_be_too_large():
    """Rows of 9 kB each: as many as fit are told, and the page says where to go on."""
    rows = [answered(place, "y" * 9_000) for place in range(20)]

    page = told(rows)

    assert 1 < len(page.rows) < 20
    assert len(page.model_dump_json()) < PAGE_BYTES * 1.1
    assert page.next == page.rows[-1].place
    assert not any(each.cut for each in page.rows)


def test_pages_tell_every_row_once():
    """Going on behind `next` until it is null tells every row once, whatever their sizes."""
    rows = [answered(place, "y" * (place * 7_919 % 30_000)) for place in range(60)]
    seen, after = [], -1
    while after is not None:
        page = told([each for each in rows if each.place > after][:8], limit=7)
        seen += [each.place for each in page.rows]
        after = page.next

    assert seen == list(range(60))


def test_row_that_is_too_large_is_cut():
    """A single row beyond the size comes with its long texts cut, says so, and ends with an ellipsis."""
    huge = answered(0, "y" * (ROW_BYTES * 5), text="z" * 10, deep={"list": ["w" * ROW_BYTES]}, number=7)

    (row,) = told([huge]).rows

    assert row.cut
    assert row.answer["tldr"].endswith("…")
    assert (row.cells["text"], row.cells["number"]) == ("z" * 10, 7)
    assert len(row.model_dump_json()) < ROW_BYTES


def test_many_long_cells_stay_within_the_size():
    """A row of a thousand long cells is cut more deeply, so that it still fits."""
    wide = answered(0, **{f"c{n}": "v" * 500 for n in range(1_000)})

    (row,) = told([wide]).rows

    assert row.cut
    assert len(row.model_dump_json()) < PAGE_BYTES


def test_columns_can_be_chosen():
    """Only the columns that are asked for are told; none at all leaves the answers."""
    (row,) = told([answered(0)], columns=["topic"]).rows
    (bare,) = told([answered(0)], columns=[]).rows

    assert row.cells == {"topic": "t0"}
    assert (bare.cells, bare.answer) == ({}, {"tldr": "fine"})


def test_unknown_column_is_refused():
    """A column that the table does not have is named, with the nearest."""
    with pytest.raises(UnknownName, match="topik"):
        told([answered(0)], columns=["topik"])


def test_row_without_answer_says_why():
    """A failed row comes with its problem."""
    failed = Outcome(place=0, line=2, cells={"topic": "t"}, state=RowState.FAILED, problem="It was empty.")

    (row,) = told([failed]).rows

    assert (row.state, row.answer, row.problem) == ("failed", None, "It was empty.")


def test_templates_are_found_by_text():
    """Templates are found by key, description and tags, in any case."""
    other = {**LINE, "key": "other", "description": "Sum it up.", "tags": ("Mail",)}

    assert [each.key for each in templates_told([LINE, other], "").templates] == ["review", "other"]
    assert [each.key for each in templates_told([LINE, other], "MAIL").templates] == ["other"]
    assert templates_told([LINE, other], "nothing").templates == []


def test_long_lists_of_templates_say_how_many_are_left():
    """Beyond a hundred templates the list ends and says how many there are."""
    found = templates_told([LINE] * (MOST_TEMPLATES + 3), "")

    assert (len(found.templates), found.more) == (MOST_TEMPLATES, 3)
