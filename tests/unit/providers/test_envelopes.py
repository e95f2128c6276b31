from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.providers.loopback import raw

from weft.call import Usage
from weft.errors import EmptyReply, NotJson, WrongShape
from weft.providers._envelopes import count_of, inside, open_envelope, parse, usage_of

BOMBS = {
    "a key twice": b'{"a":1,"a":2}',
    "a key twice deep inside": b'{"a":[{"b":{"c":1,"c":1}}]}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "endless digits": b'{"a":' + b"9" * 5000 + b"}",
    "endless depth": b"[" * 100_000,
    "endless depth of objects": b'{"a":' * 100_000,
    "cut off": b'{"a":[1,2',
    "two values": b"{}{}",
    "no text": b"\xff\xfe",
    "nothing": b"",
    "raw control character": b'{"a":"\x00"}',
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS.keys())
def test_lying_json_is_a_typed_failure(body: bytes) -> None:
    """F18, F20: whatever is wrong with it, the reply is no JSON and nothing else is raised."""
    with pytest.raises(NotJson):
        parse(body)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_parse_or_fail_typed(body: bytes) -> None:
    """F20: no bytes make the reader raise anything but its own error."""
    failure = None
    try:
        parse(body)
    except NotJson as error:
        failure = error

    assert failure is None or failure.hint


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=20,
    )
)
@settings(max_examples=100, deadline=None)
def test_honest_json_comes_back_equal(value: object) -> None:
    """Strictness loses nothing of what is proper JSON."""
    assert parse(json.dumps(value).encode()) == value


def test_byte_order_mark_is_passed_over() -> None:
    """Some servers write one."""
    assert parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_envelope_is_an_object() -> None:
    """Nothing, and JSON that is no object, are no envelope."""
    assert open_envelope(raw({"a": 1})) == {"a": 1}
    with pytest.raises(EmptyReply):
        open_envelope(raw(b" \n"))
    with pytest.raises(WrongShape):
        open_envelope(raw([1]))


def test_way_inside_ends_softly() -> None:
    """A path that is not there gives nothing instead of an error."""
    value = {"a": [{"b": 1}]}

    assert inside(value, "a", 0, "b") == 1
    for path in (("a", 1, "b"), ("x", 0), ("a", "b"), ("a", 0, "b", "c")):
        assert inside(value, *path) is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (5, 5),
        (0, 0),
        (5.0, 5),
        (-1, None),
        (2.5, None),
        (True, None),
        ("5", None),
        (None, None),
        (10**9, None),
    ],
)
def test_count_is_believed_if_possible(stated: object, expected: int | None) -> None:
    """F30: what cannot be a number of tokens was not said."""
    assert count_of(stated) == expected


@pytest.mark.parametrize(
    "stated", [(None, None), (0, 0), (-3, 5), (10**12, 5), ("10", "5"), (float("nan"), 1)]
)
def test_absurd_usage_is_not_known(stated: tuple[object, object]) -> None:
    """F30: missing, zero and absurd usage is unknown, never free."""
    assert not usage_of(*stated).is_known


def test_parts_fit_their_whole() -> None:
    """Cached and written tokens are parts of the input, thoughts a part of the output."""
    assert usage_of(100, 20, cached=60, written=30, reasoning=10) == Usage(
        input_tokens=100, output_tokens=20, cached_input_tokens=60, cache_write_tokens=30, reasoning_tokens=10
    )
    assert usage_of(100, 20, cached=101, reasoning=21) == Usage(input_tokens=100, output_tokens=20)
