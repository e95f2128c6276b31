"""Canonical JSON and a versioned hash over it.

Equal values give equal text in every process; different values give different text.
Refuses to know what the values mean. There is no fallback serialiser: what is not plain JSON
is an error, for a key that depends on `repr` is no key.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import orjson

VERSION = "weft1"  # raise it when the canonical form changes; old keys then simply miss


def canonical(value: Any) -> bytes:
    """Write a plain JSON value with sorted keys and no spaces.

    A tuple is written as a list, a subclass (`Usd`, a text enum) as what it is a kind of.

    Raises:
        TypeError: if it holds anything but text, finite numbers, booleans, None, lists and mappings
            of text to these, or is nested more than some hundred levels deep.
    """
    try:
        text = orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        value, text = _canonical_slowly(value)
    if b"null" in text:  # orjson writes NaN so
        _refuse_nan(value)
    return text


# Without pass-through orjson would write dates and dataclasses in a form of its own.
_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def _canonical_slowly(value: Any) -> tuple[Any, bytes]:
    try:
        value = _plain(value)
        try:
            return value, orjson.dumps(value, option=_OPTIONS)
        except TypeError:  # whole numbers beyond 64 bits and lone surrogates
            text = json.dumps(
                value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
            )
            return value, text.encode(errors="surrogatepass")  # escapes would make two halves one character
    except (ValueError, RecursionError) as exc:  # NaN, or thousands of levels
        raise TypeError(f"not plain JSON: {exc}") from exc


def _plain(value: Any) -> Any:
    """Strip subclasses; refuse keys that are no text, for 1 and "1" would become one key."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # str() would ask the subclass
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {_plain(key): _plain(each) for key, each in value.items()}
    what = "a mapping with keys that are no text" if isinstance(value, dict) else f"`{type(value).__name__}`"
    raise TypeError(f"{what} is not plain JSON")


def _refuse_nan(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{value!r} is not plain JSON")
    if isinstance(value, dict):
        for each in value.values():
            _refuse_nan(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_nan(each)


def fingerprint(kind: str, *parts: Any) -> str:
    """Hash plain JSON values; 64 hexadecimal characters.

    Args:
        kind: what is fingerprinted, such as `template`; keeps the name spaces apart.
        parts: plain JSON; their boundaries count, so `("ab", "c")` differs from `("a", "bc")`.
    """
    return hashlib.sha256(canonical([VERSION, kind, *parts])).hexdigest()
