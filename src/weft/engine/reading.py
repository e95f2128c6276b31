"""Stop 7, first half: from a model's text to a list of answers.

Strict JSON first; then one repair of the packaging; then, where the text was cut off, the answers
that are certainly complete. Pure and total: any text gives a Found, never an exception, in time
linear in its length. Refuses to know labels, schemas and rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from weft.errors import EmptyReply, NotJson, Truncated, WrongShape, code_of
from weft.kit import strict_json

EMPTY, SHAPE, CUT, NO_JSON = [code_of(kind) for kind in (EmptyReply, WrongShape, Truncated, NotJson)]


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a model's text.

    Attributes:
        rows: the answers as they came; anything may be in there.
        problem, code: what was wrong with the text as a whole; empty if nothing.
        cut: the text ends too early or cannot be read to its end; the last answers are missing.
    """

    rows: list[Any]
    problem: str = ""
    code: str = ""
    cut: bool = False


def read_rows(text: str, *, key: str, cut: bool = False) -> Found:
    """Read the answers from a model's text.

    Args:
        key: the one key of the object around the list; a bare list is accepted as well.
        cut: the model stopped at its output limit.
    """
    stripped = text.strip()
    if not stripped:
        return Found([], "The reply is empty.", EMPTY)
    value, why = _load(stripped)
    repaired = ""
    if why:
        packed = _unwrap(stripped)
        if packed != stripped:
            value, why = _load(packed)
            repaired = "" if why else "The reply was wrapped in other text."
    if why:
        return _salvage(stripped, key=key, why=why, cut=cut)
    rows = value.get(key) if isinstance(value, dict) and len(value) == 1 else value
    if not isinstance(rows, list):
        return Found([], f"The reply is no list of answers under `{key}`.", SHAPE)
    return Found(rows, repaired, "repaired" if repaired else "")


def _load(text: str) -> tuple[Any, str]:
    """Parse plain JSON; the second is why it is none, or empty."""
    try:
        return strict_json.loads(text), ""
    except strict_json.NotStrict as exc:
        return None, f"The reply {exc}."


_FENCE = re.compile(r"^```[A-Za-z0-9_-]*[ \t]*\r?\n(.*?)\r?\n?```$", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[\]}]\s*[\]}]?\s*)$")


def _unwrap(text: str) -> str:
    """Take off a fence, a repetition of the whole, prose around the JSON, and one trailing comma."""
    middle = len(text) // 2
    if text[:middle].strip() == text[middle:].strip():
        text = text[:middle].strip()  # a stream that was delivered twice
    fenced = _FENCE.match(text)
    if fenced:
        text = fenced.group(1).strip()
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if starts:
        end = max(text.rfind("}"), text.rfind("]"))
        text = text[min(starts) : end + 1]
    return _TRAILING_COMMA.sub(r"\1", text)


def _salvage(text: str, *, key: str, why: str, cut: bool) -> Found:
    """Keep the answers that are complete and not the last; the last one may be half a thought."""
    code, why = (CUT, "The reply was cut off at the output limit.") if cut else (NO_JSON, why)
    start = text.find("[")
    if start < 0 or ("{" in text[:start] and f'"{key}"' not in text[:start]):
        return Found([], why, code)
    rows, ended = _complete_rows(text, start + 1)
    if ended or not rows[:-1]:
        return Found([], why, code)
    return Found(rows[:-1], why, code, cut=True)


def _complete_rows(text: str, at: int) -> tuple[list[Any], bool]:
    """Read objects one by one; the second tells whether the list ended as it should.

    A piece at the end that cannot be read counts as the last row.
    """
    rows: list[Any] = []
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text):
            return rows, False
        if text[at] == "]":
            return rows, True
        try:
            row, at = strict_json.DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return [*rows, None], False
        rows.append(row)
