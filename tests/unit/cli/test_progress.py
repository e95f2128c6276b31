"""What is told while a run goes on."""

from __future__ import annotations

import pytest

from weft.cli.console import Console
from weft.cli.progress import ProgressTeller, start_lines
from weft.events import (
    BudgetWarned,
    LaneWaiting,
    PackLost,
    PackSent,
    PackSettled,
    RowsRead,
    RunEnded,
    RunHeld,
    RunStarted,
)
from weft.kit.clocks import VirtualClock
from weft.money import Usd
from weft.row import RowState
from weft.run import RunState, Tally
from weft.settings import Settings

ANSWERED, FAILED = RowState.ANSWERED, RowState.FAILED


@pytest.fixture
def told(capsys):
    """Let some events be heard; give the lines that were said."""

    def hear(*events, verbose=False):
        console = Console()
        console.attune(json=False, quiet=False, verbose=verbose, debug=False)
        teller = ProgressTeller(console, VirtualClock(), settings=Settings())
        for event in events:
            teller.hear(event)
        return capsys.readouterr().err.splitlines()

    return hear


def settled(number, *, rows=(), returned=0, problem="", cost=Usd(5)):
    return PackSettled(
        run="r",
        call="c",
        number=number,
        rows=rows,
        returned=returned,
        cost=cost,
        input_tokens=1,
        output_tokens=1,
        problem=problem,
    )


def test_packs_are_counted_aloud(told) -> None:
    """B22: each pack says its number, its rows and what became of it."""
    lines = told(
        RunStarted(run="r", tally=Tally(total=150, waiting=150), packs=8),
        PackSent(run="r", call="c", number=1, rows=20, attempt=1),
        settled(1, rows=((0, ANSWERED),)),
    )

    assert lines[-3:] == [
        "Processing 8 batches (batch size: 20)",
        "Batch 1/8 (20 rows)",
        "✓ Batch 1 enriched successfully",
    ]


def test_calls_beyond_the_plan_say_why(told) -> None:
    """Mending adds calls: the planned total stands, and rows whose answer was no good are told as such."""
    lines = told(
        RunStarted(run="r", tally=Tally(total=150, waiting=150), packs=8),
        PackSent(run="r", call="c", number=8, rows=10, attempt=1),
        PackSent(run="r", call="c", number=9, rows=1, attempt=1, again=True),
        PackSent(run="r", call="c", number=10, rows=3, attempt=2),
    )

    assert lines[-3:] == ["Batch 8/8 (10 rows)", "Batch 9 (1 row, asked again)", "Batch 10 (3 rows, try 2)"]


def test_the_same_trouble_is_told_once(told) -> None:
    """Eight calls that a server refuses alike are two lines, not eight; another trouble is told."""
    lost = [
        PackLost(run="r", call="c", number=n, rows=20, code="refused", problem=problem, billing="void")
        for n, problem in enumerate(["Key refused."] * 8 + ["No reply."], start=1)
    ]
    waits = [LaneWaiting(run="r", reason="unreachable", wait_s=1) for _ in lost]

    lines = told(*[event for pair in zip(lost, waits, strict=True) for event in pair])

    assert lines == [
        "✗ Batch 1: Key refused.",
        "Waiting 1.0 s: unreachable",
        "✗ 7 more calls: the same",
        "✗ Batch 9: No reply.",
        "Waiting 1.0 s: unreachable",
    ]


def test_a_fresh_run_says_nothing_of_hits() -> None:
    """With `--no-cache` nothing is recalled, so no hits are counted."""
    lines = start_lines(Tally(total=5, waiting=5), 1, Settings(), fresh=True)

    assert lines[0] == "Rows to enrich: 5"


def test_trouble_is_told_with_its_reason(told) -> None:
    """Rows that failed or are asked again, lost calls and waits are told with their reason."""
    lines = told(
        settled(1, rows=((0, FAILED),), returned=2, problem="The reply holds 2 rows too few."),
        PackLost(
            run="r",
            call="c",
            number=2,
            rows=20,
            code="timed_out",
            problem="No reply in 120 s.",
            billing="unknown",
        ),
        LaneWaiting(run="r", reason="rate_limited", wait_s=12),
        LaneWaiting(run="r", reason="pace", wait_s=4),
        BudgetWarned(run="r", used="$0.95", limit="$1.00", share=0.95),
    )

    assert lines == [
        "✗ Batch 1: 1 failed, 2 asked again: The reply holds 2 rows too few.",
        "✗ Batch 2: No reply in 120 s. (it may have been billed)",
        "Waiting 12 s: rate limited",
        "Budget: $0.95 of $1.00 used or reserved (95%)",
    ]


def test_pace_is_told_when_verbose(told) -> None:
    """Ordinary waiting for the pace is only told to those who want to hear everything."""
    assert told(LaneWaiting(run="r", reason="pace", wait_s=4), verbose=True) == ["Waiting 4.0 s: pace"]


def test_large_tables_show_life(told) -> None:
    """Reading is told every 50,000 rows, not for every block."""
    lines = told(*[RowsRead(run="r", rows=rows, rejected=0) for rows in range(1000, 101_000, 1000)])

    assert lines == ["Read 50,000 rows", "Read 100,000 rows"]


def test_empty_run_is_no_trouble(told) -> None:
    """B24, P44: no rows, no packs, no division by zero."""
    lines = told(
        RunStarted(run="r", tally=Tally(), packs=0),
        RunEnded(run="r", state=RunState.FINISHED, reason="", message="", tally=Tally(), elapsed_s=0),
    )

    assert lines == ["Cache hits: 0/0", "Rows to enrich: 0"]


def test_words_of_a_server_are_made_safe(told) -> None:
    """S27: a problem that a model or server words cannot command the terminal."""
    assert told(settled(1, returned=1, problem="\x1b[2J\u202egone")) == [
        "✗ Batch 1: 1 asked again: \\x1b[2J\\u202egone"
    ]


def test_holder_of_a_run_is_told(told) -> None:
    """Who waits for another process reads at once which one holds the run, and how long it may take."""
    assert told(RunHeld(run="r", holder="process 7 on `here`", wait_s=30)) == [
        "Held by process 7 on `here`; watching for up to 30 s whether it is at work"
    ]


def test_short_waits_are_told_once_long_ones_always(told) -> None:
    """Under the same trouble a short wait says nothing new; one of ten seconds does."""
    lost = PackLost(run="r", call="c", number=1, rows=1, code="x", problem="No.", billing="void")
    waits = [LaneWaiting(run="r", reason="unreachable", wait_s=s) for s in (1, 2, 30, 3)]

    assert told(lost, *waits) == [
        "✗ Batch 1: No.",
        "Waiting 1.0 s: unreachable",
        "Waiting 30 s: unreachable",
    ]
