"""Column names as they can be used: not empty, distinct, of a sane length and number.

Knows what to do with what people write in headers, and tells it. Refuses to know files.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft.errors import UnreadableTable

KEPT = 200  # characters of a broken record that its problem quotes
COLUMN_LIMIT = 2_000
NAME_LIMIT = 1_000  # characters; a longer one is a sign that the header line is missing
RESERVED = "_weft_"


def name_columns(header: Sequence[str], where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the names of a header usable; return them and sentences about what was changed.

    Names stay byte for byte as they are, except that an empty one becomes `column_3` by its
    position and the second `name` becomes `name__2`.

    Args:
        where: stands for the table within a sentence, such as a path in backticks.

    Raises:
        UnreadableTable: if there are none or too many, one is too long, one is reserved, or one holds half
            a surrogate pair, which no page and no header could tell.
    """
    _check(header, where)
    taken = {name for name in header if name.strip()}
    seen: set[str] = set()
    names, notes = [], []
    for position, found in enumerate(header, start=1):
        name = found
        if not found.strip():
            name = _free(f"column_{position}", taken)
            notes.append(f"Column {position} has no name; it is called `{name}`.")
        elif found in seen:
            name = _free(found, taken)
            notes.append(f"Column {position} is another `{found}`; it is called `{name}`.")
        seen.add(found)
        taken.add(name)
        names.append(name)
    return tuple(names), tuple(notes)


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}__{number}"
    return free


def _check(header: Sequence[str], where: str) -> None:
    if not header:
        raise UnreadableTable(
            f"There are no columns in {where}.", hint="a table has at least one named column."
        )
    if len(header) > COLUMN_LIMIT:
        raise UnreadableTable(
            f"There are {len(header):,} columns in {where}, more than {COLUMN_LIMIT:,}.",
            hint="is the delimiter right, and does the file start with a line of column names?",
            columns=len(header),
        )
    for position, name in enumerate(header, start=1):
        if len(name) > NAME_LIMIT:
            raise UnreadableTable(
                f"The name of column {position} in {where} is {len(name):,} characters long.",
                hint="the file must start with a line of column names.",
                column=position,
            )
        if not name.isascii() and not _is_text(name):
            raise UnreadableTable(
                f"The name of column {position} in {where} holds half a surrogate pair, which is no character.",
                hint="rename the column.",
                column=position,
            )
        if name.startswith(RESERVED):
            raise UnreadableTable(
                f"Column `{name}` in {where} has a reserved name.",
                hint=f"rename it so that it does not start with `{RESERVED}`.",
                column=position,
            )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def quoted(text: str) -> str:
    """What of a broken record fits into no column, for its problem: in backticks, not too long.

    >>> quoted("a,b"), len(quoted("x" * 5000))
    ('`a,b`', 202)
    """
    return f"`{text if len(text) <= KEPT else text[: KEPT - 1] + '…'}`"
