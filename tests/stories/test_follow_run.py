"""A run is followed to its end: by the script of the page, and by readers whose server is killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.stories.kills import Server
from tests.stories.test_documents import CONSOLE, PYTHON, ROOT
from tests.stories.test_serve import Serving, start
from tests.stories.test_serve_runs import ROWS, ask_for, end, exported, folder, model, server, upload, wait

PAGE = ROOT / "docs/how-to/follow-a-run.md"
PORT = "8753"
LETTERS = {"answered": "s", "failed": "f", "skipped": "k", "waiting": "q", "rejected": "i"}
__all__ = ["folder", "model", "server"]  # fixtures


class Reader:
    """A page that shows a run."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.cursor = ""
        self.summary: dict[str, Any] = {}
        self.moves: Counter[str] = Counter()

    def look(self, program: httpx.Client, run: str) -> bool:
        """Ask once; whether there is no more by now."""
        if not self.cursor:
            grid = program.get(f"/api/v1/runs/{run}/grid").json()
            self.codes, self.cursor = list(grid["codes"]), grid["cursor"]
        news = program.get(f"/api/v1/runs/{run}/changes", params={"since": self.cursor}).json()
        if news["reset"]:
            self.cursor = ""
            return False
        for place, code in news["rows"]:
            self.codes.extend("-" * (place + 1 - len(self.codes)))
            self.moves[self.codes[place] + code] += 1
            self.codes[place] = code
        self.cursor, self.summary = news["cursor"], news["summary"] or self.summary
        return not news["more"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page asks with curl")
def test_page_can_be_followed(tmp_path: Path) -> None:
    """W46: the page's script shows every row of a run as it goes, and its answers at the end."""
    page = PAGE.read_text(encoding="utf-8")
    starts, *scripts = (re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in CONSOLE.findall(page))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "no_proxy": "*", "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(
        starts.replace(PORT, "0").split(), cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    found = re.search(r":(\d+)/enter\?code=", process.stdout.readline())
    assert found is not None
    (script,) = PYTHON.findall(page)
    (tmp_path / "follow.py").write_text(script.replace(PORT, found[1]), encoding="utf-8")
    said = ""
    try:
        for each in scripts:
            done = subprocess.run(
                ["sh", "-ec", each.replace(PORT, found[1])],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            said += done.stdout

            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert len(scripts) == 2
    assert re.search(r"^0 s (angry|calm|happy) The invoice is wrong\.$", said, re.MULTILINE), said


def test_readers_outlive_their_server(server: Serving, folder: Path, model: Server) -> None:
    """W36, W46: a reader whose server is killed goes on with its cursor, and ends with what the export says."""
    reader, late = Reader(), Reader()
    with server.program() as program:
        run = ask_for(program, table=upload(program))["id"]
        while not (reader.look(program, run) and reader.codes.count("s") > ROWS // 5):
            pass
    server.process.kill()
    server.process.communicate(timeout=30)
    again = start(folder)
    try:
        with again.program() as program:
            while reader.summary.get("state") != "finished":
                reader.look(program, run)
            while not reader.look(program, run):
                pass
            late.look(program, run)
            states = [LETTERS[each["state"]] for each in exported(program, run, meta="true")]
            whole = program.get(f"/api/v1/runs/{run}").json()
    finally:
        end(again)

    assert reader.codes == late.codes == states
    assert reader.summary["counts"]["s"] == ROWS == whole["answered"]
    assert reader.moves["qr"] + reader.moves["-r"] > 0
    for name in ("first_start", "last_completion", "spent_usd", "state"):
        assert reader.summary[name] == whole[name]


def test_run_is_watched_from_its_first_row_to_its_cancellation(server: Serving) -> None:
    """W46: rows appear while they are read, and those that were not asked are cancelled in the end."""
    reader = Reader()
    with server.program() as program:
        run = ask_for(program, table=upload(program))["id"]
        reader.look(program, run)
        wait(program, run, "running", answered=ROWS // 10)
        program.post(f"/api/v1/runs/{run}/cancel")
        while reader.summary.get("state") != "cancelled":
            reader.look(program, run)
        while not reader.look(program, run):
            pass
        places = [str(reader.codes.index(code)) for code in ("s", "x")]
        rows = program.get(f"/api/v1/runs/{run}/cells", params={"at": ",".join(places)}).json()["rows"]

    assert len(reader.codes) == ROWS
    assert set(reader.codes) == {"s", "x"}
    assert sorted(each["code"] for each in rows) == ["s", "x"]
    assert {(each["started_at"] is None, each["cut"]) for each in rows} == {(False, False), (True, False)}
