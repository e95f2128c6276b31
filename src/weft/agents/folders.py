"""Which files an agent may let weft read: those below the folders that a person has named.

Knows that a link which leads out is not below. Refuses to open anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weft.errors import Mistake, UnreadableTable


class Folders:
    """The folders that may be read."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Allow these and all below them.

        Raises:
            Mistake: if one of them is no folder.
        """
        for each in folders:
            if not each.is_dir():
                raise Mistake(f"`--folder {each}` is no folder.", hint="name one that is there.")
        self._folders = tuple(each.resolve() for each in folders)

    @property
    def shown(self) -> tuple[str, ...]:
        """Their paths, for people."""
        return tuple(str(each) for each in self._folders)

    def find(self, text: str) -> Path:
        """The file that a path means; a relative one is looked for in each folder in turn.

        Raises:
            UnreadableTable: if there is none, or if it lies elsewhere; which of the two is not told.
        """
        for folder in self._folders:
            try:
                found = (folder / text).resolve()
                if found.is_file() and any(found.is_relative_to(each) for each in self._folders):
                    return found
            except (OSError, ValueError, RuntimeError):  # a name that no file can have, a loop of links
                continue
        raise UnreadableTable(
            f"There is no table `{text[:200]}` in the folders that may be read.",
            hint=f"these are: {', '.join(self.shown)}. A person adds one with `weft mcp --folder`.",
        )
