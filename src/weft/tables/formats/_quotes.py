"""Why a record cannot be read: which quote is to blame, and in which line it opened.

Runs only when reading has failed, over the one record at fault. Refuses to repair anything.
"""

from __future__ import annotations

import re
from itertools import islice

from weft.errors import UnreadableTable
from weft.tables.formats._dialect import Dialect
from weft.tables.formats._text import Text, breaks

CELL_LIMIT = 1 << 20  # characters of one cell
RECORD_LIMIT = 8 << 20  # characters of one record
_EXCERPT = 9 << 20  # characters looked at: more than one record may have


def explain(source: Text, dialect: Dialect, *, line: int, limit: str) -> UnreadableTable:
    """Say what is wrong with the record that starts in this line.

    Args:
        limit: what is exceeded if no quote is to blame, such as `a cell larger than 1 MiB`.
    """
    text = _from_line(source, line)
    found = _fault(text, dialect)
    if found is None:
        return UnreadableTable(
            f"Line {line} of `{source.path}` has {limit}.",
            hint="shorten it; or does a quote open there that is not closed where it should be?",
            path=str(source.path),
            line=line,
            reason="too_large",
        )
    opened, closed = (line + breaks(text[:offset]) for offset in found)
    if found[1] == len(text):
        return UnreadableTable(
            f"Line {opened} of `{source.path}` opens a quote that is never closed.",
            hint='close the quote, or double it where it belongs to a quoted text: "5"" disk".',
            path=str(source.path),
            line=opened,
            reason="unclosed_quote",
        )
    return UnreadableTable(
        f"Line {closed} of `{source.path}` goes on after the closing quote of a cell that opened in line {opened}.",
        hint='double the quotes inside a quoted cell: "5"" disk"; or is a quote not closed?',
        path=str(source.path),
        line=closed,
        opened=opened,
        reason="text_after_quote",
    )


def _fault(text: str, dialect: Dialect) -> tuple[int, int] | None:
    """Where the first bad quoted cell opens and where it closes (the end of the text if it does not).

    `None` where quotes are not to blame, so far as the text goes.
    """
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    cell = re.compile(f"(?:^|(?<=[{delimiter}\r\n])){quote}((?:[^{quote}]++|{quote}{quote})*+){quote}?")
    after = {dialect.delimiter, "\r", "\n"}
    for match in cell.finditer(text):
        end = match.end()
        if end - match.start() > CELL_LIMIT + 2 and end < len(text):
            return None
        if end == len(text):
            closed = end - match.start() - len(match[1]) == 2
            cut = len(text) > _EXCERPT and end - match.start() <= CELL_LIMIT
            return None if closed or cut else (match.start(), end)
        if text[end] not in after:
            return match.start(), end
    return None


def _from_line(source: Text, line: int) -> str:
    parts: list[str] = []
    size = 0
    for each in islice(source.lines(), line - 1, None):
        parts.append(each)
        size += len(each)
        if size > _EXCERPT:
            break
    return "".join(parts)
