"""Pieces: the other templates that a template is composed of, and where a template comes from.

Knows how one template names another (`footer`, `footer@1.0.0`, `footer@production`), what of the
other travels with it, and which origins are foreign. A piece is a plain value: with it a run goes
on without any file. Refuses to know folders, front matter and Jinja.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MAX_PIECES = 40  # distinct templates that one template may be composed of
MAX_CHAIN = 10  # templates that use one another in a row, and macros that call one another


class Origin(StrEnum):
    """Where a template comes from."""

    BUILTIN = "builtin"
    """It came with weft."""
    PROJECT = "project"
    """It stands in the project's own folder, or is a prompt on the command line."""
    USER = "user"
    """It stands in the user's own folder."""
    IMPORTED = "imported"
    """It came in a bundle and nobody has said yet that it is trusted."""
    ELSEWHERE = "elsewhere"
    """It was given by its path and lies outside of every folder of templates and of the project."""


FOREIGN = frozenset({Origin.IMPORTED, Origin.ELSEWHERE})
"""Origins of templates that somebody else may have written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One template as a part of another.

    Attributes:
        ref: how it is named in the text, such as `footer@1.0.0`.
        key: its key. version: its version, exactly.
        text: its whole file.
        body: its Jinja text.
        body_line: physical line of the body's first line in the file.
        context: what its values are escaped for; empty where it does not say.
        origin: where it comes from.
        path: its file; empty where there is none.
    """

    ref: str
    key: str
    version: str
    text: str
    body: str
    body_line: int
    context: str = ""
    origin: Origin = Origin.PROJECT
    path: str = ""

    @property
    def title(self) -> str:
        """Key and version as one word: `footer@1.0.0`."""
        return f"{self.key}@{self.version}"

    def plain(self) -> dict[str, Any]:
        """The piece as plain JSON; `read_piece` makes it again."""
        return asdict(self)


Lookup = Callable[[str], Piece]
"""Finds a piece by how it is named; raises `UnknownName` or `BadTemplate` where it cannot."""


def read_piece(plain: Mapping[str, Any]) -> Piece:
    """Make a piece again from what `Piece.plain` wrote."""
    return Piece(**{**plain, "origin": Origin(plain["origin"])})


def kept_pieces(pieces: Iterable[Piece]) -> Lookup:
    """Look pieces up among those that were kept, and nowhere else.

    Raises:
        KeyError: by the lookup, for a piece that was not kept.
    """
    return {piece.ref: piece for piece in pieces}.__getitem__
