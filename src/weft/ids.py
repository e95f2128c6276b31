"""Names of things as distinct types, and how random ones are drawn.

Knows the alphabet of labels and ids. Refuses to know a clock or a global source of randomness:
a seeded generator is handed in, so that a simulation can replay every id.
"""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import Any, NewType

RunId = NewType("RunId", str)
"""Names a run: `r` and twelve characters."""
CallId = NewType("CallId", str)
"""Names a call: `c` and sixteen characters; also the client tag sent along with it."""
RowKey = NewType("RowKey", bytes)
"""Identity of a question: 32 bytes over prompter, model, options and mapped values."""
Label = NewType("Label", str)
"""Names a row inside one pack: six characters, fresh for every call, never stored in an input."""

ALPHABET = "abcdefghjkmnpqrstuvwxyz023456789"  # 32 characters, without i, l, o and 1
LABEL = 6  # characters of a label
_SIGNS = bytes([ord(ALPHABET[byte & 31]) for byte in range(256)])
_PAIRS = [first + second for second in ALPHABET for first in ALPHABET]


def draw_pair(random: Random) -> str:
    """Draw two characters, with which labels may begin."""
    return _PAIRS[random.getrandbits(10)]


def draw_labels(random: Random, count: int, lead: str = "") -> list[Label]:
    """Draw labels, which need not be distinct; quicker than `draw`, for every row of every call needs one.

    Args:
        count: how many.
        lead: their first two characters, themselves drawn; empty = draw them too (30 bits in all).
    """
    each = LABEL - len(lead)
    drawn = random.randbytes(each * count).translate(_SIGNS).decode()
    # `Label(…)` would be a call for each.
    labels: list[Any] = [lead + drawn[at : at + each] for at in range(0, each * count, each)]
    return labels


def draw(random: Random, length: int) -> str:
    """Draw a random name of `length` characters from the unambiguous alphabet."""
    bits = random.getrandbits(5 * length)
    return "".join([ALPHABET[bits >> shift & 31] for shift in range(0, 5 * length, 5)])


def derive(name: str, length: int) -> str:
    """The same `length` characters for the same name, in every process (at most 51 of them)."""
    bits = int.from_bytes(sha256(name.encode()).digest(), "big")
    return "".join([ALPHABET[bits >> shift & 31] for shift in range(0, 5 * length, 5)])


def new_run_id(random: Random) -> RunId:
    """Draw the id of a run (60 bits)."""
    return RunId("r" + draw(random, 12))


def new_call_id(random: Random) -> CallId:
    """Draw the id of a call (80 bits)."""
    return CallId("c" + draw(random, 16))
