"""What differs between two templates, thing by thing and line by line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.templates.diffing import Change, diff
from weft.templates.template import Template

Parsed = Callable[..., Template]


def test_equal_templates_differ_in_nothing(parsed: Parsed) -> None:
    """T78: the same text, or another version of it, is no difference."""
    assert diff(parsed(), parsed()).is_empty
    other = diff(parsed(), parsed(version="1.1.0"))

    assert other.is_empty
    assert other.rest == (Change(path="version", before="1.0.0", after="1.1.0"),)


def test_body_is_told_line_by_line(parsed: Parsed) -> None:
    """T78: changed lines of the body stand with what is around them."""
    found = diff(parsed("One\n{{ topic }}\nThree"), parsed("One\nTopic {{ topic }}\nThree", version="1.1.0"))

    assert found.body[:2] == ("--- review@1.0.0", "+++ review@1.1.0")
    assert found.body[3:] == (" One", "-{{ topic }}", "+Topic {{ topic }}", " Three")


def test_fields_are_told_as_added_removed_and_changed(parsed: Parsed) -> None:
    """T78: inputs and answers by name, before and after."""
    found = diff(
        parsed(inputs="[topic, 'notes?: text']"),
        parsed(inputs="[topic, 'notes: text', author]", answers="['tldr: string(max_words=9) = the gist']"),
    )

    assert [(change.path, change.kind) for change in found.inputs] == [
        ("inputs.notes", "changed"),
        ("inputs.author", "added"),
    ]
    assert [(change.path, change.kind) for change in found.answers] == [
        ("answers.tldr", "changed"),
        ("answers.challenge", "removed"),
    ]
    assert "12" in found.answers[0].before
    assert "9" in found.answers[0].after


def test_change_that_a_line_does_not_show_is_told(parsed: Parsed) -> None:
    """T78: a change in any attribute of a field is a change."""
    found = diff(
        parsed(inputs="{topic: {separator: ','}, notes: {required: false}}"),
        parsed(inputs="{topic: {separator: '+'}, notes: {required: false}}"),
    )

    assert [change.path for change in found.inputs] == ["inputs.topic"]
    assert found.inputs[0].before != found.inputs[0].after


@pytest.mark.parametrize(
    ("front", "path"),
    [
        ({"name": "Other"}, "name"),
        ({"description": "Other"}, "description"),
        ({"context": "html"}, "context"),
        ({"computed": "{n: topic|length}"}, "computed.n"),
        ({"computed": "{n: topic|length}", "export": "[n]"}, "export"),
        ({"validate": "[{check: topic, message: m}]"}, "validate: topic"),
        ({"checks": "[{check: tldr, message: m, hard: false}]"}, "checks: tldr"),
        ({"postprocess": "{tldr: [trim]}"}, "postprocess.tldr"),
        ({"examples": "[{topic: a, tldr: b, challenge: expert}]"}, "examples.0"),
        ({"sample": "[{topic: a}]"}, "sample.0"),
        ({"options": "{temperature: 1}"}, "options.temperature"),
        ({"part": "true"}, "part"),
    ],
)
def test_every_key_can_differ(parsed: Parsed, front: dict[str, str], path: str) -> None:
    """T78, P18: no key of the front matter changes unseen."""
    found = diff(parsed(), parsed(**front))

    assert path in [change.path for change in found.rest]
    assert not found.is_empty


def test_system_is_told_line_by_line(parsed: Parsed) -> None:
    """T78: the task has lines of its own."""
    assert diff(parsed(system="One."), parsed(system="Two.")).system[-2:] == ("-One.", "+Two.")
