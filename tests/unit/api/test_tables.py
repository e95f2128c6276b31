from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.unit.api.conftest import Server

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
    assert kept(tmp_path) == []


async def test_repeated_upload_keeps_one_table(
    ask: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    """S38: the same key gives the same table, also to another life of the server; another body is refused."""
    first = await upload(ask, **{"idempotency-key": "errand-1"})
    again = await upload(ask, **{"idempotency-key": "errand-1"})
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
