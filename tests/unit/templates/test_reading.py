from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from weft.schema import Field
from weft.templates.front_matter import split_text
from weft.templates.postprocessing import COUNTED_LIST_STEPS, COUNTED_TEXT_STEPS, LIST_STEPS, TEXT_STEPS
from weft.templates.prompting import TemplatePrompter
from weft.templates.reading import KEYS, FrontReader, is_name, nearest
from weft.templates.template import parse_template
from weft.templates.vetting import FILTERS, METHODS, TESTS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "template-format.md").read_text(encoding="utf-8")
WORDY_TESTS = {test for test in TESTS if test.isalpha()} - {"equalto", "greaterthan", "lessthan"}


def test_page_names_everything_there_is() -> None:
    """P18: every key, step, filter, test, method and attribute of a field is documented."""
    told = set(re.findall(r"`([a-z_]+)(?:\(n\))?`", PAGE))
    steps = {*TEXT_STEPS, *COUNTED_TEXT_STEPS, *LIST_STEPS, *COUNTED_LIST_STEPS}
    attributes = {each.name for each in fields(Field)} - {"name", "kind"}

    assert ({*KEYS} | steps | FILTERS | METHODS | WORDY_TESTS | attributes) - told == set()


def test_example_of_the_page_works() -> None:
    """The documented template is sound, uses every key, renders and checks its example."""
    text = PAGE.partition("```markdown\n")[2].partition("```")[0]
    template = parse_template(text, key="ticket_review")
    prompter = TemplatePrompter(template, sources={name: name for name in template.inputs.names})
    values = prompter.values(dict(template.sample[0].inputs)).values

    assert set(split_text(text).front) == set(KEYS)
    assert prompter.part(values).text.startswith('{"text":"Subject: Export\\nFrom: unknown, a paid customer')
    assert not prompter.answer(dict(template.examples[0].answer), values).problems


@pytest.mark.parametrize("name", ["topic", "a1", "größe", "x_y"])
def test_words_are_names(name: str) -> None:
    """A word can be a name in expressions."""
    assert is_name(name)


@pytest.mark.parametrize("name", ["_a", "a-b", "1a", "a b", "", "if", "none", "True", "loop"])
def test_other_texts_are_no_names(name: str) -> None:
    """What a body could not write, or would misread, is no name."""
    assert not is_name(name)


def test_nearest_ends_a_sentence() -> None:
    """An unknown name is told with the nearest, or with all, or with nothing."""
    assert nearest("tpoic", ["topic"]) == "; did you mean `topic`?"
    assert nearest("zzz", ["a", "b"]) == "; known: `a`, `b`."
    assert nearest("zzz", []) == "."


def test_reader_collects_and_never_raises() -> None:
    """Every key may be wrong at once; each reading gives an empty piece and a flaw."""
    front = "\n".join(f"{key}: 5" for key in KEYS)
    reader = FrontReader(split_text(f"---\n{front}\n---\n"))
    reader.text("name"), reader.text("description"), reader.text("system")
    reader.version(), reader.context(), reader.options()
    inputs, answers = reader.schema("inputs"), reader.schema("answers")
    reader.named_expressions("computed"), reader.postprocess(answers)
    reader.rules("validate", with_hard=False), reader.rules("checks", with_hard=True)
    reader.flag("part"), reader.names("export", ())
    (
        reader.examples("examples", inputs=inputs, answers=answers),
        reader.examples("sample", inputs=inputs, answers=answers),
    )

    assert {flaw.path for flaw in reader.flaws} == set(KEYS)
