"""Templates: find, show, try out, compare, and keep.

Knows how each is told and which requests change something. Refuses paths: a template is asked for
by its key, and rows to try it on come with the request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from weft.api.needs import AnOffice, Office
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs
from weft.api.repeating import IdempotencyKey
from weft.api.wire.shapes import REFERENCE
from weft.api.wire.templates import (
    AliasAsked,
    CardShape,
    CloneAsked,
    CommitAsked,
    DeprecationAsked,
    DifferenceShape,
    FlawShape,
    FlawsShape,
    ListedShape,
    PreviewAsked,
    PreviewShape,
    RenderedShape,
    ShelvedList,
    ShelvedShape,
    TemplateShape,
    TemplatesPage,
)
from weft.app.gallery import plain_template
from weft.app.requesting import RunRequest
from weft.app.shelving import Shelved
from weft.app.templates import TemplatesDesk
from weft.rights import Permission

routes = APIRouter(tags=["templates"])

Ref = Annotated[
    str,
    Path(
        examples=["meeting_recap"],
        pattern=REFERENCE,
        description="A key, with a version or an alias: `review@1.0.0`, `review@production`.",
    ),
]
Key = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Alias = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Tag = Annotated[
    str, Query(pattern=r"^(|[a-z][a-z0-9_-]{0,63})$", description="Only templates with this tag.")
]
Other = Annotated[
    str,
    Query(pattern=f"^$|{REFERENCE}", description="The newer one; empty = as `weft templates diff` takes it."),
]


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


@routes.get("/templates", operation_id="list_templates", dependencies=[needs(Permission.LOOK)])
async def list_templates(
    office: AnOffice, *, tag: Tag = "", limit: Limit = USUAL, cursor: Cursor = ""
) -> TemplatesPage:
    """List templates by key; one that is wrong is listed with the reason."""
    known = await office.desks.do(office.house.templates.listed)
    found, following = page(
        [each for each in known if not tag or tag in each.tags],
        listed=f"templates?{tag}",
        cursor=cursor,
        limit=limit,
        key=lambda each: each.key,
    )
    return TemplatesPage(templates=[ListedShape(**_lists(asdict(each))) for each in found], next=following)


@routes.get("/templates/{ref}", operation_id="get_template", dependencies=[needs(Permission.LOOK)])
async def get_template(office: AnOffice, ref: Ref) -> TemplateShape:
    """Tell a template's inputs, answers and text."""
    return TemplateShape(**await _ask(office, lambda desk: plain_template(desk.get(ref))))


@routes.get("/templates/{ref}/card", operation_id="get_template_card", dependencies=[needs(Permission.LOOK)])
async def get_template_card(office: AnOffice, ref: Ref) -> CardShape:
    """Tell a template as a card: versions, aliases, what is known about it, and a rendered row."""
    card = await _ask(office, lambda desk: desk.gallery([ref])[0])
    return CardShape(**{**_lists(asdict(card)), "record": card.record.plain()})


@routes.get("/templates/{ref}/flaws", operation_id="lint_template", dependencies=[needs(Permission.LOOK)])
async def lint_template(office: AnOffice, ref: Ref) -> FlawsShape:
    """Tell every problem of a template with its place, or else advice about it."""
    return FlawsShape(flaws=[FlawShape(**each) for each in await _ask(office, lambda desk: desk.lint(ref))])


@routes.get(
    "/templates/{ref}/difference", operation_id="compare_templates", dependencies=[needs(Permission.LOOK)]
)
async def compare_templates(office: AnOffice, ref: Ref, *, after: Other = "") -> DifferenceShape:
    """Tell what differs between two versions: inputs, answers, the rest, and lines of texts."""
    found = await _ask(office, lambda desk: desk.diff(ref, after))
    parts = {
        name: [{**asdict(each), "kind": each.kind} for each in getattr(found, name)]
        for name in ("inputs", "answers", "rest")
    }
    return DifferenceShape(**{**_lists(asdict(found)), **parts, "is_empty": found.is_empty})


@routes.post(
    "/templates/{ref}/preview", operation_id="preview_template", dependencies=[needs(Permission.LOOK)]
)
async def preview_template(office: AnOffice, ref: Ref, asked: PreviewAsked) -> PreviewShape:
    """Render rows, or the template's own samples, as a model would be given them; asks nobody."""
    request = None
    if asked.rows is not None:
        request = RunRequest(table=asked.rows, template=ref, mapping=tuple(asked.mapping))
    found = await _ask(office, lambda desk: desk.render(ref, request, rows=asked.limit))
    return PreviewShape(system=found.system, rows=[RenderedShape(**asdict(each)) for each in found.rows])


# ── keeping ──────────────────────────────────────────────────────────────────────────────────────


@routes.post(
    "/templates/{ref}/clones",
    operation_id="clone_template",
    dependencies=[needs(Permission.WRITE)],
    status_code=HTTPStatus.CREATED,
)
async def clone_template(
    office: AnOffice, request: Request, *, ref: Ref, asked: CloneAsked, idempotency_key: IdempotencyKey = ""
) -> ShelvedShape:
    """Copy a template into your own folder as another version, to be edited there; overwrites nothing."""

    async def clone() -> Response:
        done = await _ask(
            office, lambda desk: desk.clone(ref, key=asked.key, version=asked.version, user=asked.user)
        )
        return _created(shelved_shape(done))

    return await office.repeats.once(request, idempotency_key, clone)  # type: ignore[return-value]  # its shape is told above


@routes.post(
    "/templates/{ref}/commits",
    operation_id="commit_template",
    dependencies=[needs(Permission.WRITE)],
    status_code=HTTPStatus.CREATED,
)
async def commit_template(
    office: AnOffice, request: Request, *, ref: Ref, asked: CommitAsked, idempotency_key: IdempotencyKey = ""
) -> ShelvedShape:
    """Make a version immutable: from now on a change of its file is an error."""

    async def commit() -> Response:
        done = await _ask(
            office, lambda desk: desk.commit(ref, message=asked.message, author=asked.author, tags=asked.tags)
        )
        return _created(shelved_shape(done))

    return await office.repeats.once(request, idempotency_key, commit)  # type: ignore[return-value]  # its shape is told above


@routes.put(
    "/templates/{key}/aliases/{alias}",
    operation_id="set_template_alias",
    dependencies=[needs(Permission.WRITE)],
)
async def set_template_alias(office: AnOffice, key: Key, alias: Alias, *, asked: AliasAsked) -> ShelvedShape:
    """Let `key@alias` mean one committed version; another version takes the alias over."""
    return shelved_shape(await _ask(office, lambda desk: desk.alias(key, alias, version=asked.version)))


@routes.delete(
    "/templates/{key}/aliases/{alias}",
    operation_id="remove_template_alias",
    dependencies=[needs(Permission.WRITE)],
)
async def remove_template_alias(office: AnOffice, key: Key, alias: Alias) -> ShelvedShape:
    """Take an alias away."""
    return shelved_shape(await _ask(office, lambda desk: desk.alias(key, alias, remove=True)))


@routes.put(
    "/templates/{ref}/deprecation", operation_id="deprecate_template", dependencies=[needs(Permission.WRITE)]
)
async def deprecate_template(office: AnOffice, ref: Ref, asked: DeprecationAsked) -> ShelvedList:
    """Say that a template should not be used any more; nothing is forbidden by it."""
    return _all_shelved(
        await _ask(
            office, lambda desk: desk.deprecate(ref, reason=asked.reason, replacement=asked.replacement)
        )
    )


@routes.delete(
    "/templates/{ref}/deprecation",
    operation_id="undeprecate_template",
    dependencies=[needs(Permission.WRITE)],
)
async def undeprecate_template(office: AnOffice, ref: Ref) -> ShelvedList:
    """Take a deprecation back."""
    return _all_shelved(await _ask(office, lambda desk: desk.deprecate(ref, undo=True)))


@routes.put("/templates/{ref}/trust", operation_id="trust_template", dependencies=[needs(Permission.APPROVE)])
async def trust_template(office: AnOffice, ref: Ref) -> ShelvedList:
    """Say that an imported template is as good as one of your own; read it first."""
    return _all_shelved(await _ask(office, lambda desk: desk.trust(ref)))


# ── inside ───────────────────────────────────────────────────────────────────────────────────────


async def _ask(office: Office, question: Callable[[TemplatesDesk], Any]) -> Any:
    return await office.desks.do(lambda: question(office.house.templates))


def shelved_shape(done: Shelved) -> ShelvedShape:
    """A version as it stands after a change, on the wire."""
    return ShelvedShape(**{**_lists(asdict(done)), "record": done.record.plain(), "title": done.title})


def _all_shelved(done: tuple[Shelved, ...]) -> ShelvedList:
    return ShelvedList(templates=[shelved_shape(each) for each in done])


def _created(told: ShelvedShape) -> Response:
    return JSONResponse(told.model_dump(mode="json"), status_code=HTTPStatus.CREATED)


def _lists(found: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
