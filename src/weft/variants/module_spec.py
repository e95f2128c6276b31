"""ModuleSpec and OperationSpec: what a module of code shall be, as values.

Knows how names become those of classes and files, and kinds of fields become types of Python.
Refuses to know how a spec was written down (`specs.py`) and whether a variant can serve it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.schema import Field, Kind, Schema
from weft.variants.variant import NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSpec:
    """One thing that a module shall do.

    Attributes:
        does: kind of the operation, a key of `OPERATION_KINDS`.
        takes: inputs; may be empty.
        gives: fields of what comes back; `None` = nothing comes back.
        many: whether a list of such comes back.
        given: what stands in `with:`, not checked against any variant yet.
    """

    name: str
    does: str
    description: str
    takes: Schema = NOTHING
    gives: Schema | None = None
    many: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSpec:
    """What a module shall be.

    Attributes:
        name: of the file, in lower case with underscores.
        kind: one of the pack's kinds.
        pack: name of the pack of variants.
        variant: the wished variant; empty = the selector chooses.
        also: variants whose features join in.
        features, needs: words for the selector.
        settings: wished values of the variant's settings, not checked against it yet.
        switches: wished switches.
        path: where it was read, for messages.
        lines: dotted path of every value → line in that file.
    """

    name: str
    kind: str
    description: str
    pack: str = "codegen"
    variant: str = ""
    also: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    operations: tuple[OperationSpec, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, bool] = field(default_factory=dict)
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """The name as a class: `order_store` → `OrderStore`."""
        return camel(self.name)

    @property
    def file_name(self) -> str:
        """The name as a file: `order_store.py`."""
        return f"{self.name}.py"

    def line_of(self, path: str) -> int:
        """The line of a value, or of the nearest value around it; 0 where no line is known."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 0)


def camel(name: str) -> str:
    """Write a name as that of a class: `add_order` → `AddOrder`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def python_type(each: Field) -> str:
    """The type of a field's value in Python; `dt` is the module `datetime`.

    >>> python_type(Field(name="tags", kind=Kind.ARRAY, items=Field(name="", kind=Kind.INTEGER), required=False))
    'list[int] | None'
    """
    written = _required_type(each)
    return written if each.required else f"{written} | None"


def _required_type(each: Field) -> str:
    if each.kind is Kind.ENUM:
        return f"Literal[{', '.join(repr(option) for option in each.options)}]"
    if each.kind is Kind.ARRAY:
        return f"list[{_required_type(each.items) if each.items else 'str'}]"
    return _PYTHON.get(each.kind, "str")


_PYTHON: Mapping[Kind, str] = {
    Kind.INTEGER: "int",
    Kind.NUMBER: "float",
    Kind.BOOLEAN: "bool",
    Kind.DATE: "dt.date",
    Kind.DATETIME: "dt.datetime",
    Kind.OBJECT: "dict[str, object]",
}
