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

from weft.api.bodies import too_large
from weft.api.limiting import heavy
from weft.api.needs import AnOffice
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs, principal_of
from weft.api.problems import refuse
from weft.api.repeating import IdempotencyKey
from weft.api.wire.tables import (
    TABLE,
    ColumnShape,
    ReadingShape,
    TableAsked,
    TablePreviewShape,
    TableRowShape,
    TableRowsPage,
    TableShape,
    TablesPage,
)
from weft.app.keeping import KeptTable
from weft.app.uploading import Upload
from weft.kit.plain_json import sayable, sayable_text
from weft.protocols import ReadOptions
from weft.rights import Permission
from weft.row import BrokenRow, Row

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
Delimiter = Annotated[
    str, Query(max_length=9, description="One character or the word `tab`; empty = found out.")
]
Sheet = Annotated[str, Query(max_length=200, description="Of an XLSX table; empty = the first.")]
Ragged = Annotated[
    Literal["reject", "pad"] | None, Query(description="What becomes of rows with missing or further cells.")
]
Rows = Annotated[int, Query(ge=1, le=MOST_SHOWN)]
Offset = Annotated[int, Query(ge=0, le=2**53, description="Rows to leave out at the start.")]


async def _asked(
    encoding: Encoding = "", delimiter: Delimiter = "", sheet: Sheet = "", ragged: Ragged = None
) -> ReadOptions:
    """How a table is to be read."""
    return ReadOptions(encoding=encoding, delimiter=delimiter, sheet=sheet, ragged=ragged or "reject")


@routes.post(
    "/tables",
    operation_id="upload_table",
    dependencies=[needs(Permission.HAND_OVER), heavy],
    status_code=HTTPStatus.CREATED,
    openapi_extra=BODY,
)
async def upload_table(
    office: AnOffice, request: Request, *, name: Name, read: Annotated[ReadOptions, Depends(_asked)],
    idempotency_key: IdempotencyKey = "",
) -> TableShape:  # fmt: skip
    """Hand a table over: the body is the file itself. It is kept if it can be read to its end."""
    key = f"{principal_of(request).id}\n{idempotency_key}" if idempotency_key else ""
    tables = office.house.tables
    _check_bare(request)
    size = _announced(request, tables.most_bytes)
    upload = await asyncio.to_thread(lambda: tables.begin(name, key=key, size=size))
    try:
        await _take(request, upload)
    except BaseException:
        upload.drop()
        raise
    return _told(await office.intake.do(lambda: tables.keep(upload, read)))


def _announced(request: Request, most: int) -> int:
    """How many bytes will come; 0 = the other side does not say.

    Raises:
        Refused: if they are too many.
    """
    given = request.headers.get("content-length", "")
    size = int(given[:20]) if given.isascii() and given.isdigit() else 0
    if size > most:
        raise too_large(most)
    return size


def _check_bare(request: Request) -> None:
    """Refuse a form, whose bytes are not those of the file.

    Raises:
        Refused: if the body is one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise refuse(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_bare",
            "The body is a form, and the file is somewhere in it.",
            hint="send the file itself as the body: `curl --data-binary @FILE -H 'Content-Type: application/octet-stream'`.",
        )


async def _take(request: Request, upload: Upload) -> None:
    """Bring a body to the disk, piece by piece.

    Raises:
        Refused: if the other side goes away, or sends too much.
    """
    pieces: list[bytes] = []
    held = taken = 0
    try:
        async for piece in request.stream():
            pieces.append(piece)
            held += len(piece)
            taken += len(piece)
            if taken > upload.most_bytes:
                raise too_large(upload.most_bytes)
            if held >= PIECE:
                await asyncio.to_thread(upload.write, b"".join(pieces))
                pieces.clear()
                held = 0
    except ClientDisconnect as exc:
        raise refuse(HTTPStatus.BAD_REQUEST, "body_broken_off", "The table broke off on its way.") from exc
    await asyncio.to_thread(upload.write, b"".join(pieces))


@routes.get("/tables", operation_id="list_tables", dependencies=[needs(Permission.LOOK)])
async def list_tables(office: AnOffice, *, limit: Limit = USUAL, cursor: Cursor = "") -> TablesPage:
    """List the tables that were handed over, the newest first."""
    known = await asyncio.to_thread(office.house.tables.listed)
    found, following = page(sorted(known, key=_key), listed="tables", cursor=cursor, limit=limit, key=_key)
    return TablesPage(tables=[_told(each) for each in found], next=following)


@routes.get("/tables/{table}", operation_id="get_table", dependencies=[needs(Permission.LOOK)])
async def get_table(office: AnOffice, table: TableId) -> TableShape:
    """Tell what is known about a table."""
    return _told(await asyncio.to_thread(office.house.tables.get, table))


@routes.get("/tables/{table}/rows", operation_id="list_table_rows", dependencies=[needs(Permission.LOOK)])
async def list_table_rows(
    office: AnOffice, table: TableId, *, offset: Offset = 0, limit: Limit = USUAL
) -> TableRowsPage:
    """Show rows from any place on, as quickly at the end of a table as at its start."""
    tables = office.house.tables
    found = await asyncio.to_thread(lambda: tables.page(table, place=offset, rows=limit))
    return TableRowsPage(
        rows=[_row(each) for each in found.rows], offset=offset, total=found.total, next=found.next
    )


async def _tried(asked: Annotated[ReadOptions, Depends(_asked)], ragged: Ragged = None) -> ReadOptions | None:
    """A way to read a table that is tried out; `None` = as it is read."""
    return None if asked == ReadOptions() and ragged is None else asked


@routes.get("/tables/{table}/preview", operation_id="preview_table", dependencies=[needs(Permission.LOOK)])
async def preview_table(
    office: AnOffice,
    table: TableId,
    *,
    tried: Annotated[ReadOptions | None, Depends(_tried)],
    rows: Rows = 10,
) -> TablePreviewShape:
    """Show the first rows, as the table is read, or as it would be read by these choices."""
    found = await asyncio.to_thread(lambda: office.house.tables.preview(table, rows=rows, read=tried))
    return TablePreviewShape(
        columns=list(found.columns),
        rows=[_row(each) for each in found.rows],
        problems=list(map(sayable_text, found.problems)),
        notes=list(found.notes),
        more=found.more,
    )


@routes.patch("/tables/{table}", operation_id="change_table", dependencies=[needs(Permission.HAND_OVER)])
async def change_table(office: AnOffice, table: TableId, asked: TableAsked) -> TableShape:
    """Give a table another name of the same format, or read it in another way."""
    read = None if asked.reading is None else ReadOptions(**asked.reading.model_dump())
    change = office.house.tables.change
    return _told(await office.intake.do(lambda: change(table, name=asked.name or "", read=read)))


@routes.delete(
    "/tables/{table}",
    operation_id="forget_table",
    dependencies=[needs(Permission.HAND_OVER)],
    status_code=HTTPStatus.NO_CONTENT,
)
async def forget_table(office: AnOffice, table: TableId) -> None:
    """Remove a table; runs that have read it keep its rows."""
    await asyncio.to_thread(office.house.tables.forget, table)


def _key(table: KeptTable) -> str:
    return f"{10**12 - table.kept_at:020.6f} {table.id}"


def _row(row: Row | BrokenRow) -> TableRowShape:
    problem = sayable_text(row.problem.message) if isinstance(row, BrokenRow) else ""
    return TableRowShape(place=row.place, line=row.line, cells=sayable(row.cells), problem=problem)


def _told(table: KeptTable) -> TableShape:
    return TableShape(
        id=table.id,
        name=table.name,
        bytes=table.bytes,
        sha256=table.digest,
        kept_at=table.kept_at,
        columns=list(table.columns),
        rows=table.rows,
        broken=table.broken,
        facts=[ColumnShape(**asdict(each)) for each in table.facts],
        reading=ReadingShape(**asdict(table.read)),
        notes=list(table.notes),
    )
