"""Shelves: JSON documents by kind and id, for rooms upstairs.

Knows that whoever says which version must stand there changes nothing if it does not (CAS), and
that every change is one statement, so that two writers cannot both be first.
Refuses to know what a document says.

A commit whose answer was lost is tried again. What such an operation finds then is compared with what
it tried to write, so that it does not take itself for somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_change

from weft.documents import Document
from weft.errors import ChangedMeanwhile
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.kit.fingerprints import canonical
from weft.store.book import Book
from weft.store.faults import storable
from weft.store.reading import Reader
from weft.store.sql import EMPTY, Sql, number
from weft.store.tables import shelves
from weft.store.writing import Writing

_KEY = ("kind", "id")
_REST = ("state", "due_at", "changed_at", "content")
_THIS = (shelves.c.kind == bindparam("of_kind"), shelves.c.id == bindparam("of_id"))
_HERE = ("of_kind", "of_id")
_ALL = tuple(shelves.c[name] for name in (*_KEY, "version", *_REST))

_insert = insert_or_change(shelves).values(
    {name: bindparam(name) for name in (*_KEY, *_REST)} | {"version": number(1)}
)
PUT = Sql(
    _insert.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: _insert.excluded[name] for name in _REST} | {"version": shelves.c.version + number(1)},
    ).returning(shelves.c.version),
    "kind", "id", "state", "due_at", "changed_at", "content",
)  # fmt: skip
PUT_NEW = Sql(
    _insert.on_conflict_do_nothing(index_elements=_KEY).returning(shelves.c.version),
    "kind", "id", "state", "due_at", "changed_at", "content",
)  # fmt: skip
REPLACE = Sql(
    update(shelves)
    .values({name: bindparam(name) for name in _REST} | {"version": shelves.c.version + number(1)})
    .where(*_THIS, shelves.c.version == bindparam("expected"))
    .returning(shelves.c.version),
    *_REST, *_HERE, "expected",
)  # fmt: skip
TAKE = Sql(delete(shelves).where(*_THIS).returning(shelves.c.version), *_HERE)
TAKE_EXPECTED = Sql(
    delete(shelves).where(*_THIS, shelves.c.version == bindparam("expected")).returning(shelves.c.version),
    *_HERE, "expected",
)  # fmt: skip
ONE = Sql(select(*_ALL).where(*_THIS), *_HERE)
LOCKED = Sql(select(*_ALL).where(*_THIS).with_for_update(), *_HERE)
"""The same, and nobody else changes it before the transaction ends."""


def _listing(*, by_state: bool, by_due: bool) -> Sql:
    asked: Select[Any] = select(*_ALL).where(shelves.c.kind == bindparam("of_kind"))
    names = ["of_kind"]
    if by_state:
        asked = asked.where(shelves.c.state == bindparam("in_state"))
        names.append("in_state")
    if by_due:  # found by what falls due, which is little, and not by walking over all ids
        asked = asked.where(shelves.c.due_at < bindparam("before"))
        asked = asked.where(shelves.c.id.op("||")(EMPTY) > bindparam("after", type_=shelves.c.id.type))
        names += ["before", "after"]
    else:
        asked = asked.where(shelves.c.id > bindparam("after"))
        names.append("after")
    ordered = asked.order_by(shelves.c.id).limit(bindparam("most")).offset(number(0))
    return Sql(ordered, *names, "most")


LISTINGS = {
    (by_state, by_due): _listing(by_state=by_state, by_due=by_due)
    for by_state in (False, True)
    for by_due in (False, True)
}


class ShelvesPart:
    """The store's shelves; see `weft.protocols.Shelf`."""

    _writer: Writing
    _reader: Reader
    _clock: Clock

    async def put(self, document: Document, *, expecting: int | None = None) -> Document:
        """Keep a document in place of the one that stands there; return it as it is kept.

        Args:
            document: its `version` and `changed_at` are not looked at.
            expecting: the version that must stand there, 0 = none at all; `None` = whatever it is.

        Raises:
            ChangedMeanwhile: if another version stands there; nothing is written.
            TypeError: if its content is not plain JSON.
        """
        canonical(dict(document.content))
        kept = replace(
            document,
            kind=storable(document.kind),
            id=storable(document.id),
            state=storable(document.state),
            due_at=None if document.due_at is None else float(document.due_at),
            content=plain_json.load(plain_json.dump(dict(document.content))),
            changed_at=self._clock.wall(),
        )
        return await self._writer.do(partial(_put, document=kept, expecting=expecting, tried=Tried()))

    async def document(self, kind: str, document: str) -> Document | None:
        """Read one by its id; `None` if there is none."""
        found = await self._reader.apart(_fetch, ONE, (storable(kind), storable(document)))
        return read_document(found[0]) if found else None

    async def documents(
        self,
        kind: str,
        *,
        state: str | None = None,
        due_before: float | None = None,
        after: str = "",
        limit: int = 1000,
    ) -> list[Document]:
        """Read up to `limit` documents of a kind with an id above `after`, in the order of their ids.

        Ids are in the order of their code points, whatever the database's own order is.

        Args:
            kind: which shelf.
            state: only those in it; `None` = all.
            due_before: only those that fall due before this time; `None` = all.
            after: an id; empty = from the first.
            limit: the most of them.
        """
        given: list[Any] = [storable(kind)]
        given += [] if state is None else [storable(state)]
        given += [] if due_before is None else [float(due_before)]
        sql = LISTINGS[state is not None, due_before is not None]
        found = await self._reader.apart(_fetch, sql, (*given, storable(after), limit))
        return [read_document(row) for row in found]

    async def remove(self, kind: str, document: str, *, expecting: int | None = None) -> bool:
        """Take a document away; whether there was one.

        Args:
            kind: which shelf.
            document: its id.
            expecting: the version that must stand there, 0 = none at all; `None` = whatever it is.

        Raises:
            ChangedMeanwhile: if another version stands there; nothing is taken away.
        """
        key = (storable(kind), storable(document))
        return await self._writer.do(partial(_remove, key=key, expecting=expecting, tried=Tried()))


@dataclass(slots=True)
class Tried:
    """What an operation has sent to the database before it was begun again; `None` = nothing.

    Attributes:
        done: what it was about to give back.
    """

    done: Any = None


# ── the operations ───────────────────────────────────────────────────────────────────────────────


def parameters_of(document: Document) -> tuple[Any, ...]:
    """A document as `PUT` takes it."""
    content = plain_json.dump(dict(document.content)).decode()
    return (document.kind, document.id, document.state, document.due_at, document.changed_at, content)


def read_document(row: Any) -> Document:
    """A line of the table as a document."""
    kind, name, version, state, due_at, changed_at, content = row
    return Document(
        kind=kind, id=name, version=version, state=state, due_at=due_at, changed_at=changed_at,
        content=plain_json.load(content.encode()),
    )  # fmt: skip


def _put(book: Book, *, document: Document, expecting: int | None, tried: Tried) -> Document:
    key = (document.kind, document.id)
    if tried.done is not None and _standing(book, key) == tried.done:
        kept: Document = tried.done  # the commit that nobody heard of was done
        return kept
    given = parameters_of(document)
    if expecting is None:
        found = book.execute(PUT, given).fetchall()
    elif expecting == 0:
        found = book.execute(PUT_NEW, given).fetchall()
    else:
        found = book.execute(REPLACE, (*given[2:], *key, expecting)).fetchall()
    if not found:
        raise _changed(document.kind, document.id, expecting=expecting or 0, found=_standing(book, key))
    tried.done = replace(document, version=found[0][0])
    return tried.done  # type: ignore[no-any-return]  # just made


def _remove(book: Book, *, key: tuple[str, str], expecting: int | None, tried: Tried) -> bool:
    standing = _standing(book, key)
    if standing is None and tried.done:
        return True
    if expecting is None:
        tried.done = bool(book.execute(TAKE, key).fetchall())
        return bool(tried.done)
    if standing is None and expecting == 0:
        return False
    tried.done = bool(book.execute(TAKE_EXPECTED, (*key, expecting)).fetchall())
    if not tried.done:
        raise _changed(*key, expecting=expecting, found=_standing(book, key))
    return True


def _standing(book: Book, key: tuple[str, str]) -> Document | None:
    found = book.execute(ONE, key).fetchall()
    return read_document(found[0]) if found else None


def _fetch(reader: Reader, sql: Sql, parameters: tuple[Any, ...]) -> list[Any]:
    return reader.fetch(sql, parameters)


def _changed(kind: str, name: str, *, expecting: int, found: Document | None) -> ChangedMeanwhile:
    what = kind.replace("_", " ")
    if found is None:
        said = f"The {what} `{name}` was removed meanwhile."
    elif expecting == 0:
        said = f"There is a {what} `{name}` already."
    else:
        said = (
            f"The {what} `{name}` was changed meanwhile: it is at version {found.version}, not {expecting}."
        )
    return ChangedMeanwhile(
        said,
        hint="read it again, and change what stands there now.",
        kind=kind,
        id=name,
        expected=expecting,
        version=found.version if found else 0,
    )
