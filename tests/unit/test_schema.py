from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from weft.schema import TEXT_KINDS, Field, Kind, Problem, Schema, folded


def test_schema_keeps_the_order_of_fields() -> None:
    """Names, iteration and length follow the order of definition."""
    schema = Schema((Field(name="b"), Field(name="a")))

    assert schema.names == ("b", "a")
    assert [field.name for field in schema] == ["b", "a"]
    assert len(schema) == 2


def test_schema_finds_a_field_by_name() -> None:
    """A name that is not there gives None."""
    schema = Schema((Field(name="a", kind=Kind.DATE),))

    assert schema.get("a") == Field(name="a", kind=Kind.DATE)
    assert schema.get("b") is None


def test_title_is_the_label_or_the_name() -> None:
    """People see the label where there is one."""
    assert Field(name="mail", label="E-mail").title == "E-mail"
    assert Field(name="mail").title == "mail"


def test_kinds_are_ten_cells_and_two_containers() -> None:
    """T28: ten kinds stand in a cell, two hold others."""
    assert len(Kind) == 12
    assert list(Kind)[-2:] == [Kind.ARRAY, Kind.OBJECT]
    assert set(Kind) > TEXT_KINDS


def test_values_do_not_change() -> None:
    """Fields and problems are values: they are replaced, not changed."""
    with pytest.raises(FrozenInstanceError):
        Field(name="a").name = "b"  # type: ignore[misc]  # that is the point
    with pytest.raises(FrozenInstanceError):
        Problem("a", "is wrong").code = "x"  # type: ignore[misc]  # that is the point


def test_names_fold_over_links_and_case_alone() -> None:
    """T24: case, spaces, `_` and `-` do not tell names apart; every other sign does."""
    assert folded("Topic Name") == folded("topic_name") == folded("TOPIC-name")
    assert len({folded(name) for name in ("C", "C++", "C#", "c.d")}) == 4
