"""Requests with a key against a server that is killed again and again: each is done once, and told alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import httpx
import pytest
from tests.stories.test_serve import Serving, start

DRAFT = {
    "prompt": "Is {{ text }} nice?",
    "fields": ["nice"],
    "rows": [{"text": "one"}, {"text": "two"}],
    "start": False,
}
CLONE = {"key": "recap", "version": "1.0.0"}


class Lives:
    """A server that is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begin()

    def kill(self) -> None:
        """End it without a word."""
        self.now.process.kill()
        self.now.process.communicate(timeout=30)
        self.program.close()

    def begin(self) -> None:
        """Start the next one."""
        self.now: Serving = start(self.folder)
        self.program: httpx.Client = self.now.program()

    def post(self, path: str, body: Any, key: str) -> httpx.Response:
        """Send a request with a key to whoever lives."""
        return self.program.post(path, json=body, headers={"idempotency-key": key})

    def runs(self) -> list[dict[str, Any]]:
        """Every run."""
        found: list[dict[str, Any]] = self.program.get("/api/v1/runs").json()["runs"]
        return found


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    """A server over an empty project."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    found = Lives(tmp_path)
    yield found
    if found.now.process.poll() is None:
        found.kill()


def test_answer_is_the_same_after_a_kill(lives: Lives) -> None:
    """S38: a template that was cloned is told again to the byte, though a clone of its name is refused."""
    first = lives.post("/api/v1/templates/meeting_recap/clones", CLONE, "a")
    lives.kill()
    lives.begin()

    again = lives.post("/api/v1/templates/meeting_recap/clones", CLONE, "a")
    other = lives.post("/api/v1/templates/meeting_recap/clones", CLONE | {"version": "1.0.1"}, "a")
    anew = lives.post("/api/v1/templates/meeting_recap/clones", CLONE, "b")

    assert first.status_code == 201, first.text
    assert (again.status_code, again.content) == (201, first.content)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert anew.status_code == 409


def test_fifty_requests_and_kills_make_one_run(lives: Lives) -> None:
    """S38: fifty programs hand in the same run while the server is killed: one run, fifty equal answers."""
    over = Event()

    def insist(_: int) -> bytes:
        """Send it until it is answered, as a program does."""
        while not over.is_set():
            with suppress(httpx.HTTPError, OSError, RuntimeError):  # its server is gone
                answer = lives.post("/api/v1/runs", DRAFT, "one-run")
                if answer.status_code == 201:
                    return answer.content
            over.wait(0.2)
        return b""

    random = Random(38)
    with ThreadPoolExecutor(50) as people:
        asked = [people.submit(insist, number) for number in range(50)]
        try:
            for _ in range(3):
                over.wait(random.uniform(0.0, 0.15))
                lives.kill()
                lives.begin()
            answers = [each.result(timeout=60) for each in asked]
        finally:
            over.set()

    assert len(set(answers)) == 1
    assert answers[0] != b""
    assert len(lives.runs()) == 1


def test_rows_with_a_key_are_added_once(lives: Lives) -> None:
    """S38: rows that are sent again after a kill, with their key and no place, are there once."""
    run = lives.post("/api/v1/runs", DRAFT, "draft").json()["id"]
    more = {"rows": [{"text": f"row {number}"} for number in range(5)]}
    random, path = Random(7), f"/api/v1/runs/{run}/rows"
    over = Event()

    def insist(number: int) -> int:
        """Send the rows of one key until they are answered."""
        while not over.is_set():
            with suppress(httpx.HTTPError, OSError, RuntimeError):  # its server is gone
                answer = lives.post(path, more, f"rows-{number}")
                if answer.status_code != 503:
                    return answer.status_code
            over.wait(0.05)
        return 0

    with ThreadPoolExecutor(1) as people:
        for number in range(2):
            asked = people.submit(insist, number)
            over.wait(random.uniform(0.0, 0.05))
            lives.kill()
            lives.begin()
            assert asked.result(timeout=60) == 200
        over.set()
    rows = lives.program.get(path, params={"limit": 100}).json()["rows"]

    assert len(rows) == 2 + 2 * 5
