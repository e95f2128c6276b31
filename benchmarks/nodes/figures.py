"""What a part of `benchmarks/nodes.py` measures: figures with their targets, and how to pace calls.

A part is a file beside this one with a context manager `prepared()`. It makes what the part needs,
generated modules and real services, and yields a function that measures one window.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.generated.making import module_of  # noqa: E402 - the path must be known first


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        target: what it must reach; `None` = only told.
        more_is_better: it must not be below the target; otherwise it must be below it.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    more_is_better: bool = False

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        if self.target is None:
            return True
        return self.value >= self.target if self.more_is_better else self.value < self.target

    def better(self, other: Figure) -> Figure:
        """The better of two windows."""
        mine = self.value >= other.value if self.more_is_better else self.value <= other.value
        return self if mine else other


@contextmanager
def generated(example: str) -> Iterator[ModuleType]:
    """Generate the module of an example such as `workflow/example.yaml` and import it."""
    with tempfile.TemporaryDirectory(prefix="weft-nodes-") as folder:
        yield module_of(example, Path(folder))


def percentile_ms(seconds: list[float], share: float) -> float:
    """The duration in milliseconds that a share of the calls did not exceed."""
    ordered = sorted(seconds)
    return ordered[max(round(share * len(ordered)) - 1, 0)] * 1000


async def closed_loop(
    call: Callable[[int], Awaitable[object]], *, callers: int, for_s: float
) -> tuple[float, list[float]]:
    """Let some callers call one after the other; return calls per second and durations in seconds."""
    took: list[float] = []
    began = time.perf_counter()

    async def caller(number: int) -> None:
        while time.perf_counter() - began < for_s:
            start = time.perf_counter()
            await call(number)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return len(took) / (time.perf_counter() - began), took


async def open_loop(
    call: Callable[[int], Awaitable[object]], *, per_s: float, for_s: float
) -> tuple[float, list[float]]:
    """Begin calls at a fixed pace; return the reached pace and durations from when each was due."""
    took: list[float] = []
    running: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def one(place: int, due: float) -> None:
        await call(place)
        took.append(time.perf_counter() - due)

    for place in range(int(per_s * for_s)):
        due = began + place / per_s
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(place, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return len(took) / (time.perf_counter() - began), took
