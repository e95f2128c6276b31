from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.testing.frames import digest_of, read_frame

CELLS = st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=5))
def test_framed_rows_come_back(cells: list[dict[str, str]]) -> None:
    """Whatever stands in the cells, as many rows are read as were framed, with their content."""
    user = orjson.dumps([{"id": f"row{place}", "data": each} for place, each in enumerate(cells)]).decode()

    rows = read_frame(user)

    assert [row.label for row in rows] == [f"row{place}" for place in range(len(cells))]
    assert [row.content for row in rows] == cells


def test_sentences_around_rows_are_skipped() -> None:
    """Brackets in the sentences before and after do not hide the rows."""
    user = 'See [1] and [x].\n[{"id":"abc","data":{"a":"[b]"}}]\nAnswer all [n] rows.'

    assert [(row.label, row.content) for row in read_frame(user)] == [("abc", {"a": "[b]"})]


def test_complaint_is_no_content() -> None:
    """A complaint about the last answer changes neither a row's content nor its digest."""
    plain = read_frame('[{"id":"a","data":{"x":1}}]')[0]
    again = read_frame('[{"id":"b","complaint":"too long","data":{"x":1}}]')[0]

    assert again.digest == plain.digest


def test_text_rows_are_read_too() -> None:
    """A row may carry one text in the place of data."""
    assert read_frame('[{"id":"a","text":"hello"}]')[0].content == "hello"


def test_unframed_text_holds_no_rows() -> None:
    """Plain words, other lists and broken JSON are no rows."""
    for user in ("", "hello", "[1, 2]", "[]", '[{"id": "a"}]', '[{"id": "a", "data":', "[" * 5_000):
        assert read_frame(user) == []


def test_digest_ignores_the_order_of_keys() -> None:
    """Equal content has one digest, different content another."""
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
