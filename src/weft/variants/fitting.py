"""Whether variants can serve a spec, and the plain values that their templates then see.

Knows settings, switches and what operations take under `with:`, each checked against what the
variants declare; everything that does not fit is told at once, with path and line in the spec.
Refuses to choose variants (`selecting.py`) and to render (`generating.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from weft.checks import input_coercer
from weft.limits import shown
from weft.schema import Field, Kind, Schema
from weft.templates.flaws import Flaw
from weft.variants.module_spec import ModuleSpec, OperationSpec, camel, python_type
from weft.variants.specs import bad_spec
from weft.variants.variant import NOTHING, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The variants that shall make a module.

    Attributes:
        variant: the one whose template makes it.
        also: others whose features join in; distinct, `variant` is not among them.
        confidence: of the selector, 0 to 1; 1 where a person chose.
        matched: features that spoke for the variant.
    """

    variant: Variant
    also: tuple[Variant, ...] = ()
    confidence: float = 1.0
    matched: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Variant, ...]:
        """All of them, the first first."""
        return (self.variant, *self.also)


def context_of(spec: ModuleSpec, choice: Choice) -> dict[str, Any]:
    """Check a spec against its variants and lay out what their templates see.

    Raises:
        BadSpec: with every setting, switch, kind of operation and `with:` that does not fit.
    """
    fit = _Fit(spec, choice)
    operations = [fit.operation(place, each) for place, each in enumerate(spec.operations)]
    context = {
        "module": {
            "name": spec.name,
            "class_name": spec.class_name,
            "description": spec.description,
            "kind": spec.kind,
        },
        "operations": operations,
        **fit.settings(),
        "switches": fit.switches(),
        "inputs": _inputs(operations),
        "features": list(spec.features),
        "needs": list(spec.needs),
        "uses": {"sleep": True, "rng": True},
        "variant": {
            "name": choice.variant.name,
            "version": choice.variant.version,
            "confidence": choice.confidence,
            "matched": list(choice.matched),
        },
        "also": [each.name for each in choice.also],
    }
    fit.look_for_idle_parts(operations)
    if fit.flaws:
        raise bad_spec(spec.path or spec.name, fit.flaws)
    return context


def spec_path(path: str) -> str:
    """Where in a spec a value of the context came from.

    >>> spec_path("operations.0.computes.1.expression"), spec_path("module.class_name")
    ('operations.0.with.computes.1', 'name')
    """
    path = re.sub(r"^(operations\.\d+)\.computes\.(\d+).*", r"\1.with.computes.\2", path)
    path = re.sub(r"^(operations\.\d+\.\w+)\.(\d+)\.\w+$", r"\1", path)
    path = re.sub(r"\bclass_name$", "name", path)
    return path.removeprefix("module.").replace("setting_fields.", "settings.")


class _Fit:
    """Looks a spec over and gathers what does not fit."""

    def __init__(self, spec: ModuleSpec, choice: Choice) -> None:
        self._spec, self._choice = spec, choice
        self.flaws: list[Flaw] = []
        if not spec.operations and choice.variant.domain is not None:
            self._flaw(
                "operations",
                f"is missing or empty; `{choice.variant.name}` needs something to do.",
                "missing",
            )
        takes = [schema for each in choice.parts for schema in each.operations_take.values()]
        self._known: dict[str, Any] = dict.fromkeys(name for schema in takes for name in schema.names)
        for each in choice.parts:
            if spec.kind not in each.kinds:
                self._flaw("kind", f"is made by other variants: `{each.name}` makes {', '.join(each.kinds)}.")

    def _flaw(self, path: str, message: str, code: str = "invalid") -> None:
        self.flaws.append(Flaw(path, self._spec.line_of(path), message, code))

    def _unknown(self, path: str, known: Sequence[str], whose: str) -> None:
        name = path.rpartition(".")[2]
        near = get_close_matches(name, known, n=1, cutoff=0.6)
        listed = f"known: {', '.join(known)}." if known else f"{whose} has none."
        guess = f"did you mean `{near[0]}`?" if near else listed
        self._flaw(path, f"is not known to {whose}; {guess}", "unknown_key")

    def look_for_idle_parts(self, operations: Sequence[Mapping[str, Any]]) -> None:
        """Complain about variants under `also` that have nothing to do."""
        busy = {each["served_by"] for each in operations}
        for place, part in enumerate(self._choice.also):
            if part.domain is not None and part.name not in busy:
                kinds = ", ".join(each for each in part.serves if each != "pure")
                self._flaw(
                    f"also.{place}", f"has nothing to do: `{part.name}` is for {kinds}, and no operation is."
                )

    # ── settings and switches ────────────────────────────────────────────────────────────────

    def settings(self) -> dict[str, Any]:
        """Values by name, and the fields of the class of settings."""
        fields = self._setting_fields()
        wished = {name: value for name, value in self._spec.settings.items() if name in fields}
        for name in self._spec.settings:
            if name not in fields:
                self._unknown(f"settings.{name}", list(fields), self._names())
        values = self._checked(Schema(tuple(fields.values())), wished, "settings")
        for name, each in fields.items():
            if values.get(name) is None and each.required:
                self._flaw(f"settings.{name}", f"is missing; {self._names()} needs it.", "missing")
        listed = [_setting(each, values.get(name)) for name, each in fields.items()]
        return {"settings": values, "setting_fields": listed}

    def _setting_fields(self) -> dict[str, Field]:
        fields: dict[str, Field] = {}
        for part in self._choice.parts:
            for each in part.settings:
                other = fields.setdefault(each.name, each)
                if python_type(other) != python_type(each):
                    self._flaw(
                        "also", f"does not fit: the setting `{each.name}` has another type in `{part.name}`."
                    )
        return fields

    def switches(self) -> dict[str, bool]:
        """Every switch of the variants, as wished or by default."""
        known = {each.name: each.default for part in reversed(self._choice.parts) for each in part.switches}
        for name in self._spec.switches:
            if name not in known:
                self._unknown(f"switches.{name}", list(known), self._names())
        return known | {name: value for name, value in self._spec.switches.items() if name in known}

    # ── operations ───────────────────────────────────────────────────────────────────────────

    def operation(self, place: int, operation: OperationSpec) -> dict[str, Any]:
        """One operation as templates see it."""
        path = f"operations.{place}"
        part = self._server(operation.does)
        if part is None and operation.does:
            served = ", ".join(dict.fromkeys(kind for each in self._choice.parts for kind in each.serves))
            self._flaw(
                f"{path}.does",
                f"is not served by {self._names()}, which serve {served}; name another variant under `also`.",
            )
        given = self._known | self._given(path, operation, part)
        earlier = self._spec.operations[:place]
        return {
            "name": operation.name,
            "class_name": camel(operation.name),
            "kind": operation.does,
            "description": operation.description,
            "takes": [_described(each) | {"from": _giver(each, earlier)} for each in operation.takes],
            "gives": None if operation.gives is None else [_described(each) for each in operation.gives],
            "many": operation.many,
            "with": given,
            "computes": self._computes(f"{path}.with.computes", operation, given),
            "served_by": part.name if part else "",
        }

    def _server(self, does: str) -> Variant | None:
        """Which part writes an operation: one that specialises in its kind, else the first that can."""
        able = [each for each in self._choice.parts if does in each.serves]
        special = [each for each in able if each.domain is not None and does != "pure"]
        return next(iter(special or able), None)

    def _given(self, path: str, operation: OperationSpec, part: Variant | None) -> dict[str, Any]:
        if part is None:
            return {}
        schema = part.operations_take.get(operation.does, NOTHING)
        for name in operation.given:
            if schema.get(str(name)) is None:
                self._unknown(f"{path}.with.{name}", schema.names, f"`{operation.does}` of `{part.name}`")
        for each in schema:
            self._look_inside(each, operation.given.get(each.name), f"{path}.with.{each.name}")
        values = self._checked(schema, operation.given, f"{path}.with")
        for each in schema:
            if each.required and values.get(each.name) is None and operation.given.get(each.name) is None:
                message = f"is missing; `{operation.does}` of `{part.name}` needs it: {each.description or each.kind}."
                self._flaw(f"{path}.with.{each.name}", message, "missing")
        return values

    def _look_inside(self, each: Field, value: Any, path: str) -> None:
        """Complain about keys of objects, however deep, that nobody would read."""
        if isinstance(value, list) and each.items is not None:
            for place, inner in enumerate(value):
                self._look_inside(each.items, inner, f"{path}.{place}")
        elif isinstance(value, Mapping) and each.fields:
            fields = {field.name: field for field in each.fields}
            for name, inner in value.items():
                if name in fields:
                    self._look_inside(fields[name], inner, f"{path}.{name}")
                else:
                    self._unknown(f"{path}.{name}", list(fields), "an entry of this kind")

    def _computes(
        self, path: str, operation: OperationSpec, given: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Assignments such as `net = price * quantity`; what they compute is looked at when printed."""
        found = []
        for place, text in enumerate(given.get("computes") or ()):
            name, mark, expression = (each.strip() for each in str(text).partition("="))
            if not mark or not name.isidentifier() or not expression or expression.startswith("="):
                self._flaw(
                    f"{path}.{place}", f"must be written like `net = price * quantity`, not {shown(text)}."
                )
            field = operation.gives.get(name) if operation.gives is not None else None
            found.append(
                {"name": name, "expression": expression, "python": python_type(field) if field else ""}
            )
        if found and (operation.gives is None or operation.many):
            self._flaw(path, "needs `gives` with the fields that it computes, and not a list of them.")
        return found

    # ── values ───────────────────────────────────────────────────────────────────────────────

    def _checked(self, schema: Schema, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Values of a schema, each of its type; missing ones take their default or `None`."""
        optional = Schema(tuple(replace(each, required=False) for each in schema))
        checked = input_coercer(optional)(given)
        for problem in checked.problems:
            self._flaw(f"{path}.{problem.field}", problem.message.partition(" ")[2], problem.code)
        return {} if checked.problems else dict(checked.values)

    def _names(self) -> str:
        return " and ".join(f"`{each.name}`" for each in self._choice.parts)


def _inputs(operations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What operations take that no earlier one gives, each name once: what a run from first to last needs."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in (take for operation in operations for take in operation["takes"] if not take["from"]):
        if each["name"] not in found or each["required"]:
            found[each["name"]] = each
    return list(found.values())


def _described(each: Field) -> dict[str, Any]:
    return {
        "name": each.name,
        "type": each.kind.value,
        "required": each.required,
        "description": each.description,
        "python": python_type(each),
        "options": list(each.options),
        "items": None if each.items is None else _described(each.items),
        "sample": _sample(each),
    }


def _giver(each: Field, earlier: Sequence[OperationSpec]) -> str:
    """The last earlier operation that gives a field of this name and type; empty = none does."""
    for operation in reversed(earlier):
        given = operation.gives.get(each.name) if operation.gives is not None and not operation.many else None
        if given is not None and python_type(replace(given, required=True)) == python_type(
            replace(each, required=True)
        ):
            return operation.name
    return ""


def _setting(each: Field, value: Any) -> dict[str, Any]:
    return {
        "name": each.name,
        "type": each.kind.value,
        "python": python_type(replace(each, required=value is not None)),
        "default": value,
        "description": each.description,
        "minimum": each.minimum,
        "maximum": each.maximum,
        "bounded": value is not None and (each.minimum is not None or each.maximum is not None),
    }


def _sample(each: Field) -> Any:
    """A plain value that fits a field, for smoke tests; the first example where there is one."""
    if each.examples:
        return each.examples[0]
    if each.kind is Kind.ENUM:
        return each.options[0]
    if each.kind is Kind.ARRAY:
        return [_sample(each.items or Field(name=""))] * max(each.min_items or 1, 1)
    if each.kind in (Kind.INTEGER, Kind.NUMBER):
        least = (
            each.minimum
            if each.minimum is not None
            else min(1, each.maximum if each.maximum is not None else 1)
        )
        return int(least) if each.kind is Kind.INTEGER else float(least)
    return _SAMPLES.get(each.kind, each.name)


_SAMPLES: Mapping[Kind, Any] = {
    Kind.BOOLEAN: True,
    Kind.DATE: "2026-03-31",
    Kind.DATETIME: "2026-03-31T14:05:00+00:00",
    Kind.EMAIL: "ada@example.com",
    Kind.URL: "https://example.com/",
    Kind.OBJECT: {},
}
