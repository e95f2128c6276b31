"""Tables: hand one over as a stream of bytes, list, look at, rename, forget.

Knows that a table comes as the body itself and goes to the disk as it comes. Refuses to keep more
than a piece of it in memory, and paths.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.requests import ClientDisconnect

from weft.api.limiting import heavy
from weft.api.needs import AnOffice
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs, principal_of
from weft.api.problems import refuse
from weft.api.repeating import IdempotencyKey
from weft.api.wire.tables import (
    TABLE,
    ReadingShape,
    TableAsked,
    TablePreviewShape,
    TableRowShape,
    TableShape,
    TablesPage,
)
from weft.app.tables import KeptTable
from weft.app.uploading import Upload
from weft.protocols import ReadOptions
from weft.rights import Permission

PIECE = 1 << 20  # bytes that are written together
MOST_SHOWN = 100  # rows of a preview
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
routes = APIRouter(tags=["tables"])

TableId = Annotated[str, Path(pattern=TABLE)]
Name = Annotated[
    str, Query(min_length=1, max_length=200, description="File name; its ending names the format.")
]
Encoding = Annotated[str, Query(max_length=40, description="Empty = found out.")]
Delimiter = Annotated[str, Query(max_length=1, description="Empty = found out.")]
Sheet = Annotated[str, Query(max_length=200, description="Of an XLSX table; empty = the first.")]
Ragged = Annotated[
    Literal["reject", "pad"] | None, Query(description="What becomes of rows with missing or further cells.")
]
Rows = Annotated[int, Query(ge=1, le=MOST_SHOWN)]


@routes.post(
    "/tables",
    operation_id="upload_table",
    dependencies=[needs(Permission.HAND_OVER), heavy],
    status_code=HTTPStatus.CREATED,
    openapi_extra=BODY,
)
async def upload_table(
    office: AnOffice, request: Request, *, name: Name, encoding: Encoding = "", delimiter: Delimiter = "",
    idempotency_key: IdempotencyKey = "",
) -> TableShape:  # fmt: skip
    """Hand a table over: the body is the file itself. It is kept if it can be opened."""
    key = f"{principal_of(request).id}\n{idempotency_key}" if idempotency_key else ""
    upload = await office.desks.do(lambda: office.house.tables.begin(name, key=key))
    try:
        await _take(request, upload)
    except BaseException:
        upload.drop()
        raise
    read = ReadOptions(encoding=encoding, delimiter=delimiter)
    return _told(await office.desks.do(lambda: office.house.tables.keep(upload, read)))


async def _take(request: Request, upload: Upload) -> None:
    """Bring a body to the disk, piece by piece.

    Raises:
        Refused: if the other side goes away.
    """
    pieces: list[bytes] = []
    try:
        async for piece in request.stream():
            pieces.append(piece)
            if sum(map(len, pieces)) >= PIECE:
                await asyncio.to_thread(upload.write, b"".join(pieces))
                pieces.clear()
    except ClientDisconnect as exc:
        raise refuse(HTTPStatus.BAD_REQUEST, "body_broken_off", "The table broke off on its way.") from exc
    await asyncio.to_thread(upload.write, b"".join(pieces))


@routes.get("/tables", operation_id="list_tables", dependencies=[needs(Permission.LOOK)])
async def list_tables(office: AnOffice, *, limit: Limit = USUAL, cursor: Cursor = "") -> TablesPage:
    """List the tables that were handed over, the newest first."""
    known = await office.desks.do(office.house.tables.listed)
    found, following = page(sorted(known, key=_key), listed="tables", cursor=cursor, limit=limit, key=_key)
    return TablesPage(tables=[_told(each) for each in found], next=following)


@routes.get("/tables/{table}", operation_id="get_table", dependencies=[needs(Permission.LOOK)])
async def get_table(office: AnOffice, table: TableId) -> TableShape:
    """Tell what is known about a table."""
    return _told(await office.desks.do(lambda: office.house.tables.get(table)))


def _tried(
    encoding: Encoding = "", delimiter: Delimiter = "", sheet: Sheet = "", ragged: Ragged = None
) -> ReadOptions | None:
    """A way to read a table that is tried out; `None` = as it is read."""
    tried = ReadOptions(encoding=encoding, delimiter=delimiter, sheet=sheet, ragged=ragged or "reject")
    return None if tried == ReadOptions() and ragged is None else tried


@routes.get("/tables/{table}/preview", operation_id="preview_table", dependencies=[needs(Permission.LOOK)])
async def preview_table(
    office: AnOffice,
    table: TableId,
    *,
    tried: Annotated[ReadOptions | None, Depends(_tried)],
    rows: Rows = 10,
) -> TablePreviewShape:
    """Show the first rows, as the table is read, or as it would be read by these choices."""
    found = await office.desks.do(lambda: office.house.tables.preview(table, rows=rows, read=tried))
    return TablePreviewShape(
        columns=list(found.columns),
        rows=[TableRowShape(place=each.place, line=each.line, cells=dict(each.cells)) for each in found.rows],
        problems=list(found.problems),
        notes=list(found.notes),
        more=found.more,
    )


@routes.patch("/tables/{table}", operation_id="change_table", dependencies=[needs(Permission.HAND_OVER)])
async def change_table(office: AnOffice, table: TableId, asked: TableAsked) -> TableShape:
    """Give a table another name of the same format, or read it in another way."""
    read = None if asked.reading is None else ReadOptions(**asked.reading.model_dump())
    change = office.house.tables.change
    return _told(await office.desks.do(lambda: change(table, name=asked.name or "", read=read)))


@routes.delete(
    "/tables/{table}",
    operation_id="forget_table",
    dependencies=[needs(Permission.HAND_OVER)],
    status_code=HTTPStatus.NO_CONTENT,
)
async def forget_table(office: AnOffice, table: TableId) -> None:
    """Remove a table; runs that have read it keep its rows."""
    await office.desks.do(lambda: office.house.tables.forget(table))


def _key(table: KeptTable) -> str:
    return f"{10**12 - table.kept_at:020.6f} {table.id}"


def _told(table: KeptTable) -> TableShape:
    return TableShape(
        id=table.id,
        name=table.name,
        bytes=table.bytes,
        sha256=table.digest,
        kept_at=table.kept_at,
        columns=list(table.columns),
        reading=ReadingShape(**asdict(table.read)),
        notes=list(table.notes),
    )
