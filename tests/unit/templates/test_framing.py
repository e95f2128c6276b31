from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from weft.ids import Label
from weft.templates.framing import json_text, reply_schema, task_of, user_text
from weft.templates.template import Template

Parsed = Callable[..., Template]


def slots(template: Template) -> list[str] | None:
    """Names of what a row's data holds; `None` where it is a rendered text."""
    found = task_of(template).slots
    return None if found is None else [slot.name for slot in found]


def test_task_is_said_once(parsed: Parsed) -> None:
    """A body of text and plain values is the task; values are called by name."""
    task = task_of(parsed("Review {{ topic }}: {{ notes }}. Say why {{ topic }} matters."))

    assert task.text == "Review «topic»: «notes». Say why «topic» matters."
    assert [slot.name for slot in task.slots or ()] == ["topic", "notes"]


def test_labelled_lines_beside_system_are_data(parsed: Parsed) -> None:
    """With `system`, lines of one value each are sent as data, not rendered."""
    template = parsed("Topic of the row: {{ topic }}\n\n- Notes = {{ notes }}\n", system="Review it.")

    assert task_of(template).text == "Review it."
    assert task_of(template).captions == {"topic": "Topic of the row", "notes": "Notes"}
    assert slots(template) == ["topic", "notes"]


def test_system_alone_sends_every_value(parsed: Parsed) -> None:
    """Without a body a row's data are all inputs and computed fields."""
    assert slots(parsed("", system="Review it.", computed="{size: topic|length}")) == [
        "topic",
        "notes",
        "size",
    ]


@pytest.mark.parametrize(
    ("body", "front"),
    [
        ("{% if notes %}{{ notes }}{% endif %}{{ topic }}", {"system": "Review it."}),
        ("{{ topic|upper }}", {"system": "Review it."}),
        ("Compare {{ topic }} with {{ notes }} and say more.", {"system": "Review it."}),
        ("{{ topic }} is what it is about", {"system": "Review it."}),
        ("{% if notes %}{{ notes }}{% endif %}{{ topic }}", {}),
        ("Review {{ topic }}", {"context": "html"}),
        ("Topic: {{ topic }}", {"context": "json", "system": "Review it."}),
        ("\x01 {{ topic }} of {{ notes }}", {"system": "Review it."}),
    ],
)
def test_other_bodies_are_rendered_per_row(parsed: Parsed, body: str, front: dict[str, str]) -> None:
    """Logic, filters, sentences around values and escaping keep the author's own text."""
    assert slots(parsed(body, **front)) is None


def test_nested_values_are_called_by_their_path(parsed: Parsed) -> None:
    """W09: a token below an object is a value of its own."""
    inputs = "[{name: mail, type: object, fields: {body: string}}]"
    task = task_of(parsed("Sort {{ mail.body }}", inputs=inputs))

    assert task.text == "Sort «mail.body»"
    assert [slot.keys for slot in task.slots or ()] == [("mail", "body")]


def test_reply_schema_is_one_object_with_rows(parsed: Parsed) -> None:
    """B04, W15: an array of objects with id and every field, nothing else."""
    schema = reply_schema(parsed(answers="['a: integer', 'b?: text']").answers)
    row = schema["properties"]["rows"]["items"]

    assert (schema["required"], schema["additionalProperties"]) == (["rows"], False)
    assert list(row["properties"]) == ["id", "a", "b"]
    assert row["required"] == ["id", "a", "b"]
    assert row["additionalProperties"] is False
    assert "null" in json.dumps(row["properties"]["b"])
    assert row["properties"]["id"]["type"] == "string"


def test_rows_travel_as_json() -> None:
    """B03: each row has its id; a complaint stands beside the data."""
    rows = [(Label("k7f3zz"), '{"a":"x"}', ""), (Label("b2c3d4"), '{"a":"y"}', 'was "bad"\n')]

    assert json.loads(user_text(rows)) == [
        {"id": "k7f3zz", "data": {"a": "x"}},
        {"id": "b2c3d4", "complaint": 'was "bad"\n', "data": {"a": "y"}},
    ]


def test_json_text_survives_half_characters() -> None:
    """Lone surrogates are escaped, so that every text can be sent."""
    assert json.loads(json_text({"a": "\ud800é"}).encode()) == {"a": "\ud800é"}
    assert json_text({"a": "é"}) == '{"a":"é"}'
