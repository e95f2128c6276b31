"""The page "Write your own template" from top to bottom: its files, its commands and its Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "write-a-template.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:This is `([^`]+)`[^\n]*:\n\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps() -> Iterator[tuple[str, str, str]]:
    """Kind, name and text of every block in the order of the page; console blocks line by line."""
    for found in BLOCK.finditer(PAGE):
        name, kind, text = found.groups()
        if kind == "console":
            yield from ((kind, "", line[2:]) for line in text.splitlines() if line.startswith("$ "))
        else:
            yield kind, name or "", text


def test_page_works_from_top_to_bottom(tmp_path: Path) -> None:
    """T59-T63, T69-T74, T78: every file can be written, every command and the Python run."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    around = {**os.environ, "PATH": path, "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": ""}
    count = 0
    for kind, name, text in steps():
        if kind in {"markdown", "csv"}:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        command = [sys.executable, "-W", "error", "-c", text] if kind == "python" else text
        done = subprocess.run(
            command, cwd=tmp_path, env=around, shell=kind == "console",
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        count += 1

    assert count > 20
