"""Stop 7, first half: from a model's text to a list of answers.

Strict JSON first; then one repair of the packaging; then, where the text was cut off, the answers
that are certainly complete. Pure and total: any text gives a Found, never an exception, in time
linear in its length. Refuses to know labels, schemas and rows.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a model's text.

    Attributes:
        rows: the answers as they came; anything may be in there.
        problem, code: what was wrong with the text as a whole; empty if nothing.
        cut: the text ends too early or cannot be read to its end; the last answers are missing.
    """

    rows: list[Any]
    problem: str = ""
    code: str = ""
    cut: bool = False


class _NotPlain(ValueError):
    """Valid for a lenient reader, but not plain JSON: a doubled key, NaN, Infinity."""


def read_rows(text: str, *, key: str, cut: bool = False) -> Found:
    """Read the answers from a model's text.

    Args:
        key: the one key of the object around the list; a bare list is accepted as well.
        cut: the model stopped at its output limit.
    """
    stripped = text.strip()
    if not stripped:
        return Found([], "The reply is empty.", "empty_reply")
    value, why = _load(stripped)
    repaired = ""
    if why:
        packed = _unwrap(stripped)
        if packed != stripped:
            value, why = _load(packed)
            repaired = "" if why else "The reply was wrapped in other text."
    if why:
        return _salvage(stripped, key=key, why=why, cut=cut)
    rows = value.get(key) if isinstance(value, dict) and len(value) == 1 else value
    if not isinstance(rows, list):
        return Found([], f"The reply is no list of answers under `{key}`.", "wrong_shape")
    return Found(rows, repaired, "repaired" if repaired else "")


_LONG_NUMBER = re.compile(r"[0-9]{19}")  # the quick reader rounds whole numbers beyond 64 bits


def _load(text: str) -> tuple[Any, str]:
    """Parse plain JSON; the second is why it is none, or empty."""
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return _load_slowly(text)
    if text.count('":') + text.count('" :') != _keys(value) or _LONG_NUMBER.search(text):
        return _load_slowly(text)  # perhaps a doubled key or a rounded number, perhaps only a text like one
    return value, ""


def _keys(value: Any) -> int:
    """Count the keys of all objects in a value; a list of flat objects is counted at C speed."""
    rows = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(rows, list) and all([type(row) is dict for row in rows]):
        nested = [v for row in rows for v in row.values() if type(v) is dict or type(v) is list]
        return 1 + sum(map(len, rows)) + _keys_below(nested, 2)
    return _keys_below(value, 0)


def _keys_below(value: Any, depth: int) -> int:
    if depth > 64:
        return -1
    if isinstance(value, dict):
        return len(value) + sum(
            [_keys_below(v, depth + 1) for v in value.values() if isinstance(v, dict | list)]
        )
    if isinstance(value, list):
        return sum([_keys_below(v, depth + 1) for v in value if isinstance(v, dict | list)])
    return 0


def _load_slowly(text: str) -> tuple[Any, str]:
    """Parse what the quick reader refuses: lone surrogates, and doubled keys to refuse them."""
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse), ""
    except _NotPlain as exc:
        return None, str(exc)
    except RecursionError:
        return None, "The reply is nested too deeply."
    except ValueError as exc:
        return None, f"The reply is not JSON: {_short(exc)}."


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotPlain("The reply has an object with the same key twice.")
    return found


def _refuse(name: str) -> NoReturn:
    raise _NotPlain(f"The reply holds `{name}`, which is not JSON.")


def _short(exc: ValueError) -> str:
    return str(exc).split(": line")[0][:80]


_FENCE = re.compile(r"^```[A-Za-z0-9_-]*[ \t]*\r?\n(.*?)\r?\n?```$", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[\]}]\s*[\]}]?\s*)$")


def _unwrap(text: str) -> str:
    """Take off a fence, a repetition of the whole, prose around the JSON, and one trailing comma."""
    middle = len(text) // 2
    if text[:middle].strip() == text[middle:].strip():
        text = text[:middle].strip()  # a stream that was delivered twice
    fenced = _FENCE.match(text)
    if fenced:
        text = fenced.group(1).strip()
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if starts:
        end = max(text.rfind("}"), text.rfind("]"))
        text = text[min(starts) : end + 1]
    return _TRAILING_COMMA.sub(r"\1", text)


def _salvage(text: str, *, key: str, why: str, cut: bool) -> Found:
    """Keep the answers that are complete and not the last; the last one may be half a thought."""
    code, why = ("truncated", "The reply was cut off at the output limit.") if cut else ("not_json", why)
    start = text.find("[")
    if start < 0 or ("{" in text[:start] and f'"{key}"' not in text[:start]):
        return Found([], why, code)
    rows, ended = _complete_rows(text, start + 1)
    if ended or not rows[:-1]:
        return Found([], why, code)
    return Found(rows[:-1], why, code, cut=True)


def _complete_rows(text: str, at: int) -> tuple[list[Any], bool]:
    """Read objects one by one; the second tells whether the list ended as it should.

    A piece at the end that cannot be read counts as the last row.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse)
    rows: list[Any] = []
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text):
            return rows, False
        if text[at] == "]":
            return rows, True
        try:
            row, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return [*rows, None], False
        rows.append(row)
