"""Specs of modules, read from YAML or from one row of a table.

Knows every key of a spec, and names everything wrong with one at once, with path and line.
Whether a variant can serve a spec is for `fitting.py`; what becomes of it for `generating.py`.
Refuses to open files: it is given their text.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from weft.definitions import read_fields
from weft.errors import BadSchema, BadSpec
from weft.limits import shown
from weft.schema import Field, Schema
from weft.templates.flaws import Flaw
from weft.templates.front_matter import FENCE, split_text
from weft.variants.module_spec import ModuleSpec, OperationSpec
from weft.variants.variant import NEEDS, NOTHING, OPERATION_KINDS

KINDS = ("effect", "compute", "reducer", "orchestrator")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_OPERATIONS = 100
MAX_DESCRIPTION = 2_000  # characters
RESERVED_OPERATIONS = frozenset({"start", "stop", "health", "metrics", "settings", "smoke_test"})
"""Names that every generated class may use itself."""

RESERVED_FIELDS = frozenset(
    ["self", "cls", "int", "str", "float", "bool", "bytes", "list", "dict", "tuple", "object", "dt"]
)
"""Names that would hide what annotations need."""

_KEYS = {
    "module": ("name", "kind", "description", "pack", "variant", "also", "features", "needs", "operations"),
    "choices": ("settings", "switches"),
    "operation": ("name", "does", "description", "takes", "gives", "with"),
}
_COLUMNS = (*_KEYS["module"], *_KEYS["choices"])


def read_spec(text: str, *, path: str, kinds: Collection[str] = KINDS) -> ModuleSpec:
    """Read a spec from YAML: text, numbers, true, false, lists and mappings, no tags, no aliases.

    Args:
        path: of the file, for messages.
        kinds: that a module may be of.

    Raises:
        BadSpec: with everything that is wrong; `problems` lists path, line and message of each.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() == FENCE:
        lines[0] = ""
    if any(line.rstrip() == FENCE for line in lines):
        raise bad_spec(path, [Flaw("", 0, "holds several documents; write one spec a file.", "several")])
    found = split_text("\n".join([FENCE, *lines, FENCE, ""]))
    if found.flaws:
        flaws = [
            Flaw(
                each.path,
                max(each.line - 1, 1),
                each.message.replace("The front matter", "The file").replace("My template", "order_store"),
                each.code,
            )
            for each in found.flaws
        ]
        raise bad_spec(path, flaws)
    numbers = {name: line - 1 for name, line in found.lines.items()}  # the fence above is not in the file
    return _Reader(found.front, numbers, path).spec(kinds)


def spec_of_row(
    cells: Mapping[str, Any], *, path: str, line: int, kinds: Collection[str] = KINDS
) -> ModuleSpec:
    """Read a spec from one row of a table: a column for each key of a spec.

    Text cells of `operations`, `settings` and `switches` hold JSON or YAML; lists of words are JSON
    or words between `;` or `,`. Empty cells count as missing; a column nobody knows is an error.

    Raises:
        BadSpec: as `read_spec`; every problem has the line of the row.
    """
    found: dict[str, Any] = {}
    flaws: list[Flaw] = []
    for name, cell in cells.items():
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        if not isinstance(cell, str) or name in ("name", "kind", "description", "pack", "variant"):
            found[name] = cell.strip() if isinstance(cell, str) else cell
        elif name in ("also", "features", "needs") and not cell.lstrip().startswith("["):
            found[name] = [word.strip() for word in re.split("[;,]", cell) if word.strip()]
        else:
            inner = split_text(_block(cell))
            flaws += [Flaw(name, line, "is neither JSON nor YAML.", "unreadable")] if inner.flaws else []
            found[name] = inner.front.get("cell")
    if flaws:
        raise bad_spec(path, flaws)
    return _Reader(found, {}, path, line).spec(kinds)


def _block(cell: str) -> str:
    inside = "\n".join("  " + each for each in cell.strip("\n").split("\n"))
    return f"{FENCE}\ncell:\n{inside}\n{FENCE}\n"


def bad_spec(path: str, flaws: Sequence[Flaw]) -> BadSpec:
    """Tell every flaw of one spec in one error, in the order of their lines."""
    ordered = sorted(flaws, key=lambda flaw: flaw.line or 10**9)
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    listed = "".join(f"\n  - {flaw}" for flaw in ordered)
    return BadSpec(
        f"The spec `{path}` has {count}:{listed}",
        hint="correct the spec; `weft variants show NAME` lists what a variant takes.",
        path=path,
        problems=[{"path": f.path, "line": f.line, "message": f.message, "code": f.code} for f in ordered],
    )


class _Reader:
    """Takes plain values apart and gathers what is wrong with them."""

    def __init__(self, found: Mapping[str, Any], lines: Mapping[str, int], path: str, row: int = 0) -> None:
        self._found, self._lines, self._path, self._row = found, lines, path, row
        self._flaws: list[Flaw] = []

    def spec(self, kinds: Collection[str]) -> ModuleSpec:
        """Read the whole spec, or raise with everything that is wrong."""
        found = self._found
        self._known(found, "", _COLUMNS)
        name = self._name(found, "name", "")
        if name in sys.stdlib_module_names:
            self._flaw("name", f"is the name of Python's own module `{name}`, which the file would hide.")
        spec = ModuleSpec(
            name=name,
            kind=self._choice(found, "kind", "", kinds),
            description=self._text(found, "description", ""),
            pack=self._optional(found, "pack") or "codegen",
            variant=self._optional(found, "variant"),
            also=self._words(found, "also"),
            features=self._words(found, "features"),
            needs=self._words(found, "needs", NEEDS),
            operations=self._operations(found),
            settings=self._mapping(found, "settings", ""),
            switches=self._switches(found),
            path=self._path,
            lines=self._lines or {"": self._row},
        )
        if self._flaws:
            raise bad_spec(self._path, self._flaws)
        return spec

    def _flaw(self, path: str, message: str, code: str = "invalid") -> None:
        near = path
        while near and near not in self._lines:
            near = near.rpartition(".")[0]
        self._flaws.append(Flaw(path, self._lines.get(near, self._row), message, code))

    def _known(self, found: Mapping[str, Any], below: str, keys: Sequence[str]) -> None:
        for key in found:
            if key not in keys:
                near = get_close_matches(str(key), keys, n=1, cutoff=0.6)
                guess = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(keys)}."
                self._flaw(f"{below}{key}", f"is not known here; {guess}", "unknown_key")

    def _text(self, found: Mapping[str, Any], key: str, below: str) -> str:
        value = found.get(key)
        if value is None or value == "":
            self._flaw(f"{below}{key}", "is missing.", "missing")
        elif not isinstance(value, str):
            self._flaw(f"{below}{key}", f"must be text, not {shown(value)}; put it in quotes.")
        elif len(value) > MAX_DESCRIPTION:
            self._flaw(f"{below}{key}", f"has {len(value):,} characters; {MAX_DESCRIPTION:,} are allowed.")
        else:
            return value.strip()
        return ""

    def _optional(self, found: Mapping[str, Any], key: str) -> str:
        return "" if found.get(key) in (None, "") else self._text(found, key, "")

    def _name(self, found: Mapping[str, Any], key: str, below: str) -> str:
        name = self._text(found, key, below)
        if not name:
            return ""
        if not NAME.fullmatch(name):
            self._flaw(
                f"{below}{key}",
                f"must be a name like `order_store`: lower-case letters, digits and `_`, not {shown(name)}.",
            )
        elif keyword.iskeyword(name):
            self._flaw(f"{below}{key}", f"is a keyword of Python, `{name}`; choose another name.")
        else:
            return name
        return ""

    def _choice(self, found: Mapping[str, Any], key: str, below: str, known: Collection[str]) -> str:
        value = self._text(found, key, below)
        if value and value not in known:
            near = get_close_matches(value, list(known), n=1)
            guess = f" Did you mean `{near[0]}`?" if near else ""
            self._flaw(f"{below}{key}", f"must be one of {', '.join(known)}, not {shown(value)}.{guess}")
        return value

    def _words(self, found: Mapping[str, Any], key: str, known: Collection[str] = ()) -> tuple[str, ...]:
        value = found.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
            self._flaw(key, f"must be a list of words, not {shown(value)}.")
            return ()
        for word in value:
            if known and word not in known:
                self._flaw(key, f"must hold only {', '.join(known)}, not {shown(word)}.")
        return tuple(dict.fromkeys(value))

    def _mapping(self, found: Mapping[str, Any], key: str, below: str) -> Mapping[str, Any]:
        value = found.get(key)
        if value is None or isinstance(value, Mapping):
            return value or {}
        self._flaw(f"{below}{key}", f"must hold names with values, not {shown(value)}.")
        return {}

    def _switches(self, found: Mapping[str, Any]) -> dict[str, bool]:
        switches = self._mapping(found, "switches", "")
        for name, value in switches.items():
            if not isinstance(value, bool):
                self._flaw(f"switches.{name}", f"must be true or false, not {shown(value)}.")
        return {name: value is True for name, value in switches.items()}

    # ── operations ───────────────────────────────────────────────────────────────────────────

    def _operations(self, found: Mapping[str, Any]) -> tuple[OperationSpec, ...]:
        listed = found.get("operations")
        if listed is None:
            return ()
        if not isinstance(listed, list) or len(listed) > MAX_OPERATIONS:
            self._flaw("operations", f"must be a list of at most {MAX_OPERATIONS} operations.")
            return ()
        seen: set[str] = set()
        read = []
        for place, entry in enumerate(listed):
            below = f"operations.{place}."
            if not isinstance(entry, Mapping):
                self._flaw(below[:-1], f"must hold keys with values, not {shown(entry)}.")
                continue
            operation = self._operation(entry, below)
            if operation.name in seen:
                self._flaw(f"{below}name", f"names an operation that is there already: `{operation.name}`.")
            if operation.name in RESERVED_OPERATIONS or operation.name.startswith("_"):
                self._flaw(
                    f"{below}name", f"is reserved, `{operation.name}`: every module may use it itself."
                )
            seen.add(operation.name)
            read.append(operation)
        return tuple(read)

    def _operation(self, entry: Mapping[str, Any], below: str) -> OperationSpec:
        self._known(entry, below, _KEYS["operation"])
        gives = entry.get("gives")
        many = (
            isinstance(gives, list)
            and len(gives) == 1
            and isinstance(gives[0], Mapping)
            and "name" not in gives[0]
        )
        path = f"{below}gives.0" if many else f"{below}gives"
        return OperationSpec(
            name=self._name(entry, "name", below),
            does=self._choice(entry, "does", below, OPERATION_KINDS),
            description=self._text(entry, "description", below),
            takes=self._fields(entry.get("takes"), f"{below}takes"),
            gives=None if gives is None else self._fields(gives[0] if many else gives, path, least=1),
            many=many,
            given=self._mapping(entry, "with", below),
        )

    def _fields(self, found: Any, path: str, *, least: int = 0) -> Schema:
        if found is None:
            return NOTHING
        try:
            schema = read_fields(found, where=path)
        except BadSchema as exc:
            problems = exc.facts.get("problems")
            for each in problems if isinstance(problems, list) else ():
                self._flaw(str(each["path"]), str(each["message"]))
            return NOTHING
        if len(schema) < least:
            self._flaw(path, "must have at least one field; leave it out where nothing comes back.")
        for each in schema:
            fault = _unusable(each)
            if fault:
                self._flaw(f"{path}.{each.name}", fault)
        return schema


def _unusable(each: Field) -> str:
    name = each.name
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name.startswith("_"):
        return f"cannot be a name in Python: {shown(name)}."
    if name in RESERVED_FIELDS:
        return f"is reserved, `{name}`: it would hide what the code needs itself."
    return ""
