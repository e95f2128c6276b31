"""Specs of modules, read from YAML files, from tables with a module a row, or from texts.

Knows how large a spec may be, and that one that cannot be read is told beside the others.
Refuses to know what a spec may say (`variants/specs.py`) and what is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from weft.errors import BadSpec, WeftError
from weft.row import BrokenRow
from weft.tables.reading import open_table
from weft.templates.flaws import Flaw
from weft.variants.module_spec import ModuleSpec
from weft.variants.requirements import Operation, Requirements
from weft.variants.specs import bad_spec, read_spec, spec_of_row

SPEC_SUFFIXES = (".yaml", ".yml")
MOST_BYTES = 1_000_000  # of a spec
MOST_MODULES = 1_000  # of one call


def read_specs(paths: Sequence[str]) -> Iterator[tuple[str, ModuleSpec | WeftError]]:
    """Every spec of every file, or why it cannot be read."""
    for path in paths:
        try:
            if path.lower().endswith(SPEC_SUFFIXES):
                yield path, read_spec(_spec_text(Path(path).expanduser(), path), path=path)
            else:
                yield from _rows(path)
        except WeftError as exc:
            yield path, exc


def read_texts(specs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, ModuleSpec | WeftError]]:
    """Every spec of some texts, or why it cannot be read."""
    for name, text in specs:
        try:
            yield name, read_spec(text, path=name)
        except WeftError as exc:
            yield name, exc


def _rows(path: str) -> Iterator[tuple[str, ModuleSpec | WeftError]]:
    for count, row in enumerate(open_table(Path(path).expanduser()).rows()):
        if count >= MOST_MODULES:
            raise BadSpec(f"`{path}` has more than {MOST_MODULES:,} rows.", hint="split the table.")
        place = f"{path}:{row.line}"
        if isinstance(row, BrokenRow):
            yield place, bad_spec(path, [Flaw("", row.line or 0, row.problem.message, "broken_row")])
            continue
        try:
            yield place, spec_of_row(row.cells, path=path, line=row.line or 0)
        except BadSpec as exc:
            yield place, exc


def _spec_text(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise BadSpec(f"The spec `{shown}` is larger than {MOST_BYTES:,} bytes.", hint="split it.")
        return raw.decode("utf-8")
    except OSError as exc:
        raise BadSpec(
            f"The spec `{shown}` cannot be read: {exc.strerror or exc}.",
            hint="a spec is a YAML file, or a table with a module a row.",
            path=shown,
        ) from exc
    except UnicodeDecodeError as exc:
        raise BadSpec(f"The spec `{shown}` is not UTF-8.", hint="save it as UTF-8.", path=shown) from exc


def requirements_of(spec: ModuleSpec) -> Requirements:
    """What of a spec matters for the choice of a variant."""
    return Requirements(
        kind=spec.kind,
        operations=tuple(Operation(each.name, each.does, each.description) for each in spec.operations),
        features=spec.features,
        text=spec.description,
        needs=spec.needs,
        name=spec.name,
    )
