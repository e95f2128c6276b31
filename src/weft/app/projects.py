"""Begin a project: `weft.toml`, an example template and table, and what git should not keep.

Knows what a new folder needs; writes nothing over what is there.
Refuses to know runs and stores: they appear with the first run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from weft.errors import UnwritableFile
from weft.settings import Settings

TEMPLATE = """---
name: Ticket triage
version: 1.0.0
description: Sorts support tickets and says in a few words what each is about.
inputs:
  - name: subject
    type: string
    description: Subject line of the ticket.
  - name: body
    type: text
    description: What the customer wrote.
answers:
  - name: summary
    type: string
    description: What the customer wants, in at most 12 words.
    max_words: 12
  - name: category
    type: enum
    description: |
      bug: an error, or something that cannot be used;
      billing: an invoice, a charge, a card or a refund;
      praise: thanks for something wonderful;
      question: is there a way to do something
    options: [bug, billing, praise, question]
system: |
  You read support tickets of a note-taking app and sort them for the support team.
examples:
  - subject: Where is my invoice?
    body: I cannot find the invoice of September anywhere.
    summary: Wants the invoice of September
    category: billing
sample:
  - subject: Cannot log in
    body: Since this morning the login page shows error 500.
    summary: Cannot log in because of error 500
    category: bug
---
Subject: {{ subject }}
Ticket: {{ body }}
"""
TABLE = """subject,body
Cannot log in,Since this morning the login page shows error 500.
Invoice twice,You charged my card twice for October. Please refund one of them.
Thank you,The new editor is wonderful!
Export,Is there a way to export my notes as PDF?
"""
IGNORED = (".weft/", "*.out.csv")


@dataclass(frozen=True, slots=True)
class Begun:
    """What `init` did: paths written, and paths that were there and were left alone."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


class ProjectsDesk:
    """Begins projects."""

    def init(self, folder: Path) -> Begun:
        """Write the files of a new project into a folder; files that are there stay as they are.

        `.gitignore` only gets the lines that it lacks. Repeating it changes nothing.

        Raises:
            UnwritableFile: if something cannot be written.
        """
        written: list[str] = []
        kept: list[str] = []
        for name, text in new_files().items():
            done = _write_new(folder / name, text)
            (written if done else kept).append(name)
        ignored = _add_lines(folder / ".gitignore", IGNORED)
        (written if ignored else kept).append(".gitignore")
        return Begun(tuple(written), tuple(kept))


def new_files() -> Mapping[str, str]:
    """Path → text of every file of a new project."""
    return {"weft.toml": config_text(), "templates/ticket_triage.md": TEMPLATE, "tickets.csv": TABLE}


def config_text() -> str:
    """A `weft.toml` with every setting, its default and its sentence, all but the model commented out."""
    lines = [
        "# Settings of weft. Variables WEFT_… win over this file, flags win over both.",
        "# Keys of providers do not belong here: they are read from the environment.",
        "",
        'model = "local"  # the built-in model; try "openai/gpt-4o-mini" with OPENAI_API_KEY set',
    ]
    for each in fields(Settings):
        if each.name != "model":
            lines += ["", f"# {each.metadata['help']}", f"# {each.name} = {_toml(each.default)}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return '"none"'
    return f'"{value}"' if isinstance(value, str) else str(value)


def _write_new(path: Path, text: str) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as exc:
        raise UnwritableFile(
            f"`{path}` cannot be written: {exc.strerror}.", hint="choose another folder."
        ) from exc
    return True


def _add_lines(path: Path, lines: tuple[str, ...]) -> bool:
    try:
        with path.open("a+", encoding="utf-8", newline="\n") as file:
            file.seek(0)
            text = file.read()
            missing = [line for line in lines if line not in text.splitlines()]
            if missing:
                file.write(("\n" if text and not text.endswith("\n") else "") + "\n".join(missing) + "\n")
    except OSError as exc:
        raise UnwritableFile(
            f"`{path}` cannot be written: {exc.strerror}.", hint="choose another folder."
        ) from exc
    return bool(missing)
