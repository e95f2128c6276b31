"""Plain JSON in and out of bytes, quickly, with a slow road for what the fast one refuses.

Knows lone surrogates and whole numbers beyond 64 bits: both may stand in a cell and must come
back unchanged. Refuses to know what the values mean; for identity use `fingerprints.canonical`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """Write a plain JSON value, keys in their own order."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def kept_all(values: Sequence[Any]) -> list[bytearray]:
    """Write plain JSON values that are held for a while, in no more memory than they take.

    What `dump` gives lies in a buffer of a kilobyte: a thousand of those weigh four times their text,
    and fresh memory is dear.
    """
    try:
        return [*map(bytearray, map(orjson.dumps, values))]
    except TypeError:
        return [bytearray(dump(value)) for value in values]


def load(text: bytes | bytearray) -> Any:
    """Read what `dump` wrote."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def load_all(texts: Sequence[bytes]) -> list[Any]:
    """Read many texts that `dump` wrote, in order; quicker than one after another."""
    try:
        found: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))
    except orjson.JSONDecodeError:
        found = []
    return found if len(found) == len(texts) else [load(text) for text in texts]


def sayable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name as UTF-8 can tell them: half a surrogate pair becomes `?`, everything else stays.

    For answers that are written by others than `dump`: one such cell must not keep anybody from
    looking at the rows beside it.
    """
    try:
        orjson.dumps(values)
    except TypeError:  # also for whole numbers beyond 64 bits
        return {sayable_text(name): _sayable(value) for name, value in values.items()}
    return dict(values)


def sayable_text(text: str) -> str:
    r"""A text as UTF-8 can tell it.

    >>> sayable_text("half \ud83d")
    'half ?'
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _sayable(value: Any) -> Any:
    if isinstance(value, str):
        return sayable_text(value)
    if isinstance(value, Mapping):
        return sayable(value)
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in value]
    return value
