"""Exports over HTTP: every format, names that people give, tags, readers who go away, and whose row a line is."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.api.conftest import PORT, Server, open_server

from weft.api.application import build_application
from weft.api.crews import Crew
from weft.api.needs import EXPORTS, Office, open_office
from weft.api.piping import Pipe
from weft.app.exporting import ExportRequest, rows_for, write_export
from weft.tables.reading import open_table

ROWS = [{"id": n, "body": f"Text {n}: I love it, =1+1"} for n in range(40)]
ASKED = {"prompt": "How? {{ body }}", "fields": ["mood: enum[angry,happy]"]}


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server over an empty project whose model is the built-in one."""
    monkeypatch.chdir(tmp_path)
    found = open_server(tmp_path)
    async with found.house:
        yield found


@pytest.fixture
async def office(server: Server) -> Office:
    """What the requests of the server share."""
    return open_office(server.house)


@pytest.fixture
async def ask(server: Server, office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has the key."""
    application = build_application(
        server.house, server.sessions, port=PORT, draw=lambda: "number-1", office=office
    )
    server.transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with server.with_key() as program:
        yield program


async def walked(server: Server, ask: httpx.AsyncClient, **more: Any) -> str:
    """A run that is done; rows without a body are rejected."""
    rows = [*ROWS, {"id": len(ROWS)}]
    told = (await ask.post("/api/v1/runs", json={**ASKED, "rows": rows, **more})).json()
    run = await server.house.runs.prepare_resume(told["id"], as_begun=True)
    await server.house.runs.walk(run)
    return str(told["id"])


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
async def test_every_line_is_of_one_row(
    server: Server, ask: httpx.AsyncClient, tmp_path: Path, form: str
) -> None:
    """W38, W49: in every format each line names its row, and the row's story says the same as the line."""
    run = await walked(server, ask)
    answer = await ask.get(f"/api/v1/runs/{run}/export", params={"format": form, "meta": "true"})
    path = tmp_path / f"out.{form}"
    path.write_bytes(answer.content)

    lines = [row.cells for row in open_table(path).rows()]
    stories = [(await ask.get(f"/api/v1/runs/{run}/rows/{int(line['row'])}")).json()["row"] for line in lines]

    assert answer.status_code == 200
    assert [int(line["row"]) for line in lines] == list(range(len(ROWS) + 1))
    assert {line["run"] for line in lines} == {run}
    for line, story in zip(lines, stories, strict=True):
        assert int(line["row"]) == story["place"]
        assert line["state"] == story["state"]
        assert (line["mood"] or None) == (story["answer"] or {}).get("mood")
        assert (line["call"] or None) == story["call"]
        assert str(line["id"]) == str(story["cells"]["id"])
        assert (line["problem"] or "") == story["problem"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("", 'attachment; filename="{run}.csv"'),
        ("April 2026", 'attachment; filename="April 2026.csv"'),
        ("März/April", "attachment; filename=\"M_rz_April.csv\"; filename*=UTF-8''M%C3%A4rz_April.csv"),
        ("CON", 'attachment; filename="_CON.csv"'),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd.csv"'),
        ('a"; filename="x.exe', 'attachment; filename="a__ filename__x.exe.csv"'),
    ],
)
async def test_export_is_called_like_its_run(
    server: Server, ask: httpx.AsyncClient, name: str, header: str
) -> None:
    """S21: the file is called as the run is, by RFC 6266, without folders, controls and devices."""
    run = await walked(server, ask, name=name)

    answer = await ask.get(f"/api/v1/runs/{run}/export")

    found = answer.headers["content-disposition"]
    assert found.partition("; filename*")[0] == header.format(run=run).partition("; filename*")[0]
    assert found.isascii()
    assert found.isprintable()


async def test_same_export_is_not_sent_again(server: Server, ask: httpx.AsyncClient) -> None:
    """Who has an export is told that it is the same, until it is another one."""
    run = await walked(server, ask)
    first = await ask.get(f"/api/v1/runs/{run}/export")
    tag = {"if-none-match": first.headers["etag"]}

    same = await ask.get(f"/api/v1/runs/{run}/export", headers=tag)
    other = await ask.get(f"/api/v1/runs/{run}/export", headers=tag, params={"meta": "true"})
    again = await ask.get(f"/api/v1/runs/{run}/export")

    assert (same.status_code, same.content) == (304, b"")
    assert (other.status_code, again.status_code) == (200, 200)
    assert again.content == first.content


async def test_export_waits_for_rows_unless_partial(ask: httpx.AsyncClient) -> None:
    """W26: while rows wait there is an export only for who asks for a part."""
    told = (await ask.post("/api/v1/runs", json={**ASKED, "rows": ROWS, "start": False})).json()

    refused = await ask.get(f"/api/v1/runs/{told['id']}/export")
    part = await ask.get(f"/api/v1/runs/{told['id']}/export", params={"partial": "true", "format": "jsonl"})

    assert (refused.status_code, refused.json()["code"]) == (409, "run_busy")
    assert [json.loads(line)["mood"] for line in part.text.splitlines()] == [None] * len(ROWS)


async def test_formulas_stay_text_unless_raw(server: Server, ask: httpx.AsyncClient) -> None:
    """S24: what a spreadsheet would run is guarded in text formats, and `raw` leaves it alone."""
    rows = [{"id": "=1+1", "body": "I love it"}]
    told = (await ask.post("/api/v1/runs", json={**ASKED, "rows": rows})).json()
    await server.house.runs.walk(await server.house.runs.prepare_resume(told["id"], as_begun=True))

    safe = (await ask.get(f"/api/v1/runs/{told['id']}/export")).text
    raw = (await ask.get(f"/api/v1/runs/{told['id']}/export", params={"raw": "true"})).text

    assert next(csv.DictReader(io.StringIO(safe)))["id"] == "'=1+1"
    assert next(csv.DictReader(io.StringIO(raw)))["id"] == "=1+1"


async def test_only_so_many_exports_at_once(server: Server, ask: httpx.AsyncClient, office: Office) -> None:
    """One export too many is refused with a time to come again; each that is done makes room."""
    run = await walked(server, ask)

    with busy(office.exports, EXPORTS):
        refused = await ask.get(f"/api/v1/runs/{run}/export")
    with busy(office.exports, EXPORTS - 1):
        taken = await ask.get(f"/api/v1/runs/{run}/export")
        again = await ask.get(f"/api/v1/runs/{run}/export", params={"format": "xlsx"})

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_exports")
    assert refused.headers["retry-after"] == "5"
    assert (taken.status_code, again.status_code) == (200, 200)


@contextmanager
def busy(exports: Crew, count: int) -> Iterator[None]:
    """So many threads for exports are at work."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(exports.taking_one("exports"))
        yield


async def test_reader_who_goes_away_ends_the_work(server: Server, ask: httpx.AsyncClient) -> None:
    """The thread of an export ends when nobody reads it any more, whatever the format."""
    run = await walked(server, ask)
    found = await server.house.runs.get(run)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(stream: Any) -> None:
        request = ExportRequest(target=stream, form="xlsx")

        def rows() -> Any:
            while True:
                yield from rows_for(request, server.house.borrow_stores().reading(), found.id)

        try:
            write_export(found, rows(), request)
        finally:
            loop.call_soon_threadsafe(ended.set)

    reading = Pipe().read(endless)
    await anext(reading)
    await reading.aclose()
    await asyncio.wait_for(ended.wait(), 20)

    assert ended.is_set()
