"""Tables on narrow terminals."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from weft.cli.commands.runs import COLUMNS, FIT, RIGHT
from weft.cli.drawing import Fit, drawn_table

RUN = (
    "rvett8sbfcm8b", "", "2026-11-21 13:58", "finished", "", "topic_review", "1.0.0", "local/nearest-1",
    "topics.csv", "1,500", "1,499", "$12.34", "12 s",
)  # fmt: skip


def drawn(columns, rows, *, width, right=(), fit):
    """The lines of a table on a terminal of a width."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(drawn_table(columns, rows, right=right, fit=fit, width=width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_a_run_is_one_line_with_its_whole_id(width) -> None:
    """However narrow the terminal, a run takes one line, and id and state are whole."""
    paused = ("r0123456789ab", "a name that is quite long", RUN[2], "paused", "circuit open", *RUN[5:])

    lines = drawn(COLUMNS, [RUN, paused], width=width, right=RIGHT, fit=FIT)

    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("rvett8sbfcm8b  ")
    assert lines[2].startswith("r0123456789ab  ")
    assert ("finished" in lines[1], "paused" in lines[2]) == (True, True)


def test_wide_terminals_leave_nothing_out() -> None:
    """Where there is room every column with a cell is shown, and no column without any."""
    head = drawn(COLUMNS, [RUN], width=200, right=RIGHT, fit=FIT)[0].split()

    assert head == [name for name in COLUMNS if name not in {"name", "reason"}]


def test_long_text_goes_on_by_words() -> None:
    """The column that may wrap keeps its words whole; spare columns make room for it first."""
    fit = Fit(spare=("version",), least={"does": 20}, wrapped="does")
    rows = [("topic_review", "1.0.0", "Sum a learning topic up in twelve words.")]

    lines = drawn(("template", "version", "does"), rows, width=36, fit=fit)

    assert lines[0] == "template      does"
    assert lines[1:] == ["topic_review  Sum a learning topic", "              up in twelve words."]
