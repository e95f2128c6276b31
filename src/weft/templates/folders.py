"""Folders of templates: which files are templates, how they are read and how new ones are written.

Knows that a file's name is the template's key (`email_triage.md`, or `email_triage@1.1.0.md` beside
it) and that weft's own folder is never written to, whatever path leads there. A new file never takes
an old one's place, and what is replaced is replaced whole. Refuses to know what is in a file.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from weft.errors import BadTemplate, UnwritableFile
from weft.templates.flaws import Flaw, bad_template
from weft.templates.pieces import Origin
from weft.templates.versions import KEY, is_version

if sys.platform != "win32":
    import fcntl

SUFFIX = ".md"
_LOCKS = sys.platform != "win32"
MAX_BYTES = 4_000_000  # a million characters of any script


def builtin_folder() -> Path:
    """The folder of the templates that come with weft."""
    return Path(__file__).parent / "builtin"


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of templates; it need not be there."""

    path: Path
    origin: Origin = Origin.PROJECT

    def files(self, wanted: str = "") -> list[tuple[str, Path]]:
        """Key and path of every template file, sorted; files with other names are none of ours.

        Args:
            wanted: only files of this key; empty = of all.
        """
        if not self.path.is_dir():
            return []
        found = []
        for name in sorted(os.listdir(self.path)):  # noqa: PTH208 - a path per file takes five times as long
            if not name.startswith(wanted) or not name.endswith(SUFFIX):
                continue
            key, _, version = name.removesuffix(SUFFIX).partition("@")
            named = KEY.fullmatch(key) and (not version or is_version(version))
            if named and (not wanted or key == wanted) and (self.path / name).is_file():
                found.append((key, self.path / name))
        return found

    def holds(self, path: Path) -> bool:
        """Whether a file lies in this folder itself, links resolved."""
        return path.resolve().parent == self.path.resolve()

    def check_own(self) -> None:
        """Refuse to write here if this is weft's own folder, by any name or link.

        Raises:
            UnwritableFile: if it is.
        """
        own = builtin_folder().resolve()
        here = self.path.resolve()
        if self.origin is Origin.BUILTIN or here == own or own in here.parents or _is_same(here, own):
            raise UnwritableFile(
                f"`{self.path}` belongs to weft and is never changed.",
                hint="`weft templates clone` makes a template of your own.",
                path=str(self.path),
            )

    def place(self, key: str, version: str) -> Path:
        """The path of a version's file.

        Raises:
            ValueError: if key or version is none; so no path leads out of the folder.
        """
        if not KEY.fullmatch(key) or not is_version(version):
            raise ValueError(f"{key!r} and {version!r} name no file")
        return self.path / f"{key}@{version}{SUFFIX}"

    def write_new(self, path: Path, text: str) -> None:
        """Write a file that is not there yet; nothing is ever overwritten or written through a link.

        Raises:
            UnwritableFile: if something is there, or the folder cannot be written.
        """
        self.check_own()
        if path.parent != self.path:
            raise UnwritableFile(f"`{path}` is not in `{self.path}`.", path=str(path))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _unwritable(path, exc) from exc
        try:
            _write(path, text, os.O_EXCL)
        except FileExistsError as exc:
            raise UnwritableFile(
                f"`{path}` is there already and is not overwritten.",
                hint="choose another version or key.",
                path=str(path),
            ) from exc
        except OSError as exc:
            raise _unwritable(path, exc) from exc

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else who writes here waiting; a lock ends with its process, however that ends.

        Where the platform or the disk has no such lock, nobody waits.

        Raises:
            UnwritableFile: if the folder cannot be made.
        """
        self.check_own()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc
        if sys.platform == "win32":
            yield
            return
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except OSError as exc:
            raise _unwritable(self.path, exc) from exc
        try:
            with suppress(OSError):  # some distant disks know no locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def replace(self, path: Path, text: str) -> None:
        """Put a whole new file in the place of an old one, or of none; only while it is `locked`.

        Raises:
            UnwritableFile: if the folder cannot be written; the old file is then as it was.
        """
        self.check_own()
        # One name: what a killed process has left is written over by the next one.
        part = path.with_name(f".{path.name}.part" if _LOCKS else f".{path.name}.{os.getpid()}.part")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _write(part, text, os.O_TRUNC)
            part.replace(path)
        except OSError as exc:
            raise _unwritable(path, exc) from exc
        finally:
            with suppress(OSError):
                part.unlink()

    def remove(self, path: Path) -> None:
        """Take away a file that was written just now; harmless if it is gone."""
        self.check_own()
        with suppress(OSError):
            path.unlink()


def _is_same(here: Path, own: Path) -> bool:
    """Whether two paths are one folder; names in other cases, mounts and links notwithstanding."""
    try:
        return here.samefile(own)
    except OSError:
        return False


def _write(path: Path, text: str, flag: int) -> None:
    follow = getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | flag | follow, stat.S_IRUSR | stat.S_IWUSR | 0o044)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # a full disk: half a file is worse than none
        with suppress(OSError):
            path.unlink()
        raise


def _unwritable(path: Path, exc: OSError) -> UnwritableFile:
    return UnwritableFile(
        f"`{path}` cannot be written: {exc.strerror or exc}.",
        hint="check the folder and its permissions.",
        path=str(path),
    )


def read_text(path: Path) -> str:
    """Read a template file whole.

    Raises:
        BadTemplate: if it cannot be read, is too large or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise BadTemplate(
            f"Template file `{path}` cannot be read: {exc.strerror or exc}.",
            hint="check the file's permissions.",
        ) from exc
    if len(raw) > MAX_BYTES:
        raise bad_template(str(path), [Flaw("", 0, "The file is larger than 4 MB.", "unreadable")])
    return decoded(raw, str(path))


def decoded(raw: bytes, name: str) -> str:
    """A template file's bytes as text.

    Raises:
        BadTemplate: if they are not UTF-8; with the line.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise bad_template(name, [Flaw("", line, "The file is not UTF-8 text.", "unreadable")]) from exc
