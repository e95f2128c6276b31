"""What a template is composed of: every template that it names, and every one that these name.

Knows how references are followed, that they may not go in a circle or without end, and what a
template takes over from the one that it extends. Refuses to know where templates are found: a
lookup is handed in, and without one a template stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weft.errors import Mistake
from weft.schema import Schema
from weft.templates.bodies import read_references
from weft.templates.flaws import Flaw
from weft.templates.pieces import MAX_CHAIN, MAX_PIECES, Lookup, Piece


@dataclass(frozen=True, slots=True)
class Composition:
    """Every piece of a template, in the order in which they are met.

    Attributes:
        pieces: each reference once.
        base: the piece that the template extends; `None` where it extends none.
        flaws: references that lead nowhere, in a circle or too far.
    """

    pieces: tuple[Piece, ...] = ()
    base: Piece | None = None
    flaws: tuple[Flaw, ...] = ()


def gather(body: str, *, first_line: int, title: str, lookup: Lookup | None) -> Composition:
    """Find everything that a template is composed of.

    Args:
        body: the template's own Jinja text.
        first_line: physical line of the body's first line.
        title: the template's key and version, to find circles.
        lookup: finds a template by its reference; `None` = none can be found.
    """
    named = read_references(body)
    if not named:
        return Composition()
    if lookup is None:
        line = first_line + named[0][1] - 1
        message = f"`{named[0][0]}` can only be used by a template that is kept in a folder of templates."
        return Composition(flaws=(Flaw("body", line, message, "unknown_template"),))
    found = _Gathering(lookup)
    found.follow(body, first_line=first_line, place="body", chain=(title,))
    base = next((found.pieces.get(ref) for ref, _, extends in named if extends), None)
    return Composition(tuple(found.pieces.values()), base, tuple(found.flaws))


@dataclass(slots=True)
class _Gathering:
    lookup: Lookup
    pieces: dict[str, Piece] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def follow(self, body: str, *, first_line: int, place: str, chain: tuple[str, ...]) -> None:
        for ref, line, _ in read_references(body):
            message = self._step(ref, chain)
            if message:
                self.flaws.append(Flaw(place, first_line + line - 1, message, "unknown_template"))

    def _step(self, ref: str, chain: tuple[str, ...]) -> str:
        """Go on to a piece; say why not."""
        is_new = ref not in self.pieces
        try:
            piece = self.pieces[ref] if not is_new else self.lookup(ref)
        except Mistake as exc:
            return " ".join(filter(None, (f"`{ref}` cannot be used: {exc.message}", _sentence(exc.hint))))
        if piece.title in chain:
            told = " → ".join((*chain[chain.index(piece.title) :], piece.title))
            return f"Templates go in a circle: {told}."
        if len(chain) > MAX_CHAIN:
            return (
                f"Templates use each other more than {MAX_CHAIN} deep: {' → '.join((*chain, piece.title))}."
            )
        if is_new and len(self.pieces) >= MAX_PIECES:
            return f"A template may be composed of {MAX_PIECES} others; `{ref}` is one too many."
        self.pieces[ref] = piece
        if not is_new:  # followed before; a circle would have been found then
            return ""
        self.follow(
            piece.body,
            first_line=piece.body_line,
            place=f"body of {piece.title}",
            chain=(*chain, piece.title),
        )
        return ""


def _sentence(hint: str) -> str:
    return hint[:1].upper() + hint[1:] if hint.startswith("did you") else ""


def inherited_fields(base: Schema, own: Schema) -> Schema:
    """The fields of a base with those of its child: a field of the same name takes its place."""
    changed = {field.name: field for field in own}
    kept = [changed.pop(field.name, field) for field in base]
    return Schema((*kept, *changed.values()))


def foreign_context(pieces: Sequence[Piece], context: str) -> list[str]:
    """Say which pieces are written for another way of escaping than the template's."""
    return [
        f"`{piece.title}` is written for the context `{piece.context}`, this template for `{context}`."
        for piece in pieces
        if piece.context and piece.context != context
    ]
