"""What was asked of a run: told as the run keeps it, and kept as a template.

Knows that keeping is asked for by itself: no run changes a template. Refuses to change a run.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from weft.api.needs import AnOffice
from weft.api.permitting import needs
from weft.api.repeating import IdempotencyKey
from weft.api.routes.runs import RunPath
from weft.api.routes.templates import shelved_shape
from weft.api.wire.runs import KeepAsked, TaskShape
from weft.api.wire.tables import ReadingShape
from weft.api.wire.templates import ShelvedShape, TemplateShape
from weft.app.gallery import plain_template
from weft.app.tasks import task_of
from weft.ids import RunId
from weft.rights import Permission

routes = APIRouter(tags=["runs"])


@routes.get("/runs/{run}/task", operation_id="get_task", dependencies=[needs(Permission.LOOK)])
async def get_task(office: AnOffice, run: RunPath) -> TaskShape:
    """Tell what was asked about every row, with prompt and answer fields as they were then."""
    task = task_of(await office.house.looking.get(RunId(run)))
    template = None if task.template is None else TemplateShape(**plain_template(task.template))
    return TaskShape(
        template=template,
        variants=task.variants,
        mapping=dict(task.mapping),
        reading=ReadingShape(**asdict(task.reading)),
        settings=dict(task.settings),
        options=dict(task.options),
        limit=task.limit,
        fresh=task.fresh,
        rows_per_call=task.rows_per_call,
    )


@routes.post(
    "/runs/{run}/template",
    operation_id="keep_template",
    dependencies=[needs(Permission.WRITE)],
    status_code=HTTPStatus.CREATED,
)
async def keep_template(
    office: AnOffice,
    request: Request,
    run: RunPath,
    *,
    asked: KeepAsked,
    idempotency_key: IdempotencyKey = "",
) -> ShelvedShape:
    """Keep the prompt of a run as a template of your own; overwrites nothing, and the run stays as it is."""

    async def keep() -> Response:
        found = await office.house.looking.get(RunId(run))
        desk = office.house.templates
        done = await office.desks.do(
            lambda: desk.keep(found, key=asked.key, name=asked.name, version=asked.version)
        )
        return JSONResponse(shelved_shape(done).model_dump(mode="json"), status_code=HTTPStatus.CREATED)

    return await office.repeats.once(request, idempotency_key, keep)  # type: ignore[return-value]  # its shape is told above
