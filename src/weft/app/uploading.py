"""A table on its way to the disk: bytes are counted and hashed as they come.

Knows that nothing of it is a table before it is whole, and that room may run out on the way. Refuses
to know what the bytes say, and how they travel.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from weft.errors import Mistake, UnwritableFile

LOOK_BYTES = 16_000_000  # written between two looks whether there is room for more


@dataclass(slots=True, kw_only=True)
class Upload:
    """A table that is on its way; `write` what comes, then hand it to `TablesDesk.keep` or `drop` it.

    Attributes:
        id: that it will have.
        check_room: is asked for room for so many bytes, and refuses.
    """

    id: str
    name: str
    draft: Path
    most_bytes: int
    check_room: Callable[[int], None]
    _stream: BinaryIO
    _bytes: int = 0
    _looked_at: int = 0
    _sha: Any = field(default_factory=hashlib.sha256)

    def write(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            Mistake: if they are too many; nothing more is written.
            ImpossibleMove, DiskFull: if there is no room for more.
            UnwritableFile: if they cannot be written.
        """
        self._bytes += len(piece)
        if self._bytes > self.most_bytes:
            raise Mistake(
                f"`{self.name}` is larger than {self.most_bytes:,} bytes.",
                hint="hand it over in several parts; `table_mb` in `weft.toml` is the server's limit.",
            )
        if self._bytes - self._looked_at > LOOK_BYTES:
            self._looked_at = self._bytes
            self.check_room(len(piece))
        self._sha.update(piece)
        try:
            self._stream.write(piece)
        except OSError as exc:
            raise unwritable(self.draft, exc) from exc

    def finish(self) -> tuple[int, str]:
        """Bring every byte to the disk; return how many there are and their SHA-256."""
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as exc:
            raise unwritable(self.draft, exc) from exc
        return self._bytes, self._sha.hexdigest()

    def drop(self) -> None:
        """Forget what came; harmless when repeated, or after it was kept."""
        with suppress(OSError):
            self._stream.close()
        self.draft.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> UnwritableFile:
    """The error of a table that cannot be kept at a place."""
    return UnwritableFile(
        f"A table cannot be kept in `{path.parent}`: {error.strerror or error}.",
        hint="make room, or name a store in a folder of yours with `--store`.",
        path=str(path.parent),
    )
