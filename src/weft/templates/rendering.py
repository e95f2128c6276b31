"""Render a template's body for one row; say which line and which name went wrong.

Knows that only plain values enter and that a cell is rendered once: its text is never a template.
A foreign template is rendered in a process of its own, any other in ours.
Refuses to know packs, frames and models: this is also the preview that asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

from weft.row import Value
from weft.templates.compiling import CompileCache
from weft.templates.confining import ConfinedBody, Confinement
from weft.templates.environment import CompiledBody
from weft.templates.pieces import Origin
from weft.templates.template import Template


def render(template: Template, values: Mapping[str, Value], *, cache: CompileCache) -> str:
    """Render one row's text.

    Args:
        values: every declared input and computed field, as `TemplatePrompter.values` gives them.

    Raises:
        MissingInput: a name or key has no value.
        RenderLimit: it takes too much time, memory or text.
        BadTemplate: anything else went wrong; the fact `line` says where. No error holds text
            of a row.
    """
    return compile_template(template, cache=cache).render(values)


def compile_template(template: Template, *, cache: CompileCache) -> CompiledBody | ConfinedBody:
    """Compile a template's body, or take it from the cache."""
    confinement = confinement_of(template, cache=cache)
    make = cache.body if confinement is None else confinement.body
    return make(
        template.body,
        name=template.key,
        escaping=template.context,
        first_line=template.body_line,
        pieces=template.pieces,
    )


def confinement_of(template: Template, *, cache: CompileCache) -> Confinement | None:
    """The process in which a template runs; `None` = ours, for templates that are our own."""
    is_foreign = template.is_foreign or (cache.confines_all and template.origin is not Origin.BUILTIN)
    return cache.confinement(template.digest) if is_foreign else None
