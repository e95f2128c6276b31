"""Says why a choice came out as it did: points by criterion, the words behind them, one paragraph.

Every list is sorted, so the same choice is always told the same way. Refuses to choose and to weigh.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.variants.analysing import Evidence
from weft.variants.selecting import Candidate, Selection, percent

TOLD = 5  # pieces of evidence in a paragraph
WORTH = 0.005  # points below which a criterion made no difference

MEANINGS = {
    "kind": "makes the kind",
    "operations": "number of operations fits",
    "features": "offers what is asked",
    "specialisation": "bonus for a specialist",
    "concern": "its concern is there",
    "share": "its concern among all",
    "named": "its concern is named outright",
    "spread": "much of the text is about it",
    "backed": "many operations are about it",
    "typed": "operations are typed so",
    "leads": "its concern comes first",
    "plain": "no concern prevails",
    "size": "modules of this size",
    "demands": "operating demands",
    "everyday": "everyday features",
    "light": "small or for trying out",
    "claims": "its own terms",
    "needs": "stated needs",
    "specific": "made for such rows",
}
"""Criterion → its meaning in a few words."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one criterion did for the first candidate against the second.

    Attributes:
        points: positive speaks for the first, negative for the second.
    """

    criterion: str
    said: str
    points: float


def reasons(selection: Selection) -> tuple[Reason, ...]:
    """Points of the first candidate minus those of the second, by criterion; the largest first.

    With a single candidate its own points. Their sum is the distance of the two scores, unless the
    weights cut one of them.
    """
    first, *others = selection.candidates
    parts = others[0].parts if others else {}
    found = [
        Reason(name, MEANINGS.get(name, name), points - parts.get(name, 0.0))
        for name, points in first.parts.items()
    ]
    return tuple(sorted(found, key=lambda each: (-abs(each.points), each.criterion)))


def spoken_for(selection: Selection, candidate: Candidate) -> tuple[Evidence, ...]:
    """The evidence that speaks for a candidate: its concern, its features, its own terms; strongest first."""
    variant = candidate.variant
    return tuple(
        each
        for each in selection.analysis.evidence
        if (variant.domain is not None and each.domain is variant.domain)
        or (each.feature and each.feature in variant.features)
        or each.variant == variant.name
    )


def rationale(selection: Selection) -> str:
    """One paragraph: kind, operations, what was heard, features, specialisation, how sure."""
    best = selection.best
    variant, asked = best.variant, selection.asked
    if selection.is_override:
        return f"`{variant.name}` was named by you; nothing was weighed."
    said = [
        f"`{variant.name}` makes `{asked.kind}` modules",
        _operations_said(selection, best),
        _heard(selection, best),
    ]
    if best.matched:
        said.append(f"it offers {', '.join(best.matched)}")
    if best.parts.get("specialisation"):
        said.append("enough speaks for its concern to count as its speciality")
    if selection.is_fallback:
        said.append("nothing names a concern or a feature, so the size alone decided")
    second = f", before `{selection.candidates[1].variant.name}`" if len(selection.candidates) > 1 else ""
    said.append(f"confidence {percent(selection.confidence)}{second}")
    if selection.variant is None:
        said.append("that is too close to decide")
    text = "; ".join(each for each in said if each)
    return f"{text}."


def _operations_said(selection: Selection, best: Candidate) -> str:
    count, variant = selection.analysis.operations, best.variant
    span = (
        f"{variant.at_least} or more"
        if variant.at_most is None
        else f"{variant.at_least} to {variant.at_most}"
    )
    counted = " (counted from its verbs)" if selection.analysis.is_counted else ""
    noun = "operation" if count == 1 else "operations"
    place = "within" if variant.fits_count(count) else "outside of"
    return f"{count} {noun}{counted} {place} its range of {span}"


def _heard(selection: Selection, best: Candidate) -> str:
    heard = [each for each in spoken_for(selection, best) if each.domain is not None or each.variant]
    told = dict.fromkeys(f"`{each.plain}`" for each in heard)
    if not told:
        return ""
    rest = len(told) - TOLD
    more = f" and {rest} more" if rest > 0 else ""
    about = best.variant.domain.value if best.variant.domain else "it"
    return f"{', '.join(list(told)[:TOLD])}{more} {'speaks' if len(told) == 1 else 'speak'} for {about}"
