"""A prompt template: its inputs, its task and body, its answers, and all that must hold for them.

Knows how the pieces of a template file fit together and names everything wrong with one at once.
Refuses to know where files are kept, how a body is compiled and how a prompt is framed.
Start reading at `parse_template`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.checks import answer_checker, input_coercer
from weft.definitions import parse_field
from weft.notation import EXAMPLE as FIELD_EXAMPLE
from weft.schema import Field, Kind, Schema, folded
from weft.templates.bodies import read_body, read_expression
from weft.templates.columns import misspelt, nearest_column, writable
from weft.templates.environment import Escaping
from weft.templates.flaws import Flaw, bad_template
from weft.templates.front_matter import front_matter_text, split_text
from weft.templates.reading import Example, FrontReader, Rule, is_name, nearest
from weft.templates.syntax import Reading, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One version of one template, read and found sound.

    Attributes:
        key: how it is asked for; `quick` for a prompt without a file.
        version: as written, such as `1.0.0`.
        system: the task, the same for every row; empty where the body holds it.
        body: Jinja text, rendered for every row.
        body_line: physical line of the body's first line in the file.
        computed: name and expression, each after those that it uses.
        validators: conditions on a row's inputs; a row that breaks one is never asked.
        postprocess: answer field → names of steps, run before the answer is checked.
        checks: conditions on an answer beyond its schema.
        examples: rows with their right answers, shown to the model.
        sample: rows to try the template on; their answers may be empty.
        context: how values are escaped in the rendered body.
        options: decoding parameters by the names of `Options`; the asker's own win.
        path: the file; empty where there is none.
        text: the whole file, from which `parse_template` makes this template again.
    """

    key: str
    name: str
    version: str
    description: str = ""
    inputs: Schema
    answers: Schema
    system: str = ""
    body: str
    body_line: int = 1
    computed: tuple[tuple[str, str], ...] = ()
    validators: tuple[Rule, ...] = ()
    postprocess: Mapping[str, tuple[str, ...]]
    checks: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    sample: tuple[Example, ...] = ()
    context: Escaping = Escaping.TEXT
    options: Mapping[str, Any]
    path: str = ""
    text: str

    @property
    def title(self) -> str:
        """Key and version, as runs record them: `topic_review 1.0.0`."""
        return f"{self.key} {self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 over the template's text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def parse_template(text: str, *, key: str, path: str = "") -> Template:
    """Read a template file's text.

    Args:
        key: how the template is asked for.
        path: the file, for messages; empty where there is none.

    Raises:
        BadTemplate: with every problem; `problems` lists path, line, message and code of each.
    """
    taken = split_text(text)
    reader = FrontReader(taken)
    if any(flaw.code == "unreadable" for flaw in reader.flaws):
        raise bad_template(path or key, reader.flaws)
    inputs, answers = reader.schema("inputs"), reader.schema("answers")
    computed = reader.named_expressions("computed")
    template = Template(
        key=key,
        name=reader.text("name"),
        version=reader.version(),
        description=reader.text("description"),
        inputs=inputs,
        answers=answers,
        system=reader.text("system"),
        body=taken.body,
        body_line=taken.body_line,
        computed=_in_order(computed, inputs, reader),
        validators=reader.rules("validate", with_hard=False),
        postprocess=reader.postprocess(answers),
        checks=reader.rules("checks", with_hard=True),
        examples=reader.examples("examples", inputs=inputs, answers=answers),
        sample=reader.examples("sample", inputs=inputs, answers=answers),
        context=reader.context(),
        options=reader.options(),
        path=path,
        text=text,
    )
    _match(template, reader)
    if reader.flaws:
        raise bad_template(path or key, reader.flaws)
    return template


# ── a prompt without a file ──────────────────────────────────────────────────────────────────────


def quick_template(prompt: str, fields: Sequence[str], *, columns: Sequence[str]) -> Template:
    """Make a template from a prompt on the command line: its inputs are the names it uses.

    A name that a loop walks is a list, a name with keys below it is an object, any other is text.
    The `text` of the template is a whole file, worth saving.

    Args:
        prompt: the task with its values, such as `Classify {{ body }}`.
        fields: one-line definitions such as `category: enum[bug,billing] = what it is about`.
        columns: names that the table offers, dotted keys of parameters included.

    Raises:
        BadTemplate: the prompt cannot be read, names nothing, or names what no column offers.
        BadSchema: a field cannot be read.
    """
    reading = read_body(prompt.strip(), path="--prompt")
    misread = misspelt(prompt.strip(), columns)
    flaws = misread or list(reading.flaws)
    named = [*columns, *[column.partition(".")[0] for column in columns], *map(writable, columns)]
    offered = {folded(each) for each in named}
    for name, line in (reading.names or {}).items():
        if folded(name) not in offered and not misread:
            message = f"`{name}` is no column of the table{nearest_column(name, columns)}"
            flaws.append(Flaw("--prompt", line, message, "undefined_name"))
    if not reading.names and not flaws:
        message = "The prompt uses no column, so all rows would look the same; write one between {{ and }}"
        flaws.append(Flaw("--prompt", 1, message + nearest_column("", columns), "undefined_name"))
    given = Counter(parse_field(field).name for field in fields)
    flaws += [Flaw("--field", 0, f"`{name}` is given {n} times.") for name, n in given.items() if n > 1]
    if not given:
        flaws.append(Flaw("--field", 0, f"No answer field is given; add one such as {FIELD_EXAMPLE!r}."))
    if flaws:
        hint = 'write it like --prompt "Classify {{ body }}" --field "' + FIELD_EXAMPLE + '".'
        raise bad_template("", flaws, hint=hint)
    own = {folded(column) for column in columns}
    deep = {slot.keys[0] for slot in reading.slots if len(slot.keys) > 1}
    front = {
        "name": "Quick prompt",
        "version": "1.0.0",
        "inputs": {name: _inferred(name, reading, columns) for name in reading.names or ()},
        "validate": [_is_given(name) for name in sorted(deep) if folded(name) not in own],
        "answers": list(fields),
    }
    return parse_template(front_matter_text(front) + prompt.strip() + "\n", key="quick")


def _inferred(name: str, reading: Reading, columns: Sequence[str]) -> dict[str, Any]:
    below: dict[str, Any] = {}
    for slot in reading.slots:
        if slot.keys[0] == name:
            branch = below
            for key in slot.keys[1:]:
                branch = branch.setdefault(key, {})
    if below:
        # A column of its own must be there; keys that come as parameters may each be missing.
        whole = folded(name) in {folded(column) for column in columns}
        return {**_object(below), "required": whole}
    return {"type": "list[string]"} if name in reading.listed else {"type": "text"}


def _is_given(name: str) -> dict[str, str]:
    """A parameter's object is filled key by key; a row where no column does is not asked."""
    message = f"No column fills `{name}`; map one with --map param:{name}.key=column."
    return {"check": f"{name} is not none", "message": message}


def _object(below: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "fields": {
            key: _object(deeper) if deeper else {"type": "text", "required": False}
            for key, deeper in below.items()
        },
    }


# ── how the pieces fit together ──────────────────────────────────────────────────────────────────


def _match(template: Template, reader: FrontReader) -> None:
    """Find what is wrong between the pieces: names, chains, the body, rows that do not fit."""
    _match_fields(template, reader)
    computed = [name for name, _ in template.computed]
    given = [*template.inputs.names, *computed]
    _match_body(template, given, reader)
    _match_rules("validate", template.validators, given, reader)
    _match_rules("checks", template.checks, [*given, *template.answers.names], reader)
    _match_rows("examples", template.examples, template, reader)
    _match_rows("sample", template.sample, template, reader)


def _match_fields(template: Template, reader: FrontReader) -> None:
    for name in template.inputs.names:
        if not is_name(name):
            reader.flaw(
                f"inputs.{name}",
                f"`{name}` cannot be a name in a body; use letters, digits and `_`.",
                "bad_name",
            )
    if "id" in template.answers.names:
        reader.flaw(
            "answers.id", "`id` is the name under which rows are told apart; choose another.", "bad_name"
        )
    if not template.answers.fields and not reader.flaws:
        reader.flaw("answers", "`answers` needs at least one field.", "missing_key")
    for name in ("{{", "{%", "{#"):
        if name in template.system:
            reader.flaw(
                "system",
                f"`system` is the same for every row and may not use `{name}`; use the body.",
                "unsafe",
            )


def _match_body(template: Template, given: Collection[str], reader: FrontReader) -> None:
    reading = read_body(template.body, path="body", first_line=template.body_line)
    if not template.body.strip() and not template.system:
        reader.flaw(
            "body",
            "The file has neither a body nor `system`: the model would not know its task.",
            "missing_key",
        )
    _take(reading, template.inputs, given, "body", reader)


def _match_rules(key: str, rules: Iterable[Rule], given: Collection[str], reader: FrontReader) -> None:
    for place, rule in enumerate(rules):
        path = f"{key}.{place}.check"
        reading = read_expression(rule.check, path=path, first_line=reader.line_of(path))
        _take(reading, Schema(()), given, path, reader)


def _take(reading: Reading, inputs: Schema, given: Collection[str], path: str, reader: FrontReader) -> None:
    """Take over what is wrong with a text, and every name in it that nothing gives."""
    reader.flaws.extend(reading.flaws)
    for name, line in (reading.names or {}).items():
        if name not in given and reader.fields_are_sound:
            message = f"`{name}` is not known here{nearest(name, given)}"
            reader.flaws.append(Flaw(path, line, message, "undefined_name"))
    for slot in reading.slots:
        field = inputs.get(slot.name.partition(".")[0])
        message = _wrong_chain(slot, field) if field is not None else ""
        if message:
            reader.flaws.append(Flaw(path, slot.line, message, "undefined_name"))


def _wrong_chain(slot: Slot, field: Field) -> str:
    """Say what is wrong with `a.b.c` for an input that is declared; empty where nothing is."""
    for key in slot.keys[1:]:
        if field.kind is Kind.ARRAY:
            return ""
        if field.kind is not Kind.OBJECT:
            return (
                f"`{slot.name}` is not there: `{field.name}` is of type `{field.kind}` and holds no `{key}`."
            )
        inner = Schema(field.fields).get(key)
        if inner is None:
            names = [each.name for each in field.fields]
            return f"`{slot.name}` is not there: `{field.name}` holds no `{key}`{nearest(key, names)}"
        field = inner
    return ""


def _in_order(
    computed: Mapping[str, str], inputs: Schema, reader: FrontReader
) -> tuple[tuple[str, str], ...]:
    """Order computed fields so that each stands after those that it uses; name cycles."""
    given = {*inputs.names, *computed}
    needs: dict[str, set[str]] = {}
    for name, text in computed.items():
        path = f"computed.{name}"
        reading = read_expression(text, path=path, first_line=reader.line_of(path))
        _take(reading, inputs, given, path, reader)
        needs[name] = set(reading.names or ()) & set(computed)
        if name in inputs.names:
            reader.flaw(path, f"`{name}` is an input already.", "bad_name")
    ordered: list[str] = []
    while len(ordered) < len(computed):
        free = [name for name in computed if name not in ordered and needs[name] <= set(ordered)]
        if not free:
            cycle = _cycle(needs, set(ordered))
            reader.flaw(
                f"computed.{cycle[0]}", f"Computed fields go in a circle: {' → '.join(cycle)}.", "cycle"
            )
            return ()
        ordered += free
    return tuple((name, computed[name]) for name in ordered)


def _cycle(needs: Mapping[str, set[str]], done: set[str]) -> list[str]:
    """Walk along needs that cannot be met until a name comes again."""
    walked = [next(name for name in needs if name not in done)]
    while True:
        onward = min(needs[walked[-1]] - done)
        if onward in walked:
            return [*walked[walked.index(onward) :], onward]
        walked.append(onward)


def _match_rows(key: str, rows: Iterable[Example], template: Template, reader: FrontReader) -> None:
    coerce, check = input_coercer(template.inputs), answer_checker(template.answers)
    if not reader.fields_are_sound:
        return
    for place, row in enumerate(rows):
        path = f"{key}.{place}"
        for problem in coerce(row.inputs).problems:
            reader.flaw(f"{path}.{problem.field}", problem.message, problem.code)
        if key == "examples" or row.answer:
            for problem in check(row.answer).problems:
                reader.flaw(f"{path}.{problem.field}", problem.message, problem.code)
