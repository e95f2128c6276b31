"""Stop 4: which rows share a call?

Rows are laid into packs under three limits, in their order, and get fresh labels per call.
Pure: no clock, no network; randomness is handed in. Refuses to know answers and money.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from weft.call import Pack, PackRow
from weft.ids import Label, draw_labels, draw_pair

PAIRS_TRIED = 8  # of 1024; prose of a few kilobytes holds about a third of them
MOST_ROWS = 50  # beyond it, models mix rows up; packs of 20 are the default


@dataclass(frozen=True, slots=True, kw_only=True)
class PackLimits:
    """What one call may carry; all three hold.

    Attributes:
        rows: rows per call, at most `MOST_ROWS`.
        input_tokens: estimated tokens of the rows' parts.
        output_tokens: expected tokens of their answers.
    """

    rows: int
    input_tokens: int
    output_tokens: int

    def __post_init__(self) -> None:
        if min(self.rows, self.input_tokens, self.output_tokens) < 1:
            raise ValueError(f"each limit of a pack must be at least one: {self}")
        if self.rows > MOST_ROWS:
            raise ValueError(f"a pack holds at most {MOST_ROWS} rows: {self}")


@dataclass(slots=True)
class _Laid:
    """The rows of one group that are laid so far, and their estimated input tokens."""

    rows: list[PackRow] = field(default_factory=list)
    input: int = 0


@dataclass(slots=True)
class Packer:
    """Lays rows into packs as they come, one pack at a time for each group of rows.

    `limits` may be tightened between rows.
    """

    limits: PackLimits
    row_output_tokens: int
    _groups: dict[str, _Laid] = field(default_factory=dict)

    def add(self, row: PackRow) -> tuple[PackRow, ...] | None:
        """Take one row; return the pack that it completed, if any."""
        part, limits = row.part, self.limits
        laid = self._groups.get(part.group)
        if laid is None:
            laid = self._groups[part.group] = _Laid()
        count, done = len(laid.rows) + 1, None
        if count > 1 and (
            count > limits.rows
            or laid.input + part.input_tokens > limits.input_tokens
            or count * self.row_output_tokens > limits.output_tokens
        ):
            done = _emptied(laid)
        laid.rows.append(row)
        laid.input += part.input_tokens
        if done is None and len(laid.rows) >= limits.rows:
            done = _emptied(laid)
        return done

    def add_all(self, rows: Sequence[PackRow]) -> list[tuple[PackRow, ...]]:
        """Take many rows; return the packs that they completed, which are those that `add` would give."""
        packs: list[tuple[PackRow, ...]] = []
        start = 0
        while start < len(rows):
            group = rows[start].part.group
            laid = self._groups.setdefault(group, _Laid())
            some = rows[start : start + max(1, self.limits.rows - len(laid.rows))]
            start += len(some)
            if self._holds(laid, some, group):
                laid.rows += some
                if len(laid.rows) >= self.limits.rows:
                    packs.append(_emptied(laid))
            else:  # one by one: a pack ends among them
                packs += [done for row in some if (done := self.add(row))]
        return packs

    def _holds(self, laid: _Laid, some: Sequence[PackRow], group: str) -> bool:
        """Whether a pack can take all of some rows, and so each of them; then their tokens are added."""
        count, tokens = len(laid.rows) + len(some), laid.input + input_tokens(some)
        limits = self.limits
        if count > limits.rows or tokens > limits.input_tokens:
            return False
        if count * self.row_output_tokens > limits.output_tokens:
            return False
        if {row.part.group for row in some} != {group}:
            return False
        laid.input = tokens
        return True

    def flush(self) -> Iterator[tuple[PackRow, ...]]:
        """Give out what has been laid so far, if anything, group by group."""
        for laid in self._groups.values():
            if laid.rows:
                yield _emptied(laid)


def _emptied(laid: _Laid) -> tuple[PackRow, ...]:
    done, laid.rows, laid.input = tuple(laid.rows), [], 0
    return done


async def pack_rows(
    rows: AsyncIterable[PackRow], limits: PackLimits, *, row_output_tokens: int
) -> AsyncIterator[tuple[PackRow, ...]]:
    """Lay rows into packs that one call can carry, as they come.

    Keeps the order of the rows of a group. Does not look at answers or money.
    A row too large for company travels alone: every row appears exactly once.

    Args:
        limits: rows per call, input tokens and expected output tokens; all three hold.
        row_output_tokens: expected output of one row.
    """
    packer = Packer(limits, row_output_tokens)
    async for row in rows:
        if done := packer.add(row):
            yield done
    for rest in packer.flush():
        yield rest


def input_tokens(rows: Sequence[PackRow]) -> int:
    """Add up the estimated input tokens of rows."""
    return sum([row.part.input_tokens for row in rows])


def label_rows(rows: Sequence[PackRow], random: Random) -> Pack:
    """Give every row of a call a fresh label that stands in no row's text.

    Labels are distinct, so an answer names exactly one row, and no cell can name a neighbour
    except by guessing 30 random bits. The labels of a call begin alike, with two characters that
    stand nowhere in its rows: one search then speaks for all of them.
    """
    text = "\n".join([row.part.text for row in rows])
    lead = _absent_pair(text, random)
    labels: dict[Label, None] = {}
    while missing := len(rows) - len(labels):
        drawn = draw_labels(random, missing, lead)
        labels |= dict.fromkeys(drawn if lead else [label for label in drawn if label not in text])
    return Pack(tuple(rows), tuple(labels))


def _absent_pair(text: str, random: Random) -> str:
    """Two random characters that do not stand in a text in this order; empty if none is found soon."""
    for _ in range(PAIRS_TRIED):
        pair = draw_pair(random)
        if pair not in text:
            return pair
    return ""
