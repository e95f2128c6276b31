"""What would change a choice: the smallest change of the requirements that makes another variant win.

Tries every single change, then two and three of the same: an operation more or less, a word not said,
a need stated. Refuses to judge: every changed requirement goes through the selector itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weft.errors import NoVariantFits
from weft.variants.analysing import Analysis, summed
from weft.variants.requirements import Operation, Requirements
from weft.variants.selecting import Selection, Selector
from weft.variants.variant import NEEDS, OPERATION_KINDS

MOST_ADDED = 6  # operations that are added at most
MOST_TOLD = 3
WORDS_TRIED = 12  # of the strongest evidence


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the requirements and the variant that would win then.

    Attributes:
        size: how many things change; the smaller, the nearer the choice was.
        said: the change in words, to follow "with", such as "2 more operations `http.call`".
    """

    size: int
    said: str
    winner: str


def changes_of_mind(selection: Selection, selector: Selector) -> tuple[Change, ...]:
    """The smallest changes that flip a choice, one for each other winner; at most three.

    Empty where nothing of this size does, and where a person decided.
    """
    if selection.is_override:
        return ()
    found: dict[str, Change] = {}
    # Of changes of one size those come first that take something away: they name what the choice hangs on.
    for size, _, said, changed in sorted(_trials(selection, selector), key=lambda each: each[:3]):
        winner = changed.best.variant.name
        if winner != selection.best.variant.name and winner not in found:
            found[winner] = Change(size, said, winner)
        if len(found) == MOST_TOLD:
            break
    return tuple(found.values())


def _trials(selection: Selection, selector: Selector) -> Iterator[tuple[int, bool, str, Selection]]:
    """Size of a change, whether it adds something, its words and the choice that it leads to."""
    asked = selection.asked
    for adds, trials in (
        (False, [*_fewer(asked), *_untagged(asked)]),
        (True, [*_more(asked, selector), *_needs(asked)]),
    ):
        for size, said, other in trials:
            try:
                yield size, adds, said, selector.weigh(other)
            except NoVariantFits:
                continue
    for said, analysis in _unsaid(selection.analysis):
        yield 1, False, f"no word `{said}`", selector.judge(asked, analysis)


def _more(asked: Requirements, selector: Selector) -> Iterator[tuple[int, str, Requirements]]:
    able = selector.domains(asked.kind)
    for does in (each for each, domain in OPERATION_KINDS.items() if domain is None or domain in able):
        for size in range(1, MOST_ADDED + 1):
            more = replace(asked, operations=(*asked.operations, *(Operation("", does),) * size))
            noun = "operation" if size == 1 else "operations"
            yield size, f"{size} more {noun} `{does}`", more


def _fewer(asked: Requirements) -> Iterator[tuple[int, str, Requirements]]:
    kinds = dict.fromkeys(each.does for each in asked.operations)
    for does in kinds:
        places = [place for place, each in enumerate(asked.operations) if each.does == does]
        for size in range(1, len(places) + 1):
            gone = set(places[-size:])
            left = tuple(each for place, each in enumerate(asked.operations) if place not in gone)
            noun = "operation" if size == 1 else "operations"
            which = f" `{does}`" if does else ""
            yield size, f"{size} fewer {noun}{which}", replace(asked, operations=left)


def _needs(asked: Requirements) -> Iterator[tuple[int, str, Requirements]]:
    for need in NEEDS:
        if need not in asked.needs:
            yield 1, f"a need for `{need}`", replace(asked, needs=(*asked.needs, need))


def _untagged(asked: Requirements) -> Iterator[tuple[int, str, Requirements]]:
    for tag in asked.features:
        left = tuple(each for each in asked.features if each != tag)
        yield 1, f"no feature `{tag}`", replace(asked, features=left)


def _unsaid(analysis: Analysis) -> Iterator[tuple[str, Analysis]]:
    """The analysis without one of its strongest words."""
    said = dict.fromkeys(each.said for each in analysis.evidence if each.place in {"text", "name"})
    for word in list(said)[:WORDS_TRIED]:
        yield (
            word,
            summed(
                [each for each in analysis.evidence if each.said != word],
                kind=analysis.kind,
                operations=analysis.operations,
                is_counted=analysis.is_counted,
                typed=analysis.typed,
                listed=analysis.listed,
                sentences=analysis.sentences,
                needs=analysis.needs,
                unknown=analysis.unknown,
            ),
        )
