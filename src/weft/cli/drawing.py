"""Tables and summaries as a terminal shows them: in colour, and fitted to its width.

Knows which columns give way where a terminal is narrow: some are left out, some are shortened, and
one may go on over several lines. Refuses to print, and to know what the cells mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

GAP = 2  # spaces between columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What gives way where a table is wider than the terminal; every other cell stays whole.

    Attributes:
        spare: columns that are left out, the first one first.
        least: columns that are shortened with `…`, and the width that they keep.
        wrapped: the column that goes on over several lines; its width in `least` counts as well.
        styles: cell → colour.
    """

    spare: Sequence[str] = ()
    least: Mapping[str, int] = field(default_factory=dict)
    wrapped: str = ""
    styles: Mapping[str, str] = field(default_factory=dict)


WHOLE = Fit()
"""Nothing gives way."""


def drawn_table(
    columns: Sequence[str], cells: Sequence[Sequence[str]], *, right: Sequence[str], fit: Fit, width: int
) -> Table:
    """Draw a table for a terminal of so many columns.

    Args:
        right: columns whose cells stand at the right.
    """
    widths = _widths(columns, cells, fit, width)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for at, room in widths.items():
        name = columns[at]
        table.add_column(
            name,
            justify="right" if name in right else "left",
            overflow="fold" if name == fit.wrapped else "ellipsis",
            no_wrap=name != fit.wrapped,
            width=room,
        )
    for row in cells:
        table.add_row(*[Text(row[at], style=fit.styles.get(row[at], "")) for at in widths])
    return table


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], fit: Fit, width: int) -> dict[int, int]:
    """Place → width of the columns that are shown: spare ones only where there is room, and a cell."""
    wanted = {
        at: max(cell_len(name), *(cell_len(row[at]) for row in cells), 0)
        for at, name in enumerate(columns)
        if name not in fit.spare or any(row[at] for row in cells)
    }
    given = {at: min(size, fit.least.get(columns[at], size)) for at, size in wanted.items()}
    for name in fit.spare:
        if _total(given) <= width:
            break
        given = {at: size for at, size in given.items() if columns[at] != name}
    for at in given:  # what room is left goes to those that were shortened
        given[at] += max(0, min(wanted[at] - given[at], width - _total(given)))
    return given


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def drawn_summary(
    title: str,
    counts: Sequence[tuple[str, int, str]],
    facts: Sequence[tuple[str, str]],
    *,
    share: str,
    notes: Sequence[str] = (),
) -> Panel:
    """Draw how a run stands: a bar of shares, counts in their colours, and what they took.

    Args:
        counts: name, number and colour; the first one is the whole, the others are its parts.
        facts: name and value.
        share: said beside the bar.
        notes: sentences below.
    """
    grid = Table.grid(padding=(0, GAP))
    for justify in ("left", "right", "left", "left", "right"):
        grid.add_column(justify=justify, no_wrap=True)
    for at in range(max(len(counts), len(facts))):
        name, number, style = counts[at] if at < len(counts) else ("", 0, "")
        told = Text(f"{number:,}" if name else "", style=style if number else "dim")
        fact, value = facts[at] if at < len(facts) else ("", "")
        grid.add_row(Text(name), told, "  ", Text(fact), Text(value, style="bold"))
    parts = counts[1:]
    found = {style for _, number, style in parts if number}
    worst = next((style for style in _WORST_FIRST if style in found), "green")
    bar = _bar([(number, style) for _, number, style in parts], counts[0][1])
    lines: list[RenderableType] = [Text.assemble(bar, "  ", (share, f"bold {worst}")), Text(), grid]
    lines += [Text(each, style="dim") for each in notes]
    return Panel.fit(
        Group(*lines), title=Text(title, style="bold"), title_align="left", border_style=worst, padding=(0, 2)
    )


_WORST_FIRST = ("red", "yellow", "magenta", "blue")  # of the colours of counts; the frame takes it
_BAR = 32  # cells of a bar


def _bar(parts: Sequence[tuple[int, str]], total: int) -> Text:
    """A line of coloured shares; a part that is there takes one cell at least."""
    text, passed = Text(), 0
    for number, style in parts:
        passed += number
        cells = max(1, round(_BAR * passed / total) - len(text)) if number else 0
        text.append("━" * cells, style=style)
    text.truncate(_BAR)
    return text.append("━" * (_BAR - len(text)), style="dim")
