"""JSON that somebody else wrote, read strictly and quickly.

Refuses what lenient readers let pass: a key twice in one object, NaN and Infinity, digits or depth
without measure. Keeps what quick readers spoil: whole numbers beyond 64 bits, half surrogate pairs.
Refuses to know what the text is about.
"""

from __future__ import annotations

import json
import math
from itertools import chain
from typing import Any, NoReturn

import orjson

DEEPEST = 64  # levels that the quick road counts; deeper values take the slow one
MOST_LEVELS = 100  # of a value; deeper ones could be read, and not be written by everybody who tells them
EXACT = 2.0**53  # below it a float is exactly what was written, if that was a whole number


class NotStrict(ValueError):
    """The text is no strict JSON; the message goes on after a subject: "is nested too deeply"."""


def loads(text: str) -> Any:
    """Read a whole text as one JSON value.

    Raises:
        NotStrict: if it is none, or holds what strict JSON does not allow.
    """
    value = _loads(text)
    if is_deep(text, value):
        raise NotStrict("is nested too deeply")
    return value


def is_deep(text: str, value: Any) -> bool:
    """Whether a value has more than a hundred levels.

    Args:
        text: from which it was read; most have too few brackets for that.
        value: as it was read.
    """
    if text.count("[") + text.count("{") <= MOST_LEVELS:
        return False
    level = [value] if type(value) in {dict, list} else []
    for _ in range(MOST_LEVELS):
        level = [
            below
            for each in level
            for below in (each.values() if type(each) is dict else each)
            if type(below) is dict or type(below) is list
        ]
        if not level:
            return False
    return True


def _loads(text: str) -> Any:
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return _loads_slowly(text)
    return value if _is_whole(text, value) else _loads_slowly(text)


_SIMPLE = frozenset({str, int, bool, type(None)})


def _is_whole(text: str, value: Any) -> bool:
    """Whether the quick reader has surely read all that stands in a text; if not, the slow road knows.

    What is written again as it stood has lost nothing. Where the writer had other manners: every text and
    every key stands in two quotes, and if the text has more of them than the value can account for, a key
    may stand twice.
    """
    try:
        if orjson.dumps(value, option=orjson.OPT_INDENT_2 if text[1:2] == "\n" else None) == text.encode():
            return True
    except TypeError:  # too many levels for the writer
        pass
    return type(value) not in _SIMPLE and _quotes(text) == 2 * _texts(value)


def _quotes(text: str) -> int:
    """Count the quotes around keys and texts, which are those that no backslash stands before."""
    if "\\" not in text:
        return text.count('"')
    text = text.replace("\\\\", "")  # of a row of backslashes only an odd one is left
    return text.count('"') - text.count('\\"')


def _texts(value: Any) -> float:
    """Count the keys and texts in a value; a list of flat objects is counted at C speed.

    Infinite, and so unlike any count, where the quick reader may have rounded a whole number.
    """
    rows = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(rows, list) or not {*map(type, rows)} <= {dict}:
        return _texts_below(value, 0)
    kinds: list[object] = [*map(type, chain.from_iterable(map(dict.values, rows)))]
    found = 1 + len(kinds) + kinds.count(str)
    if sum([kinds.count(kind) for kind in _SIMPLE]) == len(kinds):
        return found
    return found + _texts_below([v for row in rows for v in row.values() if type(v) not in _SIMPLE], 2)


def _texts_below(value: Any, depth: int) -> float:
    if isinstance(value, float):  # whole numbers beyond 64 bits come as these
        return math.inf if abs(value) >= EXACT else 0
    if depth > DEEPEST:
        return math.inf
    inside = value.values() if isinstance(value, dict) else value
    kinds = [*map(type, inside)]
    below = sum([_texts_below(v, depth + 1) for v in inside if type(v) not in _SIMPLE])
    return kinds.count(str) + below + (len(kinds) if isinstance(value, dict) else 0)


def _loads_slowly(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except NotStrict:
        raise
    except RecursionError as exc:
        raise NotStrict("is nested too deeply") from exc
    except ValueError as exc:
        raise NotStrict(f"is not JSON: {str(exc).split(': line')[0][:80]}") from exc


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("has an object with the same key twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise NotStrict(f"holds `{name}`, which is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse)
"""Reads value by value (`raw_decode`); raises `NotStrict`, other `ValueError`s, `RecursionError`."""
