from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.errors import BadSchema, BadTemplate
from weft.schema import Kind
from weft.templates.environment import Escaping
from weft.templates.quick import quick_template
from weft.templates.template import Template, parse_template

Parsed = Callable[..., Template]


def flaws(parsed: Parsed, *args: str, **front: str | None) -> list[dict[str, Any]]:
    """Read a wrong template and return its problems."""
    with pytest.raises(BadTemplate) as told:
        parsed(*args, **front)
    return told.value.facts["problems"]  # type: ignore[return-value]  # facts are plain values


def test_sound_file_becomes_a_template(parsed: Parsed) -> None:
    """T57: key, version and pieces are read; the text is kept whole."""
    template = parsed()

    assert template.title == "review 1.0.0"
    assert template.inputs.names == ("topic", "notes")
    assert template.answers.names == ("tldr", "challenge")
    assert template.context is Escaping.TEXT
    assert parse_template(template.text, key="review") == template


def test_digest_follows_the_text(parsed: Parsed) -> None:
    """Two texts have two digests, one text has one."""
    assert parsed().digest == parsed().digest != parsed(name="Other").digest


def test_version_context_and_type_are_told_together(parsed: Parsed) -> None:
    """T29: bad version, context and type give three messages with their paths."""
    found = flaws(parsed, version="one", context="xml", answers="{a: strnig}")

    assert [(each["path"], each["line"]) for each in found] == [
        ("version", 3),
        ("answers.a", 5),
        ("context", 6),
    ]


@pytest.mark.parametrize(
    ("front", "path", "said"),
    [
        ({"name": None}, "name", "is missing"),
        ({"name": "[a]"}, "name", "must be text, not a list"),
        ({"version": None}, "version", "is missing"),
        ({"version": "1"}, "version", "write it like 1.0.0"),
        ({"answers": None}, "answers", "is missing"),
        ({"answers": "[]"}, "answers", "at least one field"),
        ({"answers": "{id: string}"}, "answers.id", "choose another"),
        ({"answers": "7"}, "answers", "must be"),
        ({"inputs": "{bad-name: string}", "sample": None}, "inputs.bad-name", "cannot be a name"),
        ({"inputs": "{if: string}"}, "inputs.if", "cannot be a name"),
        ({"inputs": "{topic: {typ: string}}"}, "inputs.topic.typ", "did you mean"),
        ({"descripton": "x"}, "descripton", "did you mean `description`?"),
        ({"description": "3"}, "description", "must be text"),
        ({"system": "Say {{ topic }}"}, "system", "the same for every row"),
        ({"computed": "[a]"}, "computed", "must hold names with expressions"),
        ({"computed": "{_a: topic}"}, "computed._a", "cannot be a name"),
        ({"computed": "{topic: notes}"}, "computed.topic", "an input already"),
        ({"computed": "{a: [1]}"}, "computed.a", "must be an expression"),
        ({"computed": "{a: topci}"}, "computed.a", "did you mean `topic`?"),
        ({"computed": "{a: topic ~}"}, "computed.a", "nexpected"),
        ({"computed": "{a: topic ** 2}"}, "computed.a", "operator `**`"),
        ({"validate": "x"}, "validate", "must be a list"),
        ({"validate": "[x]"}, "validate.0", "holds keys with values (`check`, `message`"),
        ({"validate": "[{check: topic}]"}, "validate.0.message", "must say what is wrong"),
        ({"validate": "[{message: m}]"}, "validate.0.check", "must be an expression"),
        (
            {"validate": "[{check: topic, message: m, hard: false}]"},
            "validate.0.hard",
            "There is no key `hard`",
        ),
        ({"validate": "[{check: tldr, message: m}]"}, "validate.0.check", "`tldr` is not known here"),
        ({"checks": "[{check: tldr, message: m, hard: maybe}]"}, "checks.0.hard", "true or false"),
        ({"checks": "[{check: tdlr, message: m}]"}, "checks.0.check", "did you mean `tldr`?"),
        ({"postprocess": "[trim]"}, "postprocess", "must hold fields with steps"),
        ({"postprocess": "{tdlr: [trim]}"}, "postprocess.tdlr", "did you mean `tldr`?"),
        ({"postprocess": "{tldr: [trimm]}"}, "postprocess.tldr", "did you mean `trim`?"),
        ({"postprocess": "{tldr: 3}"}, "postprocess.tldr", "list of names"),
        ({"examples": "{a: 1}"}, "examples", "must be a list"),
        ({"examples": "[{topic: A, tldr: a}]"}, "examples.0.challenge", "missing"),
        ({"examples": "[{tldr: a, challenge: expert}]"}, "examples.0.topic", "missing"),
        ({"examples": "[{topic: A, tldr: a, challenge: expret}]"}, "examples.0.challenge", "must be one of"),
        (
            {"examples": "[{topic: A, tdlr: a, tldr: a, challenge: expert}]"},
            "examples.0.tdlr",
            "neither an input",
        ),
        ({"sample": "[{}]"}, "sample.0.topic", "missing"),
        ({"sample": "[{topic: A, tldr: a}]"}, "sample.0.challenge", "missing"),
        ({"sample": "[" + "{topic: A}," * 51 + "]"}, "sample", "50 are allowed"),
        ({"options": "[x]"}, "options", "must hold names with values"),
        ({"options": "{temprature: 0}"}, "options.temprature", "did you mean `temperature`?"),
        ({"options": "{temperature: hot}"}, "options.temperature", "number from 0 to 2"),
        ({"options": "{top_p: 0}"}, "options.top_p", "above 0"),
        ({"options": "{seed: 1.5}"}, "options.seed", "whole number"),
        ({"options": "{reasoning_effort: 3}"}, "options.reasoning_effort", "must be text"),
    ],
)
def test_every_wrong_key_has_a_path(
    parsed: Parsed, front: dict[str, str | None], path: str, said: str
) -> None:
    """P18, T29: whatever is wrong with a key is told with its path, its line and a way out."""
    found = [each for each in flaws(parsed, **front) if each["path"] == path]

    assert found, flaws(parsed, **front)
    assert said in found[0]["message"]
    assert found[0]["line"] >= 1


def test_unknown_token_is_named_with_line_and_nearest(parsed: Parsed) -> None:
    """W10: an unknown name in the body is told before anything starts."""
    (found,) = flaws(parsed, "Review\n\n{{ topci }}.")

    assert found["message"] == "`topci` is not known here; did you mean `topic`?"
    assert found["line"] == 9
    assert found["code"] == "undefined_name"


def test_keys_of_objects_are_checked(parsed: Parsed) -> None:
    """W09: a nested token resolves where the object has the key, and is told where it has not."""
    inputs = "[{name: mail, type: object, fields: {body: string, sender: {type: object, fields: {name: string}}}}, topic]"

    assert parsed("{{ mail.body }}{{ mail.sender.name }}{{ topic }}", inputs=inputs)
    (first, second, third) = flaws(parsed, "{{ mail.boyd }}{{ mail.sender.x }}{{ topic.x }}", inputs=inputs)
    assert "did you mean `body`?" in first["message"]
    assert "`sender` holds no `x`" in second["message"]
    assert "`topic` is of type `string`" in third["message"]


def test_broken_fields_are_told_once(parsed: Parsed) -> None:
    """Names that use a broken field are not reported on top of it."""
    found = flaws(parsed, inputs="{topic: strnig}", examples="[{topic: A, tldr: a, challenge: expert}]")

    assert [each["path"] for each in found] == ["inputs.topic"]


def test_computed_fields_stand_in_order(parsed: Parsed) -> None:
    """T72: a computed field may use another, whichever is written first."""
    template = parsed("{{ c }}", computed="{c: b ~ '!', b: a ~ topic, a: topic|upper}")

    assert [name for name, _ in template.computed] == ["a", "b", "c"]


def test_circles_of_computed_fields_are_named(parsed: Parsed) -> None:
    """T72: a circle is detected and told as a path; that the body uses it is no second complaint."""
    (found,) = flaws(parsed, "{{ a }}", computed="{a: c, b: a ~ topic, c: b, d: a}")

    assert found["code"] == "cycle"
    assert found["message"] == "Computed fields go in a circle: a → c → b → a."


def test_computed_field_of_itself_is_a_circle(parsed: Parsed) -> None:
    """T72: the shortest circle."""
    (found,) = flaws(parsed, computed="{a: a ~ topic}")

    assert found["message"] == "Computed fields go in a circle: a → a."


def test_answers_may_be_a_json_schema(parsed: Parsed) -> None:
    """W15: fields from a JSON Schema are the same as from the short form."""
    template = parsed(
        answers="{type: object, required: [n], properties: {n: {type: integer, minimum: 0}, s: {type: string}}}"
    )

    assert [(f.name, f.kind, f.required) for f in template.answers] == [
        ("n", Kind.INTEGER, True),
        ("s", Kind.STRING, False),
    ]


def test_field_called_type_is_no_json_schema(parsed: Parsed) -> None:
    """An answer field may be called `type` or `properties`."""
    assert parsed(answers="{type: string, properties: string}").answers.names == ("type", "properties")


def test_rows_may_be_split_where_a_name_is_both(parsed: Parsed) -> None:
    """A name that is input and answer is told apart by `inputs` and `answers`."""
    template = parsed(
        "{{ text }}",
        inputs="[text]",
        answers="[text]",
        examples="[{inputs: {text: hallo}, answers: {text: hello}}]",
    )

    assert (template.examples[0].inputs, template.examples[0].answer) == (
        {"text": "hallo"},
        {"text": "hello"},
    )


def test_neither_task_nor_body_is_a_flaw(parsed: Parsed) -> None:
    """A template must say what to do."""
    (found,) = flaws(parsed, "")

    assert "neither a body nor `system`" in found["message"]
    assert parsed("", system="Review the topic.").body == ""


def test_unreadable_file_says_where() -> None:
    """What is not YAML is one problem with a line, and carries the path that was asked for."""
    with pytest.raises(BadTemplate, match=r"Template `a/b\.md` has 1 problem") as told:
        parse_template("---\nname: [\n---\n", key="b", path="a/b.md")

    assert told.value.facts["name"] == "a/b.md"


# ── quick prompts ────────────────────────────────────────────────────────────────────────────────


def test_quick_prompt_needs_no_template() -> None:
    """A prompt and a field are enough; inputs are the columns that the prompt names."""
    template = quick_template(
        "Classify {{ body }}",
        ["category: enum[bug,billing,praise] = what it is about"],
        columns=["id", "Body", "date"],
    )

    assert template.key == "quick"
    assert template.inputs.names == ("body",)
    assert template.answers.fields[0].options == ("bug", "billing", "praise")
    assert parse_template(template.text, key="quick") == template


def test_quick_prompt_keeps_any_text() -> None:
    """Quotes, fences, line ends and rare characters of a prompt survive."""
    prompt = '---\nSay "x": {{ body }}\n--- 😀 \x7f “é”'

    assert quick_template(prompt, ['a = it\'s "so" \\ 😀'], columns=["body"]).body == prompt


def test_quick_prompt_infers_lists_and_objects() -> None:
    """W09, T71: a loop makes a list, keys make an object."""
    template = quick_template(
        "{% for t in tags %}{{ t }}{% endfor %}{{ params.mail.body }}",
        ["a"],
        columns=["Tags", "params.mail.body"],
    )
    tags, params = template.inputs

    assert (tags.kind, tags.required) == (Kind.ARRAY, True)
    assert (params.kind, params.required) == (Kind.OBJECT, False)
    assert params.fields[0].fields[0].name == "body"


@pytest.mark.parametrize(
    ("prompt", "fields", "said"),
    [
        ("Classify {{ bdoy }}", ["a"], "`bdoy` is no column of the table; did you mean `body`?"),
        ("Classify {{ x }}", ["a"], "columns: `body`, `Customer mail`."),
        (
            "Classify {{ Customer mail }}",
            ["a"],
            "write `{{ Customer_mail }}` for the column `Customer mail`.",
        ),
        ("Classify {{ body }}", ["a", "a"], "`--field`: `a` is given 2 times."),
        ("Classify it", ["a"], "uses no column"),
        ("Classify {{ body }", ["a"], "line 1"),
        ("Classify {{ body }}", [], "No answer field is given"),
        ("Classify {{ body.__class__ }}", ["a"], "not for templates"),
    ],
)
def test_quick_mistakes_name_the_way_out(prompt: str, fields: list[str], said: str) -> None:
    """W10: a prompt that cannot work is told before anything is read or asked."""
    with pytest.raises(BadTemplate) as told:
        quick_template(prompt, fields, columns=["body", "Customer mail"])

    assert said in str(told.value)
    assert "--prompt" in told.value.hint


def test_quick_field_mistakes_keep_their_place() -> None:
    """A field that cannot be read is told by the field's own reader."""
    with pytest.raises(BadSchema):
        quick_template("{{ body }}", ["a: enm[x]"], columns=["body"])
