"""The criteria of a choice: small named functions, one number each; weights make them a score.

Knows what it means that a variant fits: its kind, its number of operations, its concern, its features,
its size and duties. The first three and the bonus are those of weights v1, v2 uses all. Refuses to
know weights (`weighing.py`) and to choose (`selecting.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import exp
from typing import NamedTuple

from weft.variants.analysing import Analysis
from weft.variants.variant import Domain, Variant

ORDER = (Domain.WORKFLOW, Domain.ANALYTICS, Domain.ML, Domain.KAFKA, Domain.DATABASE, Domain.API)
"""Which concern wins a tie: the earlier one usually contains the later ones."""

PLAIN = 1.5  # what "nothing special" weighs against evidence for concerns: about one likely word
SECONDARY = 0.35  # how far a generic variant carries a concern that it is not made for
NEAR_TOP = 0.6  # share of the strongest evidence from which two concerns are tied
NAMED = 3.0  # strength of a word that names a concern beyond doubt
SATURATES = 2.5  # strength at which evidence has said 63 % of what it can ever say
BONUS_PIECES: Mapping[Domain, int] = {Domain.DATABASE: 3}
BONUS_ELSEWHERE = 2
SMALL, LARGE = 2, 8  # up to SMALL operations are minimal, from LARGE on they are production
COMPLEX = 0.7
ABOVE_RANGE = 0.2  # fit lost by each operation above a range
LEAST_FIT = 0.2


class View(NamedTuple):
    """An analysis as one kind of module sees it: concerns that no variant of the kind has are left out.

    Attributes:
        strengths: concern → strength, only such that some variant of the kind is made for.
        sure: concern → how sure it is that it is there at all, from 0 to 1.
        total, strongest: sum and maximum of these.
        leading: of the concerns near the strongest the one that comes first in `ORDER`; or `None`.
    """

    analysis: Analysis
    strengths: Mapping[Domain, float]
    sure: Mapping[Domain, float]
    total: float
    strongest: float
    leading: Domain | None


def view_of(analysis: Analysis, domains: Collection[Domain]) -> View:
    """Leave out of an analysis what no variant of the kind is made for."""
    strengths = {domain: value for domain, value in analysis.strengths.items() if domain in domains}
    sure = {domain: 1 - exp(-value / SATURATES) for domain, value in strengths.items()}
    strongest = max(strengths.values(), default=0.0)
    leading = None
    if strongest > 0:
        leading = next(each for each in ORDER if strengths.get(each, 0.0) >= NEAR_TOP * strongest)
    return View(analysis, strengths, sure, sum(strengths.values()), strongest, leading)


Criterion = Callable[[View, Variant], float]


def kind(view: View, variant: Variant) -> float:
    """1 if the variant makes the kind; all others are excluded before."""
    return 1.0 if view.analysis.kind in variant.kinds else 0.0


def operations(view: View, variant: Variant) -> float:
    """How well the number of operations fits: 1 anywhere in the range, less outside of it."""
    count = view.analysis.operations
    if count < variant.at_least:
        return (count + 1) / (variant.at_least + 1)
    if variant.at_most is not None and count > variant.at_most:
        return max(LEAST_FIT, 1 - ABOVE_RANGE * (count - variant.at_most))
    return 1.0


def features(view: View, variant: Variant) -> float:
    """Share of what is asked that the variant offers: its concern, its features, plainness."""
    analysis = view.analysis
    plain = variant.domain is None
    asked = PLAIN + view.total
    offered = (PLAIN if plain else 0.0) + _carried(view, variant, plain=plain)
    if analysis.features:
        listed = variant.features
        for name, weight in analysis.features.items():
            asked += weight
            if name in listed:
                offered += weight
    return offered / asked


def _carried(view: View, variant: Variant, *, plain: bool) -> float:
    if plain:
        return SECONDARY * view.total
    own = view.strengths.get(variant.domain, 0.0) if variant.domain else 0.0
    return own + (SECONDARY * (view.total - own) if variant.domain is Domain.WORKFLOW else 0.0)


def specialisation(view: View, variant: Variant) -> float:
    """1 if enough distinct things speak for the variant's concern: three for databases, else two."""
    if variant.domain is None or variant.domain not in view.strengths:
        return 0.0
    needed = BONUS_PIECES.get(variant.domain, BONUS_ELSEWHERE)
    return 1.0 if view.analysis.pieces.get(variant.domain, 0) >= needed else 0.0


def concern(view: View, variant: Variant) -> float:
    """How sure it is that the variant's concern is there at all, from 0 to 1."""
    return view.sure.get(variant.domain, 0.0) if variant.domain else 0.0


def share(view: View, variant: Variant) -> float:
    """The variant's concern among all evidence, as far as it is sure to be there."""
    if variant.domain is None or not view.total:
        return 0.0
    return view.strengths.get(variant.domain, 0.0) / view.total * view.sure.get(variant.domain, 0.0)


def named(view: View, variant: Variant) -> float:
    """How plainly a single word or operation names the variant's concern, from 0 to 1."""
    return min(1.0, view.analysis.named.get(variant.domain, 0.0) / NAMED) if variant.domain else 0.0


def spread(view: View, variant: Variant) -> float:
    """Share of the clauses that speak for the variant's concern: one mention among many is none."""
    return view.analysis.spread.get(variant.domain, 0.0) if variant.domain else 0.0


def backed(view: View, variant: Variant) -> float:
    """Share of the operations that speak for the variant's concern by their kinds or words."""
    return view.analysis.backed.get(variant.domain, 0.0) if variant.domain else 0.0


def typed(view: View, variant: Variant) -> float:
    """Share of the operations that are typed as the variant's concern."""
    return view.analysis.typed.get(variant.domain, 0.0) if variant.domain else 0.0


def leads(view: View, variant: Variant) -> float:
    """For the first concern among those that are about equally strong: how sure it is to be there."""
    domain = variant.domain
    return view.sure.get(domain, 0.0) if domain is not None and domain is view.leading else 0.0


def plain(view: View, variant: Variant) -> float:
    """For generic variants: how sure it is that no concern prevails."""
    return exp(-view.strongest / SATURATES) if variant.domain is None else 0.0


def size(view: View, variant: Variant) -> float:
    """For generic variants: whether a module of this size is theirs; halved beside a neighbouring size."""
    if variant.domain is not None:
        return 0.0
    count = view.analysis.operations
    if variant.at_most is not None and variant.at_most <= SMALL:
        distance = count - SMALL
    elif variant.at_most is None:
        distance = LARGE - count
    else:
        distance = max(SMALL + 1 - count, count - (LARGE - 1))
    return 0.5 ** max(0, distance)


def demands(view: View, variant: Variant) -> float:
    """For generic variants that serve operating needs: how clearly such needs are stated."""
    if variant.domain is not None or not variant.needs:
        return 0.0
    return 1 - exp(-view.analysis.ranks.get("heavy", 0.0))


def everyday(view: View, variant: Variant) -> float:
    """For generic variants in the middle: logs, figures, checks and the like are asked for."""
    if variant.domain is not None or variant.needs or variant.complexity < 2:
        return 0.0
    return 1 - exp(-view.analysis.ranks.get("basic", 0.0) / 2)


def light(view: View, variant: Variant) -> float:
    """For the least generic variant: the module is said to be small or only for trying out."""
    if variant.domain is not None or variant.complexity > 1:
        return 0.0
    return 1 - exp(-2 * view.analysis.ranks.get("light", 0.0))


def claims(view: View, variant: Variant) -> float:
    """For variants with terms of their own: how clearly these were said."""
    return 1 - exp(-view.analysis.claims.get(variant.name, 0.0) / SATURATES) if variant.terms else 0.0


def needs(view: View, variant: Variant) -> float:
    """Share of the stated needs that the variant serves."""
    asked = view.analysis.needs
    return sum(need in variant.needs for need in asked) / len(asked) if asked else 0.0


def specific(view: View, variant: Variant) -> float:
    """For prompts: how many conditions a variant states; all of them hold, or it would be excluded."""
    del view
    return 1 - 0.5**variant.when.count


CRITERIA: tuple[Criterion, ...] = (
    kind, operations, features, specialisation,
    concern, share, named, spread, backed, typed, leads, plain, size, demands, everyday, light, claims, needs, specific,
)  # fmt: skip
"""Every criterion; a file of weights names those that it uses."""

FOR_SPECIALISTS = frozenset(
    {"specialisation", "concern", "share", "named", "spread", "backed", "typed", "leads"}
)
FOR_GENERIC = frozenset({"plain", "size", "demands", "everyday", "light"})
"""Criteria that are 0 for all other variants, and for specialists of whose concern nothing is said."""

BY_NAME: Mapping[str, Criterion] = {each.__name__: each for each in CRITERIA}
