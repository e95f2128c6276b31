"""The houses that one server keeps: one per workspace, so that what is in one cannot be asked of another.

Knows that every workspace has a store, folders and keys of its own. Refuses to know who may
come in (`rights.py`).
"""

from __future__ import annotations

from typing import Protocol

from weft.app.weft import Weft
from weft.errors import UnknownName
from weft.rights import HOME


class Houses(Protocol):
    """Opens the house of each workspace."""

    async def names(self) -> list[str]:
        """Every workspace, in order."""

    async def open(self, workspace: str) -> Weft:
        """The house of a workspace; the same one each time.

        Raises:
            UnknownName: if there is no such workspace.
        """

    async def close(self) -> None:
        """Close every house that was opened; harmless when repeated."""


class OneHouse:
    """The houses of a server with a single workspace."""

    def __init__(self, house: Weft) -> None:
        """Keep this one; whoever opened it closes it."""
        self._house = house

    async def names(self) -> list[str]:
        """The one workspace."""
        return [HOME]

    async def open(self, workspace: str) -> Weft:
        """The house.

        Raises:
            UnknownName: if another workspace is asked for.
        """
        if workspace != HOME:
            raise UnknownName.among("workspace", workspace, [HOME])
        return self._house

    async def close(self) -> None:
        """Leave the house to its owner."""
