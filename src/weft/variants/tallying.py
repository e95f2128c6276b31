"""Tables made of the usage log: by week, by variant, counters for dashboards, trials of two variants.

Knows rates with their intervals and what a log teaches. Everything is computed anew from the log.
Refuses to read files (`usage.py`) and to draw conclusions that an interval does not allow.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from weft.variants.calibrating import wilson
from weft.variants.learning import Labelled
from weft.variants.requirements import read_requirements
from weft.variants.usage import GOOD, Choice, Log

BUCKETS_US = (50, 100, 200, 500, 1000, 5000)  # upper bounds of the histogram of choosing times


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week of choices.

    Attributes:
        week: such as `2026-W47` (ISO, UTC).
        override_rate: share of choices that a person made against or without the selector.
    """

    week: str
    choices: int
    overridden: int
    fallbacks: int
    undecided: int
    override_rate: float
    mean_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One variant's share of the choices.

    Attributes:
        chosen: how often it was used. proposed: how often the selector put it first.
        refused: how often it was proposed and a person took another.
        good, bad: how many of the chosen have a good or a bad outcome; the others are not known yet.
        low, high: 95 % interval of the share of good outcomes.
    """

    variant: str
    chosen: int
    proposed: int
    refused: int
    good: int
    bad: int
    low: float
    high: float
    mean_confidence: float


def weekly(log: Log) -> list[Week]:
    """The table by week, oldest first; weeks without choices are left out."""
    weeks: dict[str, list[Choice]] = {}
    for each in log.choices:
        weeks.setdefault(week_of(each.at), []).append(each)
    return [
        Week(
            week=week,
            choices=len(found),
            overridden=sum(each.overridden for each in found),
            fallbacks=sum(each.fallback for each in found),
            undecided=sum(not each.variant for each in found),
            override_rate=sum(each.overridden for each in found) / len(found),
            mean_confidence=sum(each.confidence for each in found) / len(found),
        )
        for week, found in sorted(weeks.items())
    ]


def week_of(at: float) -> str:
    """The ISO week of a moment, UTC.

    >>> week_of(1_700_000_000)
    '2023-W46'
    """
    year, week, _ = datetime.fromtimestamp(at, UTC).isocalendar()
    return f"{year}-W{week:02d}"


def tallies(log: Log) -> list[Tally]:
    """The table by variant, the most used first."""
    names = {each.variant or each.proposed for each in log.choices} | {each.proposed for each in log.choices}
    found = [_tally(name, log) for name in names]
    return sorted(found, key=lambda each: (-each.chosen, each.variant))


def _tally(name: str, log: Log) -> Tally:
    chosen = [each for each in log.choices if each.variant == name]
    good, bad = _ends(chosen, log)
    low, high = wilson(good, good + bad)
    return Tally(
        variant=name,
        chosen=len(chosen),
        proposed=sum(each.proposed == name for each in log.choices),
        refused=sum(
            each.proposed == name and each.overridden and each.variant != name for each in log.choices
        ),
        good=good,
        bad=bad,
        low=low,
        high=high,
        mean_confidence=sum(each.confidence for each in chosen) / len(chosen) if chosen else 0.0,
    )


def _ends(chosen: Iterable[Choice], log: Log) -> tuple[int, int]:
    """How many ended well and badly."""
    last = {each.choice: each.outcome for each in log.outcomes}
    ends = Counter(last[each.id] in GOOD for each in chosen if each.id in last)
    return ends[True], ends[False]


def counters(log: Log) -> dict[str, Any]:
    """Figures for dashboards: choices by variant and kind, shares, histogram of choosing times in µs."""
    micros = [each.micros for each in log.choices]
    bounds = [*BUCKETS_US, float("inf")]
    return {
        "choices": len(log.choices),
        "by_variant": dict(sorted(Counter(each.variant or "undecided" for each in log.choices).items())),
        "by_kind": dict(sorted(Counter(each.kind for each in log.choices).items())),
        "fallback_rate": _rate(log.choices, "fallback"),
        "override_rate": _rate(log.choices, "overridden"),
        "micros": {
            "inf" if bound == float("inf") else str(bound): sum(each <= bound for each in micros)
            for bound in bounds
        },
    }


def _rate(choices: Sequence[Choice], name: str) -> float:
    return sum(getattr(each, name) for each in choices) / len(choices) if choices else 0.0


def labels(log: Log) -> list[Labelled]:
    """What the log teaches: a person's choice is a label, and so is a choice that ended well."""
    last = {each.choice: each.outcome for each in log.outcomes}
    return [
        Labelled(read_requirements(each.asked, where="the usage log"), each.variant)
        for each in log.choices
        if each.asked and each.variant and (each.overridden or last.get(each.id) in GOOD)
    ]


# ── trials of two variants ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Two variants compared by what became of them.

    Attributes:
        experiment: its name.
        first, second: the tallies of both.
        difference: share of good outcomes of the first minus that of the second.
        low, high: 95 % interval of the difference (Newcombe); where it holds 0 nothing is shown.
    """

    experiment: str
    first: Tally
    second: Tally
    difference: float
    low: float
    high: float


def assigned(experiment: str, unit: str, arms: Sequence[str]) -> str:
    """Which of some variants a unit gets; the same in every process, and even over many units.

    >>> assigned("pool", "orders", ["standard", "database_heavy"])
    'standard'
    """
    number = int.from_bytes(hashlib.sha256(f"{experiment}\0{unit}".encode()).digest()[:8], "big")
    return arms[number % len(arms)]


def trials(log: Log) -> list[Trial]:
    """Every experiment of the log with at least two variants: the two most used, compared."""
    found = []
    for name in sorted({each.experiment for each in log.choices if each.experiment}):
        within = Log(tuple(each for each in log.choices if each.experiment == name), log.outcomes)
        arms = [each for each in tallies(within) if each.chosen][:2]
        if len(arms) == 2:
            found.append(_compared(name, arms[0], arms[1]))
    return found


def _compared(name: str, first: Tally, second: Tally) -> Trial:
    shares = [each.good / (each.good + each.bad) if each.good + each.bad else 0.5 for each in (first, second)]
    down = ((shares[0] - first.low) ** 2 + (second.high - shares[1]) ** 2) ** 0.5
    above = ((first.high - shares[0]) ** 2 + (shares[1] - second.low) ** 2) ** 0.5
    difference = shares[0] - shares[1]
    return Trial(
        experiment=name,
        first=first,
        second=second,
        difference=difference,
        low=difference - down,
        high=difference + above,
    )
