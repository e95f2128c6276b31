from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import BadSetting
from weft.variants.calibrating import calibration_error, fit_temperature, kappa, surprise, wilson
from weft.variants.learning import FEWEST, Labelled, compare, held_out, paired_chance, train
from weft.variants.requirements import Operation, Requirements, plain_requirements, read_requirements
from weft.variants.variant import VariantPack
from weft.variants.weighing import known_weights, own_weights, parse_weights, weights_text


def case(number: int, does: str, label: str) -> Labelled:
    """A case with three operations of one kind."""
    return Labelled(
        Requirements(kind="effect", operations=(Operation("", does),) * 3, name=f"module {number}"), label
    )


def test_learnt_weights_follow_the_labels(pack: VariantPack) -> None:
    """V46: where people always take the generic variant, learnt weights win on held-out cases."""
    cases = [case(n, ("db.read", "http.call")[n % 2], "standard") for n in range(160)]
    rule = own_weights()
    learnt = train([each for each in cases if not held_out(each.asked)], pack, base=rule, name="learnt")
    found = compare([each for each in cases if held_out(each.asked)], pack, rule=rule, learnt=learnt)

    assert found.cases >= FEWEST
    assert found.rule == 0
    assert found.learnt == found.cases
    assert found.wins


def test_weights_that_are_no_better_do_not_win(pack: VariantPack) -> None:
    """V46: what agrees with the rule anyway is not enabled, nor what was tried on a few cases."""
    rule = own_weights()
    same = [case(n, "db.read", "database_heavy") for n in range(60)]
    learnt = train(same, pack, base=rule, name="learnt", steps=50)

    assert not compare(same, pack, rule=rule, learnt=learnt).wins
    few = [case(n, "db.read", "standard") for n in range(5)]
    assert not compare(few, pack, rule=rule, learnt=train(few, pack, base=rule, name="learnt", steps=50)).wins


def test_training_is_repeatable_and_takes_nothing(pack: VariantPack) -> None:
    """The same cases give the same weights; none at all give weights that can be used."""
    cases = [case(n, ("db.read", "broker.consume")[n % 2], "production") for n in range(12)]
    one = train(cases, pack, base=own_weights(), name="x", steps=30)

    assert one == train(cases, pack, base=own_weights(), name="x", steps=30)
    assert train([], pack, base=own_weights(), name="x").temperature > 0
    assert train([case(1, "db.read", "workflow")], pack, base=own_weights(), name="x").temperature > 0


def test_held_out_depends_on_the_case_alone() -> None:
    """Nobody chooses what is held out; about half of many cases are."""
    cases = [case(n, "db.read", "x").asked for n in range(400)]

    assert [held_out(each) for each in cases] == [held_out(each) for each in cases]
    assert 160 < sum(map(held_out, cases)) < 240


@pytest.mark.parametrize(
    ("first", "second", "chance"), [(0, 0, 1.0), (0, 6, 0.03125), (5, 5, 1.0), (1, 9, 0.021484375)]
)
def test_paired_chance_is_mcnemars(first: int, second: int, chance: float) -> None:
    """The exact two-sided test of paired results."""
    assert paired_chance(first, second) == pytest.approx(chance)


def test_requirements_survive_their_plain_form() -> None:
    """What the log keeps is read as what was asked."""
    asked = Requirements(
        kind="effect", operations=(Operation("a", "db.read", "Reads."), Operation("b")), features=("x",), text="t",
        needs=("slo",), name="n", available=("httpx",),
    )  # fmt: skip

    assert read_requirements(plain_requirements(asked)) == asked


def test_weights_survive_their_file() -> None:
    """Weights are plain numbers; written and read they are the same."""
    for name in known_weights():
        assert parse_weights(weights_text(own_weights(name), note="a\nb"), path="x") == own_weights(name)


def test_first_weights_are_the_stated_ones() -> None:
    """V16: kind 20, operations 30, features 50, bonus 0.15."""
    found = own_weights("v1").weights

    assert (found["kind"], found["operations"], found["features"], found["specialisation"]) == (
        0.2,
        0.3,
        0.5,
        0.15,
    )


@pytest.mark.parametrize(
    "text",
    ["x", 'name = "x"', 'name = "x"\ndescription = "y"\ntemperature = 0\nabstain_below = 0\n[weights]\n',
     'name = "x"\ndescription = "y"\ntemperature = 1\nabstain_below = 0\n[weights]\nluck = 1\n',
     'name = "x"\ndescription = "y"\ntemperature = 1\nabstain_below = 0\n[weights]\nkind = true\n'],
)  # fmt: skip
def test_broken_weights_are_refused(text: str) -> None:
    """A file of weights that lacks something or names no criterion is an error."""
    with pytest.raises(BadSetting):
        parse_weights(text, path="w.toml")


@given(right=st.integers(0, 50), more=st.integers(0, 50))
def test_wilson_holds_the_share(right: int, more: int) -> None:
    """The interval lies within 0 and 1 and holds the observed share."""
    low, high = wilson(right, right + more)

    assert 0 <= low <= high <= 1
    if right + more:
        assert low <= right / (right + more) <= high


def test_calibration_error_knows_honest_and_boasting() -> None:
    """Confidence that matches has no error; certainty that is right half the time has 0.5."""
    assert calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == pytest.approx(0)
    assert calibration_error([(1.0, True), (1.0, False)]) == pytest.approx(0.5)
    assert calibration_error([]) == 0


def test_temperature_fits_the_surprise() -> None:
    """Scores that are often wrong get a hotter temperature than scores that are always right."""
    scores = [1.0, 0.0]
    always, often = [(scores, 0)] * 50, [(scores, 0)] * 30 + [(scores, 1)] * 20

    assert fit_temperature(always) < fit_temperature(often)
    assert surprise(often, fit_temperature(often)) <= surprise(often, 0.1)


def test_kappa_of_perfect_and_chance_agreement() -> None:
    """1 for labellers who always agree, about 0 for those who agree by chance."""
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]) == 0
    assert kappa([]) == 0
