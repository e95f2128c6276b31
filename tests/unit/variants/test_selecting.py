from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import NoVariantFits, Undecided, UnknownName
from weft.variants.library import VariantLibrary
from weft.variants.requirements import Operation, Requirements
from weft.variants.selecting import REMEMBERED, Selector, select_variant
from weft.variants.variant import OPERATION_KINDS, VariantPack
from weft.variants.weighing import confidences, own_weights

OBSERVED = ("structured_logging", "detailed_metrics", "tracing", "circuit_breaker", "alerting")


def asked(kind: str, *operations: str, **parts: object) -> Requirements:
    """Requirements with operations such as `db.read` or a plain name."""
    listed = tuple(
        Operation(f"op{n}", does) if "." in does or does == "pure" else Operation(does)
        for n, does in enumerate(operations)
    )
    return Requirements(kind=kind, operations=listed, **parts)  # type: ignore[arg-type]  # parts of any kind


def untyped(count: int) -> tuple[str, ...]:
    """Names of operations that say nothing."""
    return tuple(f"frob{n}" for n in range(count))


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("kind", ["effect", "compute", "reducer", "orchestrator"])
def test_few_operations_and_no_features_are_minimal(selector: Selector, kind: str, count: int) -> None:
    """V04: up to two operations without features give minimal."""
    assert selector.select(asked(kind, *untyped(count))).settled().name == "minimal"


@pytest.mark.parametrize("kind", ["effect", "compute", "reducer", "orchestrator"])
def test_three_everyday_operations_are_standard(selector: Selector, kind: str) -> None:
    """V05: three operations with everyday features give standard."""
    found = selector.select(
        asked(kind, *untyped(3), features=("logging", "metrics", "validation", "error_handling"))
    )

    assert found.settled().name == "standard"


@pytest.mark.parametrize("kind", ["effect", "compute", "reducer", "orchestrator"])
def test_eight_observed_operations_are_production(selector: Selector, kind: str) -> None:
    """V06: eight operations with observability give production, with a confidence of 0.6 or more."""
    found = selector.select(asked(kind, *untyped(8), features=OBSERVED))

    assert found.settled().name == "production"
    assert found.confidence >= 0.6


@pytest.mark.parametrize(
    ("kind", "operations", "features", "variant"),
    [
        (
            "effect",
            ("db.read", "db.write", "db.write"),
            ("connection_pool", "transactions"),
            "database_heavy",
        ),
        ("reducer", ("db.read", "db.write", "db.read"), (), "database_heavy"),
        ("effect", ("http.call", "http.call"), ("rate_limiting",), "api_heavy"),
        ("orchestrator", ("http.call", "http.call", "http.call"), (), "api_heavy"),
        ("effect", ("broker.consume", "broker.produce"), ("dead_letter_queue",), "kafka_heavy"),
        ("orchestrator", ("broker.consume", "broker.produce"), (), "kafka_heavy"),
        ("reducer", ("broker.consume", "broker.produce"), (), "kafka_heavy"),
        ("effect", ("model.predict", "pure"), ("onnx",), "ml_inference"),
        ("compute", ("model.predict", "model.predict"), (), "ml_inference"),
        ("reducer", ("aggregate.window", "aggregate.window"), ("percentiles",), "analytics"),
        ("compute", ("aggregate.window", "aggregate.window"), (), "analytics"),
        ("orchestrator", ("flow.transition",) * 3, ("compensation", "checkpointing"), "workflow"),
    ],
)
def test_typed_operations_decide(
    selector: Selector, kind: str, operations: tuple[str, ...], features: tuple[str, ...], variant: str
) -> None:
    """V13: kind, typed operations and features give the specialised variant."""
    assert selector.select(asked(kind, *operations, features=features)).settled().name == variant


@pytest.mark.parametrize(
    ("kind", "text", "variant"),
    [
        (
            "effect",
            "Reads rows of the orders table and writes them back in one transaction.",
            "database_heavy",
        ),
        ("effect", "Calls the carrier's REST API with retries and renews its token.", "api_heavy"),
        (
            "effect",
            "Consumes order events from Kafka and publishes invoices to another topic.",
            "kafka_heavy",
        ),
        ("compute", "Runs the trained ONNX classifier on feature vectors.", "ml_inference"),
        ("reducer", "Keeps p95 latency over sliding windows of five minutes.", "analytics"),
        (
            "orchestrator",
            "Runs the saga of a booking: each step is compensated if a later one fails.",
            "workflow",
        ),
        ("compute", "Rounds a price.", "minimal"),
    ],
)
def test_plain_words_decide_where_nothing_is_typed(
    selector: Selector, kind: str, text: str, variant: str
) -> None:
    """Free text is the second door: a description alone is enough."""
    assert selector.select(asked(kind, text=text)).best.variant.name == variant


def test_ties_follow_the_order_of_concerns(learnt: Selector) -> None:
    """Of equally strong concerns the one wins that usually contains the other."""
    assert (
        learnt.select(asked("orchestrator", "flow.transition", "http.call")).best.variant.name == "workflow"
    )
    assert learnt.select(asked("reducer", "broker.consume", "db.write")).best.variant.name == "kafka_heavy"
    assert learnt.select(asked("effect", "db.read", "http.call")).best.variant.name == "database_heavy"


def test_no_tags_never_mean_a_specialist(selector: Selector) -> None:
    """P45: three operations without any word are not database work by an unlimited range."""
    found = selector.select(asked("effect", *untyped(3)))

    assert found.settled().name == "standard"
    assert found.is_fallback


@pytest.mark.parametrize(
    "word", ["html", "yaml", "restore", "feedback", "rapid", "prevention", "capital", "estate"]
)
def test_letters_inside_words_choose_nothing(selector: Selector, word: str) -> None:
    """P46: tags that only hold the letters of a concern choose no specialist."""
    found = selector.select(asked("effect", *untyped(3), features=(word,)))

    assert found.settled().domain is None


@pytest.mark.parametrize(
    ("operations", "variant"),
    [(0, "minimal"), (2, "minimal"), (3, "standard"), (7, "standard"), (8, "production")],
)
def test_fallback_goes_by_size_and_says_so(selector: Selector, operations: int, variant: str) -> None:
    """V18: without anything to go by: up to 2 minimal, from 8 production, else standard; flagged."""
    found = selector.select(asked("effect", *untyped(operations), features=("team-blue",)))

    assert (found.settled().name, found.is_fallback) == (variant, True)
    assert found.analysis.unknown[-1] == "team-blue"


def test_parts_sum_to_the_score(pack: VariantPack) -> None:
    """V16: the parts can be seen; kind 20, operations 30, features 50 and the bonus make the score."""
    selector = Selector(pack, weights=own_weights("v1"), exists=lambda *_: True)
    found = selector.select(asked("effect", "db.read", "db.write", "db.read", features=("transactions",)))

    for each in found.candidates:
        assert set(each.parts) >= {"kind", "operations", "features", "specialisation"}
        assert 0 <= each.parts["kind"] <= 0.2
        assert 0 <= each.parts["operations"] <= 0.3
        assert 0 <= each.parts["features"] <= 0.5
        assert each.score == pytest.approx(min(1.0, sum(each.parts.values())))


@pytest.mark.parametrize(
    ("kind", "features", "variant", "bonus"),
    [
        ("effect", ("connection_pool", "transactions", "prepared_statements"), "database_heavy", 0.15),
        ("effect", ("connection_pool", "transactions"), "database_heavy", 0),
        ("effect", ("rate_limit", "pagination"), "api_heavy", 0.15),
        ("effect", ("pagination",), "api_heavy", 0),
        ("effect", ("consumer_groups", "dead_letter_topic"), "kafka_heavy", 0.15),
        ("compute", ("onnx", "gpu"), "ml_inference", 0.15),
        ("reducer", ("windowing", "percentiles"), "analytics", 0.15),
        ("orchestrator", ("state_machine", "compensation"), "workflow", 0.15),
    ],
)
def test_specialists_get_a_bonus(
    pack: VariantPack, kind: str, features: tuple[str, ...], variant: str, bonus: float
) -> None:
    """V17: three database features, or two of another concern, add 0.15; no score is above 1."""
    selector = Selector(pack, weights=own_weights("v1"), exists=lambda *_: True)
    found = selector.select(asked(kind, *untyped(4), features=features))
    candidate = next(each for each in found.candidates if each.variant.name == variant)

    assert candidate.parts["specialisation"] == pytest.approx(bonus)
    assert all(each.score <= 1 for each in found.candidates)


def test_ranges_do_not_fall_from_their_minimum(pack: VariantPack) -> None:
    """A number anywhere inside a range fits as well as its minimum."""
    selector = Selector(pack, weights=own_weights("v1"), exists=lambda *_: True)
    points = [
        next(
            c
            for c in selector.select(asked("effect", *untyped(n))).candidates
            if c.variant.name == "standard"
        ).parts["operations"]
        for n in (2, 3, 4, 5, 6, 1)
    ]

    assert points[:4] == [pytest.approx(0.3)] * 4
    assert points[4] < 0.3
    assert points[5] < 0.3


def test_confidence_is_the_documented_formula(selector: Selector) -> None:
    """V24: confidences are exp(score/T) over their sum, from 0 to 1, and sum to 1."""
    found = selector.select(asked("effect", "db.read", "http.call", "http.call", features=("retry",)))
    formula = confidences([each.score for each in found.candidates], selector.weights.temperature)

    assert [each.confidence for each in found.candidates] == pytest.approx(formula)
    assert sum(formula) == pytest.approx(1)
    assert found.confidence == found.candidates[0].confidence


def test_close_calls_abstain_with_both(pack: VariantPack) -> None:
    """Two candidates that are about equal are both shown, and nobody is chosen."""
    close = asked("effect", text="Reads the orders table and calls an external API for each.")
    weights = own_weights("v1")
    selector = Selector(pack, weights=type(weights)(
        name="x", description="x", weights=weights.weights, temperature=1.0, abstain_below=0.5, cap=1.0
    ), exists=lambda *_: True)  # fmt: skip
    found = selector.select(close)

    assert found.variant is None
    with pytest.raises(Undecided) as caught:
        found.settled()
    assert caught.value.facts["candidates"] == [each.variant.name for each in found.candidates[:2]]


def test_person_decides(selector: Selector) -> None:
    """An override wins over every score, within what can be made."""
    found = selector.select(asked("effect", "db.read", "db.write", "db.read"), override="minimal")

    assert found.settled().name == "minimal"
    assert found.is_override
    assert found.confidence == 1
    with pytest.raises(UnknownName, match="analytics"):
        selector.select(asked("effect", "db.read"), override="analytics")


def test_hard_constraints_come_first(selector: Selector) -> None:
    """A variant of another kind, or without what it needs, is excluded with the reason."""
    found = selector.select(asked("effect", "db.read", "db.write", "db.read", available=("httpx",)))

    assert found.settled().name != "database_heavy"
    assert found.excluded["database_heavy"] == "needs asyncpg, postgresql"
    assert found.excluded["workflow"] == "makes orchestrator"


def test_unknown_kind_is_told(selector: Selector) -> None:
    """A kind that the pack does not have is an error with the nearest one."""
    with pytest.raises(UnknownName, match="kind `efect`"):
        selector.select(asked("efect"))


def test_nothing_that_fits_is_told(own: Callable[..., Path]) -> None:
    """Where every variant is excluded the error says why for each."""
    folder = own(pack="mine", more='prerequisites = ["ledgerd"]\n')
    head = 'name = "mine"\ndescription = "A pack of my own for ledgers."\noutput = "python"\nkinds = ["effect"]\n'
    (folder / "mine" / "pack.toml").write_text(head)
    pack = VariantLibrary([folder]).pack("mine")

    with pytest.raises(NoVariantFits, match="`ledger_store` needs ledgerd"):
        select_variant(asked("effect", available=()), pack)


def test_own_variant_is_chosen_by_its_terms(own: Callable[..., Path]) -> None:
    """V43: a variant of one's own wins where its terms are said, and never elsewhere."""
    more = 'extends = "database_heavy"\nterms = ["ledger", "double entry"]\n'
    pack = VariantLibrary([own(more=more)]).pack("codegen")
    typed = ("db.read", "db.write", "db.write")

    for name in ("v1", "v2"):
        selector = Selector(pack, weights=own_weights(name), exists=lambda *_: True)
        said = selector.select(asked("effect", *typed, text="Keeps the ledger with double entry."))
        assert said.best.variant.name == "ledger_store"
        unsaid = selector.select(asked("effect", *typed, text="Keeps the guests of a hotel."))
        assert unsaid.best.variant.name == "database_heavy"


def test_mixins_and_patterns_are_recommended(selector: Selector) -> None:
    """V26: a choice exposes both lists of its variant."""
    found = selector.select(asked("effect", "http.call", "http.call"))

    assert "rate_limit" in found.mixins
    assert "circuit_breaker" in found.patterns


def test_same_requirements_come_from_memory(learnt: Selector) -> None:
    """V19, V34: a repeated request is the same choice; counters tell hits and misses."""
    first = learnt.select(asked("effect", "db.read"))

    assert learnt.select(asked("effect", "db.read")) is first
    assert (learnt.stats().hits, learnt.stats().misses, learnt.stats().size) == (1, 1, 1)


def test_touched_choice_survives_the_next(learnt: Selector) -> None:
    """P47: the memory holds 100; the one used last stays when the 101st comes, the oldest unused goes."""
    many = [asked("effect", features=(f"tag{n}",)) for n in range(REMEMBERED + 1)]
    for each in many[:REMEMBERED]:
        learnt.select(each)
    touched = learnt.select(many[0])

    learnt.select(many[REMEMBERED])

    assert learnt.select(many[0]) is touched
    assert learnt.stats().evictions == 1
    before = learnt.stats().misses
    learnt.select(many[1])
    assert learnt.stats().misses == before + 1


def test_memory_can_be_cleared(learnt: Selector) -> None:
    """V33: after clearing nothing is held and the counters are zero."""
    learnt.select(asked("effect"))
    learnt.clear()

    assert (learnt.stats().size, learnt.stats().hits, learnt.stats().misses) == (0, 0, 0)


def test_typical_load_is_mostly_remembered(learnt: Selector) -> None:
    """V34: a load in which a few requests make up most of the traffic has more than 80 % hits."""
    draw = random.Random(7)
    many = [asked("effect", features=(f"tag{n}",)) for n in range(300)]
    ranks = [1 / (n + 1) ** 1.3 for n in range(300)]
    for each in draw.choices(many, weights=ranks, k=3000):
        learnt.select(each)

    assert learnt.stats().hit_rate > 0.8


def test_full_memory_is_small(learnt: Selector) -> None:
    """V32: a selector with a full memory of real requests holds less than 10 MB."""
    words = "reads rows of the orders table and publishes events to kafka for each customer"
    tracemalloc.start()
    for n in range(REMEMBERED):
        learnt.select(asked("effect", *untyped(8), text=f"{n} {words}", features=OBSERVED))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 10_000_000


@given(
    features=st.lists(
        st.sampled_from(["kafka", "retry", "html", "transactions", "gpu", "team-x", "p95"]),
        max_size=6,
        unique=True,
    ),
    operations=st.lists(st.sampled_from(["db.read", "http.call", "pure", "x", "broker.consume"]), max_size=9),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_order_never_matters(features: list[str], operations: list[str], order: random.Random) -> None:
    """Tags and operations in another order give the same scores for the same candidates."""
    selector = _shared()
    one = selector.select(asked("effect", *operations, features=tuple(features)))
    shuffled, tags = list(one.asked.operations), list(features)
    order.shuffle(shuffled)
    order.shuffle(tags)
    other = selector.select(Requirements(kind="effect", operations=tuple(shuffled), features=tuple(tags)))

    assert one.best.variant.name == other.best.variant.name
    assert one.best.score == pytest.approx(other.best.score)


_SELECTORS: list[Selector] = []


def _shared() -> Selector:
    if not _SELECTORS:
        _SELECTORS.append(Selector(VariantLibrary().pack("codegen"), exists=lambda *_: True))
    return _SELECTORS[0]


@given(text=st.text(max_size=200), name=st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_choice(text: str, name: str) -> None:
    """No text breaks the selector; confidences stay between 0 and 1."""
    found = _shared().select(Requirements(kind="effect", text=text, name=name, features=(text,)))

    assert found.candidates
    assert 0 <= found.confidence <= 1


def test_choosing_takes_little_time(selector: Selector) -> None:
    """V20: 95 of 100 of a thousand random requests take less than 5 ms of the processor."""
    draw = random.Random(5)
    kinds = list(OPERATION_KINDS)
    times = []
    for _ in range(1000):
        asked = Requirements(
            kind=draw.choice(["effect", "compute", "reducer", "orchestrator"]),
            operations=tuple(Operation(f"o{n}", draw.choice(kinds)) for n in range(draw.randint(0, 10))),
            text=" ".join(
                draw.choices(["reads", "no", "table", "of", "Kafka,", "model.", "steps", "by"], k=30)
            ),
        )
        began = time.thread_time()
        selector.weigh(asked)
        times.append(time.thread_time() - began)

    assert sorted(times)[949] < 0.005


def test_passing_mention_among_many_operations_is_no_concern() -> None:
    """A word for a concern in one of many clauses, with operations about other things, does not decide."""
    pack = VariantLibrary().pack("codegen")
    names = ("fold_letter", "seal_letter", "weigh_letter", "stamp_letter", "sort_letters")
    asked = Requirements(
        kind="effect",
        text="Folds, seals, weighs and stamps letters. The folder is driven over a serial line. Paper jams are told. "
        "Weights are rounded to grams. The last letter of the day is noted in a table.",
        operations=tuple(map(Operation, names)),
    )

    assert Selector(pack, exists=lambda *_: True).select(asked).best.variant.name == "standard"
