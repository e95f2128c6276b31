"""The command line in this process, a mock server in a thread, and an empty folder to work in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from weft.cli.main import main
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer

TOPICS = "category,subcategory,topic,description\n" + "".join(
    f"Delivery,Flow,Topic {n},How to do thing number {n} well.\n" for n in range(5)
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as the one JSON value that it must be."""
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty but for a table of five topics."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "topics.csv").write_text(TOPICS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def weft(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run one command line in the folder."""

    def call(*arguments: str) -> Said:
        capfd.readouterr()
        code = main([str(each) for each in arguments])
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return call


class Serving:
    """A mock server that runs in a thread of its own."""

    def __init__(self, options: MockOptions) -> None:
        self.server = MockServer(options)
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.server.start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self.server.stop())
        self._loop.close()

    def __enter__(self) -> MockServer:
        self._thread.start()
        self._ready.wait()
        return self.server

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A server that answers everything at once and counts what it is asked."""
    with Serving(MockOptions()) as running:
        yield running


@pytest.fixture
def ask(server: MockServer) -> list[str]:
    """Flags that ask the mock server."""
    return ["--model", "openai/gpt-4o-mini", "--base-url", f"{server.url}/v1"]
