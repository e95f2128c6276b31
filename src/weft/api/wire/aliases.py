"""Runs of older scripts on the wire: a prompt, its answer fields, and rows of parameters and a message.

Knows the two columns of such rows. Refuses everything that runs do not know.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from weft.api.wire.estimates import MOST_ROWS
from weft.api.wire.settings import SettingsAsked
from weft.api.wire.shapes import Asked, Sentence


class MessageRunAsked(Asked):
    """A task whose rows are still to come."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    fields: list[Sentence] = Field(
        min_length=1,
        max_length=200,
        examples=[["tldr: string = a summary"]],
        description="The answer's fields.",
    )
    settings: SettingsAsked = SettingsAsked()


class MessageRowAsked(Asked):
    """One row."""

    system_params: dict[str, Any] = Field(default_factory=dict)
    user_message: str = ""


class MessageRowsAsked(Asked):
    """Rows for a run that has not started."""

    rows: list[MessageRowAsked] = Field(max_length=MOST_ROWS)
    at: int | None = Field(
        default=None, ge=0, le=10**9, description="Place of the first; null = behind the last."
    )
