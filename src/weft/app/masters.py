"""Master keys: where they lie, how one is made, which one seals.

Knows that they come from `WEFT_MASTER_KEY`, from the file that `WEFT_MASTER_KEY_FILE` names, or on a
person's own machine from a file in their folder of settings, and that nobody else may be able to
read such a file. The first one seals, all of them open. Refuses to know what they seal (`vault.py`).
"""

from __future__ import annotations

import os
import re
import stat
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from pathlib import Path

from weft.app.opening import MASTER, MASTER_FILE, Surroundings
from weft.app.vault import KEY_BYTES, Master
from weft.errors import BadSetting, UnwritableFile
from weft.kit.secrecy import LIVE

FILE = "master.key"  # in the user's folder of settings
MOST_BYTES = 65_536  # of a file with master keys; one line is about 45
PRIVATE = stat.S_IRUSR | stat.S_IWUSR
OTHERS = stat.S_IRWXG | stat.S_IRWXO
_BETWEEN = re.compile(r"[\s,]+")


def masters_of(surroundings: Surroundings) -> list[Master]:
    """The master keys that are there, the one that seals first; none where nobody has made one.

    Raises:
        BadSetting: if one is no master key, or others could read its file.
    """
    if MASTER in surroundings.masters:
        return read_masters(surroundings.masters[MASTER], f"`{MASTER}`")
    path = master_path(surroundings)
    if path is None or (MASTER_FILE not in surroundings.masters and not path.exists()):
        return []
    return read_masters(private_text(path), f"`{path}`")


def master_path(surroundings: Surroundings) -> Path | None:
    """The file with the master keys; `None` where there is no place for one.

    A workspace of a team has no folder of settings: its server hands the file down, see `handed_down`.
    """
    if MASTER_FILE in surroundings.masters:
        return Path(surroundings.masters[MASTER_FILE])
    folder = surroundings.user_folder
    return None if surroundings.apart or folder is None else folder / FILE


def handed_down(home: Surroundings) -> Mapping[str, str]:
    """Say to a workspace of a server where the server's own master keys are, as variables do."""
    path = master_path(home)
    if home.masters or path is None or not path.exists():
        return home.masters
    return {MASTER_FILE: str(path)}


def read_masters(text: str, source: str) -> list[Master]:
    """Read master keys in base64, with blanks, commas or line ends between.

    Args:
        text: as it was found. source: where; for a message.

    Raises:
        BadSetting: naming which one is none, and never what it says.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    words = [word for word in _BETWEEN.split(" ".join(lines)) if word]
    found = []
    for number, word in enumerate(words, 1):
        LIVE.add(word, lasts=True)
        try:
            key = b64decode(word.translate(_STANDARD), validate=True)
        except (NotBase64, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise BadSetting(
                f"Key {number} in {source} is no master key; expected {KEY_BYTES} bytes in base64.",
                hint="`weft keys new-master` makes one.",
                setting=MASTER,
            )
        found.append(Master(key))
    if not found:
        raise BadSetting(f"{source} holds no master key.", hint="`weft keys new-master` makes one.")
    return list(dict.fromkeys(found))


def new_master(draw: Callable[[int], bytes]) -> tuple[Master, str]:
    """Make a master key; it, and how it is written."""
    master = Master(draw(KEY_BYTES))
    text = b64encode(master.key).decode()
    LIVE.add(text)
    return master, text


def put_first(path: Path, text: str) -> int:
    """Write a master key before those in a file, or into a new one; return how many there are now.

    At no moment can others read the file, and a crash leaves the old one as it was.

    Raises:
        BadSetting: if the file that is there is none of master keys, or others could read it.
        UnwritableFile: if it cannot be written.
    """
    older = private_text(path) if path.exists() else ""
    count = len(read_masters(older, f"`{path}`")) if older else 0
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, f"{text}\n{older}")
    except OSError as exc:
        raise UnwritableFile(
            f"The master key `{path}` cannot be written: {exc.strerror or exc}.",
            hint=f"name a file that you may write in `{MASTER_FILE}`.",
            path=str(path),
        ) from exc
    return count + 1


_STANDARD = str.maketrans("-_", "+/")


def private_text(path: Path, *, what: str = "master key", setting: str = MASTER_FILE) -> str:
    """What stands in a file that only its owner may read.

    Args:
        path: where it lies.
        what: what should stand there; for messages.
        setting: who names the file.

    Raises:
        BadSetting: if it cannot be read, or others could read or write it.
    """
    try:
        place = os.open(path, os.O_RDONLY)
        with os.fdopen(place, encoding="ascii", errors="replace") as file:
            about = os.fstat(place)
            text = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise BadSetting(
            f"The {what} `{path}` cannot be read: {exc.strerror or exc}.",
            hint="`weft keys new-master` makes one." if setting == MASTER_FILE else f"`{setting}` names it.",
            setting=setting,
        ) from exc
    owned = not hasattr(os, "getuid") or about.st_uid in {os.getuid(), 0}
    private = os.name == "nt" or not about.st_mode & OTHERS  # Windows tells rights in other ways
    if not (owned and private and stat.S_ISREG(about.st_mode)) or len(text) > MOST_BYTES:
        raise BadSetting(
            f"The {what} `{path}` could be read by others than its owner.",
            hint=f"`chmod 600 {path}`, and make a new one if others may have read it.",
            setting=setting,
        )
    return text


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    place = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(place, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(place)
    draft.replace(path)
