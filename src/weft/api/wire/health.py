"""Whether the server is well, on the wire.

Knows what may be told to anybody on this machine. Refuses to tell more: names of stores and keys
are for those who are let in.
"""

from __future__ import annotations

from typing import Literal

from weft.api.wire.shapes import Told


class HealthShape(Told):
    """The server answers."""

    status: Literal["ok"] = "ok"
    version: str


class FindingShape(Told):
    """One thing that was looked at."""

    what: str
    health: Literal["good", "noted", "doubtful", "bad"]
    message: str
    hint: str


class CheckupShape(Told):
    """Whether everything is there that a run needs."""

    findings: list[FindingShape]
