"""What is said about a run that came to rest, and about one that was only projected.

Knows the words, their order, and which exit code an ending has. Refuses to do anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from rich.panel import Panel

from weft.app.summaries import RunSummary, error_of, summarise
from weft.cli.console import Console
from weft.cli.drawing import drawn_summary
from weft.cli.wording import count, duration, money, percent, rate
from weft.row import Outcome
from weft.run import Estimate, Run

RULE = "=" * 60
MOST_PROBLEMS = 10  # problems that are shown; the rest is counted
SOME_FAILED = 1


def exit_code(run: Run) -> int:
    """0 if every row has an answer, 1 if some have none, else as the error that stopped the run."""
    error = error_of(run)
    if error is not None:
        return error.exit_code
    return 0 if run.tally.answered == run.tally.total else SOME_FAILED


def tell_summary(console: Console, run: Run, *, aside: bool = False) -> None:
    """Show the block at the end of a run: drawn on a terminal, plain lines elsewhere.

    Args:
        aside: on stderr, where rows stand alone on stdout.
    """
    console.block(summary_lines(run), lambda: summary_panel(run), aside=aside)


def summary_panel(run: Run) -> Panel:
    """The block at the end of a run as a terminal shows it: shares, counts, cost."""
    s = summarise(run)
    rows = (
        ("Total rows", s.total, "bold"),
        ("Cache hits", s.recalled, "cyan"),
        ("Newly enriched", s.answered, "green"),
        ("Failed", s.failed, "red"),
        ("Rejected", s.rejected, "yellow"),
        ("Skipped", s.skipped, "magenta"),
        *((("Still waiting", s.waiting, "blue"),) if s.waiting else ()),
    )
    cost = (
        ("Calls", f"{s.calls:,}"),
        ("Tokens in", f"{s.input_tokens:,}"),
        ("Tokens out", f"{s.output_tokens:,}"),
        ("Cost", money(s.spent)),
        ("Time", duration(s.elapsed_s)),
        *((("Speed", f"{rate(s.rows_per_s)} rows/s"),) if s.rows_per_s else ()),
    )
    notes = [f"Tokens in{_cached(s)}."] if s.cached_input_tokens else []
    notes += [f"Cost{_unsure(s)}."] if s.unknown_calls else []
    return drawn_summary(
        "ENRICHMENT SUMMARY", rows, cost, share=f"{percent(s.success_rate)} answered", notes=notes
    )


def summary_lines(run: Run) -> list[str]:
    """The block at the end of a run, line by line."""
    s = summarise(run)
    lines = [RULE, "ENRICHMENT SUMMARY", RULE]
    lines += [
        f"Total rows: {s.total:,}",
        f"Cache hits: {s.recalled:,}",
        f"Newly enriched: {s.answered:,}",
        f"Failed: {s.failed:,}",
        f"Rejected: {s.rejected:,}",
    ]
    lines += [f"Skipped: {s.skipped:,}"] if s.skipped else []
    lines += [f"Still waiting: {s.waiting:,}"] if s.waiting else []
    lines += [
        f"Calls: {s.calls:,}",
        f"Tokens: {s.input_tokens:,} in{_cached(s)}, {s.output_tokens:,} out",
        f"Cost: {money(s.spent)}{_unsure(s)}",
        f"Time: {duration(s.elapsed_s)}" + (f" ({rate(s.rows_per_s)} rows/s)" if s.rows_per_s else ""),
        f"Success rate: {percent(s.success_rate)}",
        RULE,
    ]
    return lines


def _cached(s: RunSummary) -> str:
    return f" ({s.cached_input_tokens:,} of them cached by the provider)" if s.cached_input_tokens else ""


def _unsure(s: RunSummary) -> str:
    if not s.unknown_calls:
        return ""
    calls = count(s.unknown_calls, "call")
    share = f"{money(s.unsure)} of it for {calls}" if s.spent is not None else calls
    return f" ({share} that may or may not have been billed)"


def problem_lines(outcomes: Iterable[Outcome], total: int) -> list[str]:
    """The first problems with row and line, and the count of the rest.

    Args:
        outcomes: rows without an answer, in the order of the table.
        total: how many there are.
    """
    lines = [problem_line(each) for each in islice(outcomes, MOST_PROBLEMS)]
    if total > len(lines):
        lines.append(f"… and {total - len(lines):,} more; `--meta` writes every row's problem beside it.")
    return lines


def problem_line(outcome: Outcome) -> str:
    """What is wrong with one row, with its number and its line in the file."""
    said = outcome.problem or f"{outcome.state.value}."
    if said.startswith("Row "):
        return said
    line = f" (line {outcome.line})" if outcome.line else ""
    return f"Row {outcome.place + 1}{line}: {said}"


def estimate_lines(estimate: Estimate) -> list[str]:
    """What a run would take."""
    e = estimate
    sizes = ",".join(map(str, e.pack_sizes)) + (",…" if e.calls > len(e.pack_sizes) else "")
    lines = [
        f"Rows: {e.rows:,}",
        f"  not asked: {e.recalled:,} recalled, {e.twins:,} identical to an earlier row, {e.rejected:,} rejected",
        f"Calls: {e.calls:,}"
        + (f" ({sizes} {'row' if e.pack_sizes == (1,) else 'rows'})" if e.calls else ""),
        f"Tokens: about {e.input_tokens:,} in, {e.output_tokens:,} out",
        ("Cost: unknown" if e.cost is None else f"Cost: about {money(e.cost)}")
        + (f", at most {money(e.cost_limit)}" if e.cost_limit is not None else ""),
        f"Time: about {duration(e.seconds)}" + (f" (at {duration(e.call_s)} a call)" if e.calls else ""),
    ]
    return lines + [f"  - {problem}" for problem in e.problems] + _more(e)


def _more(estimate: Estimate) -> list[str]:
    rest = estimate.rejected - len(estimate.problems)
    return [f"  … and {rest:,} more"] if rest > 0 else []
