"""What is said about a run that came to rest, and about one that was only projected."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from weft.cli.telling import estimate_lines, summary_lines, summary_panel
from weft.money import Usd
from weft.run import Estimate, Run, RunSpec, RunState, Tally

SPEC = RunSpec(
    table="/t.csv",
    table_digest="d",
    columns=("a",),
    prompter="p",
    prompter_source={},
    template="topic_review 1.0.0",
    provider="openai",
    model="gpt-4o-mini",
    base_url="",
    options={},
    fields=("tldr",),
    fresh=False,
    limit=None,
    rows_per_call=20,
)


@pytest.fixture
def mixed() -> Run:
    """A run with rows of every end."""
    tally = Tally(
        total=150, recalled=20, answered=120, failed=10, rejected=15, skipped=5, calls=8,
        input_tokens=12_734, output_tokens=4_230, spent=Usd.of("0.0123"),
    )  # fmt: skip
    return Run(id="r", spec=SPEC, state=RunState.FINISHED, created_at=0.0, elapsed_s=12.0, tally=tally)


def drawn(run: Run, *, colours: str | None = None) -> str:
    """The block as a terminal of 80 columns shows it."""
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=colours, no_color=False)
    console.print(summary_panel(run))
    return out.getvalue()


def test_a_terminal_shows_every_count(mixed: Run) -> None:
    """B25: total, recalled, answered, failed, rejected, skipped, calls, tokens, cost, time, rate, share."""
    shown = " ".join(drawn(mixed).replace("│", " ").split())

    for words in (
        "ENRICHMENT SUMMARY",
        "80.0% answered",
        "Total rows 150 Calls 8",
        "Cache hits 20 Tokens in 12,734",
        "Newly enriched 100 Tokens out 4,230",
        "Failed 10 Cost $0.0123",
        "Rejected 15 Time 12 s",
        "Skipped 5 Speed 12.5 rows/s",
    ):
        assert words in shown
    assert "Still waiting" not in shown


def test_ends_have_their_colours(mixed: Run) -> None:
    """Answered rows are green, failed red, rejected yellow; a run without trouble holds no red."""
    plain = replace(mixed, tally=Tally(total=2, answered=2, calls=1))

    told = re.findall(r"\x1b\[(\d+)m *(\d+)\x1b", drawn(mixed, colours="standard"))

    assert {("32", "100"), ("31", "10"), ("33", "15")} <= set(told)
    assert "\x1b[31m" not in drawn(plain, colours="standard")


@pytest.mark.parametrize("total", [0, 1, 10**9])
def test_any_size_fits(mixed: Run, total: int) -> None:
    """An empty table and a very large one are drawn within 80 columns."""
    run = replace(mixed, tally=Tally(total=total, answered=total, calls=total))

    assert max(map(len, drawn(run).splitlines())) <= 80


def test_a_run_that_asked_nothing_has_no_speed(mixed: Run) -> None:
    """Rows that were recalled say nothing about speed."""
    recalled = replace(mixed, elapsed_s=0.01, tally=Tally(total=150, answered=150, recalled=150))

    assert "Time: 0.0 s" in summary_lines(recalled)
    assert "rows/s" not in drawn(recalled)
    assert "Time: 12 s (12.5 rows/s)" in summary_lines(mixed)


def test_an_unknown_cost_is_not_about() -> None:
    """P07: a cost that is not known is said to be unknown, not to be about unknown."""
    found = Estimate(
        rows=1, rejected=0, recalled=0, twins=0, calls=1, pack_sizes=(1,), input_tokens=1, output_tokens=1,
        cost=None, cost_limit=None, tokens_limit=2, first_call=None, seconds=1.0, call_s=1.0,
    )  # fmt: skip

    assert "Calls: 1 (1 row)" in estimate_lines(found)
    assert "Cost: unknown" in estimate_lines(found)
    assert "Cost: about $0.5000" in estimate_lines(replace(found, cost=Usd.of("0.5")))
