"""Projections keep nobody from being served, and end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from weft.api.needs import PROJECTIONS
from weft.api.routes import estimates
from weft.app import runs
from weft.engine.estimating import estimate_rows

TASK = {"rows": [{"a": str(n)} for n in range(3)], "prompt": "{{ a }}", "fields": ["x: string"]}


async def test_projecting_keeps_nobody_waiting(
    ask: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers while projections are under way; of these only a few go on at once."""
    begun, go_on = threading.Semaphore(0), threading.Event()
    running = 0

    async def slowly(*given: Any, **more: Any) -> Any:
        nonlocal running
        running += 1
        begun.release()
        assert go_on.wait(30)
        return await estimate_rows(*given, **more)

    monkeypatch.setattr(runs, "estimate_rows", slowly)
    asked = [asyncio.ensure_future(ask.post("/api/v1/estimates", json=TASK)) for _ in range(PROJECTIONS + 1)]
    for _ in range(PROJECTIONS):
        assert await asyncio.to_thread(begun.acquire, timeout=30)
    health = await ask.get("/api/v1/health")
    at_once = running
    go_on.set()
    answers = await asyncio.gather(*asked)

    assert (health.status_code, at_once) == (200, PROJECTIONS)
    assert [each.json()["rows"] for each in answers] == [3] * (PROJECTIONS + 1)


async def test_projection_that_takes_too_long_is_refused(
    ask: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can keep the server busy with a table without end."""
    monkeypatch.setattr(estimates, "LONGEST_S", -1.0)
    answer = await ask.post("/api/v1/estimates", json=TASK)

    assert answer.status_code == 422
    assert "takes at most" in answer.json()["detail"]
