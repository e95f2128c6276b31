from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.api.conftest import KEY, URL, Server

from weft.api.needs import open_office
from weft.app.opening import look_around
from weft.app.uploading import Upload
from weft.app.weft import Weft
from weft.errors import DiskFull, ImpossibleMove
from weft.tables.writing import write_rows

CSV = b'subject,body\nBill,The invoice is wrong.\nDoor,"It squeaks, badly."\n'


async def upload(
    ask: httpx.AsyncClient, content: bytes = CSV, name: str = "mails.csv", **more: str
) -> httpx.Response:
    """Hand a table over."""
    return await ask.post("/api/v1/tables", content=content, params={"name": name}, headers=more)


def kept(folder: Path) -> list[str]:
    """Endings of the files that are kept."""
    return sorted(each.suffix for each in (folder / ".weft/weft.db.tables").glob("*"))


async def test_table_is_kept_with_its_facts(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """A handed over table has its name, size, hash and columns, and lies beside the store."""
    answer = await upload(ask)
    told = answer.json()
    found = (await ask.get(f"/api/v1/tables/{told['id']}")).json()

    assert answer.status_code == 201
    assert (told["name"], told["bytes"], told["columns"]) == ("mails.csv", len(CSV), ["subject", "body"])
    assert len(told["sha256"]) == 64
    assert found == told
    assert kept(tmp_path) == [".csv", ".json", ".marks"]


async def test_preview_shows_rows_and_choices(ask: httpx.AsyncClient) -> None:
    """The first rows are shown as the table is read, or as it would be read with another delimiter."""
    table = (await upload(ask)).json()["id"]

    usual = (await ask.get(f"/api/v1/tables/{table}/preview", params={"rows": 1})).json()
    other = (await ask.get(f"/api/v1/tables/{table}/preview", params={"delimiter": ";"})).json()

    assert usual["rows"] == [
        {"place": 0, "line": 2, "cells": {"subject": "Bill", "body": "The invoice is wrong."}, "problem": ""}
    ]
    assert usual["more"]
    assert other["columns"] == ["subject,body"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mails.exe", CSV),
        ("mails.csv", b""),
        ("mails.csv", b"a,b\n\xff\xfe\xff"),
        ("a/b.csv", CSV),
        ("many.csv", ",".join(f"c{n}" for n in range(2_001)).encode() + b"\n"),
    ],
    ids=["format", "empty", "encoding", "folder", "columns"],
)
async def test_bad_table_leaves_nothing(
    ask: httpx.AsyncClient, tmp_path: Path, name: str, content: bytes
) -> None:
    """S15: what is no table is refused by the name that was given, and nothing of it stays."""
    answer = await upload(ask, content, name)
    told = answer.json()

    assert answer.status_code == 422
    assert str(tmp_path) not in answer.text
    assert told["hint"]
    assert kept(tmp_path) == []


async def test_too_large_table_is_refused_on_its_way(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """S15: a body beyond the limit is refused, declared or not, and nothing of it stays."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(201):
            yield b"x" * 1_000_000

    declared = await ask.post(
        "/api/v1/tables", content=b"a\n", params={"name": "a.csv"}, headers={"content-length": str(10**12)}
    )
    streamed = await ask.post("/api/v1/tables", content=endless(), params={"name": "a.csv"})

    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert "table_mb" in declared.json()["hint"]
    assert kept(tmp_path) == []


async def test_form_is_no_table(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """S15: a file that comes inside a form is refused with the way to send it, and not read as a table."""
    answer = await ask.post(
        "/api/v1/tables", params={"name": "mails.csv"}, files={"file": ("mails.csv", CSV)}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "not_bare")
    assert "--data-binary" in answer.json()["hint"]
    assert kept(tmp_path) == []


async def test_repeated_upload_keeps_one_table(
    ask: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    """S38: the same key gives the same table, also to another life of the server; another body is refused."""
    first = await upload(ask, CSV, **{"idempotency-key": "errand-1"})
    again = await upload(ask, CSV, **{"idempotency-key": "errand-1"})
    other = await upload(ask, b"x\n1\n", **{"idempotency-key": "errand-1"})

    assert again.json() == first.json()
    assert other.status_code == 409
    assert kept(tmp_path) == [".csv", ".json", ".marks"]


async def test_tables_are_listed_newest_first_in_pages(ask: httpx.AsyncClient, server: Server) -> None:
    """The list goes on where the page before has ended."""
    for number in range(3):
        await server.clock.sleep(1)
        await upload(ask, name=f"t{number}.csv")

    first = (await ask.get("/api/v1/tables", params={"limit": 2})).json()
    rest = (await ask.get("/api/v1/tables", params={"limit": 2, "cursor": first["next"]})).json()

    assert [each["name"] for each in first["tables"] + rest["tables"]] == ["t2.csv", "t1.csv", "t0.csv"]
    assert rest["next"] is None


async def test_table_is_renamed_and_read_otherwise(ask: httpx.AsyncClient) -> None:
    """A name and a way to read it can change; the format cannot."""
    table = (await upload(ask, b"a;b,c\n1;2,3\n")).json()["id"]

    changed = await ask.patch(
        f"/api/v1/tables/{table}", json={"name": "post.csv", "reading": {"delimiter": ","}}
    )
    refused = await ask.patch(f"/api/v1/tables/{table}", json={"name": "post.xlsx"})

    assert (changed.json()["name"], changed.json()["columns"]) == ("post.csv", ["a;b", "c"])
    assert refused.status_code == 422


async def test_forgotten_table_is_gone(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """A forgotten table leaves no file, and asking for it again is an unknown name."""
    table = (await upload(ask)).json()["id"]

    done = await ask.delete(f"/api/v1/tables/{table}")
    again = await ask.get(f"/api/v1/tables/{table}")

    assert (done.status_code, again.status_code) == (204, 404)
    assert kept(tmp_path) == []


async def test_page_is_found_at_any_place(ask: httpx.AsyncClient) -> None:
    """W55: rows from any place on, broken ones with their complaint, and where to go on."""
    content = b"id,body\n" + b"".join(b'%d,"two\nlines"\n' % n for n in range(30_000)) + b"x,y,z\n"
    table = (await upload(ask, content)).json()

    middle = (
        await ask.get(f"/api/v1/tables/{table['id']}/rows", params={"offset": 29_990, "limit": 5})
    ).json()
    last = (await ask.get(f"/api/v1/tables/{table['id']}/rows", params={"offset": 29_999, "limit": 5})).json()
    beyond = (await ask.get(f"/api/v1/tables/{table['id']}/rows", params={"offset": 40_000})).json()

    assert (table["rows"], table["broken"]) == (30_001, 1)
    assert [each["cells"]["id"] for each in middle["rows"]] == [str(n) for n in range(29_990, 29_995)]
    assert (middle["rows"][0]["line"], middle["next"], middle["total"]) == (59_982, 29_995, 30_001)
    assert ("3 cells" in last["rows"][1]["problem"], last["next"]) == (True, None)
    assert (beyond["rows"], beyond["next"]) == ([], None)


async def test_facts_of_columns_are_told(ask: httpx.AsyncClient) -> None:
    """Each column is told with its empty cells, different values, longest cell and kind."""
    told = (await upload(ask, b"id,mood\n1,calm\n2,\n3,calm\n")).json()

    assert told["facts"] == [
        {"name": "id", "empty": 0, "distinct": 3, "longest": 1, "kind": "integer"},
        {"name": "mood", "empty": 1, "distinct": 1, "longest": 4, "kind": "string"},
    ]


async def test_options_are_taken_at_upload(ask: httpx.AsyncClient) -> None:
    """Encoding, delimiter and ragged records are chosen with the upload, as on the command line."""
    params = {"name": "mails.csv", "encoding": "latin-1", "delimiter": "tab", "ragged": "pad"}
    told = (await ask.post("/api/v1/tables", content=b"a\tb\ncaf\xe9\n", params=params)).json()

    page = (await ask.get(f"/api/v1/tables/{told['id']}/rows")).json()

    assert told["reading"] == {"encoding": "latin-1", "delimiter": "tab", "sheet": "", "ragged": "pad"}
    assert [each["cells"] for each in page["rows"]] == [{"a": "café", "b": ""}]


@pytest.mark.parametrize("form", ["xlsx", "parquet", "jsonl", "tsv"])
async def test_every_format_is_paged(ask: httpx.AsyncClient, form: str) -> None:
    """Workbooks, which have no middle, are paged by a copy; the others by themselves."""
    stream = io.BytesIO()
    write_rows([[n, f"Text {n}"] for n in range(5_000)], stream, header=["id", "body"], form=form)
    table = (await upload(ask, stream.getvalue(), f"mails.{form}")).json()

    page = (await ask.get(f"/api/v1/tables/{table['id']}/rows", params={"offset": 4_321, "limit": 2})).json()

    assert table["rows"] == 5_000
    assert [each["cells"]["body"] for each in page["rows"]] == ["Text 4321", "Text 4322"]


async def test_other_reading_has_pages_of_its_own(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """Who reads a table in another way gets the pages of that reading, and nothing of the old one stays."""
    table = (await upload(ask, b"a;b\n" + b"1;2,3\n" * 9)).json()["id"]
    before = kept(tmp_path)

    changed = (await ask.patch(f"/api/v1/tables/{table}", json={"reading": {"delimiter": ","}})).json()
    page = (await ask.get(f"/api/v1/tables/{table}/rows", params={"offset": 8})).json()
    refused = await ask.patch(f"/api/v1/tables/{table}", json={"reading": {"delimiter": "::"}})

    assert (changed["columns"], changed["broken"]) == (["a;b"], 9)
    assert page["rows"][0]["problem"]
    assert refused.status_code == 422
    assert (await ask.get(f"/api/v1/tables/{table}")).json() == changed
    assert kept(tmp_path) == before


async def test_lost_marks_are_made_again(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """A table of an older weft, or without its marks, is looked over when a page is asked for."""
    table = (await upload(ask)).json()["id"]
    folder = tmp_path / ".weft/weft.db.tables"
    facts = json.loads((folder / f"{table}.json").read_bytes())
    old = {name: facts[name] for name in ("name", "bytes", "digest", "kept_at", "columns", "read", "notes")}
    (folder / f"{table}.json").write_text(json.dumps(old), encoding="utf-8")
    for each in folder.glob("*.marks"):
        each.unlink()

    unknown = (await ask.get(f"/api/v1/tables/{table}")).json()
    page = (await ask.get(f"/api/v1/tables/{table}/rows", params={"offset": 1})).json()
    known = (await ask.get(f"/api/v1/tables/{table}")).json()

    assert (unknown["rows"], known["rows"]) == (None, 2)
    assert [each["cells"]["subject"] for each in page["rows"]] == ["Door"]
    assert kept(tmp_path) == [".csv", ".json", ".marks"]


async def test_aborted_uploads_leave_nothing(server: Server, tmp_path: Path) -> None:
    """S23: a hundred uploads that break off leave no file."""
    answers = [await broken_off(server) for _ in range(100)]

    assert answers == [400] * 100
    assert kept(tmp_path) == []


async def broken_off(server: Server) -> int:
    """Begin an upload and go away; the status that nobody waits for."""
    comes = iter([{"type": "http.request", "body": CSV, "more_body": True}, {"type": "http.disconnect"}])
    told: list[int] = []

    async def receive() -> Any:
        return next(comes)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    headers = [(b"host", URL.partition("//")[2].encode()), (b"authorization", f"Bearer {KEY}".encode())]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/tables",
        "raw_path": b"/api/v1/tables",
        "query_string": b"name=a.csv",
        "headers": headers,
        "client": None,
    }
    await server.transport.app(scope, receive, send)
    return told[0]


async def test_orphans_are_swept_at_start(ask: httpx.AsyncClient, server: Server, tmp_path: Path) -> None:
    """S23: what a crash has left is gone when a server starts; what is being written and what is known stays."""
    await upload(ask)
    folder = tmp_path / ".weft/weft.db.tables"
    for name in ("tcrashed00000.csv", "tcrashed00000.abcdef.part", "tcrashed00000.0123456789ab.marks"):
        (folder / name).write_bytes(b"a\n")
    under_way = server.house.tables.begin("b.csv")
    under_way.write(b"a\n")

    open_office(server.house)

    assert kept(tmp_path) == [".csv", ".json", ".marks", ".part"]
    assert server.house.tables.keep(under_way).rows == 0


async def test_room_for_tables_is_limited(
    ask: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S23: beyond `tables_mb`, or where the disk would be nearly full, a table is refused before it comes."""
    (tmp_path / "weft.toml").write_text('model = "local"\ntables_mb = 1\n', encoding="utf-8")
    async with Weft(look_around(start=tmp_path, environment={})) as small:
        small.tables.keep(_written(small.tables.begin("a.csv"), b"a\n" * 400_000))

        with pytest.raises(ImpossibleMove, match="no room for 300,000 more"):
            small.tables.begin("b.csv", size=300_000)
    (tmp_path / "weft.toml").write_text('model = "local"\nmin_free_mb = 1_000_000_000\n', encoding="utf-8")
    async with Weft(look_around(start=tmp_path, environment={})) as full:
        with pytest.raises(DiskFull, match="stay free"):
            full.tables.begin("b.csv")

    assert kept(tmp_path) == [".csv", ".json", ".marks"]


def _written(upload: Upload, content: bytes) -> Upload:
    upload.write(content)
    return upload


async def test_long_cells_make_short_pages(ask: httpx.AsyncClient) -> None:
    """A page ends early where cells are very long, and says where to go on."""
    table = (await upload(ask, b"a\n" + (b"x" * 900_000 + b"\n") * 6)).json()["id"]

    first = (await ask.get(f"/api/v1/tables/{table}/rows", params={"limit": 6})).json()
    shown = (await ask.get(f"/api/v1/tables/{table}/preview", params={"rows": 6})).json()

    assert (len(first["rows"]), first["next"]) == (2, 2)
    assert (len(shown["rows"]), shown["more"]) == (2, True)


@pytest.mark.parametrize(
    ("name", "content"), [("half.jsonl", rb'{"a":"\ud83d"}' + b"\n"), ("half.csv", b"a\n+2D0-\n")]
)
async def test_half_a_character_is_shown(ask: httpx.AsyncClient, name: str, content: bytes) -> None:
    """S17, S42: a cell with half a surrogate pair is shown with `?` and keeps nobody from the others."""
    read = {"encoding": "utf-7"} if name.endswith(".csv") else {}
    made = (await ask.post("/api/v1/tables", content=content, params={"name": name, **read})).json()

    answers = [await ask.get(f"/api/v1/tables/{made['id']}/{each}") for each in ("rows", "preview")]

    assert [each.status_code for each in answers] == [200, 200]
    assert [each.json()["rows"][0]["cells"] for each in answers] == [{"a": "?"}] * 2
