"""Kept keys on the wire: a key goes in, and what comes out tells where it is sent.

Knows that a key is text which shows itself nowhere. Refuses to tell more of it than its end.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from weft.api.wire.shapes import Asked, Told, Word


class KeyAsked(Asked):
    """A key that is to be kept; nobody is told it again."""

    key: SecretStr = Field(min_length=8, max_length=4_096, description="The key itself.")
    provider: Word | None = Field(
        default=None, description="Whom it is for; null = the provider by its name, else `openai`."
    )
    base_url: Annotated[str, StringConstraints(max_length=2_000)] = Field(
        default="",
        description="The server that it is for, one of those that this server may ask; empty = the provider's own.",
    )


class KeyShape(Told):
    """A kept key; nobody can read it back."""

    name: str
    provider: str
    place: str = Field(description="Host and port to which it is sent, and to no other.")
    last_four: str = Field(description="How it ends; empty where it is short.")
    set_by: str = Field(description="Who has set it, by id.")
    set_at: float = Field(description="Seconds since the epoch.")
    used_at: float | None = Field(
        description="When a run was last given it, to about a minute; null = never."
    )


class KeysShape(Told):
    """Every kept key, in the order of names."""

    keys: list[KeyShape]


class RotatedShape(Told):
    """What became of keys that were sealed anew."""

    sealed: list[str] = Field(description="Names of those that the newest master key seals now.")
    broken: list[str] = Field(description="Names of those that no master key opens.")
    master: str = Field(description="Id of the newest master key.")
    needless: list[str] = Field(
        description="Ids of older master keys that this workspace's keys need no more; others may."
    )
