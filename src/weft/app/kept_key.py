"""What may be told about a kept key, and what can be a key at all.

Knows no key: only its end, whose it is and where it is sent. Refuses to seal and to open (`vault.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.documents import Document
from weft.errors import Mistake

SHORTEST, LONGEST = 8, 4_096  # characters of a key
TELLING = 20  # characters; of a shorter key its last four would tell too much
SHOWN = 4  # characters at a key's end


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKey:
    """What may be told about a kept key.

    Attributes:
        name: unique in its workspace.
        place: host and port to which it is sent, and to no other.
        last_four: how it ends; empty where it is short.
        set_by: id of the principal. set_at: seconds since the epoch.
        used_at: when a run was last given it, to about a minute; `None` = never.
    """

    name: str
    provider: str
    place: str
    last_four: str
    set_by: str
    set_at: float
    used_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What became of keys that were to be sealed anew.

    Attributes:
        sealed: names of those that are sealed by the newest master key now.
        broken: names of those that no master key opens; they are as they were.
        master: id of the newest master key.
        needless: ids of older master keys that these keys need no more.
    """

    sealed: tuple[str, ...]
    broken: tuple[str, ...]
    master: str
    needless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeMaster:
    """A master key that was made.

    Attributes:
        id: tells it apart; gives nothing away.
        path: the file in which it lies; `None` = nowhere, it was only shown.
        text: how it is written, where it was asked for; else empty.
        count: how many lie there now.
    """

    id: str
    path: Path | None
    text: str = field(repr=False, default="")
    count: int = 1


def checked(text: str) -> str:
    """Take a key without what was copied along with it.

    Raises:
        Mistake: if it can be no key; the message does not repeat it.
    """
    text = text.strip()
    if not SHORTEST <= len(text) <= LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise Mistake(
            f"That is no key of a provider: expected {SHORTEST} to {LONGEST:,} printable characters without blanks.",
            hint="copy it again, without quotes, blanks and line ends.",
        )
    return text


def ending(text: str) -> str:
    """What may be shown of a key: its last four characters, and nothing of a short one."""
    return text[-SHOWN:] if len(text) >= TELLING else ""


def told(document: Document) -> KeptKey:
    """What may be told about a key that lies in a document."""
    content: dict[str, Any] = dict(document.content)
    used_at = content.get("used_at")
    return KeptKey(
        name=document.id,
        provider=str(content.get("provider", "")),
        place=str(content.get("place", "")),
        last_four=str(content.get("last_four", ""))[-SHOWN:],
        set_by=str(content.get("set_by", "")),
        set_at=float(content.get("set_at") or 0.0),
        used_at=None if used_at is None else float(used_at),
    )
