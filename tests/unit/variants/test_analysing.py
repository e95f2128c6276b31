from __future__ import annotations

import pytest

from weft.variants.analysing import Analysis, analyse, complexity_of
from weft.variants.requirements import Operation, Requirements
from weft.variants.variant import Domain
from weft.variants.vocabulary import own_vocabulary


def analysed(**parts: object) -> Analysis:
    """Analyse requirements with weft's own vocabulary."""
    return analyse(Requirements(**{"kind": "effect", **parts}), own_vocabulary())  # type: ignore[arg-type]  # parts of any kind


def test_features_are_counted_by_concern() -> None:
    """V14: tags are counted for the concern whose words they hold, whole words only."""
    found = analysed(features=("connection_pooling", "transactions", "kafka", "feedback", "html"))

    assert found.pieces == {Domain.DATABASE: 2, Domain.KAFKA: 1}
    assert set(found.unknown) >= {"feedback", "html"}


@pytest.mark.parametrize(
    ("operations", "domains", "features", "needs", "value"),
    [(2, 0, 1, 0, 0.1), (5, 1, 4, 1, 0.447), (9, 3, 6, 2, 0.88), (0, 0, 0, 0, 0.0), (99, 9, 99, 9, 1.0)],
)
def test_complexity_follows_its_formula(
    operations: int, domains: int, features: int, needs: int, value: float
) -> None:
    """V15: 0.4·operations/10 + 0.2·domains/3 + 0.2·features/10 + 0.2·needs/2, each share at most 1."""
    assert complexity_of(operations=operations, domains=domains, features=features, needs=needs) == value


def test_simple_and_complex_requirements_are_far_apart() -> None:
    """V15: a simple module is below 0.3, a complex one above 0.7."""
    simple = analysed(operations=(Operation("add"), Operation("find")), features=("logging",))
    rich = analysed(
        operations=tuple(
            Operation(f"o{n}", does)
            for n, does in enumerate(["db.read"] * 4 + ["http.call"] * 3 + ["broker.produce"] * 3)
        ),
        features=("tracing", "metrics", "retry", "circuit_breaker", "audit_log", "alerting"),
        needs=("slo", "audit"),
    )

    assert simple.complexity < 0.3
    assert rich.complexity > 0.7


def test_typed_operations_outweigh_words() -> None:
    """Stated kinds of operations are facts, words beside them are hints."""
    found = analysed(
        operations=(Operation("a", "db.read"), Operation("b", "db.write")),
        text="Publishes Kafka events and topics.",
    )

    assert found.strengths[Domain.DATABASE] > found.strengths[Domain.KAFKA]
    assert found.typed == {Domain.DATABASE: 1.0}


def test_tags_only_point_where_words_decide() -> None:
    """Beside a description a tag weighs a third of what it weighs alone."""
    alone = analysed(features=("kafka",)).strengths[Domain.KAFKA]
    beside = analysed(features=("kafka",), text="Sorts the names of the guests.").strengths[Domain.KAFKA]

    assert beside < alone / 3


def test_order_and_case_of_tags_change_nothing() -> None:
    """The same tags in another order and case come to the same."""
    one = analysed(features=("connection_pool", "Retry", "TRACING"))
    other = analysed(features=("tracing", "connection-pool", "retry"))

    assert one.strengths == other.strengths
    assert one.ranks == other.ranks


def test_repeated_words_say_less_each_time() -> None:
    """A word that stands ten times is not ten times as strong."""
    once = analysed(text="Reads a kafka stream here.").strengths[Domain.KAFKA]
    often = analysed(text="Reads a kafka stream here. " + "kafka " * 10).strengths[Domain.KAFKA]

    assert once < often < 2 * once


def test_operations_are_counted_from_verbs_where_none_are_listed() -> None:
    """Without a list the verbs, or a stated number, give the size."""
    assert analysed(text="Validates names, sorts them and prints labels.").operations == 3
    assert analysed(text="Validates names, sorts them and prints labels.").is_counted
    assert analysed(text="It has five functions.").operations == 5
    assert not analysed(text="It has five functions.").is_counted
    assert analysed(text="Validates and sorts.", operations=(Operation("x"),)).operations == 1


def test_lists_of_demands_are_no_concerns() -> None:
    """Rate limits among operating demands are a demand, not a remote service."""
    found = analysed(
        text="Forwards orders. Required: tracing, audit trail, rate limits, alerting and failover."
    )

    assert found.strengths.get(Domain.API, 0) < 1
    assert found.ranks["heavy"] >= 3


def test_needs_are_evidence() -> None:
    """`compensate` and `persist` speak for a workflow, `slo` and `audit` for operating demands."""
    found = analysed(needs=("compensate", "persist", "slo"))

    assert found.strengths == {Domain.WORKFLOW: 2.0}
    assert found.ranks == {"heavy": 1.0}


def test_nothing_said_is_empty() -> None:
    """Operations without known words and unknown tags leave nothing but the size."""
    assert analysed(operations=(Operation("frob"),), features=("team-blue",)).empty
    assert not analysed(features=("logging",)).empty


def test_shares_of_clauses_and_operations_are_told() -> None:
    """One mention among many clauses and operations is a small share; typed operations count as a whole."""
    told = analysed(
        text="Cuts boards. Sorts them. Counts them. One report goes to Postgres.",
        operations=(
            Operation("cut"),
            Operation("sort"),
            Operation("save_row", description="into the table"),
            Operation("count"),
        ),
    )
    typed = analysed(operations=(Operation("a", "db.read"), Operation("b", "http.call")))

    assert told.spread[Domain.DATABASE] == pytest.approx(1 / 4)
    assert told.backed[Domain.DATABASE] == pytest.approx(1 / 4)
    assert (typed.spread[Domain.DATABASE], typed.backed[Domain.API]) == (0.5, 0.5)
    assert analysed(features=("kafka",)).spread[Domain.KAFKA] == 1.0
