"""Plain JSON: what is written comes back, one value or many, odd ones among them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.kit import plain_json

VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(st.characters(), max_size=8)
) | st.sampled_from(["\ud800", 2**80, {"a": ["\udfff"]}, [], {}])


@given(st.lists(VALUE, max_size=6))
def test_many_values_are_written_and_read_as_one_by_one(values: list[Any]) -> None:
    """Half surrogate pairs and long numbers among many values change neither them nor their neighbours."""
    written = plain_json.kept_all(values)

    assert written == [plain_json.dump(value) for value in values]
    assert plain_json.load_all(written) == [plain_json.load(text) for text in written]


@pytest.mark.parametrize("texts", [[b"1,2"], [b"1],[2", b"3"]])
def test_what_is_no_single_value_is_never_taken_for_two(texts: list[bytes]) -> None:
    """A damaged text among others is read by itself, and refused."""
    with pytest.raises(ValueError, match="Extra data"):
        plain_json.load_all(texts)
