"""The desk for templates: list, show, render without asking, lint.

Knows how a template is tried out on its own sample rows or on those of a table.
Refuses to know runs; nothing here asks a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from weft.app.planning import Planner, open_rows
from weft.app.requesting import RunRequest
from weft.engine.checking import sentence
from weft.errors import BadTemplate, Mistake
from weft.row import BrokenRow, Row
from weft.schema import Schema
from weft.tables.mapping import parse_mapping
from weft.templates.linting import lint
from weft.templates.prompting import TemplatePrompter
from weft.templates.rendering import render
from weft.templates.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of the list of templates.

    Attributes:
        error: why it cannot be used; empty if it can.
    """

    key: str
    version: str = ""
    description: str = ""
    inputs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    is_builtin: bool = False
    error: str = ""


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


class TemplatesDesk:
    """Everything that can be done with templates."""

    def __init__(self, planner: Planner) -> None:
        """Use the library and the compiled bodies of this planner."""
        self._planner = planner

    def listed(self) -> list[Listed]:
        """Every template, by key; one that is wrong is listed with the reason."""
        return [self._listed(key) for key in self._planner.library.keys()]  # noqa: SIM118 - a library is no mapping

    def get(self, key_or_path: str) -> Template:
        """One template by its key, `key@version`, or the path of its file.

        Raises:
            UnknownName: if there is none; with the nearest keys.
            BadTemplate: if it is wrong, with every problem.
        """
        return self._planner.library.load(key_or_path)

    def render(self, key_or_path: str, request: RunRequest | None = None, *, rows: int = 3) -> Preview:
        """Show what a model would be given, without asking one.

        Args:
            key_or_path: the template.
            request: the table whose first rows are rendered; `None` = the template's own samples.
            rows: how many.

        Raises:
            Mistake: if template and table do not go together.
        """
        template = self.get(key_or_path)
        if request is None:
            sources = {name: name for name in template.inputs.names}
            prompter = TemplatePrompter(template, sources=sources, cache=self._planner.compiled)
            own = template.sample or template.examples
            samples: list[Row | BrokenRow] = [Row(place, 0, each.inputs) for place, each in enumerate(own)]
        else:
            table = open_rows(request)
            mapping = parse_mapping(request.mapping, columns=table.columns, inputs=template.inputs)
            sources = {**mapping.sources, **mapping.params}
            prompter = TemplatePrompter(template, sources=sources, cache=self._planner.compiled)
            samples = list(islice(table.rows(), rows))
        shown = tuple(self._rendered(prompter, each) for each in samples[:rows])
        return Preview(prompter.system, shown)

    def lint(self, key_or_path: str) -> list[dict[str, Any]]:
        """Everything wrong with a template, or else advice about it; path, line, message, code each.

        Raises:
            UnknownName: if there is no such template.
        """
        try:
            template = self.get(key_or_path)
        except BadTemplate as error:
            return [{**each, "severity": "problem"} for each in _problems(error)]
        return [
            {
                "path": flaw.path,
                "line": flaw.line,
                "message": flaw.message,
                "code": flaw.code,
                "severity": "advice",
            }
            for flaw in lint(template)
        ]

    def _listed(self, key: str) -> Listed:
        is_builtin = self._planner.library.is_builtin(key)
        try:
            template = self._planner.library.get(key)
        except BadTemplate as error:
            return Listed(key=key, is_builtin=is_builtin, error=error.message)
        return Listed(
            key=key,
            version=template.version,
            description=template.description,
            inputs=template.inputs.names,
            answers=template.answers.names,
            is_builtin=is_builtin,
        )

    def _rendered(self, prompter: TemplatePrompter, sample: Row | BrokenRow) -> Rendered:
        place, line = sample.place, sample.line
        if isinstance(sample, BrokenRow):
            return Rendered(place=place, line=line, problem=sentence(place, line, [sample.problem]))
        checked = prompter.values(sample.cells)
        if checked.problems:
            return Rendered(place=place, line=line, problem=sentence(place, line, checked.problems))
        try:
            text = render(prompter.template, checked.values, cache=self._planner.compiled)
            data = prompter.part(checked.values).text
        except Mistake as error:
            return Rendered(place=place, line=line, problem=f"{sentence(place, line, ())}{error.message}")
        return Rendered(place=place, line=line, text=text, data=data)


def _problems(error: BadTemplate) -> list[dict[str, Any]]:
    found = error.facts.get("problems")
    if isinstance(found, list):
        return [dict(each) for each in found]
    return [{"path": "", "line": 0, "message": error.message, "code": error.code}]


def plain_template(template: Template) -> dict[str, Any]:
    """A template as plain JSON, its text included."""

    def told(schema: Schema) -> list[dict[str, Any]]:
        return [
            {"name": f.name, "type": f.kind.value, "required": f.required, "description": f.description}
            for f in schema
        ]

    return {
        "key": template.key,
        "name": template.name,
        "version": template.version,
        "description": template.description,
        "path": template.path,
        "digest": template.digest,
        "inputs": told(template.inputs),
        "answers": told(template.answers),
        "text": template.text,
    }
