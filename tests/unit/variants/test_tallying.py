from __future__ import annotations

import pytest

from weft.variants.requirements import Requirements
from weft.variants.tallying import assigned, counters, labels, tallies, trials, week_of, weekly
from weft.variants.usage import Choice, Log, Outcome

WEEK = 7 * 86_400
START = 1_700_000_000.0


def choice(number: int, variant: str = "standard", **parts: object) -> Choice:
    """One choice of a log."""
    return Choice(
        **{
            "id": f"{number:012d}", "at": START, "pack": "codegen", "kind": "effect", "variant": variant,
            "proposed": variant, "confidence": 0.8, "weights": "v2", "overridden": False, "fallback": False,
            "micros": 70, "asked": {"kind": "effect", "name": f"m{number}"}, **parts,
        }
    )  # type: ignore[arg-type]  # fmt: skip


def ended(number: int, outcome: str) -> Outcome:
    """What became of a choice."""
    return Outcome(choice=f"{number:012d}", at=START + 60, outcome=outcome)


def test_weeks_are_counted_apart() -> None:
    """V23: the weekly table shows choices, overrides, fallbacks and undecided ones."""
    log = Log(
        (
            choice(1),
            choice(2, "minimal", proposed="standard", overridden=True),
            choice(3, fallback=True, confidence=0.5),
            choice(4, "", proposed="standard", at=START + WEEK),
        ),
        (),
    )
    first, second = weekly(log)

    assert (first.week, first.choices, first.overridden, first.fallbacks) == ("2023-W46", 3, 1, 1)
    assert first.override_rate == pytest.approx(1 / 3)
    assert first.mean_confidence == pytest.approx(0.7)
    assert (second.week, second.undecided) == ("2023-W47", 1)


def test_week_of_new_year_is_the_iso_week() -> None:
    """The first of January may belong to the last week of the old year."""
    assert week_of(1_609_459_200) == "2020-W53"


def test_variants_are_tallied_with_outcomes() -> None:
    """V44: usage and outcome by variant, with the interval of the good ones."""
    log = Log(
        (*tuple(choice(n) for n in range(10)), choice(10, "minimal", proposed="standard", overridden=True)),
        (*tuple(ended(n, "passed") for n in range(8)), ended(8, "failed"), ended(10, "kept")),
    )
    standard, minimal = tallies(log)

    assert (standard.chosen, standard.proposed, standard.refused, standard.good, standard.bad) == (
        10,
        11,
        1,
        8,
        1,
    )
    assert standard.low < 8 / 9 < standard.high
    assert (minimal.chosen, minimal.proposed, minimal.good) == (1, 0, 1)


def test_counters_serve_dashboards() -> None:
    """V38: counts by variant, fallback rate and a histogram of times, cumulative."""
    found = counters(Log((choice(1), choice(2, fallback=True, micros=600), choice(3, "")), ()))

    assert found["by_variant"] == {"standard": 2, "undecided": 1}
    assert found["fallback_rate"] == pytest.approx(1 / 3)
    assert (
        found["micros"]["100"],
        found["micros"]["500"],
        found["micros"]["1000"],
        found["micros"]["inf"],
    ) == (2, 2, 3, 3)


def test_empty_log_has_empty_tables() -> None:
    """P44: nothing is divided by nothing."""
    empty = Log((), ())

    assert weekly(empty) == tallies(empty) == trials(empty) == labels(empty) == []
    assert counters(empty)["override_rate"] == 0


def test_overrides_and_good_ends_are_labels() -> None:
    """V46: a person's choice teaches, a choice that ended well teaches, the rest does not."""
    log = Log(
        (choice(1), choice(2), choice(3, "minimal", overridden=True), choice(4, asked={}, overridden=True)),
        (ended(1, "passed"), ended(2, "failed")),
    )

    assert [(each.asked, each.label) for each in labels(log)] == [
        (Requirements(kind="effect", name="m1"), "standard"),
        (Requirements(kind="effect", name="m3"), "minimal"),
    ]


def test_assignment_is_steady_and_even() -> None:
    """V45: the same unit always gets the same variant, and many units share evenly."""
    units = [f"unit {n}" for n in range(2000)]
    first = [assigned("pool", unit, ["a", "b"]) for unit in units]

    assert first == [assigned("pool", unit, ["a", "b"]) for unit in units]
    assert 900 < first.count("a") < 1100
    assert first != [assigned("other", unit, ["a", "b"]) for unit in units]


def test_trial_compares_outcomes_with_an_interval() -> None:
    """V45: a clear difference excludes zero, a small one does not."""

    def trial(good_a: int, good_b: int, each: int) -> tuple[float, float]:
        log = Log(
            tuple(choice(n, "a" if n < each else "b", experiment="t") for n in range(2 * each)),
            tuple(
                ended(n, "passed" if n % each < (good_a if n < each else good_b) else "failed")
                for n in range(2 * each)
            ),
        )
        (found,) = trials(log)
        assert found.difference == pytest.approx((good_a - good_b) / each)
        return found.low, found.high

    low, _ = trial(90, 60, 100)
    assert low > 0
    low, high = trial(9, 8, 10)
    assert low < 0 < high


def test_trial_needs_two_variants() -> None:
    """A trial of which one arm has no choice yet is not told."""
    assert trials(Log((choice(1, experiment="t"),), ())) == []
