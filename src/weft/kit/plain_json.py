"""Plain JSON in and out of bytes, quickly, with a slow road for what the fast one refuses.

Knows lone surrogates and whole numbers beyond 64 bits: both may stand in a cell and must come
back unchanged. Refuses to know what the values mean; for identity use `fingerprints.canonical`.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """Write a plain JSON value, keys in their own order."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def load(text: bytes) -> Any:
    """Read what `dump` wrote."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
