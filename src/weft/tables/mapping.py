"""Which column feeds which input: ColumnMapping, and how people write one down.

Knows names of columns and inputs, exact and nearly so. A column has one role at most: it feeds an
input, it is passed as a parameter under a key, or it is ignored; the others ride along to the
export. Refuses to know cells' types and templates.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from weft.errors import BadMapping, MissingColumn
from weft.row import Value
from weft.schema import Field, folded

IGNORE = "ignore"
PARAM = "param:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """What each column is for.

    Attributes:
        sources: input name → the column that feeds it, in the order of the inputs.
        params: dotted key → the column that is passed under it.
        ignored: columns that reach neither the prompt nor the parameters; exports keep them.
    """

    sources: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def inputs(self, cells: Mapping[str, Value]) -> dict[str, Value]:
        """The inputs of one row by name; an input whose cell is missing is left out."""
        return {name: cells[column] for name, column in self.sources.items() if column in cells}

    def parameters(self, cells: Mapping[str, Value]) -> dict[str, Any]:
        """The parameters of one row; the dots of a key nest.

        >>> ColumnMapping(sources={}, params={"tone.formal": "f"}).parameters({"f": "yes"})
        {'tone': {'formal': 'yes'}}
        """
        tree: dict[str, Any] = {}
        for key, column in self.params.items():
            *path, last = key.split(".")
            branch = tree
            for part in path:
                branch = branch.setdefault(part, {})
            branch[last] = cells.get(column)
        return tree


def parse_mapping(texts: Sequence[str], *, columns: Sequence[str], inputs: Iterable[Field]) -> ColumnMapping:
    """Read what a person wrote and find the rest by name.

    Each text is `input=column`, `param:some.key=column` (`param:=column` takes the column's name)
    or `column=ignore`. Inputs that are not mentioned take the column of the same name, then the
    only one that differs in case, spaces, `_` and `-` alone, unless it has a role already. An object
    without a column takes parameters: for `mail.body` the free column of that very name.

    Raises:
        BadMapping: if a text names an unknown input or column, or one of them a second time, or
            if a key is empty or stands in the way of another.
        MissingColumn: if required inputs stay without a column; it names all of them.
    """
    fields = tuple(inputs)
    said = _Said(columns, [each.name for each in fields])
    for text in texts:
        said.read(text)
    _check_keys(said.params)
    sources = {}
    for each in fields:
        column = said.sources.get(each.name) or _by_name(each.name, said.free())
        if column is not None:
            sources[each.name] = column
            said.taken.add(column)
        else:
            said.fill(each)
    missing = [each.name for each in fields if each.required and not said.feeds(each.name, sources)]
    if missing:
        raise _missing(missing, columns, said.ignored)
    return ColumnMapping(sources=sources, params=said.params, ignored=tuple(said.ignored))


class _Said:
    """What the texts have said so far; every name may be said once."""

    def __init__(self, columns: Sequence[str], inputs: list[str]) -> None:
        self.columns = columns
        self.inputs = inputs
        self.sources: dict[str, str] = {}
        self.params: dict[str, str] = {}
        self.ignored: list[str] = []
        self.taken: set[str] = set()

    def free(self) -> list[str]:
        return [column for column in self.columns if column not in self.taken]

    def read(self, text: str) -> None:
        name, equals, column = text.partition("=")
        if not equals:
            raise BadMapping(
                f"The mapping {text!r} has no `=`.", hint="write input=column, or column=ignore.", text=text
            )
        if text.endswith(f"={IGNORE}") and IGNORE not in self.columns:
            self.ignored.append(self._take(text.removesuffix(f"={IGNORE}"), text))
        elif name.startswith(PARAM):
            key = name.removeprefix(PARAM) or column
            if key in self.params:
                raise BadMapping(
                    f"The key `{key}` is given twice.", hint="each key takes one column.", key=key
                )
            self.params[key] = self._take(column, text)
        else:
            self._feed(name.strip(), column, text)

    def fill(self, inner: Field) -> None:
        """Pass free columns with dotted names, such as `mail.body`, into an object."""
        free = set(self.free())
        for key in _paths(inner):
            if key in free and not any(f"{key}.".startswith(f"{other}.") for other in self.params):
                self.params[key] = key
                self.taken.add(key)

    def feeds(self, name: str, sources: Mapping[str, str]) -> bool:
        """Whether an input has a column, or parameters below it."""
        return name in sources or any(key.startswith(f"{name}.") for key in self.params)

    def _feed(self, name: str, column: str, text: str) -> None:
        if name not in self.inputs:
            raise BadMapping(
                f"There is no input `{name}` to map to in {text!r}.",
                hint=_nearest(name, self.inputs, f"inputs: {_listed(self.inputs)}."),
                input=name,
                known=self.inputs,
            )
        if name in self.sources:
            raise BadMapping(f"The input `{name}` is mapped twice.", hint="map each input once.", input=name)
        self.sources[name] = self._take(column, text)

    def _take(self, column: str, text: str) -> str:
        if column not in self.columns:
            near = _by_name(column, self.free())  # " Topic" for "topic"
            if near is None:
                raise BadMapping(
                    f"The table has no column `{column}`, named in {text!r}.",
                    hint=_nearest(column, self.columns, f"columns: {_listed(self.columns)}."),
                    column=column,
                    known=list(self.columns),
                )
            column = near
        if column in self.taken:
            raise BadMapping(
                f"The column `{column}` is mapped twice.", hint="a column has one role.", column=column
            )
        self.taken.add(column)
        return column


def _check_keys(params: Mapping[str, str]) -> None:
    for key in params:
        parts = key.split(".")
        if not all(part.strip() for part in parts):
            raise BadMapping(
                f"The key `{key}` has an empty part.", hint="write names between the dots.", key=key
            )
        for length in range(1, len(parts)):
            if ".".join(parts[:length]) in params:
                raise BadMapping(
                    f"The key `{key}` lies inside another, `{'.'.join(parts[:length])}`.",
                    hint="a key holds either a value or further keys.",
                    key=key,
                )


def _paths(field: Field) -> list[str]:
    """The dotted names of what an object holds, however deep; none for a field that is no object."""
    return [f"{field.name}.{key}" for each in field.fields for key in (_paths(each) or [each.name])]


def _by_name(name: str, columns: Sequence[str]) -> str | None:
    """The column of this name, or the only one of nearly this name."""
    if name in columns:
        return name
    alike = [column for column in columns if folded(column) == folded(name)]
    return alike[0] if len(alike) == 1 else None


def _nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    near = near_names(name, known)
    return "did you mean " + " or ".join(f"`{each}`" for each in near) + "?" if near else otherwise


def near_names(name: str, known: Sequence[str]) -> list[str]:
    """Up to three known names that look like this one, the nearest first."""
    alike: dict[str, str] = {}
    for each in known:
        alike.setdefault(folded(each), each)
    return [alike[each] for each in get_close_matches(folded(name), list(alike), n=3, cutoff=0.6)]


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"


def _missing(missing: list[str], columns: Sequence[str], ignored: Sequence[str]) -> MissingColumn:
    near = {name: near_names(name, [c for c in columns if c not in ignored]) for name in missing}
    word = "input" if len(missing) == 1 else "inputs"
    named = " and ".join(filter(None, [", ".join(f"`{name}`" for name in missing[:-1]), f"`{missing[-1]}`"]))
    hints = [f"--map {name}={_quoted(found[0])}" for name, found in near.items() if found]
    alike = Counter(folded(column) for column in columns)
    doubtful = [name for name in missing if alike[folded(name)] > 1]
    hint = f"the table has {_listed(columns)}."
    if doubtful:
        hint = f"several columns look like `{doubtful[0]}`; say which with --map {doubtful[0]}=COLUMN; {hint}"
    elif hints:
        hint = f"perhaps {' '.join(hints)}; {hint}"
    else:
        hint = f"map one with --map {missing[0]}=COLUMN; {hint}"
    return MissingColumn(
        f"The table has no column for the {word} {named}.",
        hint=hint,
        columns=missing,
        found=list(columns),
        nearest=near,
    )


def _quoted(name: str) -> str:
    return f'"{name}"' if re.search(r"[^\w.-]", name) else name
