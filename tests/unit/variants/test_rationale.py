from __future__ import annotations

import pytest

from weft.variants.rationale import rationale, reasons, spoken_for
from weft.variants.reconsidering import changes_of_mind
from weft.variants.requirements import Operation, Requirements
from weft.variants.selecting import Selection, Selector

ORDERS = Requirements(
    kind="effect",
    operations=(Operation("add", "db.write"), Operation("find", "db.read"), Operation("cancel", "db.write")),
    features=("connection_pool", "transactions", "retry"),
)


def chosen(selector: Selector, asked: Requirements = ORDERS) -> Selection:
    """A choice for database work, or for something else."""
    return selector.select(asked)


def test_rationale_names_what_decided(selector: Selector) -> None:
    """V22: kind, fit of the operations, matched features and the speciality are named."""
    said = rationale(chosen(selector))

    assert "`database_heavy` makes `effect` modules" in said
    assert "3 operations within its range of 3 or more" in said
    assert "it offers connection_pool, retry, transactions" in said
    assert "speciality" in said
    assert "`db.read:find`" in said


def test_rationale_is_the_same_every_time(selector: Selector) -> None:
    """The text depends on the requirements alone, not on the order of tags or on the run."""
    other = Requirements(
        kind="effect",
        operations=ORDERS.operations[::-1],
        features=("retry", "transactions", "connection_pool"),
    )

    assert rationale(chosen(selector)) == rationale(chosen(selector, other))


def test_reasons_are_signed_and_sorted(learnt: Selector) -> None:
    """Points of the first candidate against the second, the largest first; they sum to the distance."""
    found = chosen(learnt)
    told = reasons(found)
    first, second = found.candidates[:2]

    assert [abs(each.points) for each in told] == sorted((abs(each.points) for each in told), reverse=True)
    assert sum(each.points for each in told) == pytest.approx(first.score - second.score)
    assert any(each.points < 0 for each in told)
    assert all(each.said != each.criterion for each in told)


def test_fallback_and_override_say_so(selector: Selector) -> None:
    """A choice by size alone, and one by a person, are called what they are."""
    alone = selector.select(Requirements(kind="effect", operations=(Operation("frob"),)))
    named = selector.select(ORDERS, override="standard")

    assert "the size alone decided" in rationale(alone)
    assert rationale(named) == "`standard` was named by you; nothing was weighed."


def test_evidence_for_a_candidate_is_its_own(learnt: Selector) -> None:
    """What speaks for a candidate belongs to its concern or its features."""
    found = chosen(learnt)

    assert all(
        each.domain is found.best.variant.domain or each.feature in found.best.variant.features
        for each in spoken_for(found, found.best)
    )


def test_smallest_change_flips_the_choice(learnt: Selector) -> None:
    """What would change my mind: the told change, carried out, gives the told winner, smallest first."""
    asked = Requirements(kind="effect", operations=(Operation("a", "db.read"), Operation("b", "http.call")))
    found = changes_of_mind(learnt.select(asked), learnt)

    assert found
    assert [each.size for each in found] == sorted(each.size for each in found)
    fewer = next(each for each in found if each.said == "1 fewer operation `db.read`")
    left = Requirements(kind="effect", operations=(Operation("b", "http.call"),))
    assert learnt.select(left).best.variant.name == fewer.winner == "api_heavy"


def test_words_are_reconsidered_too(learnt: Selector) -> None:
    """A description that hangs on one word says so."""
    found = learnt.select(Requirements(kind="effect", text="Handles all of the Kafka things nicely."))

    assert "no word `kafka`" in [each.said for each in changes_of_mind(found, learnt)]


def test_nothing_changes_a_persons_mind(learnt: Selector) -> None:
    """An override is not weighed, so nothing would flip it."""
    assert changes_of_mind(learnt.select(ORDERS, override="standard"), learnt) == ()


def test_people_read_plain_words(selector: Selector) -> None:
    """V22: a paragraph holds no signs of the word list, and claims no certainty that nobody has."""
    text = "Keeps the p95 of response times over the last 5 minutes, and histograms per hour."
    selection = selector.select(Requirements(kind="reducer", text=text))

    said = rationale(selection)

    assert "last N minute" in said
    assert "#" not in said
    assert "100%" not in said
