"""Documents and deeds: what rooms upstairs keep in the store, and what nobody can take back.

Knows a document (JSON under a kind and an id, with a version that tells whether somebody else was
quicker) and a deed (one line of a log in which every line holds the hash of the one before).
Refuses to know what they say, and where they lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from weft.kit.fingerprints import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something that is kept on a shelf.

    Attributes:
        kind: which shelf, such as `member`.
        id: unique on its shelf.
        content: plain JSON.
        state: by which it is looked for; empty = none.
        due_at: seconds since the epoch, for what falls due; `None` = never.
        version: counts its changes from 1; 0 = not kept yet.
        changed_at: seconds since the epoch, set by the store.
    """

    kind: str
    id: str
    content: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    due_at: float | None = None
    version: int = 0
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that somebody has done, or was not allowed to do.

    Attributes:
        at: seconds since the epoch, UTC.
        actor: id of the principal; empty = nobody who had shown who they are.
        act: what, such as `create_run` or `sign_in`.
        thing: to what, such as `runs/r3k…`; never its contents.
        workspace: where; empty = the server itself.
        outcome: `done`, `denied`, or a code of the refusal.
        facts: plain JSON that helps to understand it; never a secret, never a cell.
        number: counts from 1 without gaps; 0 = not written yet.
        previous: `digest` of the deed before; empty for the first.
        digest: SHA-256, hex, over everything above, `previous` included.
    """

    at: float
    actor: str
    act: str
    thing: str = ""
    workspace: str = ""
    outcome: str = "done"
    facts: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    previous: str = ""
    digest: str = ""


def digest_of(deed: Deed) -> str:
    """What `digest` of a deed must be."""
    told = {
        "number": deed.number,
        "previous": deed.previous,
        "at": deed.at,
        "actor": deed.actor,
        "act": deed.act,
        "thing": deed.thing,
        "workspace": deed.workspace,
        "outcome": deed.outcome,
        "facts": dict(deed.facts),
    }
    return sha256(canonical(told)).hexdigest()
