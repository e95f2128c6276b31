"""Files as a whole: is there one to read, may one be written, how one takes the place of another.

A new file is written beside the old one and takes its name only when it is complete and on disk,
so that a killed export leaves the old file as it was. Refuses to know what is in a file.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from weft.errors import UnreadableTable, UnwritableFile

_MAGICS = {
    b"PK\x03\x04": "a ZIP or Excel file",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
}


def check_readable(path: Path) -> None:
    """Say clearly why a table cannot even be opened.

    Raises:
        UnreadableTable: if the path is missing, a folder, a pipe, empty, or may not be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():  # opening a pipe would wait for its writer
        raise UnreadableTable(
            f"`{path}` is no regular file.",
            hint="a table is read more than once: save it first.",
            path=str(path),
        )
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError as exc:
        raise UnreadableTable(f"There is no file `{path}`.", hint="check the path.", path=str(path)) from exc
    except IsADirectoryError as exc:
        raise UnreadableTable(f"`{path}` is a folder.", hint="name one file in it.", path=str(path)) from exc
    except OSError as exc:
        raise UnreadableTable(
            f"`{path}` cannot be read: {exc.strerror}.", hint="check the file's permissions.", path=str(path)
        ) from exc
    if empty:
        raise UnreadableTable(
            f"`{path}` is empty.", hint="a table starts with a line of column names.", path=str(path)
        )


def other_kind(start: bytes) -> str:
    """Name the kind of file that these first bytes belong to; empty if it may be text."""
    return next((kind for magic, kind in _MAGICS.items() if start.startswith(magic)), "")


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_writable(path: Path) -> None:
    """Find out, leaving nothing behind, whether a file can be written at this path.

    Raises:
        UnwritableFile: if its folder is missing or closed, or if it is a folder or read-only.
    """
    path = _target(path)
    if path.is_dir():
        raise UnwritableFile(f"`{path}` is a folder.", hint="name a file in it.", path=str(path))
    if path.exists() and not os.access(path, os.W_OK):
        raise UnwritableFile(f"`{path}` is read-only.", hint="choose another name.", path=str(path))
    if path.exists() and not path.is_file():  # a device or a pipe: written in place
        return
    with _translated(path):
        stream, part = _open_part(path)
        stream.close()
        part.unlink()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside the old one; at the end of the block it takes the old one's name.

    An error within the block leaves the old file untouched and removes the new one. A device or
    a pipe, such as `/dev/null`, is written in place.

    Raises:
        UnwritableFile: if the file cannot be written or put in its place.
    """
    path = _target(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with _translated(path), path.open("wb") as device:
            yield device
        return
    check_writable(path)
    with _translated(path):
        _remove_orphans(path)
        stream, part = _open_part(path)
        try:
            with stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            if path.exists():
                part.chmod(path.stat().st_mode & 0o7777)
            part.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            with suppress(FileNotFoundError):
                part.unlink()
            raise


def _target(path: Path) -> Path:
    """The file that a link stands for, so that the link survives."""
    return path.resolve() if path.is_symlink() else path


def _part_prefix(path: Path) -> str:
    return f".{path.name[:200]}."


def _open_part(path: Path) -> tuple[BinaryIO, Path]:
    """Open a new file beside `path` with the rights the system gives to new files."""
    for number in count():
        part = path.with_name(f"{_part_prefix(path)}{os.getpid()}-{number}.part")
        with suppress(FileExistsError):
            return part.open("xb"), part
    raise AssertionError("count() never ends")


def _remove_orphans(path: Path) -> None:
    """Remove what killed processes have left beside `path`; parts of living ones stay."""
    if os.name != "posix":  # elsewhere there is no harmless way to ask whether a process lives
        return
    part = re.compile(re.escape(_part_prefix(path)) + r"([0-9]{1,9})-[0-9]+\.part")
    for sibling in path.parent.iterdir():
        found = part.fullmatch(sibling.name)
        if found and not _lives(int(found[1])):
            with suppress(OSError):
                sibling.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot; the rename is atomic all the same
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise UnwritableFile(
            f"`{path}` cannot be written: {exc.strerror or exc}.",
            hint="check the folder, its permissions and the free space, or choose another path.",
            path=str(path),
        ) from exc
