"""Walk packs in this process: a fixed number of walkers draw from one stream.

Knows concurrency and how a failure brings everybody to rest. Refuses to know rows and money.
A walker takes the next pack when it has settled its last: nothing is read ahead of what can be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from weft.call import PackRow


class LocalExecutor:
    """Walks packs with tasks of the running event loop."""

    async def walk_all(
        self,
        packs: AsyncIterator[tuple[PackRow, ...]],
        walk: Callable[[tuple[PackRow, ...]], Awaitable[None]],
        *,
        width: int,
    ) -> None:
        """Walk every pack, at most `width` at once.

        The first error stops taking new packs, lets the packs on their way come to rest and is
        raised. Cancelling stops at once.
        """
        turn = asyncio.Lock()
        errors: list[Exception] = []

        async def walker() -> None:
            while not errors:
                try:
                    async with turn:
                        pack = None if errors else await anext(packs, None)
                    if pack is None:
                        return
                    await walk(pack)
                except Exception as exc:  # noqa: BLE001 - the one guard: kept and raised below
                    errors.append(exc)

        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(walker())
        if errors:
            raise errors[0]


executor = LocalExecutor()
