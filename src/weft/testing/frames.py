"""The rows inside a prompt, read the way a careful model would read them.

Knows that a prompt's user text carries a JSON array of `{"id": …, "data": …}` (or `"text"`),
perhaps with sentences around it. Refuses to know templates: this is an independent reader of the
frame, so that a mistake in the writer shows up instead of being repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

MOST_BRACKETS = 64  # opening ones in sentences before the rows; more is no frame
DIGEST_BYTES = 8  # 64 bits: two of a million rows share a digest with p < 3e-8


@dataclass(slots=True)
class FrameRow:
    """One row as the model sees it.

    Attributes:
        label: the `id` in the frame.
        content: what is under `data` or `text`; complaints about earlier answers are left out.
        digest: 64-bit hash of the content alone, the same in every pack and under every label.
    """

    label: str
    content: Any
    digest: int


def digest_of(content: Any) -> int:
    """Hash plain JSON so that equal content gives equal numbers in every process."""
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(text, digest_size=DIGEST_BYTES).digest())


def read_frame(user: str) -> list[FrameRow]:
    """Read the labelled rows out of a prompt's user text; empty if it frames none."""
    found = _array(user)
    rows = []
    for each in found:
        content = each["data"] if "data" in each else each.get("text")
        rows.append(FrameRow(str(each["id"]), content, digest_of(content)))
    return rows


def _array(user: str) -> list[dict[str, Any]]:
    start = user.find("[")
    if start < 0:
        return []
    try:
        found = orjson.loads(user[start : user.rindex("]") + 1])
    except ValueError:  # a bracket in the sentences around it
        return _search(user, start)
    return found if _is_frame(found) else _search(user, start)


def _search(user: str, start: int) -> list[dict[str, Any]]:
    decoder = JSONDecoder()
    for _ in range(MOST_BRACKETS):
        if start < 0:
            break
        try:
            found, _ = decoder.raw_decode(user, start)
        except (JSONDecodeError, RecursionError):
            found = None
        if _is_frame(found):
            return list(found)
        start = user.find("[", start + 1)
    return []


def _is_frame(found: Any) -> bool:
    return (
        isinstance(found, list)
        and bool(found)
        and all(
            isinstance(each, dict) and "id" in each and ("data" in each or "text" in each) for each in found
        )
    )
