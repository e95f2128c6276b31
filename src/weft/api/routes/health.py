"""Whether the server is there, and whether a run would have all it needs.

Knows that the first is for anybody on this machine and the second for those who are let in.
Refuses to mend anything.
"""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

import weft
from weft.api.needs import House
from weft.api.permitting import needs
from weft.api.wire.health import CheckupShape, FindingShape, HealthShape
from weft.rights import Permission

routes = APIRouter(tags=["health"])


@routes.get("/health", operation_id="get_health", dependencies=[needs(None)])
async def get_health() -> HealthShape:
    """Say that the server is there; needs no session."""
    return HealthShape(version=weft.__version__)


@routes.get("/checkup", operation_id="get_checkup", dependencies=[needs(Permission.LOOK)])
async def get_checkup(house: House) -> CheckupShape:
    """Look whether everything is there that a run needs, as `weft doctor` does; mends nothing."""
    found = await house.checkup.look()
    return CheckupShape(findings=[FindingShape(**asdict(each)) for each in found])
