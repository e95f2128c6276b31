from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.templates.worker_frames import HEAD, MAX_FRAME, BadFrame, decode, encode, read_head

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(frame: bytes) -> object:
    """Read a whole frame."""
    kind, length = read_head(frame[: HEAD.size])
    assert length == len(frame) - HEAD.size
    return decode(kind, frame[HEAD.size :])


@settings(max_examples=60, deadline=None)
@given(PLAIN)
def test_any_plain_value_comes_back(value: object) -> None:
    """What was written is read again, lone surrogates and endless whole numbers included."""
    assert read(encode(value)) == value
    assert read(encode(value, exact=True)) == value


def test_endless_numbers_come_back_where_it_matters() -> None:
    """Numbers that are infinite travel in an exact frame; the quick way makes nothing of them."""
    assert read(encode([math.inf, -math.inf], exact=True)) == [math.inf, -math.inf]
    assert read(encode([math.inf])) == [None]


@pytest.mark.parametrize("head", [b"xxxxx", HEAD.pack(b"q", MAX_FRAME + 1)], ids=["noise", "too long"])
def test_noise_is_no_frame(head: bytes) -> None:
    """A head of another kind, or of a frame larger than any can be, is refused before it is read."""
    with pytest.raises(BadFrame):
        read_head(head)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff"], ids=["empty", "cut", "deep", "bytes"])
def test_broken_json_is_no_frame(body: bytes) -> None:
    """A body that is not JSON is refused, whichever way it was announced."""
    for kind in (b"q", b"p"):
        with pytest.raises(BadFrame):
            decode(kind, body)
