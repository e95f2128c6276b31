"""Key figures of runs by template and version, for programs and for spreadsheets.

Knows which windows can be asked for, and that CSV is the whole list. Refuses to know how figures are made;
what Prometheus reads is at `/metrics` (`exposing.py`).
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from weft.api.limiting import heavy
from weft.api.needs import House
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs
from weft.api.wire.metrics import FiguresPage, KpiShape
from weft.app.metrics import Totals, Window, plain_line, write_csv
from weft.rights import Permission

LAST = 10**11  # seconds since the epoch; the year 5138
routes = APIRouter(tags=["metrics"])

Since = Annotated[
    float | None,
    Query(ge=0, le=LAST, description="Only runs created then or later, seconds since the epoch."),
]
Until = Annotated[
    float | None, Query(ge=0, le=LAST, description="Only runs created before, seconds since the epoch.")
]
Template = Annotated[
    str, Query(max_length=200, description="Only this template: its key, or key and version.")
]
Model = Annotated[str, Query(max_length=200, description="Only this model: its name, or `provider/name`.")]
ByModel = Annotated[bool, Query(description="A line per model too.")]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]


def window_of(
    *, since: Since = None, until: Until = None, template: Template = "", model: Model = ""
) -> Window:
    """Which runs are asked about."""
    return Window(since=since, until=until, template=template, model=model)


AWindow = Annotated[Window, Depends(window_of)]


@routes.get(
    "/metrics",
    operation_id="get_metrics",
    dependencies=[needs(Permission.LOOK), heavy],
    response_model=FiguresPage,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_metrics(
    house: House, window: AWindow, *, by_model: ByModel = False, form: Form = "json", limit: Limit = USUAL,
    cursor: Cursor = "",
) -> FiguresPage | Response:  # fmt: skip
    """Sum runs up by template and version: rows, success, cost, tokens, time.

    As CSV the whole list comes at once, with a header also where there is nothing.
    """
    found = await house.metrics.figures(window, by_model=by_model)
    if form == "csv":
        headers = {"Content-Disposition": 'attachment; filename="metrics.csv"'}
        return Response(write_csv(found), media_type="text/csv", headers=headers)
    listed = f"metrics?{astuple(window)}&{by_model}"
    some, following = page(found.lines, listed=listed, cursor=cursor, limit=limit, key=_key)
    return FiguresPage(lines=[KpiShape(**plain_line(each)) for each in some], next=following)


def _key(line: Totals) -> str:
    """The order in which lines come, as a text."""
    return f"{10**12 - line.runs:013d} {10**15 - line.rows:016d} {line.template} {line.version} {line.model}"
