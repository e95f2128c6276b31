from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.kit.fingerprints import canonical, fingerprint

TEXTS = st.text(max_size=6) | st.text(st.characters(categories=["Cs", "Cc", "Po"]), max_size=4)
NUMBERS = st.integers() | st.integers(2**63 - 2, 2**64 + 2) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXTS
    | st.sampled_from(["null", "1", "1.0", "true", "[]", "NaN", ","]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0, from True, and 0.0 from -0.0, as JSON does."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


def shuffled(value: Any) -> Any:
    """The same value built in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=300)
@given(PLAIN)
def test_canonical_text_can_be_read_back(value: Any) -> None:
    """Law 6: the text determines the value, so two values never share a text."""
    assert same(json.loads(canonical(value).decode(errors="surrogatepass")), value)


@settings(max_examples=200)
@given(PLAIN, PLAIN)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    """Law 6: keys are injective."""
    assert (canonical(one) == canonical(other)) is same(one, other)
    assert (fingerprint("k", one) == fingerprint("k", other)) is same(one, other)


@settings(max_examples=200)
@given(PLAIN)
def test_equal_values_have_equal_texts(value: Any) -> None:
    """Law 6: the order in which a mapping was built does not matter."""
    assert canonical(value) == canonical(shuffled(value))


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4))
def test_parts_are_never_joined(one: list[str], other: list[str]) -> None:
    """P27: prints are equal only if the lists of parts are, wherever a separator may fall."""
    assert (fingerprint("k", *one) == fingerprint("k", *other)) is (one == other)


def test_two_halves_are_not_the_whole_character() -> None:
    """Found by the laws: beside a number that only the slow writer takes, both were written alike."""
    assert canonical(["\ud800\udc00", 2**70]) != canonical(["\U00010000", 2**70])


def test_smallest_known_collisions_stay_apart() -> None:
    """Values that careless keys confuse: numbers and texts, keys and numbers, halves and wholes."""
    values: list[Any] = [1, 1.0, True, "1", None, "null", [], {}, "", [""], ["", ""], [[]], -0.0, 0.0, 0]

    assert len({fingerprint("k", value) for value in values}) == len(values)
