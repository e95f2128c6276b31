"""Key figures over HTTP: JSON in pages, CSV, and what Prometheus reads."""

from __future__ import annotations

import csv
import io

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.metrics.runs import kept_run

from weft.app.metrics import KEPT_S


@pytest.fixture
async def some_runs(server):
    """Three runs of two versions of a template, one of them over a dear model."""
    store = server.house._stores.open()
    await kept_run(store, template="review 1.0", answered=2, failed=1, spent="0.3")
    await kept_run(store, template="review 1.1", answered=1, model="dear", created_at=50.0)
    await kept_run(store, template="review 1.1", answered=1, created_at=60.0)


async def test_figures_are_told_per_version(ask, some_runs):
    """T15, T16, T18: a line per version, the one with the most runs first, with exact money."""
    answer = await ask.get("/api/v1/metrics")

    lines = answer.json()["lines"]
    assert [(each["template"], each["version"], each["runs"]) for each in lines] == [
        ("review", "1.1", 2),
        ("review", "1.0", 1),
    ]
    assert lines[1]["success_rate"] == pytest.approx(2 / 3)
    assert (lines[1]["spent_usd"], lines[1]["cost_per_row_usd"]) == ("0.3", "0.1")


async def test_figures_are_told_of_a_window(ask, some_runs):
    """T14: filters by template, model and time leave only what they name."""
    params = {"since": 40, "until": 55, "template": "review", "model": "dear", "by_model": True}
    answer = await ask.get("/api/v1/metrics", params=params)

    assert [(each["model"], each["runs"]) for each in answer.json()["lines"]] == [("local/dear", 1)]
    none = await ask.get("/api/v1/metrics", params={"template": "other"})
    assert none.json() == {"lines": [], "next": None}


async def test_figures_come_in_pages(ask, some_runs):
    """A cursor goes on behind the last line, and is refused for another window."""
    first = (await ask.get("/api/v1/metrics", params={"limit": 1})).json()
    second = await ask.get("/api/v1/metrics", params={"limit": 1, "cursor": first["next"]})
    other = await ask.get("/api/v1/metrics", params={"template": "review", "cursor": first["next"]})

    assert [each["version"] for each in second.json()["lines"]] == ["1.0"]
    assert other.status_code == 422


async def test_figures_come_as_csv(ask: httpx.AsyncClient, some_runs):
    """T19: CSV has every column of the JSON, those of the template included."""
    answer = await ask.get("/api/v1/metrics", params={"format": "csv"})

    told = list(csv.DictReader(io.StringIO(answer.text)))
    plain = (await ask.get("/api/v1/metrics")).json()["lines"]
    assert answer.headers["content-type"].startswith("text/csv")
    assert [list(each) for each in told] == [list(each) for each in plain]


async def test_empty_csv_has_a_header(ask):
    """T19: where there is no run, CSV still has its header."""
    answer = await ask.get("/api/v1/metrics", params={"format": "csv"})

    assert answer.text.startswith("template,version,model,runs")
    assert answer.text.count("\n") == 1


async def test_prometheus_reads_everything(ask, some_runs):
    """What `/metrics` says is read by Prometheus' own parser, with the figures of the store."""
    answer = await ask.get("/metrics")

    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    rows = {
        (each.labels["version"], each.labels["model"], each.labels["state"]): each.value
        for each in families["weft_store_rows"].samples
    }
    assert rows["1.0", "local/local", "answered"] == 2
    assert rows["1.1", "local/dear", "answered"] == 1
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_prometheus_needs_a_key(server):
    """Figures are not for everybody who can reach the server."""
    async with server.asking() as stranger:
        answer = await stranger.get("/metrics")

    assert answer.status_code == 401


async def test_store_is_read_once_in_a_while(ask, server, some_runs):
    """Prometheus may look as often as it likes; the store is summed up every 15 seconds at most."""

    async def runs() -> float:
        text = (await ask.get("/metrics")).text
        found = {each.name: each for each in text_string_to_metric_families(text)}
        return sum(each.value for each in found["weft_store_runs"].samples)

    before = await runs()
    await kept_run(server.house._stores.open(), template="new 1.0", answered=1)
    soon = await runs()
    await server.clock.sleep(KEPT_S)

    assert (before, soon, await runs()) == (3, 3, 4)
