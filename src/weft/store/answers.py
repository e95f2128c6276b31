"""The remembered answers: recalled by key, across runs.

Knows that an entry is believed only if its checksum fits, and that a damaged one is a miss
which is forgotten and counted (I14, S54). Refuses to know how a key is made and what an answer says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any
from zlib import crc32

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or_change

from weft.ids import RowKey, RunId
from weft.kit.clocks import Clock
from weft.row import RowState
from weft.store.book import Book
from weft.store.reading import Reader
from weft.store.runs import owned
from weft.store.sql import EMPTY, Sql, blob, number
from weft.store.tables import ROW_CODES, answers, counts, rows
from weft.store.writing import Writing

RECALL_PLACES = 10_000  # rows of one transaction; about 40 ms, so that others need not wait
ASK_KEYS = 500  # keys of one query

source = rows.alias("source")
"""The row that a remembered answer was given to: there the answer lies."""
SHORT = 8  # bytes of a key in the table of answers; in a million rows two share them once in 10^7 stores

FOUND = (answers.c.spot, answers.c.checksum, source.c.key, source.c.answer)
RECALLABLE = Sql(
    select(rows.c.spot, rows.c.key, *FOUND)
    .select_from(
        rows.join(answers, answers.c.short == func.substr(rows.c.key, number(1), number(SHORT)))
        .join(source, source.c.spot == answers.c.spot)
    )
    .where(
        rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end"), rows.c.state == number(0)
    ),
    "first", "end",
)  # fmt: skip
_recalled = insert_or_change(rows).values(
    {"spot": bindparam("at"), "answer": bindparam("answer")}
    | {"state": number(ROW_CODES[RowState.ANSWERED]), "recalled": number(1)}
    | dict.fromkeys(("problem", "problem_code"), EMPTY)
    | dict.fromkeys(("cost", "input_tokens", "output_tokens", "attempts"), number(0))
)
RECALL_ROW = Sql(
    # An insert for the same reason as `ANSWER_ROW`: the row is there always.
    _recalled.on_conflict_do_update(
        index_elements=["spot"], set_={n: _recalled.excluded[n] for n in ("state", "answer", "recalled")}
    ),
    "at", "answer",
)  # fmt: skip
LAST_SPOT = Sql(
    select(func.max(rows.c.spot)).where(rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end")),
    "first", "end",
)  # fmt: skip
ANY_ANSWER = Sql(select(answers.c.short).limit(number(1)).offset(number(0)))
FORGET = Sql(
    delete(answers).where(answers.c.short == bindparam("short"), answers.c.spot == bindparam("spot")),
    "short", "spot",
)  # fmt: skip
FORGET_ALL = Sql(delete(answers))
FORGET_OLDER = Sql(delete(answers).where(answers.c.created_at < bindparam("than")), "than")
STATS = Sql(
    select(
        func.count(),
        func.coalesce(func.sum(func.length(source.c.key) + func.length(source.c.answer)), number(0)),
        func.max(answers.c.created_at),
    ).select_from(answers.outerjoin(source, source.c.spot == answers.c.spot))
)
COUNTS = Sql(select(counts.c.name, counts.c.amount))
FIND = {
    size: Sql(
        select(*FOUND)
        .select_from(answers.join(source, source.c.spot == answers.c.spot))
        .where(answers.c.short.in_([bindparam(f"k{n}") for n in range(size)])),
        *(f"k{n}" for n in range(size)),
    )
    for size in (1, 20, ASK_KEYS)
}

Pointer = tuple[bytes, int]
"""An entry of the table of answers: short key and spot."""


def checksum(key: bytes, answer: bytes | bytearray) -> int:
    """CRC-32 over key and answer: every single flipped bit changes it."""
    return crc32(answer, crc32(key))


def pointers(
    found: Sequence[tuple[bytes, bytearray, int]], now: int
) -> list[tuple[bytearray, int, int, int]]:
    """Lay out where answers lie, as the table of answers holds it.

    Args:
        found: each answer's key, itself and its spot.
        now: whole seconds since the epoch.
    """
    return [(bytearray(key[:SHORT]), spot, checksum(key, answer), now) for key, answer, spot in found]


def is_intact(check: int, key: bytes | None, answer: bytes | None) -> bool:
    """Whether what lies where an entry points is what was put there."""
    return key is not None and answer is not None and checksum(key, answer) == check


class AnswersPart:
    """The store's memory of checked answers; see `weft.protocols.AnswerCache`."""

    _writer: Writing
    _reader: Reader
    _clock: Clock

    async def recall(self, run: RunId, *, epoch: int) -> int:
        """Answer every waiting row of a run whose key is remembered; return how many.

        Works in stretches of 10,000 rows, each a transaction; may be repeated.
        Whether a run may recall at all is a matter of its keys: a fresh run's are its own.

        Raises:
            RunBusy: if a later epoch owns the run.
        """
        total = 0
        for first, end in _stretches(*await self._writer.do(partial(_span, run=run, epoch=epoch))):
            total += await self._writer.do(
                partial(recall, run=run, epoch=epoch, span=(first, end), now=self._clock.wall()),
                RECALL_PLACES,
            )
        return total

    async def known(self, keys: Sequence[RowKey]) -> set[RowKey]:
        """Those of these keys that are remembered intact."""
        return await self._reader.apart(_known, keys)

    async def cache_stats(self) -> Mapping[str, Any]:
        """`entries`, `bytes`, `latest` (seconds since the epoch or `None`), `hits`, `damaged`.

        Hits count rows that were answered from memory, over the whole life of the store.
        """
        return await self._reader.apart(_stats)

    async def clear_cache(self, *, older_than: float | None = None) -> int:
        """Forget all answers, or those older than a time; return how many. Runs keep theirs."""
        return await self._writer.do(partial(_clear, older_than=older_than))

    async def _forget_damaged(self, damaged: Sequence[Pointer]) -> None:
        """Forget entries whose checksum did not fit, and count them."""
        await self._writer.do(partial(forget, damaged=damaged))


# ── what is read ─────────────────────────────────────────────────────────────────────────────────


def _known(reader: Reader, keys: Sequence[RowKey]) -> set[RowKey]:
    found: set[bytes] = set()
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), ASK_KEYS):
        some = distinct[start : start + ASK_KEYS]
        size = next(size for size in FIND if size >= len(some))
        padded = some + [some[-1]] * (size - len(some))
        found.update(
            key
            for _, check, key, answer in reader.fetch(FIND[size], [key[:SHORT] for key in padded])
            if is_intact(check, key, answer)
        )
    return {key for key in distinct if key in found}


def _stats(reader: Reader) -> dict[str, Any]:
    entries, size, latest = reader.fetch(STATS)[0]
    amounts = dict(reader.fetch(COUNTS))
    return {
        "entries": entries,
        "bytes": size,
        "latest": latest,
        "hits": amounts.get("hits", 0),
        "damaged": amounts.get("damaged", 0),
    }


# ── the operations ───────────────────────────────────────────────────────────────────────────────


def recall(book: Book, *, run: RunId, epoch: int, span: tuple[int, int], now: float) -> int:
    """Answer the waiting rows of one stretch."""
    line = owned(book, run, epoch)
    book.flush()
    good: list[tuple[int, bytearray]] = []
    damaged: list[Pointer] = []
    for spot, asked, at, check, key, answer in book.execute(RECALLABLE, span).fetchall():
        if not is_intact(check, key, answer):
            damaged.append((asked[:SHORT], at))
        elif key == asked:  # else two keys begin alike: the other question
            good.append((spot, blob(answer)))
    if good:
        book.execute_many(RECALL_ROW, good)
        book.count("hits", len(good))
        line.counted = None
        line.first_start, line.last_completion = line.first_start or now, now
        book.tell(line, [spot - line.base for spot, _ in good])
    if damaged:
        forget(book, damaged=damaged)
    return len(good)


def forget(book: Book, *, damaged: Sequence[Pointer]) -> None:
    """Forget damaged entries, unless they were replaced meanwhile, and count them."""
    book.flush()
    gone = book.execute_many(FORGET, damaged)
    book.count("damaged", gone)


def _clear(book: Book, *, older_than: float | None) -> int:
    book.flush()
    if older_than is None:
        found = book.execute(FORGET_ALL)
    else:  # whole seconds are kept, so nothing lies between
        found = book.execute(FORGET_OLDER, (ceil(older_than),))
    return int(found.rowcount)


def _span(book: Book, *, run: RunId, epoch: int) -> tuple[int, int]:
    """The spots of a run's rows, first and end; none where nothing is remembered."""
    line = owned(book, run, epoch)
    book.flush()
    if not book.execute(ANY_ANSWER).fetchall():
        return line.base, line.base  # to look for each row in an empty memory would take a while
    last = book.execute(LAST_SPOT, (line.base, line.end)).fetchone()[0]
    return line.base, line.base if last is None else last + 1


def _stretches(first: int, end: int) -> Iterator[tuple[int, int]]:
    for start in range(first, end, RECALL_PLACES):
        yield start, min(end, start + RECALL_PLACES)
