"""Make any text safe to show on a terminal.

Knows the characters that move a cursor, change a title, hide or reorder text.
Refuses to know where the text comes from: cells, file names, models and servers are all strangers.
"""

from __future__ import annotations

import re

# C0 and C1 controls, DEL; joiners and marks without width; line and paragraph separators;
# direction marks, embeddings and isolates; interlinear marks; lone surrogates; tags.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(text: str) -> str:
    r"""Write characters that a terminal would obey as escapes; the rest stays as it is.

    >>> shown("red \x1b[31m and \u202ereversed")
    'red \\x1b[31m and \\u202ereversed'
    """
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    found = match.group()
    number = ord(found)
    if found in _SHORT:
        return _SHORT[found]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
