"""Templates as people look at them: cards of the gallery, and what differs between two versions.

Knows what stands in which order and in which colour, and how the same is told line by line where
nothing is a terminal. Refuses to print, and to know where templates come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from weft.cli.escaping import shown

ORIGINS = {
    "builtin": "weft",
    "project": "yours",
    "user": "yours, for all projects",
    "imported": "imported, not trusted yet",
    "elsewhere": "a file outside of the project",
}
"""Where a template comes from, in people's words."""
_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_PREVIEW_LINES = 14  # of a card; `weft templates render` shows all
_INDENT = "  "


def card_lines(card: Any) -> list[str]:
    """A card line by line; the first line is its title."""
    return [text for text, _ in _card(card)]


def drawn_card(card: Any) -> RenderableType:
    """A card with a frame and colours."""
    (title, style), *rest = _card(card)
    body = Group(*[Text(shown(text), style=style) for text, style in rest])
    return Panel(
        body, title=Text(shown(title), style="bold"), title_align="left", border_style=style, padding=(0, 1)
    )


def _card(card: Any) -> Iterator[tuple[str, str]]:
    """Lines of a card with their styles; the style of the first is that of the frame."""
    frame = "red" if card.error else "yellow" if card.record.deprecated else "cyan"
    yield f"{card.key} {card.version}  {card.name}".rstrip(), frame
    if card.error:
        yield card.error.splitlines()[0], "red"
        yield f"`weft templates lint {card.key}` lists every problem.", "dim"
        return
    if card.record.deprecated:
        instead = f" Use `{card.record.replacement}` instead." if card.record.replacement else ""
        yield f"Deprecated: {card.record.reason.rstrip('.')}.{instead}", "yellow"
    yield card.description or "(no description)", ""
    yield " · ".join(_facts(card)), "dim"
    yield from _fields("Inputs", card.inputs)
    yield from _fields("Answers", card.answers)
    yield from _preview(card)


def _facts(card: Any) -> Iterator[str]:
    yield ORIGINS.get(card.origin, card.origin)
    if card.part:
        yield "a part of other templates"
    if len(card.versions) > 1:
        yield f"versions {', '.join(card.versions)}"
    yield from (f"{alias} = {version}" for alias, version in card.aliases.items())
    if card.record.committed:
        by = f" by {card.record.author}" if card.record.author else ""
        why = f": {card.record.message}" if card.record.message else ""
        yield f"committed {card.record.committed[:10]}{by}{why}"
    if card.record.cloned_from:
        yield f"cloned from {card.record.cloned_from}"
    if card.composed_of:
        yield f"composed of {', '.join(card.composed_of)}"
    yield from (f"#{tag}" for tag in card.record.tags)


def _fields(title: str, fields: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if not fields:
        return
    yield f"{title}:", "bold"
    for field in fields:
        optional = "" if field["required"] else ", optional"
        said = f": {' '.join(str(field['description']).split())}" if field["description"] else ""
        yield f"{_INDENT}{field['name']} ({field['type']}{optional}){said}", ""


def _preview(card: Any) -> Iterator[tuple[str, str]]:
    if card.preview is None:
        return
    yield f"A row as a model is given it (from {_SOURCES[card.preview_from]}):", "bold"
    if card.preview.problem:
        yield f"{_INDENT}{card.preview.problem}", "yellow"
        return
    lines = (card.preview.text or card.preview.data).expandtabs(4).splitlines()
    for line in lines[:_PREVIEW_LINES]:
        yield _INDENT + line, "green"
    if len(lines) > _PREVIEW_LINES:
        yield (
            f"{_INDENT}… and {len(lines) - _PREVIEW_LINES} more lines: weft templates render {card.key}",
            "dim",
        )


_SOURCES = {"sample": "its sample", "example": "its first example", "defaults": "the defaults of its inputs"}


def difference_lines(found: Any) -> Iterator[tuple[str, str]]:
    """What differs between two templates, line by line, with the colour of each line."""
    yield f"{found.before} → {found.after}", "bold"
    if found.is_empty:
        yield "Nothing differs but the version." if found.rest else "Nothing differs.", ""
        return
    for title, changes in (("Inputs", found.inputs), ("Answers", found.answers), ("Otherwise", found.rest)):
        if changes:
            yield f"{title}:", "bold"
        for change in changes:
            yield from _change(change)
    for title, lines in (("System", found.system), ("Body", found.body), ("Composed of", found.pieces)):
        if lines:
            yield f"{title}:", "bold"
        for line in lines:
            yield _INDENT + line.expandtabs(4), _STYLES.get(line[:1], "")


def _change(change: Any) -> Iterator[tuple[str, str]]:
    yield f"{_INDENT}{change.path} {change.kind}", ""
    for mark, text in (("-", change.before), ("+", change.after)):
        if text:
            yield f"{_INDENT * 2}{mark} {' '.join(text.split())}", _STYLES[mark]
