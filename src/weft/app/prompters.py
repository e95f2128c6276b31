"""Prompters for runs: made from what a person asks for, and made again from what a run keeps.

Knows that a run keeps the whole text of its template, the texts of all that it is composed of and
the mapping of its columns, so that it can go on without any file. Refuses to know rows and calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weft.app.requesting import Made, RunRequest
from weft.errors import BadTemplate, ChangedSpec
from weft.kit.fingerprints import fingerprint
from weft.schema import folded
from weft.tables.mapping import PARAM, parse_mapping
from weft.templates.columns import writable
from weft.templates.compiling import CompileCache
from weft.templates.library import TemplateLibrary
from weft.templates.pieces import Origin, kept_pieces, read_piece
from weft.templates.prompting import TemplatePrompter
from weft.templates.quick import quick_template
from weft.templates.template import Template, parse_template

KIND = "template"


def make_prompter(
    request: RunRequest, columns: Sequence[str], *, library: TemplateLibrary, cache: CompileCache
) -> Made:
    """Open the template, or make one of a quick prompt, and find a column for every input.

    Raises:
        UnknownName: if there is no such template; with the nearest keys.
        BadTemplate: if it is wrong, with every problem.
        BadMapping, MissingColumn: if its inputs and the columns do not go together.
    """
    if request.prompt:
        offered = [*columns, *_keys(request.mapping, columns), *_mapped(request.mapping, columns)]
        template = quick_template(request.prompt, request.fields, columns=offered)
    else:
        template = library.load(request.template)
        check_whole(template)
    said = [*request.mapping, *(_written(request.mapping, columns, template) if request.prompt else ())]
    mapping = parse_mapping(said, columns=columns, inputs=template.inputs)
    sources = {**mapping.sources, **mapping.params}
    prompter = TemplatePrompter(template, sources=sources, cache=cache)
    return Made(
        prompter,
        _source(request, prompter, sources),
        fingerprint(KIND, template.digest, prompter.fingerprint, sources),
    )


def remake_prompter(source: Mapping[str, Any], *, cache: CompileCache) -> TemplatePrompter:
    """Make a run's prompter again from what the run keeps.

    Raises:
        ChangedSpec: if this version of weft would prompt differently than the one that began.
    """
    template = kept_template(source)
    prompter = TemplatePrompter(template, sources=source["sources"], cache=cache)
    if prompter.fingerprint != source["fingerprint"]:
        raise ChangedSpec(
            f"This version of weft prompts `{template.title}` differently than the one that began the run.",
            hint="start a new run with `weft run`; answers that are still valid are recalled.",
            changed={"prompt and schema": [source["fingerprint"], prompter.fingerprint]},
        )
    return prompter


def check_whole(template: Template) -> None:
    """Refuse a text that is only there for other templates to be composed of.

    Raises:
        BadTemplate: then.
    """
    if template.part:
        raise BadTemplate(
            f"`{template.key}` is a part of other templates and cannot be run by itself.",
            hint="run a template that extends, includes or imports it.",
            name=template.key,
        )


def kept_template(source: Mapping[str, Any]) -> Template:
    """Make a run's template again from the texts that the run keeps; no file is read."""
    pieces = [read_piece(plain) for plain in source.get("pieces", ())]
    return parse_template(
        source["text"],
        key=source["key"],
        path=source["path"],
        origin=Origin(source.get("origin", Origin.PROJECT)),
        lookup=kept_pieces(pieces),
    )


def whole_text(template: Template) -> str:
    """A template's text followed by those of its pieces, to tell what has changed in any of them."""
    return "\n".join([template.text, *(f"── {piece.title}\n{piece.text}" for piece in template.pieces)])


def _source(request: RunRequest, prompter: TemplatePrompter, sources: Mapping[str, str]) -> dict[str, Any]:
    template = prompter.template
    return {
        "kind": KIND,
        "key": template.key,
        "title": template.title,
        "path": str(Path(template.path).absolute()) if template.path else "",
        "text": template.text,
        "origin": template.origin.value,
        "pieces": [piece.plain() for piece in template.pieces],
        "fingerprint": prompter.fingerprint,
        "sources": dict(sources),
        "read": asdict(request.read),
    }


def _keys(texts: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Keys of parameters, such as `customer.mail`: a quick prompt may use them like columns."""
    said = [text for text in texts if text.startswith(PARAM)]
    return list(parse_mapping(said, columns=columns, inputs=()).params)


def _mapped(texts: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Names that texts such as `name=Full Name` give to columns: a quick prompt may use them."""
    named = [text.partition("=")[0].strip() for text in texts if not text.startswith(PARAM)]
    return [name for name in named if name not in columns]


def _written(texts: Sequence[str], columns: Sequence[str], template: Template) -> list[str]:
    """Mappings for inputs written like a column without its signs: `a_b` for `a/b`."""
    said = {text.partition("=")[0].strip() for text in texts}
    taken = {text.partition("=")[2] for text in texts}
    exact = {folded(column) for column in columns}
    found = {}
    for name in template.inputs.names:
        alike = [column for column in columns if folded(writable(column)) == folded(name)]
        if len(alike) == 1 and folded(name) not in exact and name not in said and alike[0] not in taken:
            found[name] = alike[0]
    return [f"{name}={column}" for name, column in found.items()]
