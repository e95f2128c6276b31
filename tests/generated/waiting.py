"""Waiting for what a real service brings about; never longer than a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait until something holds; `TimeoutError` after the bound."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it is brought about by another process
            await asyncio.sleep(0.005)
