"""The log of deeds on the wire.

Knows who did what to what, when and where. Refuses to tell contents: there are none.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from weft.api.wire.shapes import Told


class DeedShape(Told):
    """Something that somebody has done, or was not allowed to do."""

    number: int = Field(description="From 1 without gaps.")
    at: float = Field(description="Seconds since the epoch.")
    actor: str = Field(description="Id of a member; empty = nobody who had shown who they are.")
    act: str = Field(description="Such as `create_run` or `sign_in`.")
    thing: str = Field(description="To what, such as `runs/r3k…`.")
    workspace: str = Field(description="Empty = the server itself.")
    outcome: str = Field(description="`done`, `denied`, or the code of the refusal.")
    facts: dict[str, Any]
    previous: str = Field(description="Digest of the deed before; empty for the first.")
    digest: str = Field(description="SHA-256, hex, over everything above.")


class AuditPage(Told):
    """Deeds, the newest first."""

    deeds: list[DeedShape]
    next: str | None = Field(description="As `cursor` of the next page; null = this was the last.")


class VerificationShape(Told):
    """Whether the log is whole."""

    whole: bool
    count: int = Field(description="Number of the last deed.")
    digest: str = Field(description="Of the last deed; note it somewhere else.")
    problems: list[str] = Field(description="What was changed, removed or put in; empty = nothing.")
