"""Every command line that a document shows can be pasted: its command and its options exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.house.source import ROOT
from tests.unit.cli.lines import check_line, lines_in

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SHOWN = [(page, line) for page in PAGES for line in lines_in(page.read_text(encoding="utf-8"))]


def test_lines_are_found() -> None:
    """The pages show lines at all, and the one with faults is among them."""
    assert len(SHOWN) > 20
    assert any("--fault unavailable=0.001@20s" in line for _, line in SHOWN)


@pytest.mark.parametrize(
    ("page", "line"), SHOWN, ids=lambda each: each.name if isinstance(each, Path) else each
)
def test_line_is_understood(page: Path, line: str) -> None:
    """The parser reads the line."""
    del page
    check_line(line)


def test_unknown_option_is_found() -> None:
    """A line with an option that does not exist is refused, so that the test above means something."""
    with pytest.raises(Exception, match="No such option"):
        check_line("weft export --rows-per-call 3")
