"""What a run would take, without asking anybody.

Knows that the rows come with the request, or from a table that was handed over. Refuses to read
files that a request names.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from weft.api.limiting import heavy
from weft.api.needs import House
from weft.api.permitting import needs
from weft.api.placing import placed
from weft.api.problems import Complaint, Refused, invalid
from weft.api.wire.estimates import EstimateAsked, EstimateShape
from weft.app.requesting import RunRequest
from weft.app.summaries import plain_estimate
from weft.app.weft import Weft
from weft.protocols import ReadOptions
from weft.rights import Permission

routes = APIRouter(tags=["estimates"])


@routes.post("/estimates", operation_id="estimate", dependencies=[needs(Permission.ESTIMATE), heavy])
async def estimate(house: House, asked: EstimateAsked) -> EstimateShape:
    """Project calls, tokens, cost and time of a run; asks no model and writes nothing."""
    _check_rows(asked)
    with placed(asked):
        return await _estimated(house, asked)


async def _estimated(house: Weft, asked: EstimateAsked) -> EstimateShape:
    """What the desk projects.

    Raises:
        Mistake: of every kind that the asker can make.
    """
    table: Any = asked.rows
    read = ReadOptions()
    if asked.table is not None:
        known = asked.table
        kept = await asyncio.to_thread(lambda: house.tables.get(known))
        table, read = kept.path, kept.read
    request = RunRequest(
        table=table,
        read=read,
        template=asked.template,
        variants=asked.variants,
        prompt=asked.prompt,
        fields=tuple(asked.fields),
        mapping=tuple(asked.mapping),
        limit=asked.limit,
        fresh=asked.fresh,
    )
    found = await house.runs_with(asked.settings.given()).estimate(request, per_row=asked.per_row)
    return EstimateShape(**plain_estimate(found))


def _check_rows(asked: EstimateAsked) -> None:
    """Refuse what names no rows, or rows twice, or asks for each row of a table that may be huge.

    Raises:
        Refused: naming the field.
    """
    complaint = None
    if (asked.table is None) == (asked.rows is None):
        complaint = Complaint(path="body.rows", message="give either rows or a table.")
    elif asked.table is not None and asked.per_row:
        complaint = Complaint(path="body.per_row", message="is told for rows of the request only.")
    if complaint is not None:
        unfit = HTTPStatus.UNPROCESSABLE_ENTITY
        raise Refused(invalid([complaint], status=unfit, code="contradictory_request"))
