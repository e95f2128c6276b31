"""Figures for others: plain JSON, CSV, and the text that Prometheus reads.

Knows how each form writes an unknown figure: null, an empty cell, no sample at all.
Refuses to know where figures come from and over which wire they leave.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from weft.errors import MissingExtra
from weft.kit.caches import CacheStats
from weft.metrics.counting import Counts, Histogram
from weft.metrics.kpis import COLUMNS, Totals, figures_of
from weft.money import Usd

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of the text that Prometheus reads."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that a spreadsheet would run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a cache holds, for Prometheus.

    Attributes:
        misses, evictions: `None` where nobody counts them.
    """

    hits: int
    entries: int
    misses: int | None = None
    evictions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """Everything that Prometheus is told.

    Attributes:
        lines: sums over all runs of the store, by template, version and model.
        counts: what happened in this process.
        caches: by name.
    """

    version: str
    lines: Sequence[Totals] = ()
    counts: Counts = field(default_factory=Counts)
    caches: Mapping[str, Remembered] = field(default_factory=dict)


def remembered(stats: CacheStats) -> Remembered:
    """The counts of a cache of this process."""
    return Remembered(hits=stats.hits, misses=stats.misses, evictions=stats.evictions, entries=stats.size)


def column_of(name: str) -> str:
    """A figure's name where money is text in dollars: `spent` is `spent_usd`."""
    return f"{name}_usd" if name in {"spent", "unsure", "cost_per_row"} else name


HEADER = tuple(column_of(name) for name in COLUMNS)
"""Names of all figures as they are written."""


def plain_line(totals: Totals) -> dict[str, Any]:
    """Every figure of a line as plain JSON; money as exact dollars in text, `None` = unknown."""
    return {column_of(name): _plain(value) for name, value in figures_of(totals).items()}


def write_csv(lines: Iterable[Totals]) -> str:
    """Lines as CSV with a header, which is there also where there is no line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([_cell(value) for value in plain_line(each).values()] for each in lines)
    return out.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, Usd):
        return format(value.dollars.normalize(), "f")
    return round(value, 9) if isinstance(value, float) else value


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULAS) else text


# ── Prometheus ───────────────────────────────────────────────────────────────────────────────────


def write_prometheus(exposed: Exposed) -> str:
    """Everything as the text that Prometheus reads.

    Raises:
        MissingExtra: if `prometheus-client` is not installed.
    """
    if find_spec("prometheus_client") is None:
        raise MissingExtra(
            "Telling figures to Prometheus needs `prometheus-client`, which is not installed.",
            hint="`pip install 'weft[server]'` installs what is needed.",
        )
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - an extra
    from prometheus_client.core import (  # noqa: PLC0415 - likewise
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    class Told:
        """Gives the library what there is to tell."""

        def collect(self) -> Iterator[Any]:
            for kind, name, sentence, labels, samples in _families(exposed):
                family = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}[kind](
                    name, sentence, labels=labels
                )
                for values, amount in samples:
                    family.add_metric(values, amount)
                yield family
            for name, sentence, found in _histograms(exposed.counts):
                yield HistogramMetricFamily(name, sentence, buckets=found.cumulated, sum_value=found.sum)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told())
    return str(generate_latest(registry).decode())


_Samples = list[tuple[Sequence[str], float]]
_Family = tuple[str, str, str, Sequence[str], _Samples]
GROUP = ("template", "version", "model")


def _families(exposed: Exposed) -> Iterator[_Family]:
    yield "gauge", "weft_info", "The version of weft.", ("version",), [((exposed.version,), 1)]
    yield from _stored(exposed.lines)
    yield from _lived(exposed.counts)
    yield from _cached(exposed.caches)


def _stored(lines: Sequence[Totals]) -> Iterator[_Family]:
    """What the store knows; it may shrink when a store is changed, so these are gauges."""

    def each(name: str) -> _Samples:
        return [
            ((line.template, line.version, line.model), float(value))
            for line in lines
            if (value := getattr(line, name)) is not None
        ]

    yield "gauge", "weft_store_runs", "Runs in the store.", GROUP, each("runs")
    yield "gauge", "weft_store_runs_finished", "Finished runs in the store.", GROUP, each("finished")
    states = ("answered", "recalled", "failed", "rejected", "skipped", "waiting")
    rows: _Samples = [
        ((line.template, line.version, line.model, state), float(getattr(line, state)))
        for line in lines
        for state in states
    ]
    yield "gauge", "weft_store_rows", "Rows of runs in the store by state.", (*GROUP, "state"), rows
    yield "gauge", "weft_store_calls", "Calls of runs in the store.", GROUP, each("calls")
    tokens: _Samples = [
        ((line.template, line.version, line.model, kind), float(getattr(line, f"{kind}_tokens")))
        for line in lines
        for kind in ("input", "output", "cached_input")
    ]
    yield "gauge", "weft_store_tokens", "Tokens of runs in the store.", (*GROUP, "kind"), tokens
    spent: _Samples = [(values, nanos / 1e9) for values, nanos in each("spent")]
    yield "gauge", "weft_store_spent_usd", "Money of runs in the store; none where unknown.", GROUP, spent
    yield (
        "gauge",
        "weft_store_work_seconds",
        "Seconds of work on runs in the store.",
        GROUP,
        each("elapsed_s"),
    )


def _lived(counts: Counts) -> Iterator[_Family]:
    """What happened in this process since it began."""
    bare: Sequence[str] = ()
    yield "counter", "weft_runs_started", "Lives of runs that began.", bare, [(bare, counts.runs_started)]
    yield "counter", "weft_runs_ended", "Lives of runs that ended.", ("state",), _by(counts.runs_ended)
    yield "counter", "weft_rows_ended", "Rows that ended in a call.", ("state",), _by(counts.rows)
    yield "counter", "weft_rows_again", "Rows that had to be asked again.", bare, [(bare, counts.rows_again)]
    yield "counter", "weft_calls", "Calls that ended, by what came of them.", ("outcome",), _by(counts.calls)
    yield "gauge", "weft_calls_in_flight", "Calls that are under way.", bare, [(bare, counts.in_flight)]
    yield "counter", "weft_tokens", "Tokens of settled calls.", ("kind",), _by(counts.tokens)
    spent = [(bare, counts.spent / 1e9)]
    yield "counter", "weft_spent_usd", "Money of settled calls whose price is known.", bare, spent
    yield "counter", "weft_waits", "How often calls were held back.", ("reason",), _by(counts.waits)
    yield "counter", "weft_waited_seconds", "For how long, in all.", ("reason",), _by(counts.waited_s)
    warned = [(bare, float(counts.budgets_warned))]
    yield "counter", "weft_budgets_warned", "Runs that have used 90 % of a budget.", bare, warned


def _cached(caches: Mapping[str, Remembered]) -> Iterator[_Family]:
    for kind, name, sentence in (
        ("counter", "hits", "Times that something was found."),
        ("counter", "misses", "Times that nothing was found."),
        ("counter", "evictions", "Entries that made room for others."),
        ("gauge", "entries", "Entries that are kept."),
    ):
        samples: _Samples = [
            ((cache,), float(value))
            for cache, stats in caches.items()
            if (value := getattr(stats, name)) is not None
        ]
        yield kind, f"weft_cache_{name}", sentence, ("cache",), samples


def _histograms(counts: Counts) -> Iterator[tuple[str, str, Histogram]]:
    yield "weft_call_seconds", "How long calls took.", counts.call_s
    yield "weft_call_rows", "Rows of each call that was sent.", counts.rows_per_call


def _by(counts: Mapping[str, float]) -> _Samples:
    return [((name,), float(count)) for name, count in sorted(counts.items())]
