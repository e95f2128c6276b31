"""Answers that depend on a row's content and on nothing else: the oracle of every rehearsal.

Knows JSON Schema well enough to fill it: options by hash, texts from the first words of the row,
numbers within their range. Refuses to know packing and labels, so that for every way of asking
answer = f(content), and whoever mixes rows up is found out.
A `pattern` is met where an ordinary text, number or code meets it, otherwise left to the checker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from weft.testing.frames import FrameRow, digest_of
from weft.testing.spoken_shapes import told_limits

Maker = Callable[[int, str], Any]
"""Makes one value from the 64-bit digest of a row and its longest text."""

MASK = (1 << 64) - 1
USUAL_WORDS = 8  # of a text whose schema states no limit; short enough for any sensible one
DEEPEST = 12  # levels of a schema that are followed; recursive schemas end here


class Oracle:
    """Answers rows by one schema.

    Attributes:
        is_framed: the schema wants `{"rows": [{"id": …, …}]}` and not a single answer.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Turn a JSON Schema, of the whole reply or of a single answer, into makers of values."""
        rows = _resolve(schema, schema).get("properties", {}).get("rows")
        row = _resolve(rows, schema).get("items") if isinstance(rows, Mapping) else None
        self.is_framed = isinstance(row, Mapping)
        answer = _resolve(row if isinstance(row, Mapping) else schema, schema)
        self._makers = _fields(answer, schema, depth=0, without="id" if self.is_framed else "")

    def answer(self, content: Any) -> dict[str, Any]:
        """Answer one row; equal content gives equal answers in every process."""
        text, seed = longest_text(content), digest_of(content)
        return {name: make(seed, text) for name, make in self._makers}

    def answer_rows(self, rows: Sequence[FrameRow]) -> list[dict[str, Any]]:
        """Answer the rows of a frame, each under its label."""
        makers = self._makers
        answers: list[dict[str, Any]] = []
        for row in rows:
            text, seed = longest_text(row.content), row.digest
            answer = {"id": row.label}
            for name, make in makers:
                answer[name] = make(seed, text)
            answers.append(answer)
        return answers


def longest_text(content: Any) -> str:
    """The longest text in a row's content; the content as JSON where it holds none."""
    if isinstance(content, str):
        return content
    is_flat = type(content) is dict and {*map(type, content.values())} == _TEXTS
    texts = [*content.values()] if is_flat else _texts(content)
    if not texts:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    most = max(map(len, texts))
    return max([text for text in texts if len(text) == most])  # among equally long ones never by key order


_TEXTS = {str}


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, Mapping):
        return [text for each in content.values() for text in _texts(each)]
    if isinstance(content, list):
        return [text for each in content for text in _texts(each)]
    return []


# ── makers ───────────────────────────────────────────────────────────────────────────────────────


def _resolve(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow local references and take the first branch of a union that is not null."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        union = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if "$ref" in schema:
            schema = _follow(str(schema["$ref"]), root)
        elif isinstance(union, Sequence) and union:
            schema = next((each for each in union if each.get("type") != "null"), {})
        else:
            return schema
    return {}


def _follow(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(step, {}) if step and isinstance(found, Mapping) else found
    return found


def _fields(
    schema: Mapping[str, Any], root: Mapping[str, Any], *, depth: int, without: str = ""
) -> list[tuple[str, Maker]]:
    properties = schema.get("properties") or {}
    return [
        (name, _maker(each, root, salt=_salt(f"{depth}.{name}"), depth=depth + 1))
        for name, each in properties.items()
        if name != without
    ]


def _salt(name: str) -> int:
    return digest_of(name) | 1  # odd, so that multiplying by it loses nothing


def _pick(seed: int, salt: int) -> int:
    """A 32-bit number that differs from field to field of one row."""
    return (seed * salt & MASK) >> 32


def _maker(schema: Any, root: Mapping[str, Any], *, salt: int, depth: int) -> Maker:
    schema = _resolve(schema, root)
    schema = {
        **told_limits(str(schema.get("description", ""))),
        **schema,
    }  # words where keywords are not taken
    options = (
        [schema["const"]] if "const" in schema else [o for o in schema.get("enum") or () if o is not None]
    )
    if options:
        return lambda seed, _text: options[_pick(seed, salt) % len(options)]
    kind = _kind(schema)
    if kind == "array":
        return _array(schema, root, salt=salt, depth=depth)
    if kind == "object":
        makers = _fields(schema, root, depth=depth) if depth < DEEPEST else []
        return lambda seed, text: {name: make(seed, text) for name, make in makers}
    return _SIMPLE.get(kind, _text)(schema, salt)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return str(kind).lower()  # Gemini writes STRING


def _boolean(_schema: Mapping[str, Any], salt: int) -> Maker:
    return lambda seed, _text: bool(_pick(seed, salt) & 1)


def _null(_schema: Mapping[str, Any], _salt: int) -> Maker:
    return lambda _seed, _text: None


def _whole_number(schema: Mapping[str, Any], salt: int) -> Maker:
    low = int(schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1))
    high = int(schema.get("maximum", schema.get("exclusiveMaximum", low + 101) - 1))
    step = int(schema.get("multipleOf") or 1)
    first = -(-low // step)
    count = max(1, high // step - first + 1)
    return lambda seed, _text: (first + _pick(seed, salt) % count) * step


def _number(schema: Mapping[str, Any], salt: int) -> Maker:
    low = float(schema.get("minimum", schema.get("exclusiveMinimum", 0.0)))
    high = float(schema.get("maximum", schema.get("exclusiveMaximum", low + 100.0)))
    # 1 to 999 thousandths of the range: within it also where the bounds are excluded
    return lambda seed, _text: round(low + (high - low) * (1 + _pick(seed, salt) % 999) / 1000, 6)


def _array(schema: Mapping[str, Any], root: Mapping[str, Any], *, salt: int, depth: int) -> Maker:
    least = int(schema.get("minItems") or 0)
    most = int(schema.get("maxItems", max(2, least)))
    inner = schema.get("items") or {} if depth < DEEPEST else {}
    make = _maker(inner, root, salt=salt, depth=depth + 1)
    unique = bool(schema.get("uniqueItems"))

    def make_list(seed: int, text: str) -> list[Any]:
        wanted = min(most, max(1, least) + _pick(seed, salt) % 2)
        found: list[Any] = []
        for place in range(4 * wanted):
            each = make(seed + place * salt, _tail(text, place))
            if not unique or each not in found:
                found.append(each)
            if len(found) == wanted:
                break
        return found

    return make_list


def _tail(text: str, place: int) -> str:
    """The text from its n-th word on, so that the texts of a list differ."""
    return " ".join(text.split()[place:]) or text if place else text


def _text(schema: Mapping[str, Any], salt: int) -> Maker:
    by_format = _FORMATS.get(str(schema.get("format", "")).lower())
    if by_format:
        return lambda seed, _text: by_format(_pick(seed, salt))
    shortest, longest = int(schema.get("minLength") or 0), schema.get("maxLength")
    fewest, most = int(schema.get("x-min-words") or 1), schema.get("x-max-words")
    most = max(1, fewest, min(USUAL_WORDS, int(most)) if most else USUAL_WORDS)
    pattern = _compile(str(schema.get("pattern", "")))

    def make_text(seed: int, text: str) -> str:
        words = text.split(None, most)[:most] or ["nothing"]
        while len(words) < fewest:
            words.append("more")
        made = " ".join(words)
        if len(made) < shortest:
            made = (made + " " + "more " * shortest)[:shortest].rstrip().ljust(shortest, "e")
        if longest is not None and len(made) > longest:
            made = made[:longest].rstrip() or made[:longest]
        return (
            made if pattern is None or pattern.fullmatch(made) else _fitting(pattern, _pick(seed, salt), made)
        )

    return make_text


def _compile(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern.removeprefix("^").removesuffix("$")) if pattern else None
    except re.error:  # a dialect that Python does not speak
        return None


def _fitting(pattern: re.Pattern[str], number: int, text: str) -> str:
    """Find an ordinary text that meets a pattern; the plain text where none does."""
    letters = "".join(chr(97 + (number >> shift) % 26) for shift in range(0, 24, 3))
    digits = f"{number:010d}"
    parts = [digits[-n:] for n in range(1, 11)] + [letters[:n] for n in range(1, 9)]
    tries = [*parts, *(part.upper() for part in parts), *(part.title() for part in parts)]
    tries += [f"{a.upper()}{gap}{b}" for a in parts[10:] for gap in ("-", "", "_", " ") for b in parts[:6]]
    tries += [f"{a}-{b}" for a in parts[10:] for b in parts[10:]] + text.split()
    return next((each for each in tries if pattern.fullmatch(each)), text)


def _date(number: int) -> str:
    return f"20{number % 25:02d}-{1 + number // 25 % 12:02d}-{1 + number // 300 % 28:02d}"


_FORMATS: Mapping[str, Callable[[int], str]] = {
    "date": _date,
    "date-time": lambda number: f"{_date(number)}T{number % 24:02d}:{number // 24 % 60:02d}:00Z",
    "time": lambda number: f"{number % 24:02d}:{number // 24 % 60:02d}:00Z",
    "email": lambda number: f"person{number % 10_000}@example.com",
    "uri": lambda number: f"https://example.com/{number % 10_000}",
    "url": lambda number: f"https://example.com/{number % 10_000}",
    "uuid": lambda number: f"00000000-0000-4000-8000-{number:012x}",
}
_SIMPLE: Mapping[str, Callable[[Mapping[str, Any], int], Maker]] = {
    "boolean": _boolean,
    "integer": _whole_number,
    "number": _number,
    "null": _null,
}
