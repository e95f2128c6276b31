"""Waiting for what a real service brings about; never longer than a bound.

A broker and a server in another process tell nobody when they are done, so tests look again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.005


async def moment(times: int = 1) -> None:
    """Let other tasks and processes go on for a few thousandths of a second."""
    await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=LOOK_EVERY_S * times)


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds; `TimeoutError` after the bound."""
    async with asyncio.timeout(seconds):
        while not condition():
            await moment()
