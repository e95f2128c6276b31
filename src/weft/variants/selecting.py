"""Chooses a variant: hard constraints first, then a weighted score, then a look at how sure it is.

    analyse → exclude → score → confidence → fall back by size, abstain, or choose

Knows the order of these steps and what a choice must tell about itself. Refuses to know words
(`analysing.py`), criteria (`scoring.py`) and files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from weft.errors import NoVariantFits, Undecided, UnknownName
from weft.kit.caches import CacheStats, TtlLruCache
from weft.kit.clocks import SystemClock
from weft.variants.analysing import Analysis, analyse
from weft.variants.library import has_template
from weft.variants.requirements import Requirements
from weft.variants.rows import unmet
from weft.variants.scoring import (
    BY_NAME,
    COMPLEX,
    FOR_GENERIC,
    FOR_SPECIALISTS,
    LARGE,
    ORDER,
    SMALL,
    Criterion,
    view_of,
)
from weft.variants.variant import Domain, Variant, VariantPack
from weft.variants.vocabulary import Vocabulary, vocabulary_for
from weft.variants.weighing import Weights, confidences, own_weights

NEARLY = 0.995  # confidence from which rounding would say 100 %
REMEMBERED = 100  # choices kept by a selector; the least recently used goes first


def percent(confidence: float) -> str:
    """A confidence for people; nothing that was weighed is quite certain.

    >>> percent(0.824), percent(0.9999)
    ('82%', '>99%')
    """
    return ">99%" if NEARLY <= confidence < 1 else f"{confidence:.0%}"


class Candidate(NamedTuple):
    """A variant that may be chosen.

    Attributes:
        parts: criterion → points; their sum is `score`, unless the weights cut it.
        score: higher is better; comparable within one choice only.
        confidence: from 0 to 1; those of all candidates sum to 1.
        matched: features that were asked for and that it offers, sorted.
    """

    variant: Variant
    parts: Mapping[str, float]
    score: float
    confidence: float
    matched: tuple[str, ...]

    @property
    def percent(self) -> str:
        """The confidence for people."""
        return percent(self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A choice with everything that it rests on.

    Attributes:
        variant: the chosen one; `None` = undecided, the first two candidates are about equal.
        candidates: best first; equal ones in the order of the pack.
        confidence: of the first candidate, from 0 to 1; 1 where a person decided.
        is_fallback: nothing spoke for any concern or feature, so only the size decided.
        is_override: a person named the variant.
        analysis: what was understood.
        excluded: variant → why it could not be a candidate.
        weights: name of the weights.
    """

    asked: Requirements
    variant: Variant | None
    candidates: tuple[Candidate, ...]
    confidence: float
    is_fallback: bool
    is_override: bool
    analysis: Analysis
    excluded: Mapping[str, str]
    weights: str

    @property
    def best(self) -> Candidate:
        """The chosen candidate, or the first where nobody is chosen."""
        return self.candidates[0]

    @property
    def mixins(self) -> tuple[str, ...]:
        """What the best candidate recommends beside it."""
        return self.best.variant.mixins

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns that the best candidate recommends."""
        return self.best.variant.patterns

    def settled(self) -> Variant:
        """The chosen variant.

        Raises:
            Undecided: two fit about equally.
        """
        if self.variant is not None:
            return self.variant
        names = [each.variant.name for each in self.candidates[:2]]
        shares = " and ".join(f"`{each.variant.name}` ({each.percent})" for each in self.candidates[:2])
        raise Undecided(
            f"It is not clear which variant is meant: {shares} fit about equally.",
            hint=f"say `variant: {names[0]}` or `variant: {names[1]}`; `weft variants explain` tells the difference.",
            candidates=names,
        )


class Selector:
    """Chooses among the variants of one pack, and remembers its last choices.

    May be used from several threads.
    """

    def __init__(
        self,
        pack: VariantPack,
        *,
        weights: Weights | None = None,
        vocabulary: Vocabulary | None = None,
        exists: Callable[[VariantPack, Variant, str], bool] = has_template,
    ) -> None:
        """Look once which variants have a file.

        Args:
            weights: `None` = weft's default.
            vocabulary: `None` = weft's own and the terms of the pack's variants.
            exists: whether a variant has a template for a kind.
        """
        self.pack = pack
        self.weights = weights or own_weights()
        self._vocabulary = vocabulary or vocabulary_for(pack.variants.values())
        self._zeros = dict.fromkeys(self.weights.weights, 0.0)
        self._places = {name: _place(variant) for name, variant in pack.variants.items()}
        self._for_generic = self._without(FOR_SPECIALISTS)
        self._for_specialists = self._without(FOR_GENERIC)
        self._for_unsaid = self._without(FOR_GENERIC | FOR_SPECIALISTS)
        self._present: dict[str, list[Variant]] = {}
        self._missing: dict[str, dict[str, str]] = {}
        for kind in pack.kinds:
            able = pack.of_kind(kind)
            self._present[kind] = [each for each in able if exists(pack, each, kind)]
            self._missing[kind] = {
                each.name: f"makes {', '.join(each.kinds)}" if each not in able else "has no template"
                for each in pack.variants.values()
                if each not in self._present[kind]
            }
        self._domains = {
            kind: frozenset(each.domain for each in present if each.domain is not None)
            for kind, present in self._present.items()
        }
        self._chosen: TtlLruCache[tuple[Requirements, str], Selection] = TtlLruCache(
            REMEMBERED, ttl_s=None, clock=SystemClock()
        )

    def select(self, asked: Requirements, *, override: str = "") -> Selection:
        """Choose; the same requirements give the same choice, from memory if it was among the last.

        Args:
            override: a variant that a person has decided for; empty = none.

        Raises:
            UnknownName: the kind or the override is none of the pack.
            NoVariantFits: no variant of the kind has a file and what it needs.
        """
        key = (asked, override)
        return self._chosen.get_or_make(key, lambda: self.weigh(asked, override=override))

    def domains(self, kind: str) -> frozenset[Domain]:
        """The concerns that some variant of a kind is made for."""
        return self._domains.get(kind, frozenset())

    def stats(self) -> CacheStats:
        """Hits, misses and size of the memory of choices."""
        return self._chosen.stats()

    def clear(self) -> None:
        """Forget all choices; counters begin at zero."""
        self._chosen.clear()

    def weigh(self, asked: Requirements, *, override: str = "") -> Selection:
        """Choose without the memory: nothing is looked up and nothing kept.

        Raises:
            UnknownName, NoVariantFits: as `select`.
        """
        if asked.kind not in self._present:
            raise UnknownName.among("kind", asked.kind, list(self.pack.kinds))
        return self.judge(asked, analyse(asked, self._vocabulary), override=override)

    def judge(self, asked: Requirements, analysis: Analysis, *, override: str = "") -> Selection:
        """Choose by an analysis that is at hand; remembers nothing.

        Raises:
            UnknownName, NoVariantFits: as `select`.
        """
        present, excluded = self._fitting(asked, override)
        unclaimed = [each.name for each in present if each.terms and each.name not in analysis.claims]
        if unclaimed and not override:
            present = [each for each in present if each.name not in unclaimed]
            excluded |= dict.fromkeys(unclaimed, "none of its terms was said")
            if not present:
                raise self._nothing_fits(asked, excluded)
        ranked = self._ranked(analysis, present)
        is_fallback = analysis.empty and not override and asked.row is None
        if override:
            ranked.sort(key=lambda each: each.variant.name != override)
        elif is_fallback:
            name = fallback(analysis.operations, analysis.complexity)
            ranked.sort(key=lambda each: each.variant.name != name)
        best = ranked[0]
        # A variant and what it extends are near by their nature: between them nobody need be asked.
        rivals = [
            each
            for each in ranked[1:]
            if best.variant.name not in _names(each) and each.variant.name not in _names(best)
        ]
        margin = best.confidence - rivals[0].confidence if rivals else 1.0
        sure = is_fallback or bool(override) or margin >= self.weights.abstain_below
        return Selection(
            asked=asked,
            variant=best.variant if sure else None,
            candidates=tuple(ranked),
            confidence=1.0 if override else best.confidence,
            is_fallback=is_fallback,
            is_override=bool(override),
            analysis=analysis,
            excluded=excluded,
            weights=self.weights.name,
        )

    def _without(self, names: Collection[str]) -> list[tuple[str, float, Criterion]]:
        """The criteria that may be other than 0: those that do not bear one of these names."""
        weights = self.weights.weights
        return [(name, weights[name], BY_NAME[name]) for name in weights if name not in names]

    def _fitting(self, asked: Requirements, override: str) -> tuple[list[Variant], dict[str, str]]:
        """Candidates after the hard constraints; a person's choice needs a file and nothing else."""
        present = self._present[asked.kind]
        excluded = dict(self._missing[asked.kind])
        if override:
            names = [each.name for each in present]
            if override not in names:
                raise UnknownName.among(f"variant for `{asked.kind}`", override, names)
            return present, excluded
        if asked.available is not None:
            for each in present:
                lacking = [name for name in each.prerequisites if name not in asked.available]
                if lacking:
                    excluded[each.name] = f"needs {', '.join(lacking)}"
            present = [each for each in present if each.name not in excluded]
        if asked.row is not None:
            for each in present:
                reason = unmet(each.when, asked.row)
                if reason:
                    excluded[each.name] = reason
            present = [each for each in present if each.name not in excluded]
        if not present:
            raise self._nothing_fits(asked, excluded)
        return present, excluded

    def _nothing_fits(self, asked: Requirements, excluded: Mapping[str, str]) -> NoVariantFits:
        why = "; ".join(f"`{name}` {reason}" for name, reason in excluded.items())
        return NoVariantFits(
            f"No variant of `{self.pack.name}` can make `{asked.kind}` with what is available: {why}.",
            hint="name more under `available`, or leave it out.",
            excluded=dict(excluded),
        )

    def _ranked(self, analysis: Analysis, present: list[Variant]) -> list[Candidate]:
        view = view_of(analysis, self._domains[analysis.kind])
        rows, cut, zeros = [], self.weights.cut, self._zeros
        for variant in present:
            parts = zeros.copy()
            sum_of = 0.0
            if variant.domain is None:
                criteria = self._for_generic
            else:
                said = variant.domain in view.strengths
                criteria = self._for_specialists if said else self._for_unsaid
            for name, weight, criterion in criteria:
                parts[name] = points = weight * criterion(view, variant)
                sum_of += points
            # Behind the cut scores may be equal while their parts are not.
            rows.append((-cut(sum_of), -sum_of, self._places[variant.name], variant, parts))
        rows.sort(key=_rank)
        sure = confidences([-each[0] for each in rows], self.weights.temperature)
        asked = sorted(analysis.features)
        return [
            Candidate(variant, parts, -score, confidence, _offered(asked, variant) if asked else ())
            for (score, _, _, variant, parts), confidence in zip(rows, sure, strict=True)
        ]


_Row = tuple[float, float, int, Variant, dict[str, float]]


def _rank(row: _Row) -> tuple[float, float, int]:
    return row[:3]


def _offered(asked: list[str], variant: Variant) -> tuple[str, ...]:
    return tuple([name for name in asked if name in variant.features])


def _names(candidate: Candidate) -> tuple[str, str]:
    return candidate.variant.name, candidate.variant.extends


def _place(variant: Variant) -> int:
    """Where scores are equal the order of concerns decides; generic variants come last, small first."""
    return ORDER.index(variant.domain) if variant.domain else len(ORDER) + variant.complexity


def fallback(operations: int, complexity: float) -> str:
    """The variant by size alone: up to two operations, from eight on or very complex, between.

    >>> fallback(2, 0.1), fallback(5, 0.4), fallback(8, 0.4), fallback(3, 0.75)
    ('minimal', 'standard', 'production', 'production')
    """
    if operations >= LARGE or complexity > COMPLEX:
        return "production"
    return "minimal" if operations <= SMALL else "standard"


def select_variant(
    asked: Requirements, pack: VariantPack, *, weights: Weights | None = None, override: str = ""
) -> Selection:
    """Choose a variant of a pack once; who chooses often keeps a `Selector`.

    Raises:
        UnknownName, NoVariantFits: as `Selector.select`.
    """
    return Selector(pack, weights=weights).select(asked, override=override)
