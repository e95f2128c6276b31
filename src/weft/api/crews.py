"""Threads of their own for work that takes long, so that it keeps nobody from a quick answer.

Knows that the threads for everything else are few: whoever reads a gigabyte or writes an export must not
hold one of them. Refuses to know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from weft.api.problems import refuse

T = TypeVar("T")


class Crew:
    """A few threads.

    Attributes:
        most: how many.
        threads: started as they are needed.
    """

    def __init__(self, most: int) -> None:
        """Start none yet."""
        self.most = most
        self.threads = ThreadPoolExecutor(most, thread_name_prefix="weft-crew")
        self._busy = 0

    async def do(self, call: Callable[[], T]) -> T:
        """Do it as soon as a thread is free; whatever it raises is raised here."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, call)

    @contextmanager
    def taking_one(self, what: str) -> Iterator[None]:
        """Count one piece of work, for as long as the block lasts.

        Raises:
            Refused: if all threads have work; `what` names it in the plural.
        """
        if self._busy >= self.most:
            raise refuse(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too_many_{what}",
                f"{self.most} {what} are under way already.",
                hint="ask again when one of them is done.",
                retry_after="5",
            )
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
