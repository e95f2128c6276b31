"""Every bundled template answers its example table with the built-in model, without key and network."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import weft
from weft.cli.main import main
from weft.run import RunState
from weft.templates.library import TemplateLibrary

EXAMPLES = Path(__file__).parents[2] / "examples"
LISTED = re.findall(
    r"^\| `(\w+\.csv)` \| (\d+) \| `(\w+)` \|",
    (EXAMPLES / "README.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_every_bundled_template_has_a_table():
    """The README lists each table with its template, and forgets neither a table nor a template."""
    assert {table for table, _, _ in LISTED} == {path.name for path in EXAMPLES.glob("*.csv")}
    assert {key for _, _, key in LISTED} == set(TemplateLibrary().keys())


@pytest.mark.parametrize(("table", "count", "template"), LISTED)
def test_local_model_answers_every_row(table, count, template, tmp_path, monkeypatch):
    """All rows of an example are answered; no retry, no cost, the table's columns kept."""
    monkeypatch.chdir(tmp_path)

    result = weft.run(EXAMPLES / table, template, model="local", store="memory://", out="out.csv")

    assert result.summary.state == RunState.FINISHED
    assert (result.summary.answered, result.summary.failed) == (int(count), 0)
    assert result.summary.calls == -(-int(count) // 20)
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    with (EXAMPLES / table).open(encoding="utf-8", newline="") as file:
        given = list(csv.DictReader(file, strict=True))
    assert [{name: row[name] for name in given[0]} for row in rows] == given


def test_readme_commands_run(tmp_path, monkeypatch):
    """The command that the README shows ends well, as it stands there."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^weft (run .*)$", text, re.MULTILINE)

    assert commands
    assert [main(command.split()) for command in commands] == [0] * len(commands)
