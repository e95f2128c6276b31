"""Answers that last: none is told longer than whoever asked for it may ask.

Knows that a token may be revoked, a session ended and a role taken away while events or an export are
told, and looks again every few seconds. Refuses to know how somebody is recognised (`team_guarding.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import cast

from fastapi import Request

from weft.errors import NotAllowed
from weft.rights import Permission, Principal

AGAIN_S = 2.0  # between two looks; a session is remembered for as long, and the promise is 5 s
Again = Callable[[], Awaitable[Principal | None]]
"""Recognises once more who asked; `None` = nobody who is let in."""


class Lasting:
    """Whether who has sent a request may still ask for what it began."""

    def __init__(self, request: Request, permission: Permission) -> None:
        """Look for the first time after a while.

        Args:
            permission: that the answer needs as long as it is told.
        """
        self._again = cast("Again | None", getattr(request.state, "again", None))
        self._permission = permission
        self._now = asyncio.get_running_loop().time
        self._next = self._now() + AGAIN_S

    async def holds(self) -> bool:
        """Whether they may; on the server of one person they always may."""
        if self._again is None or self._now() < self._next:
            return True
        found = await self._again()
        self._next = self._now() + AGAIN_S
        return found is not None and found.may(self._permission)

    async def events(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Tell a stream that may end at any time; who comes back for more is refused then."""
        async with aclosing(pieces):
            async for piece in pieces:
                if not await self.holds():
                    return
                yield piece

    async def whole(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Tell an answer that nobody may take for complete when it is not.

        Raises:
            NotAllowed: in its middle, so that it breaks off.
        """
        async with aclosing(pieces):
            async for piece in pieces:
                if not await self.holds():
                    raise NotAllowed("Whoever asked may not ask any more.")
                yield piece
