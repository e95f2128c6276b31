"""The page about a server for a team is followed word for word: prepared, started, asked and governed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.stories.test_documents import CONSOLE, ROOT

PAGE = ROOT / "docs/how-to/team.md"
PORT = "8753"
STARTS = "$ weft serve --team"
SETTINGS = re.compile(r"(OPENAI|ANTHROPIC|GEMINI|GOOGLE|WEFT)_|XDG_CONFIG_HOME")


def blocks() -> list[str]:
    """Every block of commands, in order."""
    return CONSOLE.findall(PAGE.read_text(encoding="utf-8"))


def environment(folder: Path) -> Mapping[str, str]:
    """A clean environment, with the master key that the page makes."""
    kept = {name: value for name, value in os.environ.items() if not SETTINGS.match(name)}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "WEFT_MASTER_KEY_FILE": str(folder / "master.key"),
        "no_proxy": "*",
    }


def run(script: str, folder: Path, port: str) -> None:
    """Run one block as a person would."""
    lines = re.sub(r"^\$ ", "", script, flags=re.MULTILINE).replace(PORT, port)
    done = subprocess.run(
        ["sh", "-ec", lines], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=120
    )  # fmt: skip

    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"


def start(script: str, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the server at a free port; it, and the port."""
    line = script.splitlines()[0].removeprefix("$ ").replace(PORT, "0")
    server = subprocess.Popen(
        line.split(),
        cwd=folder,
        env=environment(folder),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert server.stdout is not None
    opened = server.stdout.readline()
    found = re.fullmatch(r"Serving https://weft\.example\.com at http://127\.0\.0\.1:(\d+)\n", opened)
    assert found is not None, opened + (server.communicate(timeout=30)[1] if not opened else "")
    return server, found[1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page asks with curl")
def test_page_of_the_team_can_be_followed(tmp_path: Path) -> None:
    """Every line of the page runs: the server starts as it says, and answers who was let in."""
    server, port, seen = None, PORT, 0
    try:
        for block in blocks():
            if block.startswith(STARTS):
                server, port = start(block, tmp_path)
            else:
                run(block, tmp_path, port)
            seen += 1
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            told = server.communicate(timeout=60)[1]

    assert server is not None
    assert (seen, server.returncode) == (11, 0), told
    assert (tmp_path / ".weft/weft.db.workspaces/support/weft.db").exists()
