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
from weft.api.needs import AnOffice, Office
from weft.api.permitting import needs
from weft.api.placing import placed
from weft.api.problems import Complaint, Refused, invalid
from weft.api.wire.estimates import EstimateAsked, EstimateShape
from weft.app.requesting import RunRequest
from weft.app.summaries import plain_estimate
from weft.protocols import ReadOptions
from weft.rights import Permission
from weft.run import Estimate

LONGEST_S = 60.0  # of one projection
routes = APIRouter(tags=["estimates"])


@routes.post("/estimates", operation_id="estimate", dependencies=[needs(Permission.ESTIMATE), heavy])
async def estimate(office: AnOffice, asked: EstimateAsked) -> EstimateShape:
    """Project calls, tokens, cost and time of a run; asks no model and writes nothing.

    A table whose rows take longer than a minute to look at is refused; `limit` takes the first of them.
    """
    _check_rows(asked)
    with placed(asked):
        return await _estimated(office, asked)


async def _estimated(office: Office, asked: EstimateAsked) -> EstimateShape:
    """What the desk projects.

    Raises:
        Mistake: of every kind that the asker can make.
    """
    house = office.house
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
        name=asked.name,
    )
    desk = house.runs_with(asked.settings.given())

    def project() -> Estimate:  # a loop of its own: rows are rendered and counted by the hundred thousand
        return asyncio.run(desk.estimate(request, per_row=asked.per_row, most_s=LONGEST_S))

    return EstimateShape(**plain_estimate(await office.projections.do(project)))


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
