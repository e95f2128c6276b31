"""The pages about scripts and workers are followed: their programs run against a server, their lines start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.test_documents import CONSOLE, ROOT
from tests.stories.test_serve import start
from tests.stories.test_serve_runs import end

CLIENT, WORKERS = ROOT / "docs/how-to/client.md", ROOT / "docs/how-to/workers.md"
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_scripts_of_the_page_run(tmp_path: Path) -> None:
    """Every program of the page about scripts runs, and the same rows come from here and from there."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    (tmp_path / "mails.csv").write_text("body\nThe invoice is wrong.\nI love it!\n", encoding="utf-8")
    here, there, desk = PYTHON.findall(CLIENT.read_text(encoding="utf-8"))
    server = start(tmp_path)
    written = []
    try:
        for script in (here, there, desk):
            done = subprocess.run(
                [sys.executable, "-W", "error", "-c", script.replace("http://127.0.0.1:8753", server.url)],
                cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, "")
            written.append((tmp_path / "moods.csv").read_bytes())
    finally:
        end(server)

    assert written[0] == written[1]
    assert "meeting_recap" in done.stdout
    assert (tmp_path / "rows.jsonl").exists()


@pytest.mark.parametrize("number", [0, 1], ids=["together", "apart"])
def test_processes_of_the_page_start(tmp_path: Path, number: int) -> None:
    """Every server and worker of the page about workers starts in an empty project, and stops with 0."""
    lines = CONSOLE.findall(WORKERS.read_text(encoding="utf-8"))[number].replace("8753", "0")
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    processes = [
        subprocess.Popen(
            line.removeprefix("$ ").split(), cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for line in lines.splitlines()
    ]  # fmt: skip
    said = []
    for each in processes:
        assert each.stdout is not None
        said.append(each.stdout.readline())
        each.terminate()
    codes = []
    for each in processes:
        each.communicate(timeout=60)
        codes.append(each.returncode)

    assert all("Open http" in line or "Walking up to 4 runs" in line for line in said)
    assert codes == [0] * len(processes)
