"""How the two ends of a renderer's pipes talk: one JSON value a frame, its length in front.

Knows that orjson is quick but takes no lone surrogates and no whole numbers beyond 64 bits; such a
value travels as the standard library's JSON, and the frame's first byte says so. No pickle: a frame
from a process that was taken over is only ever a plain value. Refuses to know what frames mean.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import orjson

HEAD = struct.Struct(">cI")  # kind and length
MAX_FRAME = 64_000_000  # bytes; a chunk's texts are bounded far below
_QUICK, _PLAIN = b"q", b"p"


class BadFrame(ValueError):
    """Something on the pipe is no frame."""


def encode(value: Any, *, exact: bool = False) -> bytes:
    r"""Write a plain value as a whole frame.

    Args:
        value: plain JSON.
        exact: it may hold numbers that are infinite or none, which the quick way would lose.

    >>> encode([1, "é"])
    b'q\x00\x00\x00\x08[1,"\xc3\xa9"]'
    """
    try:
        body, kind = (json.dumps(value).encode(), _PLAIN) if exact else (orjson.dumps(value), _QUICK)
    except TypeError:
        body, kind = json.dumps(value).encode(), _PLAIN
    return HEAD.pack(kind, len(body)) + body


def read_head(head: bytes) -> tuple[bytes, int]:
    """Kind and length of the body that follows.

    Raises:
        BadFrame: it is no head, or the body would be too long.
    """
    kind, length = HEAD.unpack(head)
    if kind not in {_QUICK, _PLAIN} or length > MAX_FRAME:
        raise BadFrame("no frame begins like this")
    return kind, length


def decode(kind: bytes, body: bytes | bytearray) -> Any:
    """Read a frame's body.

    Raises:
        BadFrame: it is not JSON.
    """
    try:
        return orjson.loads(body) if kind == _QUICK else json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadFrame("the frame is not JSON") from exc
