"""Which format a table is kept in: by its name, or by the ending of the file.

Knows the drop-ins of `formats/`. Refuses to know what is in them.
"""

from __future__ import annotations

from pathlib import PurePath

from weft.errors import UnknownName
from weft.kit.registries import Registry
from weft.protocols import TableFormat

FORMATS: Registry[TableFormat] = Registry(
    "weft.tables.formats", "format", what="table format", group="weft.table_formats"
)
"""Every way to keep a table in a file; drop a file into `tables/formats` to add one."""

_ADVICE = {
    ".xls": "save it as .xlsx or .csv.",
    ".xlsm": "save it as .xlsx.",
    ".ods": "save it as .xlsx or .csv.",
    ".json": "write one JSON object per line and call it .jsonl.",
    ".gz": "unpack it first.",
    ".zip": "unpack it first.",
}


def choose_format(path: PurePath, name: str = "") -> TableFormat:
    """Find the format of a file.

    Args:
        name: the format's name; empty = by the ending of the file.

    Raises:
        UnknownName: if there is no such format, or none with this ending.
    """
    if name:
        return FORMATS.get(name)
    suffix = path.suffix.lower()
    if suffix[1:] in FORMATS:  # the common case loads no other format
        return FORMATS.get(suffix[1:])
    for each in FORMATS.names():
        if suffix and suffix in FORMATS.get(each).suffixes:
            return FORMATS.get(each)
    known = ", ".join(FORMATS.names())
    raise UnknownName(
        f"The ending of `{path}` names no table format.",
        hint=_ADVICE.get(suffix, f"known formats: {known}."),
        name=suffix,
        known=FORMATS.names(),
    )
