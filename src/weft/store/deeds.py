"""The log of deeds: lines that are added, in which every one holds the hash of the one before.

Knows how a line is numbered without a gap while several processes write, and what shows that one was
changed, removed or put in. Refuses to know what the deeds mean.

Where the log ends is written down apart, on a shelf: so the loss of the last lines shows too. Whoever may
write the whole database can still write the whole log anew; only the last number and digest, noted
somewhere else, prove that nobody has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select

from weft.documents import Deed, Document, digest_of
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.kit.fingerprints import canonical
from weft.store.book import Book
from weft.store.faults import storable
from weft.store.reading import Reader
from weft.store.shelves import LOCKED, ONE, PUT, PUT_NEW, Tried, parameters_of
from weft.store.sql import Sql, number
from weft.store.tables import deeds
from weft.store.writing import Writing

END_KIND, END_ID = "deed_log", "end"
"""The shelf and the document that say how many deeds there are and the digest of the last."""
AT_ONCE = 1_000  # deeds that are looked over between two queries

_ALL = tuple(deeds.c.keys())
ADD = Sql(insert(deeds).values({name: bindparam(name) for name in _ALL}), *_ALL)
ONE_DEED = Sql(select(*deeds.c).where(deeds.c.number == bindparam("at_number")), "at_number")
LAST = Sql(select(func.coalesce(func.max(deeds.c.number), number(0))))
BEFORE_FIRST = -(2**62)


def _listing(*, is_backwards: bool, by_workspace: bool) -> Sql:
    asked: Select[Any] = select(*deeds.c)
    if by_workspace:
        asked = asked.where(deeds.c.workspace == bindparam("in_workspace"))
    if is_backwards:
        asked = asked.where(deeds.c.number < bindparam("from_here")).order_by(deeds.c.number.desc())
    else:
        asked = asked.where(deeds.c.number > bindparam("from_here")).order_by(deeds.c.number)
    names = [*(["in_workspace"] if by_workspace else []), "from_here", "most"]
    return Sql(asked.limit(bindparam("most")).offset(number(0)), *names)


LISTINGS = {
    (is_backwards, by_workspace): _listing(is_backwards=is_backwards, by_workspace=by_workspace)
    for is_backwards in (False, True)
    for by_workspace in (False, True)
}
AFTER = LISTINGS[False, False]


class DeedsPart:
    """The store's log of deeds; see `weft.protocols.DeedLog`."""

    _writer: Writing
    _reader: Reader
    _clock: Clock

    async def log(self, deed: Deed) -> Deed:
        """Add a deed behind the last; return it with number, previous and digest.

        Several processes may write: each waits for the one before, so numbers have no gaps and are in
        the order of the commits.

        Raises:
            TypeError: if its facts are not plain JSON.
        """
        canonical(dict(deed.facts))
        plain = replace(
            deed,
            at=float(deed.at),
            actor=storable(deed.actor),
            act=storable(deed.act),
            thing=storable(deed.thing),
            workspace=storable(deed.workspace),
            outcome=storable(deed.outcome),
            facts=plain_json.load(plain_json.dump(dict(deed.facts))),
        )
        return await self._writer.do(partial(_log, deed=plain, tried=Tried()))

    async def deeds(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        workspace: str | None = None,
        limit: int = 1000,
    ) -> list[Deed]:
        """Read up to `limit` deeds with a number above `after`, oldest first.

        Args:
            after: a number; not looked at where `before` is given.
            before: a number, and those below it are read, the newest first; `None` = oldest first.
            workspace: only those there; `None` = all.
            limit: the most of them.
        """
        sql = LISTINGS[before is not None, workspace is not None]
        start = after if before is None else before
        given = (*([] if workspace is None else [storable(workspace)]), start, limit)
        found = await self._reader.apart(lambda reader: reader.fetch(sql, given))
        return [_read(row) for row in found]

    async def verify_deeds(self) -> list[str]:
        """Look for deeds that were changed, removed or put in; sentences, empty = none.

        Reads all of them, so many at a time, and lets others go on between.
        """
        seen = _Seen()
        while not await self._reader.apart(partial(_look_on, seen=seen)):
            await self._clock.sleep(0)
        return seen.complaints


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def _log(book: Book, *, deed: Deed, tried: Tried) -> Deed:
    if tried.done is not None:
        found = book.execute(ONE_DEED, (tried.done.number,)).fetchall()
        if found and _read(found[0]) == tried.done:  # the commit that nobody heard of was done
            return tried.done  # type: ignore[no-any-return]  # as it was made below
    known, digest = _end(book)
    last = int(book.execute(LAST).fetchall()[0][0])
    # Never a number twice, also where somebody has taken the end away or put a deed behind it.
    added = replace(deed, number=max(known, last) + 1, previous=digest)
    added = replace(added, digest=digest_of(added))
    book.execute(ADD, _line(added))
    book.execute(PUT, parameters_of(_end_at(added.number, added.digest, now=added.at))).fetchall()
    tried.done = added
    return added


def _end(book: Book) -> tuple[int, str]:
    """Where the log ends; nobody else adds to it before the transaction ends."""
    key = (END_KIND, END_ID)
    found = book.execute(LOCKED, key).fetchall()
    if not found:
        book.execute(PUT_NEW, parameters_of(_end_at(0, "", now=0.0))).fetchall()
        found = book.execute(LOCKED, key).fetchall()
    return _end_in(found)


def _end_at(last: int, digest: str, *, now: float) -> Document:
    return Document(kind=END_KIND, id=END_ID, content={"number": last, "digest": digest}, changed_at=now)


def _end_in(found: list[Any]) -> tuple[int, str]:
    """What a line of the shelf says about the end; 0 and empty where it says nothing."""
    try:
        content = plain_json.load(found[0][-1].encode())
        return int(content["number"]), str(content["digest"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0, ""


def _line(deed: Deed) -> tuple[Any, ...]:
    facts = plain_json.dump(dict(deed.facts)).decode()
    return tuple(facts if name == "facts" else getattr(deed, name) for name in _ALL)


def _read(row: Any) -> Deed:
    told = dict(zip(_ALL, row, strict=True))
    try:
        told["facts"] = plain_json.load(told["facts"].encode())
    except (AttributeError, ValueError):  # somebody has changed it; its digest says so
        told["facts"] = {"unreadable": str(told["facts"])}
    return Deed(**told)


# ── looking over ─────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Seen:
    """How far the log was looked over, and what was found.

    Attributes:
        expected: the number that comes next in a log without gaps.
    """

    last: Deed | None = None
    expected: int = 1
    complaints: list[str] = field(default_factory=list)


def _look_on(reader: Reader, *, seen: _Seen) -> bool:
    """Look over the next deeds; whether these were the last."""
    found = reader.fetch(AFTER, (BEFORE_FIRST if seen.last is None else seen.last.number, AT_ONCE))
    for row in found:
        deed = _read(row)
        seen.complaints += _complaints(deed, seen.last, expected=seen.expected)
        seen.last, seen.expected = deed, max(deed.number, 0) + 1
    if found:
        return False
    number, digest = _end_in(reader.fetch(ONE, (END_KIND, END_ID)))
    if number >= seen.expected and reader.fetch(AFTER, (seen.expected - 1, 1)):
        return False  # written since
    seen.complaints += _at_the_end(seen.last, number, digest, expected=seen.expected)
    return True


def _complaints(deed: Deed, last: Deed | None, *, expected: int) -> Iterator[str]:
    if deed.number < expected:
        yield f"Deed {deed.number} was put in: numbers begin with 1."
    elif deed.number > expected:
        yield _missing(expected, deed.number - 1)
    if digest_of(deed) != deed.digest:
        yield f"Deed {deed.number} was changed: its digest does not fit what it says."
    if deed.number == expected and deed.previous != (last.digest if last else ""):
        if last is None:
            yield "Deed 1 was changed or put in: it names a deed before the first."
        else:
            yield (
                f"Deed {last.number} was changed or put in: deed {deed.number} was written after another one."
            )


def _at_the_end(last: Deed | None, number: int, digest: str, *, expected: int) -> Iterator[str]:
    if number >= expected:
        yield f"{_missing(expected, number)} The log was written up to deed {number}."
    elif last is not None and not number:
        yield f"Where the log ends is not written down any more: behind deed {last.number} some may be missing."
    elif last is not None and number < last.number:
        put_in = (
            f"Deed {number + 1} was"
            if number + 1 == last.number
            else f"Deeds {number + 1} to {last.number} were"
        )
        yield f"{put_in} put in: the log was written up to deed {number}."
    elif last is not None and last.digest != digest:
        yield f"Deed {last.number} was changed or put in: the log ended with another one."


def _missing(first: int, last: int) -> str:
    return f"Deed {first} is missing." if first == last else f"Deeds {first} to {last} are missing."
