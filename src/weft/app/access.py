"""The desk for access: the key by which programs of this user reach the local server.

Knows that the key lies beside the store in a file that only its owner may read, and that it is made
anew when it is a week old or when anybody else could have read it.
Refuses to know requests and cookies (`api/`).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from weft.app.opening import Surroundings, new_secret
from weft.app.stores import Stores
from weft.errors import UnwritableFile
from weft.kit.clocks import Clock
from weft.kit.secrecy import LIVE

LIFE_S = 7 * 86_400.0  # a key serves at most a week; whoever copied it is out then
SUFFIX = ".key"
ELSEWHERE = Path(".weft") / "server.key"  # where the store is no file
KEY = re.compile(r"[A-Za-z0-9_-]{43}\n?")
PRIVATE = stat.S_IRUSR | stat.S_IWUSR
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The key of a local server; shows its text nowhere but in `text`."""

    path: Path
    text: str = field(repr=False)


class AccessDesk:
    """Keeps the key of the local server."""

    def __init__(self, surroundings: Surroundings, stores: Stores, *, clock: Clock) -> None:
        """Keep it beside this store; nothing is read or written yet."""
        store = stores.path
        self.path = surroundings.root / ELSEWHERE if store is None else store.with_name(store.name + SUFFIX)
        self._clock = clock

    def find(self) -> ServerKey | None:
        """The key as it lies there, for a program that wants to ask the server; `None` = there is none.

        A file that others may read, that belongs to somebody else or that is a link counts as none.
        """
        found = _read(self.path)
        return None if found is None else _known(ServerKey(self.path, found[0]))

    def keep(self) -> ServerKey:
        """The key for a server that starts: the one that lies there, or a new one.

        A key stays the same when a server is started again, so that programs go on; it is made anew
        when it is older than a week. Two servers over one store share it.

        Raises:
            UnwritableFile: if the file cannot be written.
        """
        found = _read(self.path)
        if found is not None and 0 <= self._clock.wall() - found[1] < LIFE_S:
            return _known(ServerKey(self.path, found[0]))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write(self.path, text := new_secret())
        except OSError as exc:
            raise UnwritableFile(
                f"The server's key `{self.path}` cannot be written: {exc.strerror or exc}.",
                hint="name a store in a folder of yours with `--store`.",
                path=str(self.path),
            ) from exc
        return _known(ServerKey(self.path, text))


def _known(key: ServerKey) -> ServerKey:
    """The same; from now on the log will not say it."""
    LIVE.add(key.text)
    return key


def _read(path: Path) -> tuple[str, float] | None:
    """The key in a file and when it was made; `None` where nobody should trust it."""
    try:
        place = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with os.fdopen(place, encoding="ascii", errors="replace") as file:
        about = os.fstat(place)
        owned = not hasattr(os, "getuid") or about.st_uid == os.getuid()
        text = file.read(64)
    private = os.name == "nt" or not about.st_mode & OTHERS  # Windows tells rights in other ways
    if not (owned and private and stat.S_ISREG(about.st_mode) and KEY.fullmatch(text)):
        return None
    return text.strip(), about.st_mtime


def _write(path: Path, text: str) -> None:
    """Put a new file in the place of an old one; at no moment can others read it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    place = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(place, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
    draft.replace(path)
