"""Let Python look for cyclic garbage less often while much short-lived data goes by.

Knows the interpreter's collector and that a run makes thousands of small objects per second, none
of them in cycles. Refuses to switch collecting off: what does form cycles is still found.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 25_000  # new objects between two looks; with the usual 700 a run spends a fifth of its time looking

_lock = threading.Lock()
_inside = 0  # how many are in the region below
_before: tuple[int, int, int] | None = None  # the thresholds to be put back; `None` = they are as they were
_frozen = False  # whether what was there when the first came in is left out of every look


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage less often, and only among what is new; regions may overlap.

    Looking through all that a process has loaded takes 50 ms and finds nothing that a run has made.
    Thresholds and objects belong to the whole process: who comes in first sets them, who goes out last
    puts them back. A process that has switched collecting off, looks more rarely already or has frozen
    its objects itself is left as it is.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _before, _frozen  # noqa: PLW0603 - the collector is one for the whole process, too
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        thresholds = gc.get_threshold()
        if 0 < thresholds[0] < YOUNG:
            _before = thresholds
            gc.set_threshold(YOUNG, *thresholds[1:])
        if gc.isenabled() and not gc.get_freeze_count():
            _frozen = True
            gc.freeze()


def _leave() -> None:
    global _inside, _before, _frozen  # noqa: PLW0603 - as above
    with _lock:
        _inside -= 1
        if _inside:
            return
        if _before is not None:
            gc.set_threshold(*_before)
            _before = None
        if _frozen:
            gc.unfreeze()
            _frozen = False
