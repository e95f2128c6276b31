"""What models charge.

Knows how the list is paged. Refuses to know what anything has cost.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from weft.api.needs import AnOffice
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs
from weft.api.wire.prices import PriceShape, PricesPage
from weft.app.prices import plain_price
from weft.protocols import ModelFacts
from weft.rights import Permission

routes = APIRouter(tags=["prices"])

Matching = Annotated[str, Query(max_length=200, description="Only models whose name holds this text.")]


@routes.get("/prices", operation_id="list_prices", dependencies=[needs(Permission.LOOK)])
async def list_prices(
    office: AnOffice, *, matching: Matching = "", limit: Limit = USUAL, cursor: Cursor = ""
) -> PricesPage:
    """List what models charge, with the source and date of each price."""
    known = await office.desks.do(lambda: office.house.prices.listed(matching))
    found, following = page(
        sorted(known, key=_key), listed=f"prices?{matching}", cursor=cursor, limit=limit, key=_key
    )
    return PricesPage(prices=[PriceShape(**plain_price(each)) for each in found], next=following)


def _key(facts: ModelFacts) -> str:
    return f"{facts.provider}/{facts.model}"
