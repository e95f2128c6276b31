"""Is this ZIP archive of a sane size? Looked at before anything in it is read.

The sizes that an archive declares bound what comes out of it: Python's `zipfile` never inflates
an entry beyond its declared size and fails if there is more. So lies are found while inflating,
and the truth is judged here. Refuses to know what an archive holds.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from weft.errors import UnreadableTable

ENTRY_LIMIT = 1_000
SIZE_LIMIT = 1_000_000_000  # bytes of all entries, inflated
RATIO_LIMIT = 200  # inflated over packed; sheets reach 10 to 50
SMALL = 1 << 20  # bytes; a smaller entry may have any ratio
MEMORY_LIMIT = 256_000_000  # bytes of the entry with all texts, the only one that is kept in memory
KEPT = "xl/sharedStrings.xml"


def check_archive(path: Path) -> None:
    """Refuse an archive that would fill memory or disk.

    Raises:
        UnreadableTable: if it is no archive, encrypted, or beyond one of the limits above.
    """
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as exc:
        raise UnreadableTable(
            f"`{path}` is no Excel workbook: {str(exc).rstrip('.').lower()}.",
            hint="is the file complete? Old .xls files and protected ones must be saved as .xlsx first.",
            path=str(path),
        ) from exc
    reason = _fault(entries, path.stat().st_size)
    if reason:
        raise UnreadableTable(
            f"`{path}` is not read: {reason}.",
            hint="export the sheet as CSV.",
            path=str(path),
            reason="too_large",
        )


def _fault(entries: list[ZipInfo], size: int) -> str:
    if len(entries) > ENTRY_LIMIT:
        return f"it has {len(entries):,} parts, more than {ENTRY_LIMIT:,}"
    total = sum(entry.file_size for entry in entries)
    if total > SIZE_LIMIT:
        return f"it would unpack to {total:,} bytes, more than {SIZE_LIMIT:,}"
    if sum(entry.compress_size for entry in entries) > size:
        return "its parts overlap"
    for entry in entries:
        if entry.file_size > SMALL and entry.file_size > RATIO_LIMIT * max(1, entry.compress_size):
            return f"its part `{entry.filename}` would unpack to more than {RATIO_LIMIT} times its size"
        if entry.filename == KEPT and entry.file_size > MEMORY_LIMIT:
            return f"its texts take {entry.file_size:,} bytes, more than {MEMORY_LIMIT:,}"
    return ""
