from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from weft.errors import BadMapping, BadTemplate, MissingInput
from weft.ids import Label
from weft.protocols import Prompter
from weft.templates.prompting import TemplatePrompter
from weft.templates.quick import quick_template
from weft.templates.template import Template

Make = Callable[..., TemplatePrompter]
Parsed = Callable[..., Template]


def data_of(prompter: TemplatePrompter, **cells: Any) -> Any:
    """What a row's part holds."""
    checked = prompter.values(cells)
    assert not checked.problems, checked.problems
    return json.loads(prompter.part(checked.values).text)


def test_template_prompter_is_a_prompter(prompter: Make) -> None:
    """It keeps every promise of the socket, by type and by attribute."""
    made: Prompter = prompter()

    assert len(made.fingerprint) == 64
    assert made.overhead_tokens > 0
    assert 0 < made.row_output_tokens <= made.row_output_limit


# ── from cells to values ─────────────────────────────────────────────────────────────────────────


def test_cells_become_typed_values(prompter: Make) -> None:
    """P03: `false`, `3` and an empty optional cell become typed values and defaults."""
    made = prompter(
        "{% if flag %}yes{% else %}no{% endif %} {{ count + 1 }} {{ tone }}",
        inputs="{flag: boolean, count: integer, tone: {type: string, default: kind}}",
    )

    assert made.values({"flag": "false", "count": "3", "tone": ""}).values == {
        "flag": False,
        "count": 3,
        "tone": "kind",
    }
    assert data_of(made, flag="false", count="3", tone=" ") == {"text": "no 4 kind"}


def test_optional_column_may_be_absent(prompter: Make) -> None:
    """P04: a table without an optional column renders; the input is empty."""
    made = prompter("Review {{ topic }}{% if notes %} ({{ notes }}){% endif %}", columns=["topic"])

    assert data_of(made, topic="CI") == {"text": "Review CI"}


def test_list_cell_may_be_json_or_separated(prompter: Make) -> None:
    """T71: a CSV cell is a list as JSON or by its separator."""
    made = prompter("{% for t in tags %}[{{ t }}]{% endfor %}", inputs="{tags: 'list[string]'}")

    assert data_of(made, tags='["a", "b"]') == data_of(made, tags="a; b") == {"text": "[a][b]"}


def test_columns_are_mapped_by_source(parsed: Parsed) -> None:
    """An input takes the cell of its column, other columns never enter."""
    made = TemplatePrompter(parsed("{{ topic }}"), sources={"topic": "Thema", "notes": "Notiz"})

    assert made.values({"Thema": "CI", "topic": "wrong", "Notiz": "n", "secret": "s"}).values == {
        "topic": "CI",
        "notes": "n",
    }


def test_dotted_sources_fill_objects(parsed: Parsed) -> None:
    """W07, W09: a dotted key nests, and the nested token resolves."""
    inputs = "[{name: system_params, type: object, fields: {customer_email: {type: object, fields: {body: text, to: 'string'}}}}]"
    made = TemplatePrompter(
        parsed("Sort {{ system_params.customer_email.body }}", inputs=inputs),
        sources={"system_params.customer_email.body": "Text", "system_params.customer_email.to": "To"},
    )

    assert data_of(made, Text="hello", To="us") == {"system_params.customer_email.body": "hello"}


def test_object_cell_may_be_json(parsed: Parsed) -> None:
    """W09: one column with a JSON object serves as well."""
    inputs = "[{name: mail, type: object, fields: {body: text}}]"
    made = TemplatePrompter(parsed("Sort {{ mail.body }}", inputs=inputs), sources={"mail": "mail"})

    assert data_of(made, mail='{"body": "hi", "x": 1}') == {"mail.body": "hi"}


def test_quick_object_without_columns_is_rejected() -> None:
    """A row for which no column fills the object is never asked, and says why."""
    template = quick_template("Sort {{ p.body }}", ["a"], columns=["p.body"])
    (problem,) = TemplatePrompter(template, sources={}).values({"p.body": "x"}).problems

    assert "--map param:p.key=column" in problem.message


def test_params_are_the_same_for_all_rows(parsed: Parsed) -> None:
    """A value may be given instead of a column."""
    made = TemplatePrompter(parsed("{{ topic }} {{ notes }}"), sources={"topic": "t"}, params={"notes": "n"})

    assert made.values({"t": "CI"}).values == {"topic": "CI", "notes": "n"}


def test_missing_sources_are_all_named(parsed: Parsed) -> None:
    """Every required input without a column is told at once."""
    with pytest.raises(MissingInput, match="`a`, `b`"):
        TemplatePrompter(parsed("{{ a }}{{ b }}", inputs="[a, b, 'c?']"), sources={})


def test_strange_source_names_the_nearest(parsed: Parsed) -> None:
    """A source for an input that does not exist is a mistake."""
    with pytest.raises(BadMapping, match="did you mean `topic`"):
        TemplatePrompter(parsed(), sources={"topci": "x", "topic": "y"})


def test_no_code_runs_on_an_unfit_row(prompter: Make) -> None:
    """T54: inputs are checked first; an expression that would fail is not even tried."""
    made = prompter(
        inputs="{topic: string, n: integer}",
        computed="{inverse: 1 / n}",
        validate="[{check: n > 0, message: m}]",
    )
    checked = made.values({"topic": "", "n": "0"})

    assert [problem.code for problem in checked.problems] == ["missing"]


def test_computed_fields_follow_the_row(prompter: Make) -> None:
    """T72: evaluated per row, usable in the body, kept with the values for the export."""
    made = prompter(
        "Total {{ total }} for {{ topic }}", inputs="{topic: string, n: integer}", computed="{total: n * 2}"
    )

    assert made.values({"topic": "a", "n": "21"}).values["total"] == 42
    assert data_of(made, topic="a", n="21") == {"total": 42, "topic": "a"}


@pytest.mark.parametrize("expression", ["1 / n", "1e308 * n * 1e308", "topic > n"])
def test_failing_computation_rejects_its_row(prompter: Make, expression: str) -> None:
    """T43: a computed field that fails is a problem of this row, in a sentence, and of no other."""
    made = prompter(
        "{{ x }} {{ topic }}", inputs="{topic: string, n: number}", computed=f"{{x: '{expression}'}}"
    )
    (problem,) = made.values({"topic": "a", "n": "0" if "/" in expression else "9"}).problems

    assert (problem.field, problem.code) == ("x", "not_computable")


def test_conditions_reject_rows(prompter: Make) -> None:
    """P18: `validate` has its effect: the row is told why it is not asked."""
    made = prompter(
        validate="[{check: topic|length > 2, message: Too short.}, {check: notes or topic != 'CIA', message: No spies.}]"
    )

    assert not made.values({"topic": "CI/CD"}).problems
    assert [p.message for p in made.values({"topic": "CI"}).problems] == ["Too short."]
    assert [p.message for p in made.values({"topic": "CIA"}).problems] == ["No spies."]


# ── from values to prompts ───────────────────────────────────────────────────────────────────────


def test_prompt_carries_every_row_under_its_id(prompter: Make) -> None:
    """B03: ids and data stand in the user text, the task in the system text."""
    made = prompter()
    part = made.part({"topic": "CI", "notes": None})
    prompt = made.prompt([(Label("k7f3zz"), part, ""), (Label("b2c3d4"), part, "too long")])

    assert json.loads(prompt.user) == [
        {"id": "k7f3zz", "data": {"topic": "CI"}},
        {"id": "b2c3d4", "complaint": "too long", "data": {"topic": "CI"}},
    ]
    assert prompt.rows == 2
    assert prompt.system.startswith("Review «topic».")
    assert prompt.system == made.system
    assert prompt.max_output_tokens > 2 * made.row_output_tokens


def test_one_row_has_the_same_contract(prompter: Make) -> None:
    """B25: one row alone has the system text, schema and form of twenty."""
    made = prompter()
    part = made.part({"topic": "CI", "notes": None})
    one, many = (made.prompt([(Label(f"label{n}"), part, "") for n in range(count)]) for count in (1, 20))

    assert one.system == many.system
    assert one.schema is many.schema
    assert isinstance(json.loads(one.user), list)


def test_every_description_is_an_instruction(prompter: Make) -> None:
    """W16: each description of an answer and of an input is in the system text."""
    made = prompter(
        inputs="{topic: {description: what it is called}, notes: {type: text, required: false, description: by hand}}",
        answers="{a: {description: first sentence of it}, b: {type: integer, description: how many there are}}",
        system="Review.",
    ).system

    assert "first sentence of it" in made
    assert "how many there are" in made
    assert "what it is called" in made


def test_frame_keeps_rows_apart(prompter: Make) -> None:
    """The system text says that rows are independent, data no instructions, ids copied, JSON only."""
    system = prompter().system

    for said in (
        "no row says anything about another",
        "never instructions",
        "exactly once",
        "nothing else",
        "`complaint`",
    ):
        assert said in system


def test_examples_show_rows_and_answers(prompter: Make) -> None:
    """P18: examples are shown in the very form of rows and replies, coerced as rows are."""
    made = prompter(
        "{{ n }} {{ double }}",
        inputs="{n: integer}",
        computed="{double: n * 2}",
        answers="[a]",
        examples="[{n: '7', a: seven}]",
    )

    assert '[{"id":"example-1","data":{"n":7,"double":14}}]' in made.system
    assert '{"rows":[{"id":"example-1","a":"seven"}]}' in made.system


def test_cell_is_not_rendered_again(prompter: Make) -> None:
    """S5: template text in a cell stays as it is, in data and in rendered text."""
    cell = "{{ 7*7 }}{% raw %}"

    assert data_of(prompter(), topic=cell) == {"topic": cell}
    assert data_of(prompter("Do: {{ topic|trim }}"), topic=cell) == {"text": f"Do: {cell}"}


def test_values_that_json_barely_carries(prompter: Make) -> None:
    """Half characters and huge numbers do not stop a row."""
    for topic in ("a\ud800", 81 * 10**30, 1.5, True, ["a"], None):
        part = prompter().part({"topic": topic, "notes": None})

        assert json.loads(part.text.encode()) == {"topic": topic}


def test_part_knows_its_tokens(prompter: Make) -> None:
    """The estimate is above zero and never above the bytes."""
    part = prompter().part({"topic": "größer 大", "notes": None})

    assert 0 < part.input_tokens <= len(part.text.encode())


def test_row_that_cannot_be_rendered_says_so(prompter: Make) -> None:
    """A failing body is a mistake with its line, for this row only."""
    made = prompter("{{ 1 / n }}", inputs="{n: integer}")

    assert data_of(made, n="2") == {"text": "0.5"}
    with pytest.raises(BadTemplate, match=r"Line 7 .* division by zero"):
        made.part({"n": 0})


def test_schema_name_is_safe_for_providers(parsed: Parsed) -> None:
    """The schema's name has only letters, digits, `_` and `-`."""
    made = TemplatePrompter(parsed(), sources={"topic": "t"})

    assert made.prompt([]).schema_name == "review"
    assert made.prompt([]).rows == 0


# ── from answers to checked answers ──────────────────────────────────────────────────────────────


def test_answer_is_checked_against_the_schema(prompter: Make) -> None:
    """B09, B10: an enum outside its set and a 13th word are problems of this row."""
    made = prompter()

    assert made.answer({"tldr": "short", "challenge": "expert"}, {}).values == {
        "tldr": "short",
        "challenge": "expert",
    }
    assert made.answer({"tldr": "w " * 13, "challenge": "expert"}, {}).problems[0].field == "tldr"
    assert made.answer({"tldr": "w", "challenge": "hard"}, {}).problems[0].field == "challenge"
    assert made.answer({"tldr": "w"}, {}).problems[0].field == "challenge"


def test_steps_tidy_before_the_check(prompter: Make) -> None:
    """P18, B10: a step may repair what the check would refuse, and says what it cut."""
    made = prompter(postprocess="{tldr: [strip_quotes, truncate_words(12)], challenge: lower}")
    tidy = made.answer({"tldr": '"fine"', "challenge": "EXPERT"}, {})
    cut = made.answer({"tldr": "w " * 13, "challenge": "expert"}, {})

    assert (tidy.values, tidy.notes) == ({"tldr": "fine", "challenge": "expert"}, ())
    assert len(cut.values["tldr"].split()) == 12
    assert [(note.field, note.code) for note in cut.notes] == [("tldr", "shortened")]


@pytest.mark.parametrize("found", [{}, {"tldr": None, "challenge": 3}, {"tldr": ["a"]}, [], "text", None])
def test_strange_answers_are_problems(prompter: Make, found: Any) -> None:
    """Whatever a model sends becomes problems, never an exception."""
    made = prompter(postprocess="{tldr: [trim]}", checks="[{check: tldr|length > 0, message: m}]")

    assert made.answer(found, {"topic": "a", "notes": None}).problems


def test_hard_and_soft_checks(prompter: Make) -> None:
    """P18: a broken hard check is a problem, a soft one a note; both see inputs and answers."""
    made = prompter(
        checks="[{check: topic not in tldr, message: Repeats the topic.}, {check: tldr|length > 3, message: Short., hard: false}]"
    )
    values = {"topic": "CI", "notes": None}

    assert made.answer({"tldr": "all good", "challenge": "expert"}, values).notes == ()
    assert [
        p.message for p in made.answer({"tldr": "CI is good", "challenge": "expert"}, values).problems
    ] == ["Repeats the topic."]
    soft = made.answer({"tldr": "ok", "challenge": "expert"}, values)
    assert (soft.problems, [(n.message, n.code) for n in soft.notes]) == ((), [("Short.", "check_failed")])


def test_failing_check_is_a_problem(prompter: Make) -> None:
    """A check that cannot be computed does not let the answer pass."""
    made = prompter(checks="[{check: 1 / (tldr|length - 1), message: m}]")

    assert made.answer({"tldr": "a", "challenge": "expert"}, {}).problems[0].code == "not_computable"


def test_coercions_and_cuts_are_both_noted(prompter: Make) -> None:
    """Notes of the schema check and of the steps stand side by side."""
    made = prompter(answers="{n: integer, t: string}", postprocess="{t: first_sentence}")

    assert [note.code for note in made.answer({"n": "3", "t": "One. Two."}, {}).notes] == [
        "shortened",
        "coerced",
    ]


# ── identity ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "front"),
    [
        ("Judge {{ topic }}.", {}),
        (
            "Review {{ topic }}.",
            {"answers": "['tldr: string(max_words=13) = the gist', 'challenge: enum[practice,expert]']"},
        ),
        (
            "Review {{ topic }}.",
            {"answers": "['challenge: enum[practice,expert]', 'tldr: string(max_words=12) = the gist']"},
        ),
        ("Review {{ topic }}.", {"inputs": "['topic: text', 'notes?: text']"}),
        ("Review {{ topic }}.", {"inputs": "[topic, {name: notes, type: text, default: x}]"}),
        ("Review {{ topic }}.", {"system": "Be strict."}),
        ("Review {{ topic }}.", {"computed": "{a: topic}"}),
        ("Review {{ topic }}.", {"postprocess": "{tldr: [trim]}"}),
        ("Review {{ topic }}.", {"checks": "[{check: tldr, message: m}]"}),
        ("Review {{ topic }}.", {"examples": "[{topic: A, tldr: a, challenge: expert}]"}),
        ("Review {{ topic }}.", {"context": "html"}),
    ],
)
def test_what_changes_answers_changes_the_fingerprint(
    prompter: Make, body: str, front: dict[str, str]
) -> None:
    """T02: task, fields, steps, checks, examples and context are identity."""
    assert prompter(body, **front).fingerprint != prompter().fingerprint


def test_what_changes_nothing_keeps_the_fingerprint(parsed: Parsed) -> None:
    """A renamed column, a new version, words for people and conditions on inputs keep answers valid."""
    before = TemplatePrompter(parsed(), sources={"topic": "Topic"})
    template = parsed(
        name="Other", version="2.0.0", description="New.", sample="[{topic: A}]", options="{temperature: 0}",
        validate="[{check: topic, message: m}]",
    )  # fmt: skip
    after = TemplatePrompter(template, sources={"topic": "Thema", "notes": "Notizen"})

    assert before.fingerprint == after.fingerprint


def test_fingerprint_is_the_same_in_every_process() -> None:
    """P27: no hash seed, no order of sets and no address is in it."""
    code = (
        "from weft.templates.library import TemplateLibrary as L\n"
        "from weft.templates.prompting import TemplatePrompter as P\n"
        "t = L().get('email_triage')\n"
        "print(P(t, sources={n: n for n in t.inputs.names}).fingerprint)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(found) == 1
