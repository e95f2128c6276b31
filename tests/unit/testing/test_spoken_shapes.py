from __future__ import annotations

from typing import Any

import pytest

from weft.testing.spoken_shapes import told_limits, told_schema


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", {}),
        ("a plain sentence about 3 things", {}),
        ("(at most 12 words)", {"x-max-words": 12}),
        ("(3 to 12 words; at most 80 characters)", {"x-min-words": 3, "x-max-words": 12, "maxLength": 80}),
        ("exactly 1 word", {"x-min-words": 1, "x-max-words": 1}),
        ("(at least 3 entries; at most 6 entries)", {"minItems": 3, "maxItems": 6}),
        ("how sure (at least 0; at most 1)", {"minimum": 0, "maximum": 1}),
        ("from 1 to 5", {"minimum": 1, "maximum": 5}),
        ("max 2.5", {"maximum": 2.5}),
        ("takes 5 minutes", {}),
        ("(matches the pattern [A-Z]{2}; at most 9 characters)", {"pattern": "[A-Z]{2}", "maxLength": 9}),
        ("(format date)", {"format": "date"}),
    ],
)
def test_limits_are_read_from_words(text: str, limits: dict[str, Any]) -> None:
    """Limits that a provider's schema cannot state stand in the description."""
    assert told_limits(text) == limits


def test_fields_are_read_from_a_list() -> None:
    """A prompt without a schema tells its fields in words; inputs listed above are no answers."""
    text = (
        "# Rows\n- `body` (date): the mail\n"
        '# Answer\nReply with {"rows": [{"id": "…", "kind": …, "tags": …, "plan": …, "n": …, "due": …}, …]}\n'
        "- `kind` (exactly one of `bug`, `praise (warm)`): what it is\n"
        "- `tags` (list of 2 to 6 entries, each: text, at most 3 words): words (a few)\n"
        "- `plan` (list, each entry: object with `minutes` (whole number from 2 to 9): time; `what` (text): do)\n"
        "- `n` (number of at least 1): a number\n"
        "- `due` (date such as 2026-03-31, or null): when\n"
        "- no field at all\n"
    )

    schema = told_schema(text)

    assert schema is not None
    fields = schema["properties"]["rows"]["items"]["properties"]
    assert list(fields) == ["id", "kind", "tags", "plan", "n", "due"]
    assert fields["kind"] == {"enum": ["bug", "praise (warm)"]}
    assert fields["tags"] == {
        "type": "array",
        "minItems": 2,
        "maxItems": 6,
        "items": {"type": "string", "x-max-words": 3},
    }
    minutes = {"type": "integer", "minimum": 2, "maximum": 9}
    assert fields["plan"]["items"] == {
        "type": "object",
        "properties": {"minutes": minutes, "what": {"type": "string"}},
    }
    assert fields["n"] == {"type": "number", "minimum": 1}
    assert fields["due"] == {"type": "string", "format": "date"}


def test_prompt_without_fields_tells_nothing() -> None:
    """Plain prose holds no schema."""
    assert told_schema("Write about `this` and that.\n- one\n- two") is None
