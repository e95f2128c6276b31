"""The address at which Prometheus looks: `/metrics`, beside the versioned ones, as it expects.

Knows the media type and what is needed to look. Refuses to know which figures there are.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

import weft
from weft.api.needs import House
from weft.api.permitting import needs
from weft.app.metrics import PROMETHEUS
from weft.rights import Permission

routes = APIRouter(include_in_schema=False)


@routes.get("/metrics", dependencies=[needs(Permission.LOOK)])
async def expose_metrics(house: House) -> Response:
    """Tell Prometheus everything; in team mode, of the workspace of the token."""
    return Response(await house.metrics.exposition(weft.__version__), media_type=PROMETHEUS)
