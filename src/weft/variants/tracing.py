"""Where each line of formatted code came from, given where the lines before formatting came from.

Knows that a formatter moves spaces, commas, brackets and quotes and removes unused imports, and
keeps everything else in its order. Refuses to know what formatted the code.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate

from weft.templates.source_environment import Origin

SHORT = 6  # characters; a line such as `y)` may come from anywhere
_MOVED = str.maketrans("", "", " \t,()'\"[]\\")


def trace_lines(raw: str, formatted: str, origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """Give every line of formatted code the origin of the raw line that it came from.

    Args:
        origins: one for each line of the raw code.
    """
    before = [line.translate(_MOVED) for line in raw.split("\n")]
    after = [line.translate(_MOVED) for line in formatted.split("\n")]
    found: list[Origin] = []
    matcher = SequenceMatcher(None, _telling(before, "-"), _telling(after, "+"), autojunk=False)
    for kind, low, high, first, last in matcher.get_opcodes():
        if kind == "equal":
            found += origins[low:high]
        else:
            found += _by_characters(before[low:high], after[first:last], origins[low : high or 1], found)
    return tuple(found)


def _telling(lines: Sequence[str], side: str) -> list[str]:
    """Lines to be compared; one of a few characters says nothing and is like no other."""
    return [line if len(line) >= SHORT else f"{side}{place}" for place, line in enumerate(lines)]


def _by_characters(
    before: Sequence[str], after: Sequence[str], origins: Sequence[Origin], earlier: Sequence[Origin]
) -> list[Origin]:
    """Within a changed stretch the n-th character stays the n-th, whatever line it is on."""
    if not before or not origins:  # the empty rest behind the last line has none
        last = earlier[-1] if earlier else (origins[0] if origins else Origin("", 0))
        return [last] * len(after)
    ends = list(accumulate(map(len, before)))
    starts = [0, *accumulate(map(len, after))][: len(after)]
    return [origins[min(bisect_right(ends, start), len(origins) - 1)] for start in starts]
