"""Computed fields beside answers: those that a run's template says an export shows.

Knows that they are computed again from the row's own cells, with the template that the run keeps,
so that nothing of them is stored. Refuses to know whether a file or a frame is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weft.app.prompters import kept_template
from weft.row import Value
from weft.run import RunSpec
from weft.templates.prompting import TemplatePrompter


@dataclass(frozen=True, slots=True)
class Derived:
    """Fields that are computed for every row of a run.

    Attributes:
        names: in the order of the template's `export`.
        values: a row's cells in the order of the table → these fields' values; `None` each for a
            row that does not fit the template.
    """

    names: tuple[str, ...] = ()
    values: Callable[[Sequence[Value]], list[Value]] = lambda _: []


def derived_of(spec: RunSpec) -> Derived:
    """What an export of a run shows beyond its table and its answers; nothing for most runs."""
    source = spec.prompter_source
    if "export" not in source.get("text", "") and not source.get("pieces"):
        return Derived()  # reading the template again takes milliseconds
    template = kept_template(source)
    names = template.exported
    if not names:
        return Derived()
    prompter = TemplatePrompter(template, sources=source["sources"])
    nothing: list[Value] = [None] * len(names)

    def values(cells: Sequence[Value]) -> list[Value]:
        checked = prompter.values(dict(zip(spec.columns, cells, strict=False)))
        return nothing if checked.problems else [checked.values[name] for name in names]

    return Derived(names, values)
