from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.templates.library import TemplateLibrary
from weft.templates.linting import lint
from weft.templates.template import Template

Parsed = Callable[..., Template]

GOOD = {
    "description": "Review a topic.",
    "inputs": "[topic]",
    "answers": "['tldr: string(max_words=12) = the gist']",
    "sample": "[{topic: A}]",
    "examples": "[{topic: A, tldr: a}]",
}


def test_good_template_gets_no_advice(parsed: Parsed) -> None:
    """Where nothing is to be said, nothing is said."""
    assert lint(parsed(**GOOD)) == ()


@pytest.mark.parametrize(
    ("front", "code", "path"),
    [
        ({"description": None}, "no_description", "description"),
        ({"inputs": "[topic, 'other?']"}, "unused_input", "inputs.other"),
        ({"answers": "['tldr: string(max_words=12)']"}, "no_description", "answers.tldr"),
        ({"answers": "['tldr: text = the gist']"}, "no_limit", "answers.tldr"),
        ({"sample": None}, "no_sample", "sample"),
        ({"examples": None}, "no_examples", "examples"),
        ({"options": "{temperature: 0.7}"}, "temperature", "options.temperature"),
        (
            {"answers": "['topic: integer = n']", "examples": "[{inputs: {topic: A}, answers: {topic: 1}}]"},
            "same_name",
            "answers.topic",
        ),
        (
            {"answers": "[" + ",".join(f"'f{n}: integer = n'" for n in range(13)) + "]", "examples": None},
            "many_fields",
            "answers",
        ),
    ],
)
def test_each_advice_has_its_case(parsed: Parsed, front: dict[str, str | None], code: str, path: str) -> None:
    """P18: every piece of advice is given where it applies."""
    given = [(each.code, each.path) for each in lint(parsed(**{**GOOD, **front}))]

    assert (code, path) in given


def test_task_in_the_rows_is_told(parsed: Parsed) -> None:
    """A body with logic and no `system` repeats its task for every row."""
    assert "task_in_rows" in {
        each.code for each in lint(parsed("{% if topic %}Review {{ topic }}{% endif %}", **GOOD))
    }


def test_inputs_of_rules_are_used(parsed: Parsed) -> None:
    """An input that only a rule or a computed field uses is used."""
    front = {**GOOD, "inputs": "[topic, 'a?', 'b?', 'c?']", "computed": "{d: a}", "export": "[d]"}
    rules = {"validate": "[{check: b or not b, message: m}]", "checks": "[{check: c or tldr, message: m}]"}

    assert lint(parsed(**front, **rules)) == ()


def test_bundled_templates_need_little_advice() -> None:
    """What comes with weft is written as we advise; only examples may be left out."""
    library = TemplateLibrary()
    keys = library.keys()

    assert {each.code for key in keys for each in lint(library.get(key))} <= {"no_examples"}
