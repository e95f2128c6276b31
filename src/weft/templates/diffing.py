"""What differs between two templates: inputs, answers and everything else, and the lines of texts.

Knows how each part of a template is told in one line, so that a change reads as before and after.
Refuses to know versions, folders and which of two templates is meant to be the newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from weft.definitions import describe_field
from weft.kit.fingerprints import canonical
from weft.schema import Schema
from weft.templates.reading import Example, Rule
from weft.templates.template import Template

CONTEXT = 3  # lines around each change of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs.

    Attributes:
        path: such as `inputs.topic` or `system`.
        before: how it was; empty where it was not there.
        after: how it is; empty where it is not there any more.
    """

    path: str
    before: str = ""
    after: str = ""

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "changed" if self.before and self.after else "added" if self.after else "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between two templates; empty where they ask the same in the same way.

    Attributes:
        before, after: titles such as `review@1.0.0`.
        inputs, answers, rest: changes in the order of the newer template, then what is gone.
        system, body: lines of a unified difference; empty where the text is the same.
        pieces: lines of differences of what both are composed of.
    """

    before: str
    after: str
    inputs: tuple[Change, ...] = ()
    answers: tuple[Change, ...] = ()
    rest: tuple[Change, ...] = ()
    system: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs but, perhaps, the version."""
        told = any(change.path != "version" for change in self.rest)
        return not (told or self.inputs or self.answers or self.system or self.body or self.pieces)


def diff(before: Template, after: Template) -> Difference:
    """Say what differs between two templates, both read and found sound."""
    old, new = f"{before.key}@{before.version}", f"{after.key}@{after.version}"
    return Difference(
        before=old,
        after=new,
        inputs=_field_changes("inputs", before.inputs, after.inputs),
        answers=_field_changes("answers", before.answers, after.answers),
        rest=_changes(_rest(before), _rest(after)),
        system=_lines(before.system, after.system, old, new),
        body=_lines(before.body, after.body, old, new),
        pieces=tuple(_piece_lines(before, after)),
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        Change(path=name, before=before.get(name, ""), after=after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    )


def _field_changes(above: str, before: Schema, after: Schema) -> tuple[Change, ...]:
    """Fields that differ in anything; where that is not in the line about them, all is told."""
    names = [*after.names, *(name for name in before.names if name not in after.names)]
    found = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        lines = [describe_field(field) if field is not None else "" for field in (old, new)]
        if lines[0] == lines[1]:
            lines = [repr(field) for field in (old, new)]
        found.append(Change(path=f"{above}.{name}", before=lines[0], after=lines[1]))
    return tuple(found)


def _rest(template: Template) -> dict[str, str]:
    found = {
        "name": template.name,
        "version": template.version,
        "description": template.description,
        "context": template.context.value,
        "part": "true" if template.part else "",
        "export": ", ".join(template.exported),
        "composed of": ", ".join(piece.title for piece in template.pieces),
    }
    found |= {f"computed.{name}": text for name, text in template.computed}
    found |= {f"postprocess.{name}": ", ".join(steps) for name, steps in template.postprocess.items()}
    found |= {f"options.{name}": str(value) for name, value in template.options.items()}
    found |= _rules("validate", template.validators) | _rules("checks", template.checks)
    return found | _rows("examples", template.examples) | _rows("sample", template.sample)


def _rules(key: str, rules: Iterable[Rule]) -> dict[str, str]:
    """Rules by what they check, so that a moved one is no change."""
    return {f"{key}: {rule.check}": f"{rule.message}{'' if rule.hard else ' (only noted)'}" for rule in rules}


def _rows(key: str, rows: Iterable[Example]) -> dict[str, str]:
    return {f"{key}.{place}": _json({**row.inputs, **row.answer}) for place, row in enumerate(rows)}


def _json(value: Any) -> str:
    return canonical(value).decode(errors="replace")


def _lines(before: str, after: str, old: str, new: str) -> tuple[str, ...]:
    return tuple(
        unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="", n=CONTEXT)
        if before != after
        else ()
    )


def _piece_lines(before: Template, after: Template) -> Iterable[str]:
    old = {piece.ref: piece for piece in before.pieces}
    for piece in after.pieces:
        was = old.get(piece.ref)
        if was is not None:
            yield from _lines(was.body, piece.body, was.title, piece.title)
