"""Learns weights from labelled choices, and admits them only where they beat the rule.

Knows multinomial logistic regression over the named criteria, in plain Python: a gradient of some
hundred steps over some hundred cases takes seconds. Cases are split by a hash of what was asked, so
that nobody chooses what is held out. Refuses to know where labels come from (`usage.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from weft.kit.fingerprints import fingerprint
from weft.variants.calibrating import fit_temperature
from weft.variants.requirements import Requirements, plain_requirements
from weft.variants.scoring import CRITERIA
from weft.variants.selecting import Selector
from weft.variants.variant import VariantPack
from weft.variants.weighing import Weights, confidences

STEPS = 400
RATE = 0.5  # of the gradient; criteria lie between 0 and 1, so this is safe
RESTRAINT = 0.01  # pulls weights towards their prior (L2); some hundred cases carry no more
DIGITS = 4
PRIOR = {"light": 3.0, "demands": 3.0, "claims": 2.0, "needs": 1.0}
"""What criteria are worth as long as few cases show it; all others begin, and are pulled, to 0."""

FEWEST = 20  # cases to learn from, and again held out; fewer prove nothing
PAIRED_LIMIT = 0.05  # chance below which the difference of two choosers is not called luck


@dataclass(frozen=True, slots=True)
class Labelled:
    """Requirements, and the variant that was right for them."""

    asked: Requirements
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sets of weights on cases that neither was learnt from.

    Attributes:
        cases: held out.
        rule, learnt: how many each got right.
        only_rule, only_learnt: how many only one of them got right.
        chance: probability of a difference like this if both were equally good (exact McNemar).
        wins: the learnt weights got more right and that is hardly luck: they may be used.
    """

    cases: int
    rule: int
    learnt: int
    only_rule: int
    only_learnt: int
    chance: float
    wins: bool


def held_out(asked: Requirements, *, share: float = 0.5) -> bool:
    """Whether a case is kept for the comparison; decided by a hash of the requirements alone."""
    return int(fingerprint("held out", plain_requirements(asked))[:8], 16) / 16**8 < share


def train(
    cases: Sequence[Labelled], pack: VariantPack, *, base: Weights, name: str, steps: int = STEPS
) -> Weights:
    """Fit a weight for every criterion, and a temperature; the same cases give the same weights.

    Cases whose label cannot be chosen for their kind are left out.

    Args:
        base: where the threshold of abstaining comes from.
        name: of the new weights.
    """
    names = [each.__name__ for each in CRITERIA]
    every = replace(base, weights=dict.fromkeys(names, 1.0), cap=None)
    rows = _rows(cases, Selector(pack, weights=every, exists=lambda *_: True), names)
    prior = [PRIOR.get(name, 0.0) for name in names]
    weights = prior
    for _ in range(steps if rows else 0):
        gradient = _gradient(rows, weights)
        weights = [
            weight + RATE * (slope - RESTRAINT * (weight - start))
            for weight, slope, start in zip(weights, gradient, prior, strict=True)
        ]
    found = {name: round(weight, DIGITS) for name, weight in zip(names, weights, strict=True)}
    scores = [([_dot(weights, each) for each in matrix], right) for matrix, right, _ in rows]
    return Weights(
        name=name,
        description=f"Learnt from {len(rows)} cases.",
        weights={key: value for key, value in found.items() if value},
        temperature=fit_temperature(scores) if scores else 1.0,
        abstain_below=base.abstain_below,
    )


def compare(cases: Sequence[Labelled], pack: VariantPack, *, rule: Weights, learnt: Weights) -> Comparison:
    """Let two sets of weights choose for the same cases; abstentions count by their first candidate."""
    choosers = [Selector(pack, weights=each, exists=lambda *_: True) for each in (rule, learnt)]
    both = [
        tuple(chooser.select(case.asked).best.variant.name == case.label for chooser in choosers)
        for case in cases
    ]
    only_rule, only_learnt = both.count((True, False)), both.count((False, True))
    chance = paired_chance(only_rule, only_learnt)
    return Comparison(
        cases=len(cases),
        rule=sum(a for a, _ in both),
        learnt=sum(b for _, b in both),
        only_rule=only_rule,
        only_learnt=only_learnt,
        chance=chance,
        wins=len(cases) >= FEWEST and only_learnt > only_rule and chance < PAIRED_LIMIT,
    )


def paired_chance(first: int, second: int) -> float:
    """Exact two-sided McNemar: chance of a split at least as uneven if both sides were equal.

    >>> paired_chance(0, 6)
    0.03125
    """
    both, least = first + second, min(first, second)
    if not both:
        return 1.0
    tail = sum(math.comb(both, each) for each in range(least + 1)) / 2.0**both
    return min(1.0, 2 * tail)


_Case = tuple[list[list[float]], int, float]
"""Criteria of every candidate, the place of the right one, and what the case is worth."""


def _rows(cases: Sequence[Labelled], selector: Selector, names: Sequence[str]) -> list[_Case]:
    """Lay cases out; every label is worth the same in sum, for nobody knows how often each will be asked for."""
    found = []
    for case in cases:
        candidates = selector.weigh(case.asked).candidates
        right = [place for place, each in enumerate(candidates) if each.variant.name == case.label]
        if right:
            found.append(
                (case.label, [[each.parts[name] for name in names] for each in candidates], right[0])
            )
    often = Counter(label for label, _, _ in found)
    return [(matrix, right, len(found) / (len(often) * often[label])) for label, matrix, right in found]


def _gradient(rows: Sequence[_Case], weights: Sequence[float]) -> list[float]:
    """Mean of: criteria of the right candidate minus those expected under the present weights."""
    total = [0.0] * len(weights)
    for matrix, right, worth in rows:
        sure = confidences([_dot(weights, each) for each in matrix], 1.0)
        for place, values in enumerate(matrix):
            factor = worth * ((place == right) - sure[place])
            for at, value in enumerate(values):
                total[at] += factor * value
    return [each / len(rows) for each in total]


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(map(float.__mul__, weights, values))
