"""Cells of a text export: values as text, and formulas made harmless.

A spreadsheet runs a cell that starts with `=` and the like as a formula, whoever wrote it. Such
a cell gets a leading apostrophe unless it is a plain number. Refuses to know files and dialects.
"""

from __future__ import annotations

import re

from weft.kit import plain_json
from weft.row import Value

# What a spreadsheet may take for the start of a formula or a command (OWASP ASVS 1.2.10, widened):
# also the full-width forms of the four signs, which some programs fold.
_STARTS = frozenset("=+-@\t\r\n\0%|＝＋－＠％｜")
# Characters that are skipped before them: spaces, zero-width and directional marks, soft hyphen, BOM.
_SKIPPED = " \u00a0\u00ad\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u3000\ufeff"
SUSPECT = _STARTS | frozenset(_SKIPPED)
"""First characters that need a closer look; a cell that starts otherwise is safe."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?%?")


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run; others come back as they are.

    >>> guarded("=1+1"), guarded("-12.5"), guarded("- none")
    ("'=1+1", '-12.5', "'- none")
    """
    bare = text.lstrip(_SKIPPED)
    if bare[:1] in _STARTS and bare and not _NUMBER.fullmatch(bare):
        return "'" + text
    return text


def as_text(value: Value) -> str:
    """Write a value as the text of a cell.

    `None` is empty, booleans are `true` and `false`, lists and mappings are JSON.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return plain_json.dump(value).decode()
    return str(value)


def encodable(text: str) -> str:
    """The text as UTF-8 can hold it: a lone surrogate becomes `?`."""
    return text.encode(errors="replace").decode()
