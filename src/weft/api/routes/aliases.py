"""The addresses of older scripts, `csv_batches`: runs by another name, with rows of two columns.

Knows that such a row is `system_params`, an object, and `user_message`, a text, and that its run
waits until it is told to start. Refuses to do anything that `runs` does not.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request

from weft.api.needs import AnOffice
from weft.api.permitting import needs
from weft.api.repeating import IdempotencyKey
from weft.api.routes.outcomes import export_run, list_rows
from weft.api.routes.runs import RunPath, add_rows, create_run, get_run, start_run
from weft.api.wire.aliases import MessageRowsAsked, MessageRunAsked
from weft.api.wire.runs import RowsAsked, RowsPage, RunAsked, RunShape
from weft.rights import Permission

COLUMNS = ["system_params", "user_message"]
routes = APIRouter(tags=["csv_batches"])


@routes.post(
    "/csv_batches",
    operation_id="create_csv_batch",
    dependencies=[needs(Permission.HAND_OVER)],
    status_code=HTTPStatus.CREATED,
)
async def create(
    office: AnOffice, request: Request, asked: MessageRunAsked, *, idempotency_key: IdempotencyKey = ""
) -> RunShape:
    """Hand a run in whose rows are still to come.

    Its prompt may use keys such as `system_params.mail.body`.
    """
    whole = RunAsked(
        columns=COLUMNS,
        prompt=asked.prompt,
        fields=asked.fields,
        name=asked.name,
        settings=asked.settings,
        start=False,
    )
    return await create_run(office, request, whole, idempotency_key=idempotency_key)


@routes.post(
    "/csv_batches/{run}/rows", operation_id="add_csv_batch_rows", dependencies=[needs(Permission.HAND_OVER)]
)
async def add(
    office: AnOffice,
    request: Request,
    run: RunPath,
    *,
    asked: MessageRowsAsked,
    idempotency_key: IdempotencyKey = "",
) -> RunShape:
    """Add rows before the run starts. With `at`, sending them again changes nothing."""
    rows = RowsAsked(rows=[each.model_dump() for each in asked.rows], at=asked.at)
    return await add_rows(office, request, run, asked=rows, idempotency_key=idempotency_key)


routes.post(
    "/csv_batches/{run}/run",
    operation_id="run_csv_batch",
    dependencies=[needs(Permission.RUN)],
    response_model=RunShape,
)(start_run)
routes.get(
    "/csv_batches/{run}",
    operation_id="get_csv_batch",
    dependencies=[needs(Permission.LOOK)],
    response_model=RunShape,
)(get_run)
routes.get(
    "/csv_batches/{run}/rows",
    operation_id="list_csv_batch_rows",
    dependencies=[needs(Permission.LOOK)],
    response_model=RowsPage,
)(list_rows)
routes.get(
    "/csv_batches/{run}/export",
    operation_id="export_csv_batch",
    dependencies=[needs(Permission.EXPORT)],
    response_model=None,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The rows."}},
)(export_run)
