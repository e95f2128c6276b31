"""JSON Schema, both ways: fields written as JSON Schema, and the part of it that we can keep read.

Knows which keywords restrict values: one that we cannot enforce is a complaint, never ignored.
Refuses to fetch anything: a `$ref` points inside the document or is a complaint.
Depth and number of fields are bounded, so that a small document cannot unfold into a large one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from weft.limits import ANYWHERE, counted, plain_pattern, shown
from weft.schema import Field, Kind

MAX_DEPTH = 10  # objects, lists and references inside one another; the strictest provider allows ten
MAX_FIELDS = 1000  # in all; references multiply them

_FORMATS: Mapping[Kind, str] = {
    Kind.DATE: "date",
    Kind.DATETIME: "date-time",
    Kind.EMAIL: "email",
    Kind.URL: "uri",
}
_TYPES: Mapping[Kind, str] = {
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.ARRAY: "array",
    Kind.OBJECT: "object",
}
_LIMITS: Mapping[str, str] = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
    "minItems": "min_items",
    "maxItems": "max_items",
    "x-min-words": "min_words",
    "x-max-words": "max_words",
}
_SILENT = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
    | {"deprecated", "readOnly", "writeOnly", "$anchor"}
)
_READ = frozenset(
    {"type", "enum", "const", "format", "pattern", "items", "properties", "required", "additionalProperties"}
    | {"exclusiveMinimum", "exclusiveMaximum"}
    | _LIMITS.keys()
)
_WORDS = re.compile(r"(?:^|\s)\((?:(\d{1,6}) to (\d{1,6})|at most (\d{1,6})|at least (\d{1,6})) words?\)$")

# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def write_json_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Write fields as an object with these properties and no others."""
    return {
        "type": "object",
        "properties": {field.name: _write(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _write(field: Field) -> dict[str, Any]:
    kind = _TYPES.get(field.kind, "string")
    written: dict[str, Any] = {"type": kind if field.required else [kind, "null"]}
    if field.label:
        written["title"] = field.label
    description = " ".join(filter(None, [field.description, _words(field)]))
    if description:
        written["description"] = description
    if field.kind in _FORMATS:
        written["format"] = _FORMATS[field.kind]
    if field.options:
        written["enum"] = [*field.options] if field.required else [*field.options, None]
    for keyword, attribute in _LIMITS.items():
        if not keyword.startswith("x-") and getattr(field, attribute) is not None:
            written[keyword] = getattr(field, attribute)
    if field.pattern:
        written["pattern"] = _search_pattern(field.pattern)
    if field.kind is Kind.ARRAY:
        written["items"] = _write(field.items or Field(name=""))
    if field.kind is Kind.OBJECT:
        written |= {key: value for key, value in write_json_schema(field.fields).items() if key != "type"}
    return written


def _words(field: Field) -> str:
    least, most = field.min_words, field.max_words
    if least is not None and most is not None:
        return f"({least} to {counted(most, 'word')})"
    if most is not None:
        return f"(at most {counted(most, 'word')})"
    return "" if least is None else f"(at least {counted(least, 'word')})"


# JSON Schema looks for a pattern anywhere in a text, ours must match the whole of it.
_WHOLE = ("^(?:", ")$")


def _search_pattern(pattern: str) -> str:
    """The pattern as JSON Schema means it."""
    plain = plain_pattern(pattern)
    if plain != pattern:
        return plain
    return f"^{pattern}$" if "|" not in pattern else _WHOLE[0] + pattern + _WHOLE[1]


def _full_pattern(pattern: str) -> str:
    """The pattern as we mean it."""
    before, after = _WHOLE
    if pattern.startswith(before) and pattern.endswith(after) and _is_one_group(pattern[1:-1]):
        return pattern[len(before) : -len(after)]
    if pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern and pattern[-2] != "\\":
        return pattern[1:-1]
    return ANYWHERE[0] + pattern + ANYWHERE[1]


def _is_one_group(pattern: str) -> bool:
    """Whether the bracket that opens a pattern closes at its very end."""
    depth, at, in_class = 0, 0, False
    while at < len(pattern):
        mark = pattern[at]
        if mark == "\\":
            at += 1
        elif in_class:
            in_class = mark != "]"
        elif mark == "[":
            in_class = True
            at += pattern[at + 1 : at + 2] == "^"
            at += pattern[at + 1 : at + 2] == "]"
        elif mark in "()":
            depth += 1 if mark == "(" else -1
            if depth == 0 and at < len(pattern) - 1:
                return False
        at += 1
    return depth == 0


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def read_json_schema(document: Any, where: str, complaints: list[dict[str, str]]) -> tuple[Field, ...]:
    """Read the properties of an object; whatever is wrong is added to the complaints."""
    reader = _Reader(document, complaints)
    root = reader.field("", document, where, depth=0)
    if root is None:
        return ()
    if root.kind is not Kind.OBJECT:
        reader.complain(where, 'must describe an object: `"type": "object"` with `properties`.')
        return ()
    return root.fields


class _Reader:
    """One document on its way into fields."""

    def __init__(self, document: Any, complaints: list[dict[str, str]]) -> None:
        self.document = document
        self.complaints = complaints
        self.count = 0
        self.is_too_large = False

    def complain(self, path: str, message: str) -> None:
        self.complaints.append({"path": path, "message": message})

    def field(self, name: str, schema: Any, path: str, *, depth: int) -> Field | None:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_FIELDS:
            self.outgrow(path)
        if self.is_too_large:
            return None
        if not isinstance(schema, Mapping):
            self.complain(path, f"must be a JSON Schema, not {shown(schema)}.")
            return None
        schema, nullable = self.unfold(schema, path)
        if schema is None:
            return None
        strange = sorted(str(key) for key in schema if key not in _READ and key not in _SILENT)
        if strange:
            self.complain(path, f"uses {', '.join(f'`{key}`' for key in strange)}, which weft cannot check.")
        return self.typed(Field(name=name, required=not nullable), schema, path, depth=depth)

    def outgrow(self, path: str) -> None:
        if not self.is_too_large:
            self.complain(path, f"unfolds to more than {MAX_DEPTH} levels or {MAX_FIELDS} fields.")
        self.is_too_large = True

    def unfold(self, schema: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any] | None, bool]:
        """Follow `$ref`, `allOf` of one and `anyOf` with null; say whether null was among them."""
        nullable = False
        for _ in range(MAX_DEPTH):
            inner: Any = None
            key = next((key for key in ("$ref", "allOf", "anyOf", "oneOf") if key in schema), None)
            if key is None:
                return schema, nullable
            if key == "$ref":
                inner = self.refer(schema[key], path)
            elif isinstance(schema[key], list):
                choices = [each for each in schema[key] if each != {"type": "null"}]
                nullable |= len(choices) < len(schema[key])
                inner = choices[0] if len(choices) == 1 else None
                if inner is None:
                    self.complain(path, f"uses `{key}` with several types, which weft cannot check.")
            if not isinstance(inner, Mapping):
                return None, nullable
            schema = {**inner, **{k: v for k, v in schema.items() if k != key}}
        self.complain(path, f"refers on more than {MAX_DEPTH} times.")
        return None, nullable

    def refer(self, ref: Any, path: str) -> Any:
        if not isinstance(ref, str) or not ref.startswith("#"):
            self.complain(path, f"refers to {shown(ref)}; only references inside the document are followed.")
            return None
        found: Any = self.document
        for step in ref[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            self.complain(path, f"refers to {shown(ref)}, which is not there.")
        return found

    def typed(self, field: Field, schema: Mapping[str, Any], path: str, *, depth: int) -> Field | None:
        kind, nullable = self.kind(schema, path)
        if kind is None:
            return None
        field = replace(
            field,
            kind=kind,
            required=field.required and not nullable,
            label=_text(schema.get("title")),
            description=_text(schema.get("description")),
            examples=tuple(schema["examples"]) if isinstance(schema.get("examples"), list) else (),
        )
        field = self.limited(field, schema, path)
        if kind is Kind.ARRAY and "items" not in schema:
            self.complain(path, "is an array and needs `items`: say what it holds.")
        elif kind is Kind.ARRAY:
            field = replace(
                field, items=self.field("", schema.get("items"), f"{path}.items", depth=depth + 1)
            )
        if kind is Kind.OBJECT:
            field = replace(field, fields=self.members(schema, path, depth=depth))
        return field

    def kind(self, schema: Mapping[str, Any], path: str) -> tuple[Kind | None, bool]:
        written = schema.get("type")
        types = written if isinstance(written, list) else [written]
        nullable = "null" in types or (isinstance(schema.get("enum"), list) and None in schema["enum"])
        types = [each for each in types if each != "null"]
        if types == [None] and ("enum" in schema or "const" in schema):
            types = ["string"]
        if types == [None] and "properties" in schema:
            types = ["object"]
        if len(types) != 1 or types[0] not in ["string", *_TYPES.values()]:
            self.complain(
                path, f"has the type {' or '.join(map(shown, types)) or 'null'}, which weft cannot check."
            )
            return None, nullable
        kind = next((kind for kind, name in _TYPES.items() if name == types[0]), Kind.STRING)
        if "enum" in schema or "const" in schema:
            if kind is not Kind.STRING:
                self.complain(path, "has an enum that is not of text.")
            return (Kind.ENUM if kind is Kind.STRING else None), nullable
        if "format" in schema and kind is Kind.STRING:
            named = next((k for k, name in _FORMATS.items() if name == schema["format"]), None)
            if named is None:
                self.complain(path, f"has the format {shown(schema['format'])}, which weft cannot check.")
            return named, nullable
        return kind, nullable

    def limited(self, field: Field, schema: Mapping[str, Any], path: str) -> Field:
        found: dict[str, Any] = {}
        for keyword, attribute in _LIMITS.items():
            if keyword in schema:
                found[attribute] = self.number(schema[keyword], f"{path}.{keyword}", attribute)
        for keyword, attribute, step in (
            ("exclusiveMinimum", "minimum", 1),
            ("exclusiveMaximum", "maximum", -1),
        ):
            if keyword in schema:
                found[attribute] = self.beyond(field, schema[keyword], f"{path}.{keyword}", step)
        if field.kind is Kind.ENUM:
            found["options"] = self.options(schema, path)
        if "pattern" in schema:
            found["pattern"] = _full_pattern(_text(schema["pattern"]))
        words = _WORDS.search(field.description) if field.kind is Kind.STRING else None
        if words:
            found["description"] = field.description[: words.start()]
            found.setdefault("min_words", _count(words[1] or words[4]))
            found.setdefault("max_words", _count(words[2] or words[3]))
        return replace(field, **found)

    def number(self, value: Any, path: str, attribute: str) -> Any:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63
        if attribute not in {"minimum", "maximum"}:
            fits = fits and value >= 0 and value == int(value)
            value = int(value) if fits else value
        if not fits:
            self.complain(path, f"must be a number, not {shown(value)}.")
            return None
        return value

    def beyond(self, field: Field, value: Any, path: str, step: int) -> Any:
        number = self.number(value, path, "minimum")
        if number is None:
            return None
        if field.kind is not Kind.INTEGER or number != int(number):
            self.complain(path, "can be checked for whole numbers only.")
            return None
        return int(number) + step

    def options(self, schema: Mapping[str, Any], path: str) -> tuple[str, ...]:
        given = [schema["const"]] if "const" in schema else schema["enum"]
        options = [each for each in given if each is not None] if isinstance(given, list) else [given]
        if not all(isinstance(each, str) for each in options):
            self.complain(path, "has an enum that is not of text.")
            return ()
        return tuple(options)

    def members(self, schema: Mapping[str, Any], path: str, *, depth: int) -> tuple[Field, ...]:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            self.complain(path, "is an object and needs `properties`.")
            return ()
        if schema.get("additionalProperties") not in (None, False):
            self.complain(path, "admits further properties, which weft cannot check.")
        needed = schema.get("required", [])
        needed = [str(name) for name in needed] if isinstance(needed, list) else []
        for name in needed:
            if name not in properties:
                self.complain(path, f"requires {shown(name)}, which is no property.")
        read = []
        for name, each in properties.items():
            field = self.field(str(name), each, f"{path}.{name}", depth=depth + 1)
            if field is None:
                continue
            if name not in needed or not field.required:
                default = each.get("default")  # where a value is required it is only advice
                field = replace(field, required=False, default=default)
            read.append(field)
        return tuple(read)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(text: str | None) -> int | None:
    return None if text is None else int(text)
