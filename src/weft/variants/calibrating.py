"""How far confidences may be believed: a temperature that fits, and the error that remains.

Knows expected calibration error, the temperature search, Wilson's interval and Cohen's kappa. Refuses
to know variants: it sees confidences and whether they were right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from weft.variants.weighing import confidences

Z95 = 1.959964  # standard deviations that hold 95 % of a normal distribution
BINS = 10
COOLEST, HOTTEST, STEPS = 0.01, 5.0, 120  # temperatures that are tried, evenly spaced on a log scale


def wilson(right: int, tried: int) -> tuple[float, float]:
    """The 95 % interval of a share; from 0 to 1 where nothing was tried.

    >>> [round(each, 3) for each in wilson(90, 100)]
    [0.826, 0.945]
    """
    if not tried:
        return 0.0, 1.0
    share, z2 = right / tried, Z95 * Z95
    middle = (share + z2 / (2 * tried)) / (1 + z2 / tried)
    half = Z95 / (1 + z2 / tried) * math.sqrt(share * (1 - share) / tried + z2 / (4 * tried * tried))
    # At the ends rounding would leave the share itself outside.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def calibration_error(sure: Sequence[tuple[float, bool]], *, bins: int = BINS) -> float:
    """Expected calibration error: the mean gap of confidence and share right over bins of confidence.

    Args:
        sure: confidence from 0 to 1, and whether it was right.
        bins: of equal width.
    """
    held: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for confidence, right in sure:
        held[min(bins - 1, int(confidence * bins))].append((confidence, right))
    gaps = [
        abs(sum(confidence for confidence, _ in each) - sum(right for _, right in each))
        for each in held
        if each
    ]
    return sum(gaps) / len(sure) if sure else 0.0


def fit_temperature(cases: Sequence[tuple[Sequence[float], int]]) -> float:
    """The temperature under which the right candidates were least surprising.

    Args:
        cases: scores of all candidates, and the place of the right one.
    """
    ratio = (HOTTEST / COOLEST) ** (1 / (STEPS - 1))
    tried: list[float] = [COOLEST * math.pow(ratio, step) for step in range(STEPS)]
    _, best = min((surprise(cases, each), each) for each in tried)
    return round(best, 4)


def surprise(cases: Sequence[tuple[Sequence[float], int]], temperature: float) -> float:
    """Mean negative log-likelihood of the right candidates; lower is better."""
    total = 0.0
    for scores, right in cases:
        total -= math.log(max(1e-12, confidences(scores, temperature)[right]))
    return total / len(cases) if cases else 0.0


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float:
    """Cohen's kappa of two labellers: 1 = always agree, 0 = no more than by chance.

    >>> kappa([("a", "a"), ("b", "b"), ("a", "b"), ("b", "b")])
    0.5
    """
    if not pairs:
        return 0.0
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    seen = sum(a == b for a, b in pairs) / len(pairs)
    chance = sum(first[label] * second[label] for label in first) / len(pairs) ** 2
    return 1.0 if chance == 1 else (seen - chance) / (1 - chance)
