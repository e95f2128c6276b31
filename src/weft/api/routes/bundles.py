"""Bundles of templates: take one out, read one in.

Knows that a bundle comes and goes as the file itself, and that what came in is foreign until somebody
who may trusts it. Refuses to know what is in one, and paths.
"""

from __future__ import annotations

import tempfile
from http import HTTPStatus
from io import BytesIO
from typing import IO, Annotated

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from weft.api.limiting import heavy
from weft.api.needs import AnOffice
from weft.api.permitting import needs
from weft.api.problems import refuse
from weft.api.routes.templates import Ref
from weft.api.wire.bundles import ImportedShape
from weft.api.wire.shapes import Reference
from weft.rights import Permission

ZIP = "application/zip"
HELD = 1 << 20  # bytes of a bundle that are held in memory while it comes; the rest goes to the disk
routes = APIRouter(tags=["templates"])

Also = Annotated[
    list[Reference],
    Query(max_length=100, description="Further templates, with versions or aliases where these are meant."),
]
Upgrade = Annotated[
    bool, Query(description="Also where a key of yours would mean an imported version from now on.")
]
DryRun = Annotated[bool, Query(description="Check everything and write nothing.")]


@routes.get(
    "/templates/{ref}/bundle",
    operation_id="export_bundle",
    dependencies=[needs(Permission.EXPORT), heavy],
    response_class=Response,
    responses={
        200: {
            "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
            "description": "A bundle.",
        }
    },
)
async def export_bundle(office: AnOffice, ref: Ref, *, also: Also = []) -> Response:  # noqa: B006 - the framework copies it
    """Take a template out, with all that it is composed of, as one ZIP file with checksums."""
    stream = BytesIO()
    await office.desks.do(lambda: office.house.templates.export_bundle([ref, *also], path=stream))
    name = ref.partition("@")[0]
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(stream.getvalue(), media_type=ZIP, headers=headers)


@routes.post(
    "/templates/bundles",
    operation_id="import_bundle",
    dependencies=[needs(Permission.WRITE), heavy],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_bundle(
    office: AnOffice, request: Request, *, upgrade: Upgrade = False, dry_run: DryRun = False
) -> ImportedShape:
    """Read a bundle in; all of it is checked before anything is written, and nothing is overwritten.

    Sent again, it changes nothing. What came in is rendered under limits until it is trusted.
    """
    with tempfile.SpooledTemporaryFile(HELD) as file:
        await _take(request, file)
        file.seek(0)
        done = await office.desks.do(
            lambda: office.house.templates.import_bundle(file, upgrade=upgrade, dry_run=dry_run)
        )
    return ImportedShape(
        templates=list(done.templates), known=list(done.known), digest=done.digest, notes=list(done.notes)
    )


async def _take(request: Request, file: IO[bytes]) -> None:
    """Bring a body to the file, piece by piece.

    Raises:
        Refused: if the other side went away in the middle.
    """
    try:
        async for piece in request.stream():
            file.write(piece)
    except ClientDisconnect as exc:
        raise refuse(HTTPStatus.BAD_REQUEST, "body_broken_off", "The bundle broke off on its way.") from exc
