"""JSON that somebody else wrote, read strictly and quickly.

Refuses what lenient readers let pass: a key twice in one object, NaN and Infinity, digits or depth
without measure. Keeps what quick readers spoil: whole numbers beyond 64 bits, half surrogate pairs.
Refuses to know what the text is about.
"""

from __future__ import annotations

import json
import math
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
    # Every key is followed by `":`; in texts the quote before a colon is escaped. If the counts
    # differ a key may stand twice, or a text only looks like one: the slow road knows.
    seen = text.count('":') - text.count('\\":') + text.count('" :') - text.count('\\" :')
    return value if type(value) not in _SIMPLE and seen == _keys(value) else _loads_slowly(text)


_SIMPLE = frozenset({str, int, bool, type(None)})


def _keys(value: Any) -> float:
    """Count the keys of all objects in a value; a list of flat objects is counted at C speed.

    Infinite, and so unlike any count, where the quick reader may have rounded a whole number.
    """
    rows = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(rows, list) and all(type(row) is dict for row in rows):
        others = [v for row in rows for v in row.values() if type(v) not in _SIMPLE]
        return 1 + sum(map(len, rows)) + _keys_below(others, 2)
    return _keys_below(value, 0)


def _keys_below(value: Any, depth: int) -> float:
    if isinstance(value, float):  # whole numbers beyond 64 bits come as these
        return math.inf if abs(value) >= EXACT else 0
    if depth > DEEPEST:
        return math.inf
    if isinstance(value, dict):
        return len(value) + sum([_keys_below(v, depth + 1) for v in value.values() if type(v) not in _SIMPLE])
    return sum([_keys_below(v, depth + 1) for v in value if type(v) not in _SIMPLE]) if value else 0


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
