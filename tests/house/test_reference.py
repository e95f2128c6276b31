from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from docs.generate import PAGES, REFERENCE
from tests.house.source import ROOT, house, report

from weft import errors, events
from weft.cli.main import summaries
from weft.errors import WeftError
from weft.events import Event
from weft.settings import Settings

COMMAND = re.compile(r"`weft ([a-z][a-z-]*)")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"`make ([a-z]+)")


def documents() -> list[Path]:
    """Every page that people read."""
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changes/*.md")]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_is_fresh(name: str) -> None:
    """A page of the reference says what the code says; `make docs` writes it anew."""
    path = REFERENCE / name

    assert path.exists(), "run `make docs`"
    assert path.read_text(encoding="utf-8") == PAGES[name](), "the code has changed: run `make docs`"


def test_index_leads_to_every_page() -> None:
    """The documentation's index links to each of its pages; decisions have an index of their own."""
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    wanted = {page for page in pages if not page.startswith("decisions/")} - {"index.md"}

    assert wanted <= set(LINK.findall(index)), report(sorted(wanted - set(LINK.findall(index))))


def test_settings_errors_and_events_are_listed() -> None:
    """Every setting, error and event stands in its page of the reference."""
    named = {
        "settings.md": [each.name for each in fields(Settings)],
        "errors.md": subclasses(errors, WeftError),
        "events.md": subclasses(events, Event),
    }
    missing = [
        f"{page}: {name}" for page, names in named.items() for name in names if name not in PAGES[page]()
    ]

    assert not missing, report(missing)


def subclasses(module: object, root: type) -> list[str]:
    """Names of a module's classes below a root."""
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, root)]
    return [each.__name__ for each in found if each is not root]


def test_commands_in_messages_exist() -> None:
    """P19: every `weft …` command that a message, a hint or a docstring names can be run."""
    known = set(summaries())
    faults = [
        f"{m.path}: weft {name}" for m in house() for name in COMMAND.findall(m.text) if name not in known
    ]

    assert not faults, report(sorted(set(faults)))


def test_commands_in_documents_exist() -> None:
    """Every `weft …` and `make …` command that a document names can be run."""
    known = set(summaries())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    faults = []
    for path in documents():
        text = path.read_text(encoding="utf-8")
        faults += [f"{path.name}: weft {name}" for name in COMMAND.findall(text) if name not in known]
        faults += [f"{path.name}: make {name}" for name in MAKE.findall(text) if name not in targets]

    assert not faults, report(faults)


def test_links_in_documents_lead_somewhere() -> None:
    """A link to a file of this repository finds it."""
    faults = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in documents()
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]

    assert not faults, report(faults)
