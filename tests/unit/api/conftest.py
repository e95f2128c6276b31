from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from weft.api.application import build_application
from weft.api.sessions import Sessions
from weft.app.opening import look_around, new_secret
from weft.app.weft import Weft
from weft.kit.clocks import VirtualClock

PORT = 8753
KEY = "k" * 43
URL = f"http://127.0.0.1:{PORT}"


@dataclass
class Server:
    """The application as a test asks it: with the key, with a cookie, or with neither."""

    house: Weft
    sessions: Sessions
    clock: VirtualClock
    transport: httpx.ASGITransport

    def asking(self, **headers: str) -> httpx.AsyncClient:
        """Ask with these headers and nothing else."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx.AsyncClient(transport=self.transport, base_url=URL, headers=told)

    def with_key(self, **headers: str) -> httpx.AsyncClient:
        """Ask as a program does."""
        return self.asking(authorization=f"Bearer {KEY}", **headers)

    def cookie(self) -> str:
        """A cookie as the entrance hands it out."""
        session = self.sessions.open(self.sessions.new_code())
        assert session is not None
        return f"weft_{PORT}={self.sessions.seal(session)}"


def open_server(folder: Path) -> Server:
    """An application over an empty project in a folder; who opens it closes its house."""
    (folder / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    clock = VirtualClock()
    house = Weft(look_around(start=folder, environment={}), clock=clock)
    sessions = Sessions(KEY, clock=clock, draw=new_secret)
    application = build_application(house, sessions, port=PORT, draw=lambda: "number-1")
    return Server(house, sessions, clock, httpx.ASGITransport(application, raise_app_exceptions=False))


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """An application over an empty project."""
    monkeypatch.chdir(tmp_path)
    found = open_server(tmp_path)
    async with found.house:
        yield found


@pytest.fixture
async def ask(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has the key."""
    async with server.with_key() as program:
        yield program
