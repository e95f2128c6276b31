"""Advice about a template that is sound: what would make its answers better or cheaper.

Knows each piece of advice as one small function; some of it needs what is known beyond the file.
Refuses to know problems: a template with any does not come this far, `parse_template` lists them.
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.schema import Kind, Schema
from weft.templates.bodies import read_body, read_expression
from weft.templates.flaws import Flaw
from weft.templates.framing import task_of
from weft.templates.records import Record
from weft.templates.template import Template
from weft.templates.versions import is_version

MANY_FIELDS = 12  # answers of a row beyond which models begin to skip some


def lint(template: Template, record: Record | None = None) -> tuple[Flaw, ...]:
    """Give advice about a sound template; empty where there is none.

    Each piece has the path that it is about, no line, a sentence and a code.

    Args:
        record: what is known about it beyond its file; `None` = nothing.
    """
    known = record or Record()
    about_parts = PART_ADVICE if template.part else ADVICE
    found = [flaw for advise in about_parts for flaw in advise(template)]
    return (*found, *[flaw for advise in RECORD_ADVICE for flaw in advise(template, known)])


def unused_inputs(template: Template) -> Iterator[Flaw]:
    """Inputs that nothing uses cost a column and split remembered answers for nothing."""
    used = set(_names_of(template))
    for field in template.inputs:
        if field.name not in used:
            yield Flaw(f"inputs.{field.name}", 0, f"Nothing uses the input `{field.name}`.", "unused_input")


def _names_of(template: Template) -> Iterator[str]:
    task = task_of(template)
    if task.slots is not None:
        yield from (slot.keys[0] for slot in task.slots)
    yield from read_body(template.body, pieces=template.pieces).names or ()
    texts = [text for _, text in template.computed]
    texts += [rule.check for rule in (*template.validators, *template.checks)]
    for text in texts:
        yield from read_expression(text, path="").names or ()


def unused_computed(template: Template) -> Iterator[Flaw]:
    """A computed field that nothing uses is computed for every row all the same."""
    used = {*_names_of(template), *template.exported}
    for name, _ in template.computed:
        if name not in used:
            yield Flaw(f"computed.{name}", 0, f"Nothing uses the computed field `{name}`.", "unused_computed")


def undescribed_answers(template: Template) -> Iterator[Flaw]:
    """A description is the instruction for its field."""
    for field in template.answers:
        if not field.description:
            message = f"Say what `{field.name}` is to hold: its `description` is the model's instruction."
            yield Flaw(f"answers.{field.name}", 0, message, "no_description")


def unlimited_texts(template: Template) -> Iterator[Flaw]:
    """A limit makes answers even, and lets more rows share a call."""
    for field in template.answers:
        if field.kind in {Kind.STRING, Kind.TEXT} and field.max_words is None and field.max_length is None:
            message = f"`{field.name}` has no limit; with `max_words` more rows fit into a call."
            yield Flaw(f"answers.{field.name}", 0, message, "no_limit")


def task_in_rows(template: Template) -> Iterator[Flaw]:
    """A task that is rendered per row is paid per row, and stands beside foreign text."""
    if template.body and not task_of(template).text:
        message = "The task is repeated for every row; put it into `system` and leave the row's values here."
        yield Flaw("body", 0, message, "task_in_rows")


def missing_rows(template: Template) -> Iterator[Flaw]:
    """Sample rows make previews, examples make better answers."""
    if not template.sample:
        yield Flaw("sample", 0, "Add a sample row or two, so that a preview shows something.", "no_sample")
    if not template.examples:
        yield Flaw("examples", 0, "Two or three examples make answers more even.", "no_examples")


def missing_description(template: Template) -> Iterator[Flaw]:
    """Lists of templates show the description."""
    if not template.description:
        yield Flaw("description", 0, "Say in one sentence what the template is for.", "no_description")


def names_on_both_sides(template: Template) -> Iterator[Flaw]:
    """An answer of an input's name hides it in checks, and meets its column in exports."""
    for name in set(template.answers.names) & set(template.inputs.names):
        message = f"`{name}` is an input too; in checks the answer is meant, exports rename it."
        yield Flaw(f"answers.{name}", 0, message, "same_name")


def many_answers(template: Template) -> Iterator[Flaw]:
    """Few fields are answered better than many."""
    count = _count(template.answers)
    if count > MANY_FIELDS:
        yield Flaw("answers", 0, f"{count} fields are many; models answer few fields better.", "many_fields")


def _count(schema: Schema) -> int:
    return sum(_count(Schema(field.fields)) or 1 for field in schema)


def warm_options(template: Template) -> Iterator[Flaw]:
    """Answers are remembered: with a temperature, the first one drawn stays."""
    if template.options.get("temperature"):
        message = "With a temperature answers vary, but the first one is remembered and used again."
        yield Flaw("options.temperature", 0, message, "temperature")


def floating_pieces(template: Template, record: Record) -> Iterator[Flaw]:
    """A committed version stays as it is; what it is composed of only where it is named by version."""
    for piece in template.pieces if record.digest else ():
        if not is_version(piece.ref.partition("@")[2]):
            message = f"`{piece.ref}` may change; with `{piece.title}` this committed version never does."
            yield Flaw("body", 0, message, "floating_piece")


def deprecated_version(template: Template, record: Record) -> Iterator[Flaw]:
    """A deprecated version says what to use instead."""
    if record.deprecated:
        yield Flaw("", 0, deprecation(template, record), "deprecated")


def deprecation(template: Template, record: Record) -> str:
    """Say that a template is deprecated, why, and what to use instead."""
    instead = f" Use `{record.replacement}` instead." if record.replacement else ""
    return f"`{template.key}` {template.version} is deprecated: {record.reason.rstrip('.')}.{instead}"


def foreign_version(template: Template, record: Record) -> Iterator[Flaw]:
    """An imported template is worth reading before it is trusted."""
    if record.is_foreign:
        message = (
            f"It was imported on {record.imported[:10]}; read it, then `weft templates trust {template.key}`."
        )
        yield Flaw("", 0, message, "foreign")


ADVICE = (
    missing_description,
    unused_inputs,
    unused_computed,
    undescribed_answers,
    unlimited_texts,
    task_in_rows,
    missing_rows,
    names_on_both_sides,
    many_answers,
    warm_options,
)
"""Every piece of advice, in the order in which it is given."""
PART_ADVICE = (missing_description,)
"""The advice for a template that is only there for others to be composed of."""
RECORD_ADVICE = (floating_pieces, deprecated_version, foreign_version)
"""Advice that needs what is known beyond the file."""
