"""Which questions are answered already: the store counts, a projection wants to know which.

Knows how to find the keys behind a count by halving; most blocks of rows are all new or all known,
and cost one question. Refuses to know rows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from weft.ids import RowKey

Count = Callable[[Sequence[RowKey]], Awaitable[int]]


async def known_among(keys: Sequence[RowKey], count: Count) -> set[RowKey]:
    """The keys that are remembered.

    Args:
        keys: any number; repeated ones are looked at once.
        count: how many of some distinct keys are remembered.
    """
    found: set[RowKey] = set()
    todo: list[Sequence[RowKey]] = [list(dict.fromkeys(keys))]
    while todo:
        some = todo.pop()
        known = await count(some) if some else 0
        if known == len(some):
            found.update(some)
        elif known:
            middle = len(some) // 2
            todo += [some[:middle], some[middle:]]
    return found
