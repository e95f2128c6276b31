"""The page on generated code, done from top to bottom as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/generate-code.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"Save this as `([^`]+)`:\n\n```\w+\n(.*?)^```|^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def call(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as it stands on the page, with weft's own Python first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project, so that the tools may remember what they know from one command to the next."""
    (tmp_path / "weft.toml").write_text("", encoding="utf-8")
    return tmp_path


def test_page_is_true(folder: Path) -> None:
    """V40, V42, V48: every file, command, output and line of Python on the page is as shown."""
    for name, text, language, code in STEP.findall(PAGE):
        if name:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif language == "python":
            done = call(folder, [sys.executable, "-W", "error", "-c", code])
            assert done.returncode == 0, done.stderr
        else:
            for shown in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
                command, _, output = shown.partition("\n")
                if command.startswith("pip "):
                    continue
                done = call(folder, ["sh", "-c", command])
                assert (done.returncode, done.stdout) == (0, output), (
                    f"$ {command}\n{done.stdout}{done.stderr}"
                )
