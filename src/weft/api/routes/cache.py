"""Remembered answers: how many there are, and forgetting them.

Knows counts. Refuses to know keys and answers.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from weft.api.needs import House
from weft.api.permitting import needs
from weft.api.wire.cache import CacheShape, ForgottenShape
from weft.rights import Permission

DAY_S = 86_400
routes = APIRouter(tags=["cache"])

Days = Annotated[
    float | None,
    Query(
        ge=0,
        le=36_500,
        description="Only answers that are older than so many days; all where it is left out.",
    ),
]


@routes.get("/cache", operation_id="get_cache", dependencies=[needs(Permission.LOOK)])
async def get_cache(house: House) -> CacheShape:
    """Count remembered answers."""
    return CacheShape(**asdict(await house.cache.stats()))


@routes.delete("/cache", operation_id="clear_cache", dependencies=[needs(Permission.RUN)])
async def clear_cache(house: House, *, older_than_days: Days = None) -> ForgottenShape:
    """Forget remembered answers; runs keep theirs. Later runs pay for them again."""
    before = None if older_than_days is None else house.clock.wall() - older_than_days * DAY_S
    return ForgottenShape(forgotten=await house.cache.clear(older_than=before))
