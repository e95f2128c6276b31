"""Files that are handed out: what they are called, of what kind they are, and whether somebody has one already.

Knows that a name comes from people and ends in a header and in a folder of theirs (RFC 6266). Refuses to
know what is in a file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote

KINDS: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Format → media type."""
LONGEST = 150  # characters of a name; file systems take 255 bytes

_KEPT = re.compile(r"[^A-Za-z0-9 ._()-]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")


def file_name(name: str, form: str) -> str:
    """Make a file name of what people call something.

    What separates folders, controls a terminal or turns the direction of writing becomes `_`, and so
    does what would be a device somewhere.

    >>> file_name("März/April", "csv"), file_name("con", "csv"), file_name("..", "csv")
    ('März_April.csv', '_con.csv', '_.csv')
    """
    kept = "".join(
        "_" if each in '/\\:*?"<>|' or unicodedata.category(each)[0] == "C" else each
        for each in unicodedata.normalize("NFC", name)
    )
    kept = kept[:LONGEST].strip(". ") or "_"
    return f"{'_' if _RESERVED.match(kept) else ''}{kept}.{form}"


def disposition(name: str) -> str:
    r"""The header `Content-Disposition` of a file that is to be saved under a name.

    >>> disposition("März.csv")
    'attachment; filename="M_rz.csv"; filename*=UTF-8\'\'M%C3%A4rz.csv'
    """
    plain = _KEPT.sub("_", name)
    if plain == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def tag_of(*parts: object) -> str:
    """A weak tag for an answer that these values determine."""
    return f'W/"{sha256(repr(parts).encode()).hexdigest()[:32]}"'


def has_it(tag: str, given: str) -> bool:
    """Whether `If-None-Match` names a tag; weak or strong makes no difference there."""
    bare = tag.removeprefix("W/")
    return bare in {each.strip().removeprefix("W/") for each in given.split(",")}
