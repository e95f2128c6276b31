"""Adds up what requirements say: evidence for each concern, size, duties, complexity, unknown words.

Knows how much typed operations, words, tags and names weigh against each other. Refuses to know
variants: which of them the evidence speaks for is for `scoring.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from weft.variants.hearing import Hit, hear
from weft.variants.requirements import Operation, Requirements
from weft.variants.variant import OPERATION_KINDS, Domain
from weft.variants.vocabulary import FEATURE_STRENGTH, NUMBER, STRENGTHS, Vocabulary

# What one source weighs. A stated kind of operation is a fact, words are hints, and tags are
# written in a hurry: where a description stands beside them they only point at it.
TYPED: Mapping[str, float] = {
    "flow.transition": 5.0,
    "aggregate.window": 4.5,
    "model.predict": 4.5,
    "broker.consume": 3.4,
    "broker.produce": 3.2,
    "db.read": 3.0,
    "db.write": 3.0,
    "http.call": 2.8,
    "pure": 0.0,
}
"""Strength of a typed operation; concerns that usually come alone weigh more than those around them."""

BESIDE_TYPED = 0.4  # of words where operations are typed
BESIDE_TEXT = 0.35  # of tags where there is a description
ALONE = 1.5  # of tags where there is none
IN_OPERATION = 0.6  # of words in an operation's name and description
IN_NAME = 1.0
REPEATED = (1.0, 0.35, 0.15)  # the same word again says less each time; the fourth nothing
DENIED = 0.4  # of the other evidence for a concern that is denied in so many words
NEED = 1.0  # of a need towards the concern that fulfils it
RANKED: Mapping[str, float] = {"text": 1.0, "operation": 0.6, "tag": 0.5, "name": 0.5, "need": 1.0}
"""Strength of a feature of no concern by its place; stated demands count, tags only point at them."""
MANY = 2  # stated demands from which a clause is a list of demands
AMONG_DEMANDS = 0.3  # of a word for a concern in such a list: "rate limits" there are a demand, too
FEW = 2  # words of a description that is none
SHORT = 6  # words of a description that leaves the telling to the operations
MOST_TOLD = 20  # unknown words in an answer


class Evidence(NamedTuple):
    """One thing that was said for a concern, a feature or a rank of features.

    Attributes:
        said: the word, tag or typed operation.
        place: `operation`, `text`, `tag`, `name` or `need`.
        strength: what it weighs, repetition and context included.
        at: which clause of the text or which operation says it, counted from 1; 0 elsewhere.
        clear: from 0 to 1: how clearly this clause or operation speaks for the concern by it.
    """

    said: str
    place: str
    strength: float
    domain: Domain | None = None
    feature: str = ""
    rank: str = ""
    variant: str = ""
    at: int = 0
    clear: float = 0.0

    @property
    def plain(self) -> str:
        """What was said, for people: N stands for any number."""
        return self.said.replace(NUMBER, "N")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What requirements come to.

    Attributes:
        kind: as asked.
        operations: how many there are: listed, or else counted from the verbs of the text.
        is_counted: they were counted from verbs, so the number is a guess; a stated number is none.
        strengths: concern → summed strength of all evidence; concerns without any are missing.
        listed: how many operations are listed.
        typed: concern → share of the operations that are typed so, from 0 to 1.
        pieces: concern → how many distinct things speak for it.
        named: concern → strength of the strongest single thing that speaks for it.
        spread: concern → share of the text's clauses that speak for it, from 0 to 1.
        backed: concern → share of the operations that speak for it, from 0 to 1. Where there is no text
            or no list the other share stands for both; where there is neither both are 1.
        features: feature → its strength, at most 1; of all concerns and of none.
        ranks: `basic`, `heavy`, `light` → summed strength of such features.
        claims: variant of your own → summed strength of its terms.
        sentences: how many clauses the text has.
        needs: as asked.
        evidence: everything that counted, strongest first.
        unknown: tags and words that say nothing to the vocabulary, at most twenty.
        complexity: from 0 to 1, see `complexity_of`.
        empty: nothing speaks for any concern or feature, so only the size can decide.
    """

    kind: str
    operations: int
    is_counted: bool
    strengths: Mapping[Domain, float]
    typed: Mapping[Domain, float]
    pieces: Mapping[Domain, int]
    named: Mapping[Domain, float]
    spread: Mapping[Domain, float]
    backed: Mapping[Domain, float]
    features: Mapping[str, float]
    ranks: Mapping[str, float]
    claims: Mapping[str, float]
    listed: int
    sentences: int
    needs: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    unknown: tuple[str, ...]
    complexity: float
    empty: bool


def complexity_of(*, operations: int, domains: int, features: int, needs: int) -> float:
    """Say how much a module has to carry, from 0 to 1.

        0.4 · operations/10 + 0.2 · domains/3 + 0.2 · features/10 + 0.2 · needs/2, each share at most 1

    Two operations and one feature are simple; nine operations on three concerns with six features and
    two needs are complex:

    >>> complexity_of(operations=2, domains=0, features=1, needs=0)
    0.1
    >>> complexity_of(operations=5, domains=1, features=4, needs=1)
    0.447
    >>> complexity_of(operations=9, domains=3, features=6, needs=2)
    0.88
    """
    shares = (
        (0.4, operations / 10),
        (0.2, domains / 3),
        (0.2, features / 10),
        (0.2, needs / 2),
    )
    return round(sum(weight * min(1.0, share) for weight, share in shares), 3)


@dataclass(slots=True)
class _Sum:
    """Evidence as it comes in."""

    vocabulary: Vocabulary
    found: list[Evidence] = field(default_factory=list)
    duties: dict[str, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    denied: set[Domain] = field(default_factory=set)
    stated: int = 0
    sentences: int = 0
    times: dict[tuple[str, Domain | None], int] = field(default_factory=dict)

    def listen(self, text: str, place: str, factor: float) -> set[int]:
        """Take in what a text says; the lines of which something counted."""
        heard = hear(text, self.vocabulary, is_told=place == "text")
        if place == "text":
            self.duties |= dict.fromkeys(heard.duties)
            self.stated, self.sentences = heard.stated, heard.sentences
        self.unknown |= dict.fromkeys(heard.unknown)
        if not heard.hits:
            return set()
        demands: dict[int, int] = {}
        for hit in heard.hits:
            if hit.mark.rank == "heavy":
                demands[hit.sentence] = demands.get(hit.sentence, 0) + 1
        counted = set()
        for hit in heard.hits:
            weak = demands and hit.mark.domain is not None and hit.mark.strength < STRENGTHS["sure"]
            listed = weak and demands.get(hit.sentence, 0) >= MANY
            if self._take(hit, place, factor * AMONG_DEMANDS if listed else factor):
                counted.add(hit.line)
        return counted

    def _take(self, hit: Hit, place: str, factor: float) -> bool:
        """Count one hit; `False` = it was denied or said too often."""
        said, (domain, own, feature, rank, variant), within, sentence, line = hit
        if not within:
            if domain is not None and own >= 1:
                self.denied.add(domain)
            return False
        key = (said, domain)
        time = self.times.get(key, 0)
        self.times[key] = time + 1
        if time >= len(REPEATED):
            return False
        # A need holds wherever it is said: that figures go to a board means that there are figures.
        if place == "tag" and feature and domain is not None:
            own = max(own, FEATURE_STRENGTH)
        plain = own * within
        strength = (RANKED[place] if rank else plain) * factor * REPEATED[time]
        at = sentence if place == "text" else line if place == "operation" else 0
        clear = plain if plain < 1 else 1.0
        self.found.append(Evidence(said, place, strength, domain, feature, rank, variant, at, clear))
        return True


def analyse(asked: Requirements, vocabulary: Vocabulary) -> Analysis:
    """Add up what requirements say."""
    total = _Sum(vocabulary)
    typed = _add_typed(asked.operations, total)
    words = asked.text.count(" ")
    if asked.text:
        total.listen(asked.text, "text", BESIDE_TYPED if typed else 1.0)
    told = [
        _one_line(f"{each.name}. {each.description}") if not each.does else "" for each in asked.operations
    ]
    if any(told):
        total.listen("\n".join(told), "operation", IN_OPERATION if words >= SHORT else 1.0)
    if asked.name:
        total.listen(asked.name, "name", BESIDE_TYPED if typed else IN_NAME)
    if asked.features:
        for tag in asked.features:
            total.unknown.pop(tag, None)
        tags = "\n".join(map(_one_line, asked.features))
        counted = total.listen(tags, "tag", BESIDE_TEXT if words >= FEW else ALONE)
        if len(counted) < len(asked.features):
            silent = (tag for line, tag in enumerate(asked.features, 1) if line not in counted)
            total.unknown |= dict.fromkeys(silent)
    for need in asked.needs:
        domain = Domain.WORKFLOW if need in {"compensate", "persist"} else None
        total.found.append(Evidence(need, "need", NEED, domain, rank="" if domain else "heavy"))
    return _analysis(asked, total, typed)


def _one_line(text: str) -> str:
    return text.replace("\n", " ") if "\n" in text else text


def _add_typed(operations: Collection[Operation], total: _Sum) -> dict[Domain, float]:
    """Take in typed operations; the share of each concern among all operations."""
    counts: dict[Domain, float] = {}
    for at, operation in enumerate(operations, 1):
        domain = OPERATION_KINDS.get(operation.does)
        if domain is not None:
            counts[domain] = counts.get(domain, 0.0) + 1
            said = f"{operation.does}:{operation.name}" if operation.name else operation.does
            total.found.append(Evidence(said, "operation", TYPED[operation.does], domain, at=at, clear=1.0))
    return {domain: count / len(operations) for domain, count in counts.items()}


def _analysis(asked: Requirements, total: _Sum, typed: Mapping[Domain, float]) -> Analysis:
    listed = len(asked.operations)
    found = total.found
    if total.denied:
        found = [
            each._replace(strength=each.strength * DENIED, clear=each.clear * DENIED)
            if each.domain in total.denied and each.place != "operation"
            else each
            for each in found
        ]
    return summed(
        found,
        kind=asked.kind,
        operations=listed or total.stated or len(total.duties),
        is_counted=not (listed or total.stated),
        typed=typed,
        listed=listed,
        sentences=total.sentences,
        needs=asked.needs,
        unknown=tuple(total.unknown)[:MOST_TOLD],
    )


def summed(found: Iterable[Evidence], **facts: Any) -> Analysis:
    """Add up evidence; `facts` are the attributes of an `Analysis` that do not follow from it."""
    strengths: dict[Domain, float] = {}
    pieces: dict[Domain, set[str]] = {}
    named: dict[Domain, float] = {}
    clear: dict[Domain, dict[tuple[bool, int], float]] = {}
    features: dict[str, float] = {}
    ranks: dict[str, float] = {}
    claims: dict[str, float] = {}
    evidence = tuple(sorted(found, key=_first_told))
    for said, place, strength, domain, feature, rank, variant, at, how in evidence:
        if domain is not None and strength:
            if domain not in strengths:
                strengths[domain], pieces[domain], named[domain], clear[domain] = 0.0, set(), strength, {}
            strengths[domain] += strength
            pieces[domain].add(said)
            if at:
                spot = (place == "operation", at)
                if how > clear[domain].get(spot, 0.0):
                    clear[domain][spot] = how
        if feature:
            features[feature] = min(1.0, features.get(feature, 0.0) + strength)
        if rank:
            ranks[rank] = ranks.get(rank, 0.0) + strength
        if variant:
            claims[variant] = claims.get(variant, 0.0) + strength
    shares = {domain: _shares(spots, facts["sentences"], facts["listed"]) for domain, spots in clear.items()}
    return Analysis(
        strengths=strengths,
        pieces={domain: len(said) for domain, said in pieces.items()},
        named=named,
        spread={domain: each[0] for domain, each in shares.items()},
        backed={domain: each[1] for domain, each in shares.items()},
        features=features,
        ranks=ranks,
        claims=claims,
        evidence=evidence,
        complexity=complexity_of(
            operations=facts["operations"],
            domains=len(strengths),
            features=len(features),
            needs=len(facts["needs"]),
        ),
        empty=not strengths and not features and not ranks and not claims,
        **facts,
    )


def _first_told(each: Evidence) -> tuple[float, str, str]:
    return -each.strength, each.place, each.said


def _shares(spots: Mapping[tuple[bool, int], float], sentences: int, listed: int) -> tuple[float, float]:
    """Share of the clauses and share of the operations that speak for a concern."""
    told, backed = 0.0, 0.0
    for (is_operation, _), clear in spots.items():
        if is_operation:
            backed += clear
        else:
            told += clear
    if sentences and listed:
        return told / sentences, backed / listed
    if sentences or listed:
        share = (told + backed) / (sentences or listed)
        return share, share
    return 1.0, 1.0
