"""Pages of long lists: opaque cursors that say where to go on, and of which list.

Knows that a cursor of one list is refused by another, and that a list is walked in an order that
does not change: by a key, so that what is added or gone meanwhile moves nothing.
Refuses to count: how many there are in all is not a page's business.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from http import HTTPStatus
from itertools import islice
from typing import Annotated, TypeVar

from fastapi import Query

from weft.api.problems import Complaint, Refused, invalid
from weft.kit.plain_json import dump, load

T = TypeVar("T")

MOST = 200  # entries of one page
USUAL = 50
LONGEST = 600  # characters of a cursor
_SUM = 6  # bytes of a checksum: against slips, not against people

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many entries at most.")]
Cursor = Annotated[
    str,
    Query(
        max_length=LONGEST,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before; empty = at the start.",
    ),
]


def write_cursor(listed: str, key: str | int) -> str:
    """Write down where to go on.

    Args:
        listed: which list this is about, its filters included.
        key: of the last entry that was told.
    """
    body = dump([listed, key])
    return urlsafe_b64encode(sha256(body).digest()[:_SUM] + body).rstrip(b"=").decode()


def read_cursor(listed: str, cursor: str) -> str | int | None:
    """The key to go on behind; `None` = start at the beginning.

    Raises:
        Refused: if it is no cursor, or one of another list.
    """
    if not cursor:
        return None
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if sha256(raw[_SUM:]).digest()[:_SUM] != raw[:_SUM]:
            raise ValueError("its checksum is wrong")  # noqa: TRY301 - one answer for all of it
        of, key = load(raw[_SUM:])
    except (NotBase64, ValueError, TypeError) as exc:
        raise _refused("is no cursor; take `next` of the page before as it is.") from exc
    if of != listed or not isinstance(key, str | int):
        raise _refused("belongs to another list; start without a cursor.")
    return key


def page(
    entries: Iterable[T], *, listed: str, cursor: str, limit: int, key: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """One page of a list, and the cursor of the next; `None` = this was the last.

    Args:
        entries: all of them, sorted by `key`, which tells each apart.

    Raises:
        Refused: if the cursor is none of this list.
    """
    behind = read_cursor(listed, cursor)
    rest = (each for each in entries if behind is None or key(each) > str(behind))
    found = list(islice(rest, limit + 1))
    if len(found) <= limit:
        return found, None
    return found[:limit], write_cursor(listed, key(found[limit - 1]))


def _refused(message: str) -> Refused:
    complaint = Complaint(path="query.cursor", message=message)
    return Refused(invalid([complaint], status=HTTPStatus.UNPROCESSABLE_ENTITY, code="unknown_cursor"))
