"""What a run would take, without asking anybody.

Knows that the rows come with the request. Refuses to read files that a request names.
"""

from __future__ import annotations

from fastapi import APIRouter

from weft.api.limiting import heavy
from weft.api.needs import House
from weft.api.permitting import needs
from weft.api.wire.estimates import EstimateAsked, EstimateShape
from weft.app.requesting import RunRequest
from weft.app.summaries import plain_estimate
from weft.rights import Permission

routes = APIRouter(tags=["estimates"])


@routes.post("/estimates", operation_id="estimate", dependencies=[needs(Permission.ESTIMATE), heavy])
async def estimate(house: House, asked: EstimateAsked) -> EstimateShape:
    """Project calls, tokens, cost and time of a run; asks no model and writes nothing."""
    request = RunRequest(
        table=asked.rows,
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
