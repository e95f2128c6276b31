"""Bundles of templates on the wire: what came of reading one in.

Knows titles and notes. Refuses to tell where templates are kept.
"""

from __future__ import annotations

from pydantic import Field

from weft.api.wire.shapes import Told


class ImportedShape(Told):
    """What was read in, or would be."""

    templates: list[str] = Field(description="Titles of what is new, parts included; foreign until trusted.")
    known: list[str] = Field(description="Titles of what was there already, letter for letter.")
    digest: str = Field(description="SHA-256 of the bundle, hexadecimal.")
    notes: list[str]
