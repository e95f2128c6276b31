"""How choices of variants are told: candidates, reasons, what would change them, what became of them.

Knows words and tables of a choice. Refuses to choose and to read flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.app.variants import Chosen, Explained, Usage
from weft.cli.console import Console
from weft.cli.wording import count

BAR = 24  # characters of a confidence of 100 %
WORTH = 0.005  # points below which a criterion made no difference
HEARD = 15  # pieces of evidence that are listed


def tell_choice(console: Console, found: Chosen) -> None:
    """Tell a choice: its name, why, every candidate, what goes well with it."""
    selection = found.selection
    if selection.variant is None:
        names = [each.variant.name for each in selection.candidates[:2]]
        console.line(f"Undecided between {names[0]} and {names[1]}", "bold yellow")
    else:
        mark = (
            " (named by you)"
            if selection.is_override
            else " (by size alone)"
            if selection.is_fallback
            else ""
        )
        console.line(f"{selection.variant.name}{mark}", "bold green")
    console.line(found.said)
    console.line()
    _tell_candidates(console, selection)
    if selection.mixins:
        console.line(f"Goes well with: {', '.join(selection.mixins)}")
    if selection.patterns:
        console.line(f"Patterns: {', '.join(selection.patterns)}")
    if selection.analysis.unknown:
        console.note(f"Words that said nothing: {', '.join(selection.analysis.unknown)}")
    if found.id:
        console.note(
            f"Noted as {found.id}; `weft variants usage --settle {found.id}=passed` notes its outcome."
        )
    if selection.variant is None:
        console.hint("name one of them with `--override`, or ask `weft variants explain` for the difference.")


def _tell_candidates(console: Console, selection: Any) -> None:
    for each in selection.candidates:
        bar = "█" * round(each.confidence * BAR)
        console.line(f"  {each.variant.name:<16} {each.percent:>4} {bar}")
    for name, why in selection.excluded.items():
        console.line(f"  {name:<16}    - {why}", "dim")


def tell_explained(console: Console, found: Explained) -> None:
    """Tell everything behind a choice."""
    selection, analysis = found.selection, found.selection.analysis
    console.line(found.said)
    console.line()
    _tell_candidates(console, selection)
    if len(selection.candidates) > 1 and not selection.is_override:
        first, second = (each.variant.name for each in selection.candidates[:2])
        console.line()
        console.line(f"Points for {first} against {second} (weights {selection.weights}):", "bold")
        for each in found.reasons:
            if abs(each.points) >= WORTH:
                console.line(f"  {each.points:+7.2f}  {each.said}", "green" if each.points > 0 else "red")
    if analysis.evidence:
        console.line()
        console.line("What was heard:", "bold")
        rows = [
            (
                each.plain,
                each.place,
                f"{each.strength:.2f}",
                each.domain.value if each.domain else each.feature or each.rank,
            )
            for each in analysis.evidence[:HEARD]
        ]
        console.table(("word", "from", "strength", "speaks for"), rows, right=("strength",))
    if found.changes:
        console.line()
        console.line("What would change it:", "bold")
        for change in found.changes:
            console.line(f"  with {change.said}: {change.winner}")
    for name, choice in found.others.items():
        console.line(f"By the weights {name}: {choice}")
    if analysis.unknown:
        console.line(f"Words that said nothing: {', '.join(analysis.unknown)}")


def tell_usage(console: Console, found: Usage) -> None:
    """Tell the tables of a log: by week, by variant, trials."""
    rows = [
        (
            w.week,
            str(w.choices),
            str(w.overridden),
            f"{w.override_rate:.0%}",
            str(w.fallbacks),
            str(w.undecided),
            f"{w.mean_confidence:.0%}",
        )
        for w in found.weeks
    ]
    columns = ("week", "choices", "overridden", "rate", "by size", "undecided", "confidence")
    console.table(columns, rows, right=columns[1:])
    console.line()
    rows = [
        (
            t.variant,
            str(t.chosen),
            str(t.proposed),
            str(t.refused),
            str(t.good),
            str(t.bad),
            f"{t.low:.0%} to {t.high:.0%}" if t.good + t.bad else "",
        )
        for t in found.variants
    ]
    columns = ("variant", "chosen", "proposed", "refused", "good", "bad", "good, 95 %")
    console.table(columns, rows, right=columns[1:])
    for trial in found.trials:
        console.line()
        console.line(
            f"Trial {trial.experiment}: {trial.first.variant} has {trial.difference:+.0%} good outcomes against "
            f"{trial.second.variant} (95 %: {trial.low:+.0%} to {trial.high:+.0%})"
        )


def tell_learnt(console: Console, learnt: Mapping[str, Any]) -> None:
    """Tell whether learnt weights are used, and why."""
    console.line()
    told = f"weft's weights {learnt['rule']}, learnt ones {learnt['learnt']} of {count(learnt['cases'], 'case')} held out"
    if learnt["wins"]:
        console.line(f"Learnt weights are used from now on: {told}.", "green")
    else:
        console.line(f"Learnt weights are not used, they do not clearly win: {told}.", "yellow")
