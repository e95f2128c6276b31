from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOUND = re.compile(r"^(?:.*/)?(\w+\.py):(\d+): error: .*\[([a-z-]+)\]$", re.MULTILINE)
EXPECTED = re.compile(r"# refused: ([a-z-]+)$")


@pytest.fixture(scope="module")
def complaints() -> set[tuple[str, int, str]]:
    """What the type checker says about the two files: file, line and code."""
    files = [str(HERE / name) for name in ("accepted.py", "refused.py")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-pretty", "--show-error-codes", *files],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return {(file, int(line), code) for file, line, code in FOUND.findall(done.stdout)}


def test_usual_code_is_accepted(complaints: set[tuple[str, int, str]]) -> None:
    """B31: the type checker, at its strictest, has nothing to say about `accepted.py`."""
    assert {each for each in complaints if each[0] == "accepted.py"} == set()


def test_mistakes_are_refused(complaints: set[tuple[str, int, str]]) -> None:
    """The type checker complains about `refused.py` where the file says so, and nowhere else."""
    lines = (HERE / "refused.py").read_text(encoding="utf-8").splitlines()
    marked = {
        ("refused.py", number, found[1])
        for number, line in enumerate(lines, start=1)
        if (found := EXPECTED.search(line))
    }

    assert {each for each in complaints if each[0] == "refused.py"} == marked
