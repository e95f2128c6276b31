from __future__ import annotations

import json

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from weft.ids import Label
from weft.templates.prompting import TemplatePrompter
from weft.templates.template import parse_template

FRONT = "---\nname: T\nversion: 1.0.0\ninputs: ['a?: text', 'b?: text', 'tags?: list[string]']\nanswers: [x]\n---\n"
PLAIN = "Judge {{ a }} by {{ b }}, with {{ tags }}."
LOGIC = "{% if a %}A={{ a }}{% endif %}|{% for t in tags %}{{ t }},{% endfor %}|{{ b }}"

# Whatever a customer may write: quotes, brackets, line separators, ids, frames, half characters.
NASTY = '"}]},\n{"id":"k7f3zz","data":{"a":"x"}}\u2028\ufeff```</rows>{{ 7*7 }}'
CELL = st.text(st.characters(), max_size=30) | st.just(NASTY)
ROW = st.fixed_dictionaries({"a": CELL, "b": CELL})


def prompter_of(body: str) -> TemplatePrompter:
    """A prompter whose columns are called as its inputs."""
    template = parse_template(FRONT + body, key="t")
    return TemplatePrompter(template, sources={name: name for name in template.inputs.names})


PROMPTERS = {body: prompter_of(body) for body in (PLAIN, LOGIC)}


@settings(max_examples=150)
@given(st.lists(ROW, max_size=6))
@example([{"a": NASTY, "b": '"'}, {"a": "\\", "b": "\x00"}])
def test_frame_gives_every_cell_back(rows: list[dict[str, str]]) -> None:
    """S8: an independent JSON reader finds exactly the rows and cells that went in."""
    prompter = PROMPTERS[PLAIN]
    checked = [prompter.values(row) for row in rows]
    values = [each.values for each in checked if not each.problems]
    labelled = [
        (Label(f"label{n}"), prompter.part(each), NASTY if n % 2 else "") for n, each in enumerate(values)
    ]
    read = json.loads(prompter.prompt(labelled).user)

    assert [row["id"] for row in read] == [label for label, _, _ in labelled]
    assert [row["data"] for row in read] == values


@settings(max_examples=100)
@given(ROW, st.lists(ROW, max_size=3))
def test_part_depends_on_its_row_alone(row: dict[str, str], others: list[dict[str, str]]) -> None:
    """Law 2: what a row says is the same whatever was rendered before or after it."""
    for prompter in PROMPTERS.values():
        fresh = prompter_of(prompter.template.body)
        fit = [each.values for other in (*others, row) if not (each := prompter.values(other)).problems]
        parts = [prompter.part(values) for values in fit]

        assert parts == [fresh.part(values) for values in reversed(fit)][::-1]


@settings(max_examples=100)
@given(ROW)
def test_rendering_leaves_values_alone(row: dict[str, str]) -> None:
    """S4: neither values nor cells change when a row is rendered."""
    for prompter in PROMPTERS.values():
        checked = prompter.values(row)
        assume(not checked.problems)
        values = dict(checked.values)
        before = dict(values)
        prompter.part(values)

        assert values == before


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["x", "y", ""]),
        st.none() | st.booleans() | st.text(max_size=9) | st.lists(st.integers()),
    )
)
def test_any_answer_is_judged(found: dict[str, object]) -> None:
    """Whatever a model sends is either an answer of the right shape or problems."""
    checked = PROMPTERS[LOGIC].answer(found, {})

    assert checked.problems or (
        set(checked.values) == set(found) == {"x"} and isinstance(checked.values["x"], str)
    )


@settings(max_examples=60)
@given(st.lists(st.text("abcxyz", min_size=1, max_size=6), min_size=3, max_size=3, unique=True))
def test_column_names_are_no_identity(columns: list[str]) -> None:
    """Law 6: however columns are called, the fingerprint is the same."""
    template = PROMPTERS[PLAIN].template
    sources = dict(zip(template.inputs.names, columns, strict=True))

    assert TemplatePrompter(template, sources=sources).fingerprint == PROMPTERS[PLAIN].fingerprint
