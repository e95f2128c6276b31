from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = """---
name: From elsewhere
version: 1.0.0
inputs: [text, 'words: list[text]']
answers: ['gist: string(max_words=12) = what it is about']
---
Say what this is about: {{ text|truncate(80) }}
{% for a in words %}{% for b in words %}{% set c = text|upper|title %}{% endfor %}{% endfor %}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a table of three rows, the second of which takes a template far too long."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "weft.toml").write_text("", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "gist.md").write_text(TEMPLATE, encoding="utf-8")
    with (project / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "words"])
        writer.writerow(["A letter about the weather.", "one;two"])
        writer.writerow(["Much. " * 5_000, ";".join(["word"] * 95)])
        writer.writerow(["A letter about the harvest.", "one"])
    return project


def weft(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the project."""
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_run_goes_on_past_a_row_that_takes_too_much(folder: Path) -> None:
    """S2: with a template from elsewhere one row is rejected with line and reason, the others are answered."""
    done = weft(
        folder, "run", str(folder.parent / "elsewhere" / "gist.md"), "rows.csv",
        "--model", "local", "--out", "out.jsonl",
    )  # fmt: skip

    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    told = " ".join((done.stdout + done.stderr).split())

    assert [bool(row.get("gist")) for row in rows] == [True, False, True], done.stdout + done.stderr
    assert "Row 2 (line 3): Line 8 of template `gist`" in told
    assert "it takes more than 0.25 s of the processor" in told
