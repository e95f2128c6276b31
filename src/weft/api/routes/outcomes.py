"""Rows of a run: pages, one row's story, exports and events.

Knows that a page looks at a limited number of rows, that an export is written while it is read, and
that events go on where a reader left. Refuses to hold a run in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.responses import Response

from weft import __version__
from weft.api.attaching import KINDS, disposition, file_name, has_it, tag_of
from weft.api.lasting import Lasting
from weft.api.limiting import heavy
from weft.api.needs import AnOffice
from weft.api.paging import USUAL, Cursor, Limit, read_cursor, write_cursor
from weft.api.permitting import needs
from weft.api.piping import Pipe
from weft.api.routes.runs import RunPath
from weft.api.streaming import Counted, EventStream, pump
from weft.api.tagging import KEPT
from weft.api.wire.runs import RowCallShape, RowShape, RowsPage, RowStates, StoryShape
from weft.app.exporting import ExportRequest, check_at_rest
from weft.app.looking import LookingDesk
from weft.app.submitting import wants_worker
from weft.app.summaries import dollars
from weft.ids import RunId
from weft.kit.plain_json import sayable, sayable_text
from weft.money import Usd
from weft.rights import Permission
from weft.row import Outcome, RowState
from weft.run import RunState

LOOKED_AT = 20_000  # rows of one page that is filtered by a text; about half a second
routes = APIRouter(tags=["rows"])

States = Annotated[
    list[RowStates], Query(alias="state", description="Only rows in these states; none = all.")
]
Words = Annotated[
    str,
    Query(alias="text", max_length=200, description="Only rows that hold this text, in any cell or answer."),
]
Form = Annotated[Literal["csv", "jsonl", "parquet", "tsv", "xlsx"], Query(alias="format")]
IfNoneMatch = Annotated[str, Header(alias="If-None-Match", max_length=1_000)]
LastId = Annotated[str, Header(alias="Last-Event-ID", max_length=40)]


@routes.get("/runs/{run}/rows", operation_id="list_rows", dependencies=[needs(Permission.LOOK)])
async def list_rows(
    office: AnOffice, run: RunPath, *, state: States = [], text: Words = "",  # noqa: B006 - the framework copies it
    limit: Limit = USUAL, cursor: Cursor = "",
) -> RowsPage:  # fmt: skip
    """List rows in the order of the table, by state and text."""
    listed = f"rows?{run}&{','.join(sorted(set(state)))}&{text}"
    after = read_cursor(listed, cursor)
    place = (-1 if after is None else int(after), limit)
    look = partial(_look, office.house.looking, RunId(run), place, states=state, text=text)
    # A plain page is read sooner than a thread is found; a filtered one may walk over all rows.
    found, last = await asyncio.to_thread(look) if state or text else look()
    following = None if last is None else write_cursor(listed, last)
    return RowsPage(rows=[_told(each) for each in found], next=following)


@routes.get("/runs/{run}/rows/{place}", operation_id="get_row", dependencies=[needs(Permission.LOOK)])
async def get_row(office: AnOffice, run: RunPath, place: Annotated[int, Path(ge=0, le=2**31)]) -> StoryShape:
    """Tell how a row stands, and every call that carried it."""
    outcome, calls = await office.house.looking.story(RunId(run), place)
    return StoryShape(row=_told(outcome), calls=[_call(each) for each in calls])


@dataclass(frozen=True, slots=True)
class _Asked:
    """How an export is to be written."""

    form: Form = "csv"
    partial: bool = False
    meta: bool = False
    raw: bool = False


@routes.get(
    "/runs/{run}/export",
    operation_id="export_run",
    dependencies=[needs(Permission.EXPORT), heavy],
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The rows."},
        304: {"description": "The other side has the same already."},
    },
)
async def export_run(
    office: AnOffice,
    request: Request,
    run: RunPath,
    *,
    asked: Annotated[_Asked, Depends()],
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Write rows, answers and, with `meta`, facts, as a stream; while rows wait only with `partial`.

    Parquet begins when the last row was read: only then the types of its columns are known.
    """
    found = await office.house.looking.get(RunId(run))
    if not asked.partial:
        check_at_rest(found)

    def write(stream: Any) -> object:
        return office.house.runs.export(found, ExportRequest(target=stream, **asdict(asked)))

    tag = tag_of(__version__, run, found.changed, asked)
    headers = {"Content-Disposition": disposition(file_name(found.name or run, asked.form))}
    if found.state is not RunState.RUNNING:  # rows change while they are read
        headers |= {"ETag": tag, "Cache-Control": KEPT}
        if has_it(tag, if_none_match):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)

    lasting = Lasting(request, Permission.EXPORT)

    async def written() -> AsyncIterator[bytes]:
        async with aclosing(lasting.whole(Pipe().read(write, office.exports.threads))) as pieces:
            async for piece in pieces:
                yield piece

    counted = office.exports.taking_one("exports")
    return Counted(written(), counted=counted, media_type=KINDS[asked.form], headers=headers)


@routes.get(
    "/runs/{run}/events",
    operation_id="follow_run",
    dependencies=[needs(Permission.LOOK)],
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events."},
        204: {"description": "Nothing more will come; do not come back."},
    },
)
async def follow_run(
    office: AnOffice, request: Request, run: RunPath, *, last_event_id: LastId = ""
) -> Response:
    """Tell what happens as it happens, as server-sent events; `Last-Event-ID` goes on behind that one."""
    found = await office.house.looking.get(RunId(run))
    log = office.news.log(RunId(run))
    # A worker that has told the end may still be putting its things away.
    if not wants_worker(found) and (log.is_over or not office.worker.is_at_work(RunId(run))):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    name = request.state.session
    told = pump(log.after, since=last_event_id, closing=office.worker.stopping)
    lasting = Lasting(request, Permission.LOOK)
    return EventStream(lasting.events(told), counted=office.news.streams.listening(name))


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


def _look(
    desk: LookingDesk, run: RunId, place: tuple[int, int], *, states: Sequence[str], text: str
) -> tuple[list[Outcome], int | None]:
    """The next rows behind a place, and the place to go on behind; `None` = there are no more."""
    after, limit = place
    wanted = text.casefold()
    found: list[Outcome] = []
    for seen, row in enumerate(desk.rows(run, after=after, states=[RowState(each) for each in states])):
        if len(found) == limit or seen == LOOKED_AT:
            return found, after
        after = row.place
        if not wanted or _holds(row, wanted):
            found.append(row)
    return found, None


def _holds(row: Outcome, text: str) -> bool:
    values = (*row.cells.values(), *(row.answer or {}).values(), row.problem)
    return any(text in str(value).casefold() for value in values if value is not None)


def _told(row: Outcome) -> RowShape:
    return RowShape(
        place=row.place,
        line=row.line,
        state=row.state.value,
        cells=sayable(row.cells),
        answer=None if row.answer is None else dict(row.answer),
        problem=sayable_text(row.problem),
        problem_code=row.problem_code,
        cost_usd=dollars(row.cost),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        attempts=row.attempts,
        call=row.call,
        recalled=row.recalled,
        notes=list(row.notes),
    )


def _call(call: Mapping[str, Any]) -> RowCallShape:
    cost = call["cost"]
    names = set(RowCallShape.model_fields) - {"rows", "cost_usd"}
    return RowCallShape(
        rows=len(call["places"]),
        cost_usd=None if cost is None else dollars(Usd(cost)),
        **{name: call[name] for name in names},
    )
