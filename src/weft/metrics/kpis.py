"""Key figures of runs, one line per template and version: rows, success, cost, tokens, time.

Knows how runs are summed up and which figures follow from a sum; a new figure is one function in
`KPIS`. Unknown money stays unknown: one run without a price makes the sum of its line unknown.
Pure. Refuses to know where runs come from and how a table of figures is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from weft.money import Usd
from weft.run import RunFigures, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which runs are looked at.

    Attributes:
        since, until: when they were created, seconds since the epoch; the end is not included.
        template: key, or key and version as in `review 1.0.0`; empty = all.
        model: name, or `provider/name`; empty = all.
    """

    since: float | None = None
    until: float | None = None
    template: str = ""
    model: str = ""

    def holds(self, run: RunFigures) -> bool:
        """Whether a run is among them."""
        key = run.template.partition(" ")[0]
        return (
            (self.since is None or run.created_at >= self.since)
            and (self.until is None or run.created_at < self.until)
            and self.template in {"", run.template, key}
            and self.model in {"", run.model, f"{run.provider}/{run.model}"}
        )


@dataclass(slots=True, kw_only=True)
class Totals:
    """Sums over runs.

    Attributes:
        template: the key. version: empty for what has none.
        model: as `provider/name`; empty where all models are summed up.
        finished: runs that are finished. rows: all rows; each is in one of the six counts after it.
        recalled: rows answered from memory or by an identical row; not counted in `answered`.
        spent: in nano-dollars; `None` where the price of a run is not known.
        unsure: the share of `spent` in calls that may or may not have been billed.
        elapsed_s: seconds of work.
    """

    template: str
    version: str = ""
    model: str = ""
    runs: int = 0
    finished: int = 0
    rows: int = 0
    answered: int = 0
    recalled: int = 0
    failed: int = 0
    rejected: int = 0
    skipped: int = 0
    waiting: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    spent: Usd | None = Usd(0)
    unsure: Usd = Usd(0)
    elapsed_s: float = 0.0

    def add(self, run: RunFigures) -> None:
        """Count one more run."""
        tally = run.tally
        self.runs += 1
        self.finished += run.state is RunState.FINISHED
        self.rows += tally.total
        self.answered += tally.answered - tally.recalled
        self.recalled += tally.recalled
        self.failed += tally.failed
        self.rejected += tally.rejected
        self.skipped += tally.skipped
        self.waiting += tally.waiting
        self.calls += tally.calls
        self.input_tokens += tally.input_tokens
        self.output_tokens += tally.output_tokens
        self.cached_input_tokens += tally.cached_input_tokens
        self.spent = None if self.spent is None or tally.spent is None else self.spent + tally.spent
        self.unsure += tally.unsure
        self.elapsed_s += run.elapsed_s

    @property
    def ended(self) -> int:
        """Rows that have ended, in whatever way."""
        return self.rows - self.waiting

    @property
    def asked(self) -> int:
        """Rows that ended after a model was asked about them."""
        return self.answered + self.failed


# ── what follows from sums; `None` where there is nothing to divide by ───────────────────────────


def success_rate(t: Totals) -> float | None:
    """Share of ended rows that have an answer, 0 to 1."""
    return (t.answered + t.recalled) / t.ended if t.ended else None


def recalled_share(t: Totals) -> float | None:
    """Share of answered rows that were not asked about, because the answer was known."""
    known = t.answered + t.recalled
    return t.recalled / known if known else None


def cached_input_share(t: Totals) -> float | None:
    """Share of input tokens that the provider served from its own cache."""
    return t.cached_input_tokens / t.input_tokens if t.input_tokens else None


def cost_per_row(t: Totals) -> Usd | None:
    """Money per ended row, rounded to a nano-dollar; `None` also where the price is not known."""
    return Usd(round(int(t.spent) / t.ended)) if t.spent is not None and t.ended else None


def tokens_per_row(t: Totals) -> float | None:
    """Input and output tokens per ended row."""
    return (t.input_tokens + t.output_tokens) / t.ended if t.ended else None


def rows_per_call(t: Totals) -> float | None:
    """Rows that were asked about per call that was sent, calls that had to be repeated included."""
    return t.asked / t.calls if t.calls else None


def seconds_per_row(t: Totals) -> float | None:
    """Seconds of work per row that was asked about."""
    return t.elapsed_s / t.asked if t.asked else None


Kpi = float | Usd | None
KPIS: Mapping[str, Callable[[Totals], Kpi]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            success_rate,
            recalled_share,
            cached_input_share,
            cost_per_row,
            tokens_per_row,
            rows_per_call,
            seconds_per_row,
        )
    }
)
"""Every figure by its name; exports and tables take them from here."""
COLUMNS = (*(each.name for each in fields(Totals)), *KPIS)
"""Names of all figures of a line, in order."""


def sum_up(runs: Iterable[RunFigures], window: Window, *, by_model: bool = False) -> list[Totals]:
    """Sum runs up, a line per template and version, those with the most runs first.

    Args:
        by_model: a line per model too.
    """
    lines: dict[tuple[str, str, str], Totals] = {}
    for run in runs:
        if window.holds(run):
            template, _, version = run.template.partition(" ")
            model = f"{run.provider}/{run.model}" if by_model else ""
            line = lines.get((template, version, model))
            if line is None:
                line = lines[template, version, model] = Totals(
                    template=template, version=version, model=model
                )
            line.add(run)
    return sorted(lines.values(), key=lambda t: (-t.runs, -t.rows, t.template, t.version, t.model))


def figures_of(totals: Totals) -> dict[str, object]:
    """Every figure of a line by its name, in the order of `COLUMNS`."""
    return {each.name: getattr(totals, each.name) for each in fields(totals)} | {
        name: kpi(totals) for name, kpi in KPIS.items()
    }
