from __future__ import annotations

from typing import Any

import pytest
from tests.unit.providers.loopback import SCHEMA

from weft.providers._schemas import anthropic_form, gemini_form, plain_form, strict_form


def row_of(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["properties"]["rows"]["items"]


def every(schema: Any) -> list[dict[str, Any]]:
    """A schema and all schemas inside it."""
    found = [schema]
    for inner in [*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", [])]:
        if inner:
            found += every(inner)
    return found


def objects(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {f"f{n}": each for n, each in enumerate(fields)}, "required": []}


def test_strict_form_requires_everything() -> None:
    """OpenAI's strict mode: every property required, nothing beside them, lengths told in words."""
    made, holds = strict_form(SCHEMA)

    assert holds
    for each in every(made):
        assert not {"maxLength", "minLength", "pattern", "format"} & each.keys()
        if "properties" in each:
            assert each["required"] == list(each["properties"])
            assert each["additionalProperties"] is False
    row = row_of(made)["properties"]
    assert row["tldr"]["description"] == "summary (at most 12 words) (at most 90 characters)"
    assert row["score"] == {"type": ["integer", "null"], "minimum": 0, "maximum": 10}


def test_optional_fields_may_be_null() -> None:
    """What need not be there is there and null, in whatever way its kind is written."""
    made, _ = strict_form(
        objects(
            {"type": "string"},
            {"type": ["string", "null"]},
            {"type": "string", "enum": ["a"]},
            {"enum": ["a"]},
            {"type": "array"},
        )
    )

    assert list(made["properties"].values()) == [
        {"type": ["string", "null"]},
        {"type": ["string", "null"]},
        {"type": ["string", "null"], "enum": ["a", None]},
        {"anyOf": [{"enum": ["a"]}, {"type": "null"}]},
        {"type": ["array", "null"]},
    ]


@pytest.mark.parametrize(
    "schema",
    [
        objects({"type": "object"}),
        objects({"type": "array"}),
        objects({}),
        objects({"type": "string", "enum": [str(n) for n in range(501)]}),
        objects(objects(objects(objects(objects(objects({"type": "string"})))))),
    ],
    ids=["free keys", "free entries", "anything", "many options", "deep"],
)
def test_strict_mode_knows_its_limits(schema: dict[str, Any]) -> None:
    """What strict mode cannot hold is sent as a guide, without its promise."""
    _, holds = strict_form(schema)

    assert not holds


def test_weft_keywords_stay_at_home() -> None:
    """Keywords of our own, and any that a form does not know, are not sent."""
    schema = objects({"type": "string", "x-max-words": 3, "examples": ["a"], "default": "b", "$comment": "c"})

    for form in (lambda s: strict_form(s)[0], lambda s: anthropic_form(s)[0], plain_form, gemini_form):
        text = repr(form(schema))
        assert not any(word in text for word in ("x-max-words", "examples", "default", "$comment"))


def test_anthropic_form_tells_numbers() -> None:
    """Anthropic's native format takes no limits of numbers and counts; they are told in words."""
    made, holds = anthropic_form(
        objects(
            {"type": "integer", "minimum": 1, "maximum": 5},
            {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        )
    )

    assert holds
    for each in every(made):
        assert not {"minimum", "maximum", "minItems", "maxItems", "maxLength"} & each.keys()
    assert made["properties"]["f0"]["description"] == "(at least 1; at most 5)"
    assert made["properties"]["f1"]["description"] == "(at most 3 entries)"


def test_anthropic_form_counts_unions() -> None:
    """More unions than the format takes: the forced tool must do."""
    _, few = anthropic_form(objects(*[{"type": "string"}] * 16))
    _, many = anthropic_form(objects(*[{"type": "string"}] * 17))

    assert (few, many) == (True, False)


def test_gemini_form_is_its_subset() -> None:
    """Gemini: upper-case types, `nullable` instead of unions, the order stated."""
    row = row_of(gemini_form(SCHEMA))

    assert row["propertyOrdering"] == ["id", "tldr", "kind", "score"]
    assert row["required"] == ["id", "tldr", "kind", "score"]
    assert row["properties"]["kind"] == {"type": "STRING", "enum": ["bug", "praise"]}
    assert row["properties"]["score"] == {"type": "INTEGER", "nullable": True, "minimum": 0, "maximum": 10}
    assert all("additionalProperties" not in each for each in every(gemini_form(SCHEMA)))


def test_gemini_form_writes_null_and_const() -> None:
    """Null is no option there, and a constant is a single one."""
    made = gemini_form(
        objects({"type": ["string", "null"], "enum": ["a", None]}, {"type": "string", "const": "x"})
    )

    assert made["properties"]["f0"] == {"type": "STRING", "nullable": True, "enum": ["a"]}
    assert made["properties"]["f1"] == {"type": "STRING", "enum": ["x"]}


def test_given_schema_is_left_alone() -> None:
    """Forms are made, the schema itself is never changed."""
    before = repr(SCHEMA)

    for form in (strict_form, anthropic_form, plain_form, gemini_form):
        form(SCHEMA)

    assert repr(SCHEMA) == before
