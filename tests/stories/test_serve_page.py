"""The page about the server is followed word for word: the server is started as it says, then asked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.test_documents import CONSOLE, ROOT

PAGE = ROOT / "docs/how-to/serve.md"
PORT = "8753"


def blocks() -> tuple[str, list[str]]:
    """The line that starts the server, and the scripts that follow it."""
    first, *rest = CONSOLE.findall(PAGE.read_text(encoding="utf-8"))
    scripts = [re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in rest]
    return first.splitlines()[0].removeprefix("$ "), scripts


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page asks with curl")
def test_page_of_the_server_can_be_followed(tmp_path: Path) -> None:
    """Every line of the page runs against a server that was started by its first."""
    starts, scripts = blocks()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "no_proxy": "*",
    }
    server = subprocess.Popen(
        starts.replace(PORT, "0").split(), cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    opened = server.stdout.readline()
    found = re.search(r":(\d+)/enter\?code=", opened)
    assert found is not None, opened
    try:
        for script in scripts:
            done = subprocess.run(
                ["sh", "-ec", script.replace(PORT, found[1])],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip

            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)

    assert len(scripts) == 5
    assert server.returncode == 0
    assert (tmp_path / "openapi.json").read_text(encoding="utf-8").startswith("{")
