"""JSON Schema in the forms that providers hold their models to.

Knows which keywords each form takes; whatever it does not take is told in the description instead,
so that the model still hears of it. Refuses to check answers: that happens at home, against the
full schema, whatever a provider promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_SHARED = ("type", "description", "title", "enum", "const", "minimum", "maximum")
_STRICT_MOST_OPTIONS = 500  # half of OpenAI's documented 1,000 enum values, all fields together
_ANTHROPIC_MOST_UNIONS = 16  # documented limit of parameters with several types
_STRICT_MOST_DEPTH = 5  # nesting that every documented strict mode takes


def strict_form(schema: Mapping[str, Any]) -> tuple[Json, bool]:
    """Write a schema as OpenAI's strict mode takes it.

    Every property is required and optional ones may be null; nothing else is allowed beside them.

    Returns:
        The schema and whether strict mode can hold it. It cannot hold objects of unknown keys,
        very many options or deep nesting; then the same schema still serves as a guide.
    """
    holds = _is_closed(schema) and _options(schema) <= _STRICT_MOST_OPTIONS
    return _strict(schema), holds and _depth(schema) <= _STRICT_MOST_DEPTH


def anthropic_form(schema: Mapping[str, Any]) -> tuple[Json, bool]:
    """Write a schema as Anthropic's native output format takes it: no limits of numbers and counts.

    Returns:
        The schema and whether the format can hold it; it takes few unions and no unknown keys.
    """
    made = _unlimited(_strict(schema))
    return made, _is_closed(schema) and _unions(made) <= _ANTHROPIC_MOST_UNIONS


def plain_form(schema: Mapping[str, Any]) -> Json:
    """Write a schema as ordinary JSON Schema, without weft's own keywords."""
    return _mapped(
        schema, plain_form, keep=(*_SHARED, "minItems", "maxItems", "required", "additionalProperties")
    )


def gemini_form(schema: Mapping[str, Any]) -> Json:
    """Write a schema in Gemini's subset of OpenAPI: no unions, options are texts, order is stated."""
    kinds, nullable = _kinds(schema)
    made = _mapped(schema, gemini_form, keep=("description", "title", "minimum", "maximum"))
    if kinds:
        made["type"] = kinds[0].upper()
    if nullable:
        made["nullable"] = True
    options = [option for option in schema.get("enum", ()) if option is not None]
    if "const" in schema:
        options = [schema["const"]]
    if options and all(isinstance(option, str) for option in options):
        made["enum"] = options
    if "properties" in made:
        made["required"] = [name for name in schema.get("required", ()) if name in made["properties"]]
        made["propertyOrdering"] = list(made["properties"])
    return _told(made, schema, ("minItems", "maxItems"))


def _strict(schema: Mapping[str, Any]) -> Json:
    made = _mapped(schema, _strict, keep=(*_SHARED, "minItems", "maxItems"))
    if "properties" in made:
        needed = set(schema.get("required", ()))
        made["properties"] = {
            name: inner if name in needed else _or_null(inner) for name, inner in made["properties"].items()
        }
        made["required"] = list(made["properties"])
        made["additionalProperties"] = False
    return made


def _unlimited(schema: Json) -> Json:
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {name: _unlimited(inner) for name, inner in made["properties"].items()}
    if "items" in made:
        made["items"] = _unlimited(made["items"])
    if "anyOf" in made:
        made["anyOf"] = [_unlimited(inner) for inner in made["anyOf"]]
    limits: Json = {
        key: made.pop(key) for key in ("minimum", "maximum", "minItems", "maxItems") if key in made
    }
    return _told(made, limits, tuple(limits))


def _mapped(schema: Mapping[str, Any], form: Any, *, keep: tuple[str, ...]) -> Json:
    """Copy the kept keywords and convert the schemas inside; tell the texts' limits in words."""
    made: Json = {key: schema[key] for key in keep if key in schema}
    if isinstance(schema.get("properties"), Mapping):
        made["properties"] = {name: form(inner) for name, inner in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        made["items"] = form(schema["items"])
    if isinstance(schema.get("anyOf"), list):
        made["anyOf"] = [form(inner) for inner in schema["anyOf"]]
    return _told(made, schema, ("minLength", "maxLength", "pattern", "format"))


_WORDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches the pattern {}",
    "format": "format {}",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minimum": "at least {}",
    "maximum": "at most {}",
}


def _told(made: Json, schema: Mapping[str, Any], keywords: tuple[str, ...]) -> Json:
    """Add limits that the form cannot state to the description, once."""
    described = str(made.get("description", ""))
    limits = [_WORDS[key].format(schema[key]) for key in keywords if key in schema]
    limits = [limit for limit in limits if limit not in described]
    if limits:
        made["description"] = f"{described} ({'; '.join(limits)})".strip()
    return made


def _or_null(schema: Json) -> Json:
    kinds, nullable = _kinds(schema)
    if nullable:
        return schema
    if not kinds:
        return {"anyOf": [schema, {"type": "null"}]}
    made = {**schema, "type": [*kinds, "null"]}
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made


def _kinds(schema: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The types besides null, and whether null is one of them."""
    stated = schema.get("type", [])
    kinds = [stated] if isinstance(stated, str) else list(stated)
    return [kind for kind in kinds if kind != "null"], "null" in kinds


def _inner(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = list(schema.get("properties", {}).values()) + list(schema.get("anyOf", ()))
    if isinstance(schema.get("items"), Mapping):
        inner.append(schema["items"])
    return [each for each in inner if isinstance(each, Mapping)]


def _is_closed(schema: Mapping[str, Any]) -> bool:
    """Whether every object lists its keys and every array says what it holds."""
    kinds, _ = _kinds(schema)
    if "object" in kinds and not schema.get("properties"):
        return False
    if "array" in kinds and not isinstance(schema.get("items"), Mapping):
        return False
    return bool(kinds or "anyOf" in schema or "enum" in schema) and all(map(_is_closed, _inner(schema)))


def _options(schema: Mapping[str, Any]) -> int:
    return len(schema.get("enum", ())) + sum(map(_options, _inner(schema)))


def _unions(schema: Mapping[str, Any]) -> int:
    own = 1 if isinstance(schema.get("type"), list) or "anyOf" in schema else 0
    return own + sum(map(_unions, _inner(schema)))


def _depth(schema: Mapping[str, Any]) -> int:
    own = 1 if schema.get("properties") else 0
    return own + max(map(_depth, _inner(schema)), default=0)
