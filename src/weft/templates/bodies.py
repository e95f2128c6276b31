"""Read bodies and expressions without running them: what is wrong with them, and what they need.

Knows the order of the walls: each file is parsed and vetted by itself, all that a body is composed
of is laid into one tree, the tree is measured, and only then is it asked for its names.
Refuses to know front matter, and to compile or run anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from jinja2 import TemplateSyntaxError, meta, nodes

from weft.templates.environment import compose, parse, parse_expression
from weft.templates.flattening import is_composed
from weft.templates.flaws import Flaw
from weft.templates.leaves import Unfit, references
from weft.templates.pieces import Piece
from weft.templates.syntax import Reading, read_tree, where
from weft.templates.vetting import MAX_CHARACTERS, measure, vet


def read_body(text: str, *, path: str = "body", first_line: int = 1, pieces: Sequence[Piece] = ()) -> Reading:
    """Read a template body, with everything that it is composed of, without running it.

    Args:
        path: what the text is called in complaints.
        first_line: physical line of its first line.
        pieces: every template that it, or one of these, names.
    """
    tree, flaws = _vetted(text, parse, path=path, first_line=first_line)
    places = [path, *(f"body of {piece.title}" for piece in pieces)]
    parsed: list[tuple[Piece, nodes.Template | None]] = []
    for place, piece in zip(places[1:], pieces, strict=True):
        found, wrong = _vetted(piece.body, parse, path=place, first_line=piece.body_line)
        parsed.append((piece, found))
        flaws += wrong
    if flaws or tree is None:
        return Reading(tuple(flaws))
    if not is_composed(tree):
        return _read(tree, places=[path], first_line=first_line)
    try:
        flat = compose(tree, text, first_line=first_line, parsed=parsed)
    except Unfit as exc:
        return Reading((Flaw(*where(exc.place, places), exc.message, exc.code),))
    except RecursionError:  # each file is shallow, but they stand in one another
        return Reading((Flaw(path, first_line, "The template is too deeply nested.", "too_complex"),))
    return _read(flat, places=places, first_line=1)


def read_expression(text: str, *, path: str, first_line: int = 1) -> Reading:
    """Read one expression such as `price * 1.2` without running it."""
    tree, flaws = _vetted(text, parse_expression, path=path, first_line=first_line)
    if flaws or tree is None:
        return Reading(tuple(flaws))
    return _read(tree, places=[path], first_line=first_line)


def read_references(text: str) -> list[tuple[str, int, bool]]:
    """The templates that a text names: reference, line of the text, and whether it extends it.

    Nothing is listed where the text has flaws; `read_body` tells them.
    """
    if _COMPOSES.search(text) is None:
        return []
    tree, flaws = _vetted(text, parse, path="", first_line=1)
    if flaws or tree is None:
        return []
    return [
        (each.template.value, each.lineno, isinstance(each, nodes.Extends))
        for each in references(tree)
        if isinstance(each.template, nodes.Const)
    ]


_COMPOSES = re.compile(r"\{%[-+]?\s*(?:extends|include|import|from)\b")


def _vetted(
    text: str, parse: Callable[[str], nodes.Template], *, path: str, first_line: int
) -> tuple[nodes.Template | None, list[Flaw]]:
    """Parse one file's text, and say everything in it that a template may not use."""
    if len(text) > MAX_CHARACTERS:
        message = f"The text has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed."
        return None, [Flaw(path, first_line, message, "too_complex")]
    try:
        tree = parse(text)
    except TemplateSyntaxError as exc:
        line = first_line + exc.lineno - 1
        return None, [Flaw(path, line, f"{_sentence(exc.message or 'wrong syntax')}", "syntax")]
    except (RecursionError, ValueError, OverflowError):  # nesting, and numbers of thousands of digits
        return None, [Flaw(path, first_line, "The template is too deeply nested.", "too_complex")]
    return tree, vet(tree, path=path, first_line=first_line)


def _read(tree: nodes.Template, *, places: Sequence[str], first_line: int) -> Reading:
    flaws = measure(tree, path=places[0], first_line=first_line)
    if flaws:
        return Reading(tuple(Flaw(*where(flaw.line, places), flaw.message, flaw.code) for flaw in flaws))
    reading = read_tree(tree, meta.find_undeclared_variables(tree), first_line=first_line)
    return replace(reading, places=tuple(places))


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
