"""Stop 7½: what now with rows that got no good answer?

Pure: rows go back in smaller packs, then alone, then fail. One bad row among n costs at most
2·⌈log₂ n⌉ + 1 further calls (law 5), and a pack is never asked again as it was.
Refuses to know money, the network and why the other side was ill (see `retrying`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.call import PackRow
from weft.engine.unpacking import Unanswered

ALONE_TRIES = 2  # a row is asked alone once more, with the complaint about its last answer
FINAL = frozenset({"content_refused", "prompt_too_long", "bad_request"})  # alone, once is enough


@dataclass(frozen=True, slots=True)
class Mended:
    """What becomes of unanswered rows.

    Attributes:
        packs: smaller packs to ask, in order.
        failed: rows that are given up, with their last complaint.
    """

    packs: tuple[tuple[PackRow, ...], ...]
    failed: tuple[Unanswered, ...]


def mend(rows: Sequence[PackRow], unanswered: Sequence[Unanswered], *, row_attempts: int) -> Mended:
    """Divide what is left of a pack.

    Rows that only some of a pack lack an answer go again together; a pack that failed as a whole
    is halved. A row alone is asked once more, unless it had `row_attempts` answers already or was
    refused for what it is.

    Args:
        rows: the whole pack as it was asked, with `attempts` counted up.
        unanswered: those of them without a good answer.
    """
    if not unanswered:
        return Mended((), ())
    if len(rows) == 1:
        return _alone(unanswered[0], row_attempts)
    left = [each.row for each in unanswered]
    if len(left) < len(rows):
        return Mended((tuple(left),), ())
    middle = (len(left) + 1) // 2
    return Mended((tuple(left[:middle]), tuple(left[middle:])), ())


def _alone(one: Unanswered, row_attempts: int) -> Mended:
    tried = one.row.alone
    if one.code in FINAL or tried >= ALONE_TRIES or one.row.attempts >= row_attempts:
        return Mended((), (one,))
    return Mended(((one.row,),), ())
