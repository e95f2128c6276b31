"""Readers of exports who go away, as a server meets them: real connections that are closed half-way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import httpx
import pytest
from tests.stories.test_serve import Serving, start

from weft.api.needs import EXPORTS

PATIENCE_S = 60.0
LOOK_S = 0.05  # between two looks
ROWS, WIDE = 400, 50_000  # 20 MB: more than all buffers between a server and its reader


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """A server in an empty project whose model is the built-in one."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    found = start(tmp_path)
    yield found
    found.process.kill()
    found.process.communicate(timeout=30)


def walked(program: httpx.Client) -> str:
    """A run that is done, with an export of 20 MB."""
    table = "mood,letter\n" + "".join(f"I love it {n % 3},{'x' * WIDE}\n" for n in range(ROWS))
    known = program.post("/api/v1/tables", params={"name": "t.csv"}, content=table.encode()).json()["id"]
    body = {"table": known, "prompt": "How? {{ mood }}", "fields": ["ok: enum[yes,no]"]}
    run = str(program.post("/api/v1/runs", json=body).json()["id"])
    until = time.monotonic() + PATIENCE_S
    while (found := program.get(f"/api/v1/runs/{run}").json())["state"] != "finished":
        assert time.monotonic() < until, found
        Event().wait(LOOK_S)
    return run


def test_readers_who_go_away_make_room(serving: Serving) -> None:
    """Exports that nobody reads to their end stop, and their places are free again."""
    with serving.program() as program:
        run = walked(program)
        path = f"/api/v1/runs/{run}/export"
        for _ in range(EXPORTS):
            with program.stream("GET", path) as begun:
                assert begun.status_code == 200
                assert next(begun.iter_raw())
        until = time.monotonic() + PATIENCE_S
        while (answer := program.get(path)).status_code == 429:
            assert time.monotonic() < until
            Event().wait(LOOK_S)

    assert answer.status_code == 200
    assert len(answer.content) > ROWS * WIDE


def test_slow_readers_are_waited_for(serving: Serving) -> None:
    """As many readers as may be hold their places, one more is told when to come again, and all get every row."""
    with serving.program() as program:
        path = f"/api/v1/runs/{walked(program)}/export"
        streams = [program.stream("GET", path) for _ in range(EXPORTS)]
        readers = [each.__enter__() for each in streams]
        pieces = [reader.iter_raw() for reader in readers]
        begun = [next(each) for each in pieces]
        refused = program.get(path)
        sizes = [len(first) + sum(map(len, rest)) for first, rest in zip(begun, pieces, strict=True)]
        for each in streams:
            each.__exit__(None, None, None)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_exports")
    assert len(set(sizes)) == 1
    assert sizes[0] > ROWS * WIDE
