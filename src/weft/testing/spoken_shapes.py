"""Shapes and limits that a prompt tells in words, read as a careful model would read them.

Knows phrases such as `at most 12 words`, and lists of fields such as
"- `tldr` (text, at most 12 words): what matters". Many providers take only part of JSON Schema or
none of it; then the words are all a model has. Refuses to know who wrote the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_NUMBER = r"-?\d+(?:\.\d+)?"
_SPAN = re.compile(
    rf"(?:(?P<low>{_NUMBER})\s+to\s+(?P<high>{_NUMBER})|(?P<bound>at least|min(?:imum)?|at most|max(?:imum)?|up to|exactly)"
    rf"\s+(?P<one>{_NUMBER}))(?:\s+(?P<noun>word|character|entr|item)\w*)?",
    re.IGNORECASE,
)
_PATTERN = re.compile(r"match(?:es|ing) the pattern `?(.+?)`?(?=;|\)?$)")
_FORMAT = re.compile(r"\bformat ([a-z-]+)")
_FIELD = re.compile(r"`(\w+)` \(")
_LINE = re.compile(r"^- (?=`\w+` \()", re.MULTILINE)
_LIST = re.compile(r"list\b(.*?),?\s*each(?: entry)?: ", re.DOTALL)
_KEYWORDS = {
    "word": ("x-min-words", "x-max-words"),
    "character": ("minLength", "maxLength"),
    "entr": ("minItems", "maxItems"),
    "item": ("minItems", "maxItems"),
    "": ("minimum", "maximum"),
}
_KINDS: tuple[tuple[str, Json], ...] = (
    ("whole number", {"type": "integer"}),
    ("number", {"type": "number"}),
    ("true or false", {"type": "boolean"}),
    ("date and time", {"type": "string", "format": "date-time"}),
    ("date", {"type": "string", "format": "date"}),
    ("e-mail", {"type": "string", "format": "email"}),
    ("web address", {"type": "string", "format": "uri"}),
)


def told_limits(text: str) -> Json:
    """Read limits out of a description; keywords of JSON Schema, and `x-min-words`, `x-max-words`.

    >>> told_limits("one sentence (3 to 12 words; at most 80 characters)")
    {'x-min-words': 3, 'x-max-words': 12, 'maxLength': 80}
    """
    found: Json = {}
    for match in _SPAN.finditer(text):
        low, high = _KEYWORDS[(match["noun"] or "").lower()]
        bound = (match["bound"] or "").lower()
        if match["low"] is not None:
            found |= {low: _number(match["low"]), high: _number(match["high"])}
        elif bound == "exactly":
            found |= {low: _number(match["one"]), high: _number(match["one"])}
        else:
            found[low if bound.startswith(("at least", "min")) else high] = _number(match["one"])
    for key, pattern in (("pattern", _PATTERN), ("format", _FORMAT)):
        said = pattern.search(text)
        if said:
            found[key] = said[1]
    return found


def told_schema(text: str) -> Json | None:
    """Read a list of fields as the JSON Schema of a framed reply; `None` where there is no list."""
    lines = [text[match.end() :].partition("\n")[0] for match in _LINE.finditer(text)]
    fields: Json = {}
    for line in lines:
        fields |= _fields(line)
    # Inputs are listed like answers in some prompts, above them; a reply shows its keys.
    shown = re.findall(r'"(\w+)": …', text)
    if shown:
        fields = {name: shape for name, shape in fields.items() if name in shown}
    if not fields:
        return None
    row = {"type": "object", "properties": {"id": {"type": "string"}, **fields}}
    return {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}


def _fields(text: str) -> Json:
    """Read fields in a row: their names in backticks, their shapes in brackets."""
    found: Json = {}
    place = 0
    while match := _FIELD.search(text, place):
        end = _closing(text, match.end())
        found[match[1]] = _shape(text[match.end() : end])
        place = end
    return found


def _closing(text: str, place: int) -> int:
    depth = 1
    while place < len(text):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
        place += 1
    return place


def _shape(text: str) -> Json:
    text = text.strip().removesuffix(", or null")
    if text.startswith("exactly one of"):
        return {"enum": re.findall(r"`([^`]*)`", text)}
    if text.startswith("object with"):
        return {"type": "object", "properties": _fields(text)}
    many = _LIST.match(text)
    if many:
        return {"type": "array", **told_limits(many[1]), "items": _shape(text[many.end() :])}
    for words, shape in _KINDS:
        if text.startswith(words):
            return {**shape, **_range(text.removeprefix(words))}
    return {"type": "string", **told_limits(text)}


def _range(text: str) -> Mapping[str, Any]:
    """Limits of a number; a date's example is none."""
    return {} if "such as" in text else told_limits(text)


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
