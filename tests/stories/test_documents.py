from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOR_PEOPLE = ["README.md", "docs/tour.md"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the documents take it: the example tables are in it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "examples" / "topics.csv", tmp_path)
    return tmp_path


def call(folder: Path, command: list[str] | str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with weft on the path and no key in sight."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, shell=isinstance(command, str),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_python_in_documents_runs(name: str, folder: Path) -> None:
    """The Python of a page runs from top to bottom in a folder with the example table."""
    code = "\n".join(PYTHON.findall((ROOT / name).read_text(encoding="utf-8")))

    done = call(folder, [sys.executable, "-W", "error", "-c", code])

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_commands_in_documents_run(name: str, folder: Path) -> None:
    """Every `$ …` line of a page runs, one after the other, without an error."""
    blocks = CONSOLE.findall((ROOT / name).read_text(encoding="utf-8"))
    commands = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]

    failed = [(command, done) for command in commands if (done := call(folder, command)).returncode]

    assert not failed, "\n".join(f"$ {command}\n{done.stdout}{done.stderr}" for command, done in failed)


@pytest.mark.parametrize("name", ["README.md", "docs/tour.md"])
def test_quick_prompts_of_documents_tell_rows_apart(name: str, folder: Path) -> None:
    """The field of a page's quick prompt gives the built-in model enough to choose every option."""
    field = re.findall(r'--field "(category: [^"]+)"', (ROOT / name).read_text(encoding="utf-8"))[0]
    command = [
        "weft",
        "run",
        "examples/emails.csv",
        "--model",
        "local",
        "--out",
        "mails.csv",
        "--field",
        field,
    ]

    done = call(folder, [*command, "--prompt", "What is this mail about? {{ body }}"])
    with (folder / "mails.csv").open(encoding="utf-8", newline="") as file:
        found = {row["category"] for row in csv.DictReader(file)}

    assert found == {"bug", "billing", "praise", "other"}, done.stderr
