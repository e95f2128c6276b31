from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weft.cli.main import main

WITHOUT = "import sys\nfor name in {names!r}: sys.modules[name] = None\nfrom weft.cli.main import main\nsys.exit(main({args!r}))"


def run_without(names: list[str], args: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in an interpreter that cannot find some packages."""
    code = WITHOUT.format(names=names, args=args)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_missing_libraries_are_a_sentence(tmp_path: Path) -> None:
    """Without the extra the command says how to install it, and nothing is written."""
    done = run_without(["fastapi", "uvicorn"], ["serve", "--port", "0"], tmp_path)

    assert done.returncode == 2
    assert "pip install 'weft[server]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_libraries(tmp_path: Path) -> None:
    """The command can be read about before its libraries are installed."""
    done = run_without(["fastapi", "uvicorn", "starlette"], ["serve", "--help"], tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "--port" in done.stdout


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_impossible_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that there cannot be is refused before anything is opened."""
    assert main(["serve", "--port", port]) == 2
    assert "65,535" in capsys.readouterr().err
