"""What a group of operations will ask for, so that it can be fetched at once.

Knows how the operations of the room are called. Refuses to be relied on: a line that was not
foreseen costs a round trip and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from weft.call import Call
from weft.store.booking import reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """Lines that will be read.

    Attributes:
        runs: ids of runs, which are locked in this order.
        calls: ids of calls.
        new: how many calls may be inserted.
    """

    runs: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    new: int = 0


def wants_of(operations: Iterable[Callable[..., Any]]) -> Wants:
    """Read from their arguments what operations will ask for."""
    runs: set[str] = set()
    calls: set[str] = set()
    new = 0
    for operation in operations:
        if not isinstance(operation, partial):
            continue
        facts = operation.keywords
        call = facts.get("call") or getattr(facts.get("settlement"), "call", None)
        if isinstance(call, Call):
            runs.add(call.run)
            calls.add(call.id)
        elif run := facts.get("run"):
            runs.add(getattr(run, "id", run))
        new += operation.func is reserve
    return Wants(runs=tuple(sorted(runs)), calls=tuple(sorted(calls)), new=new)
