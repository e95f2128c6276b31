"""Set Python up for a run: it looks for garbage less often, and its threads take turns sooner.

Knows the interpreter's settings for the whole process and who has come in to a region so far.
Refuses to switch collecting off: what does form cycles is still found.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 25_000  # new objects between two looks (usually 700): the rows of some hundred calls, done by then
OLD = 100  # younger looks between two at everything (usually 10), each of which takes some 50 ms
TURN_S = 0.001  # after which a thread that has heard from the disk gets its turn (usually 0.005)

_lock = threading.Lock()
_inside = 0
_before: tuple[tuple[int, int, int], float] | None = None  # what is to be put back; `None` outside


@contextmanager
def tuned() -> Iterator[None]:
    """Be set up for a run for a while; regions may overlap.

    A run makes thousands of small objects a second and none of them in cycles, and waits for a thread
    that writes. The settings belong to the whole process: who comes in first changes them, who goes
    out last puts them back. A process that has switched collecting off, or looks more rarely or takes
    turns sooner already, is left as it is.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _before  # noqa: PLW0603 - the interpreter is one for the whole process, too
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        _before = gc.get_threshold(), sys.getswitchinterval()
        (young, middle, old), turn_s = _before
        if young:
            gc.set_threshold(max(young, YOUNG), middle, max(old, OLD))
        if turn_s > TURN_S:
            sys.setswitchinterval(TURN_S)


def _leave() -> None:
    global _inside, _before  # noqa: PLW0603 - as above
    with _lock:
        _inside -= 1
        if _inside or _before is None:
            return
        thresholds, turn_s = _before
        _before = None
        gc.set_threshold(*thresholds)
        if turn_s > TURN_S:
            sys.setswitchinterval(turn_s)
