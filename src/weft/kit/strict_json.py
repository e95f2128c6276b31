"""JSON that somebody else wrote, read strictly and quickly.

Refuses what lenient readers let pass: a key twice in one object, NaN and Infinity, digits or depth
without measure. Keeps what quick readers spoil: whole numbers beyond 64 bits, half surrogate pairs.
Refuses to know what the text is about.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

DEEPEST = 64  # levels that the quick road counts; deeper values take the slow one


class NotStrict(ValueError):
    """The text is no strict JSON; the message goes on after a subject: "is nested too deeply"."""


def loads(text: str) -> Any:
    """Read a whole text as one JSON value.

    Raises:
        NotStrict: if it is none, or holds what strict JSON does not allow.
    """
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return _loads_slowly(text)
    # Every key is followed by `":`; in texts the quote before a colon is escaped. If the counts
    # differ a key may stand twice, or a text only looks like one: the slow road knows.
    seen = text.count('":') - text.count('\\":') + text.count('" :') - text.count('\\" :')
    if seen != _keys(value) or _LONG_NUMBER.search(text):
        return _loads_slowly(text)
    return value


_LONG_NUMBER = re.compile(r"[0-9]{19}")  # the quick reader rounds whole numbers beyond 64 bits


def _keys(value: Any) -> int:
    """Count the keys of all objects in a value; a list of flat objects is counted at C speed."""
    rows = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(rows, list) and all(type(row) is dict for row in rows):
        nested = [v for row in rows for v in row.values() if type(v) is dict or type(v) is list]
        return 1 + sum(map(len, rows)) + _keys_below(nested, 2)
    return _keys_below(value, 0)


def _keys_below(value: Any, depth: int) -> int:
    if depth > DEEPEST:
        return -1
    if isinstance(value, dict):
        below = [_keys_below(v, depth + 1) for v in value.values() if isinstance(v, dict | list)]
        return len(value) + sum(below)
    if isinstance(value, list):
        return sum([_keys_below(v, depth + 1) for v in value if isinstance(v, dict | list)])
    return 0


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
