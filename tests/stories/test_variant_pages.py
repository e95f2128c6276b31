"""The pages about variants from top to bottom: their files, their commands and what these show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["docs/explanation/selector.md", "docs/how-to/write-a-variant.md"]
BLOCK = re.compile(r"(?:This is `([^`]+)`[^\n]*:\n\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps(page: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name and text of every file, and every command with the lines that the page shows below it."""
    for found in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        name, kind, text = found.groups()
        if name:
            yield name, text, []
        elif kind == "console":
            command = ""
            shown: list[str] = []
            for line in [*text.splitlines(), "$ "]:
                if line.startswith("$ "):
                    if command:
                        yield "", command, shown
                    command, shown = line[2:], []
                else:
                    shown.append(line)


@pytest.mark.parametrize("page", PAGES)
def test_page_works_and_shows_the_truth(page: str, tmp_path: Path) -> None:
    """V40, V43, V48: every file can be written, every command runs and prints what the page shows."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    around = {**os.environ, "PATH": path, "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": ""}
    ran = 0
    for name, text, shown in steps(page):
        if name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        done = subprocess.run(
            text,
            cwd=tmp_path,
            env=around,
            shell=not name,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        said = (done.stdout + done.stderr).splitlines()
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        for line in shown:
            assert any(each.startswith(line) for each in said), f"{text}\n{line}\n{done.stdout}"
        ran += 1

    assert ran >= 7


def test_figures_of_the_page_are_those_of_the_benchmark() -> None:
    """V21: the shares that the page states are what the cases give today."""
    text = (ROOT / PAGES[0]).read_text(encoding="utf-8")
    stated = re.findall(r"(\d+)/(\d+)", text.partition("figures: begin")[2].partition("figures: end")[0])
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "selector" / "run.py")],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    measured = re.findall(r"^exact +(\d+)/(\d+)", done.stdout, re.MULTILINE)

    assert [tuple(each) for each in stated] == [tuple(each) for each in measured]
