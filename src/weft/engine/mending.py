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
from weft.errors import BadRequest, ContentRefused, PromptTooLong, TooManyFailures, code_of

ENOUGH_TO_JUDGE = 50  # ended rows before a share of failures means anything
ALONE_TRIES = 2  # a row is asked alone once more, with the complaint about its last answer
UNSTORABLE = "unstorable"  # asked once more and no further: a model that writes NUL means it
FINAL = frozenset(map(code_of, (ContentRefused, PromptTooLong, BadRequest)))  # alone, once is enough


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
    return halve(left)


def halve(rows: Sequence[PackRow]) -> Mended:
    """Divide a pack of at least two rows in the middle."""
    middle = (len(rows) + 1) // 2
    return Mended((tuple(rows[:middle]), tuple(rows[middle:])), ())


def judge(ended: int, failed: int, *, most: float | None) -> TooManyFailures | None:
    """Say whether so many rows failed that going on would waste money; `None` = it would not.

    Args:
        most: the share of ended rows that may fail; `None` = all of them.
    """
    if most is None or ended < ENOUGH_TO_JUDGE or failed <= most * ended:
        return None
    return TooManyFailures(
        f"{failed} of {ended} rows failed, more than the allowed share of {most:.0%}.",
        hint="look at the problems with `weft status`, mend the template, and run again.",
    )


def _alone(one: Unanswered, row_attempts: int) -> Mended:
    tried = one.row.alone
    if one.code == UNSTORABLE and one.row.attempts > 1:
        return Mended((), (one,))
    if one.code in FINAL or tried >= ALONE_TRIES or one.row.attempts >= row_attempts:
        return Mended((), (one,))
    return Mended(((one.row,),), ())
