"""The gallery: every template as a card, with what a model would be given for one row.

Knows that a card's preview comes from the template's own sample, else from an example, else from
the defaults and sample values of its inputs. A template that is wrong has a card that says so.
Refuses to ask a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weft.engine.checking import sentence
from weft.errors import BadTemplate, Mistake
from weft.row import BrokenRow, Row
from weft.schema import Field, Kind, Schema
from weft.templates.compiling import CompileCache
from weft.templates.library import Found, TemplateLibrary
from weft.templates.prompting import TemplatePrompter
from weft.templates.records import Record
from weft.templates.rendering import render
from weft.templates.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What one row would look like to a model.

    Attributes:
        text: the rendered body; empty where there is a problem.
        data: the row's share of a prompt, as it would be sent.
        problem: why the row would not be asked; empty if it would.
    """

    place: int
    line: int
    text: str = ""
    data: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The system text that every call shares, and rendered rows."""

    system: str
    rows: tuple[Rendered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One template of the gallery, in its latest version.

    Attributes:
        origin: where it comes from, by the names of `Origin`.
        inputs, answers: name, type, whether it is required, and description of each field.
        record: what is known beyond the file: commit, tags, deprecation, where it comes from.
        versions: every version of the key in its folder, the latest first.
        aliases: alias → version.
        composed_of: titles of the templates that it is composed of.
        part: whether it is only for other templates to be composed of; it has no preview.
        preview: what a model would be given for one row.
        preview_from: `sample`, `example` or `defaults`; empty where there is no preview.
        error: why it cannot be used; empty if it can.
    """

    key: str
    version: str
    origin: str
    record: Record
    versions: tuple[str, ...]
    aliases: Mapping[str, str]
    name: str = ""
    description: str = ""
    inputs: tuple[Mapping[str, Any], ...] = ()
    answers: tuple[Mapping[str, Any], ...] = ()
    composed_of: tuple[str, ...] = ()
    part: bool = False
    preview: Rendered | None = None
    preview_from: str = ""
    error: str = ""


def card_of(library: TemplateLibrary, key: str, *, cache: CompileCache) -> Card:
    """Make the card of a key's latest version, or of one that is named.

    Raises:
        UnknownName: if there is none.
    """
    found = library.find(key)
    card = Card(
        key=found.key,
        version=found.version,
        origin=found.origin.value,
        record=found.record,
        versions=tuple(each.version for each in library.found(found.key)),
        aliases=library.aliases(found.key),
    )
    try:
        template = library.template(found)
    except BadTemplate as error:
        return replace(card, error=error.message)
    return _filled(card, template, found, cache)


def _filled(card: Card, template: Template, found: Found, cache: CompileCache) -> Card:
    cells, source = preview_cells(template)
    return replace(
        card,
        version=found.version,
        name=template.name,
        description=template.description,
        inputs=tuple(plain_field(field) for field in template.inputs),
        answers=tuple(plain_field(field) for field in template.answers),
        composed_of=tuple(piece.title for piece in template.pieces),
        part=template.part,
        preview=None if template.part else _preview(template, cells, cache),
        preview_from="" if template.part else source,
    )


def _preview(template: Template, cells: Mapping[str, Any], cache: CompileCache) -> Rendered:
    sources = {name: name for name in template.inputs.names}
    prompter = TemplatePrompter(template, sources=sources, cache=cache)
    return render_row(prompter, Row(0, 0, dict(cells)), cache=cache)


def render_row(prompter: TemplatePrompter, sample: Row | BrokenRow, *, cache: CompileCache) -> Rendered:
    """Render one row as a model would be given it; what is wrong with the row is told in it."""
    place, line = sample.place, sample.line
    if isinstance(sample, BrokenRow):
        return Rendered(place=place, line=line, problem=sentence(place, line, [sample.problem]))
    checked = prompter.values(sample.cells)
    if checked.problems:
        return Rendered(place=place, line=line, problem=sentence(place, line, checked.problems))
    try:
        text = render(prompter.template, checked.values, cache=cache)
        data = prompter.part(checked.values).text
    except Mistake as error:
        return Rendered(place=place, line=line, problem=f"{sentence(place, line, ())}{error.message}")
    return Rendered(place=place, line=line, text=text, data=data)


def preview_cells(template: Template) -> tuple[Mapping[str, Any], str]:
    """Cells of one row to show a template with, and where they come from."""
    for rows, source in ((template.sample, "sample"), (template.examples, "example")):
        if rows:
            return rows[0].inputs, source
    return sample_cells(template.inputs), "defaults"


def sample_cells(inputs: Schema) -> dict[str, Any]:
    """A cell for every input: its default, else its first sample value, else one of its type."""
    return {field.name: _sample_cell(field) for field in inputs}


def _sample_cell(field: Field) -> Any:
    given = field.default if field.default is not None else next(iter(field.examples), None)
    if given is not None or not field.required:
        return given
    match field.kind:
        case Kind.ENUM:
            return field.options[0]
        case Kind.OBJECT:
            return {below.name: _sample_cell(below) for below in field.fields}
        case Kind.ARRAY:
            return [_sample_cell(field.items or Field(name="entry"))] * max(1, field.min_items or 0)
        case Kind.INTEGER | Kind.NUMBER:
            return field.minimum if field.minimum is not None else min(1, field.maximum or 1)
        case _:
            return _SAMPLES.get(field.kind) or _sample_text(field)


_SAMPLES: Mapping[Kind, Any] = {
    Kind.BOOLEAN: True,
    Kind.DATE: "2026-01-31",
    Kind.DATETIME: "2026-01-31T12:00:00",
    Kind.EMAIL: "ada@example.com",
    Kind.URL: "https://example.com/",
}


def _sample_text(field: Field) -> str:
    """The field's name between «», as long as the field wants its text to be."""
    words = f"«{field.name}»" if field.max_length is None or field.max_length > len(field.name) + 1 else "x"
    text = " ".join([words] * max(1, field.min_words or 0))
    return text.ljust(field.min_length or 0, ".")


def plain_field(field: Field) -> dict[str, Any]:
    """A field as plain JSON: name, type, whether it is required, description."""
    return {
        "name": field.name,
        "type": field.kind.value,
        "required": field.required,
        "description": field.description,
    }


def plain_template(template: Template) -> dict[str, Any]:
    """A template as plain JSON, its text included."""
    return {
        "key": template.key,
        "name": template.name,
        "version": template.version,
        "description": template.description,
        "path": template.path,
        "origin": template.origin.value,
        "digest": template.digest,
        "inputs": [plain_field(field) for field in template.inputs],
        "answers": [plain_field(field) for field in template.answers],
        "computed": dict(template.computed),
        "export": list(template.exported),
        "part": template.part,
        "composed_of": [piece.title for piece in template.pieces],
        "text": template.text,
    }
