from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft import errors
from weft.app.arguments import sort_arguments
from weft.kit import plain_json
from weft.remote.handing import MOST_BYTES, MOST_ROWS, blocks, settings_in, task_of


def test_settings_are_checked_before_anything_is_sent() -> None:
    """A value that cannot be used is refused in the words of the house, and one of the server's by name."""
    with pytest.raises(errors.BadSetting, match="expected 1 to 50"):
        settings_in(sort_arguments({"rows_per_call": 99}))
    with pytest.raises(errors.BadSetting, match="`store` is a setting of the server"):
        settings_in(sort_arguments({"store": "memory://"}))
    asked = {"model": "local", "budget_usd": 0.5, "rpm": None, "structured": ""}
    assert settings_in(sort_arguments(asked)) == {"model": "local", "budget_usd": "0.5", "rpm": None}


@pytest.mark.parametrize("name", ["listeners", "transport", "provider"])
def test_parts_of_the_house_stay_at_home(name: str) -> None:
    """What cannot go over the wire is refused by name."""
    asked = sort_arguments({name: [object()], "prompt": "{{ a }}", "fields": ["b: text"]})

    with pytest.raises(errors.BadSetting, match=name):
        task_of(asked, asked.request([{"a": 1}], None))


def test_template_is_a_key() -> None:
    """A template that is a file of this machine is not sent as a path."""
    asked = sort_arguments({})

    with pytest.raises(errors.Mistake, match=r"mine\.md"):
        task_of(asked, asked.request([{"a": 1}], "mine.md"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, MOST_BYTES), max_size=12), st.integers(0, 2 * MOST_ROWS))
def test_rows_go_in_order_and_each_once(sizes: list[int], more: int) -> None:
    """However large rows are, each goes along once, in order, and no request is larger than it may be."""

    def rows() -> Iterator[Mapping[str, Any]]:
        yield from ({"n": number, "text": "x" * size} for number, size in enumerate([*sizes, *[1] * more]))

    found = list(blocks(rows()))

    assert [row["n"] for block in found for row in block] == list(range(len(sizes) + more))
    for block in found:
        assert len(block) <= MOST_ROWS
        assert len(block) == 1 or sum(len(plain_json.dump(row)) for row in block) <= MOST_BYTES
