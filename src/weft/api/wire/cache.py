"""Remembered answers on the wire.

Knows counts. Refuses to tell keys and answers.
"""

from __future__ import annotations

from pydantic import Field

from weft.api.wire.shapes import Told


class CacheShape(Told):
    """What is remembered."""

    entries: int
    bytes: int
    latest: float | None = Field(description="Seconds since the epoch; null = there is none.")
    hits: int
    damaged: int


class ForgottenShape(Told):
    """How many answers were forgotten."""

    forgotten: int
