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

    Raises:
        TypeError: if it holds anything but text, finite numbers, booleans, None, lists, mappings.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | _PLAIN)
    except TypeError:  # whole numbers beyond 64 bits and lone surrogates
        return _canonical_slowly(value)
    if b"null" in text:  # orjson writes NaN as null, the standard library refuses it
        _refuse_nan(value)
    return text


_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def _canonical_slowly(value: Any) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except ValueError as exc:
        raise TypeError(str(exc)) from exc
    return text.encode()


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
