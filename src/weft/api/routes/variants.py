"""Variants: what there is, choosing one, and what became of choices.

Knows how a choice is told. Refuses to write code: `generate.py` does, with the same choice.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from weft.api.needs import AnOffice
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs
from weft.api.repeating import IdempotencyKey
from weft.api.wire.shapes import WORD
from weft.api.wire.variants import (
    ChoiceAsked,
    ChosenShape,
    ExplainedShape,
    ExplanationAsked,
    FlipShape,
    OutcomeAsked,
    ReasonShape,
    RequirementsAsked,
    VariantShape,
    VariantsPage,
)
from weft.app.choices import plain_selection, plain_variant
from weft.app.variants import ChoiceRequest, requirements_of
from weft.rights import Permission

routes = APIRouter(tags=["variants"])

Name = Annotated[str, Path(pattern=WORD)]
Filter = Annotated[str, Query(pattern=r"^(|[a-z][a-z0-9_-]{0,63})$")]


@routes.get("/variants", operation_id="list_variants", dependencies=[needs(Permission.LOOK)])
async def list_variants(
    office: AnOffice, *, pack: Filter = "", kind: Filter = "", limit: Limit = USUAL, cursor: Cursor = ""
) -> VariantsPage:
    """List variants with all that is known about them, of every pack or of one."""
    packs = await office.desks.do(office.house.variants.packs)
    known = [
        plain_variant(each)
        for family in packs
        for each in family.variants.values()
        if pack in ("", family.name) and (not kind or kind in each.kinds)
    ]
    found, following = page(
        sorted(known, key=_key), listed=f"variants?{pack}&{kind}", cursor=cursor, limit=limit, key=_key
    )
    return VariantsPage(variants=[VariantShape(**each) for each in found], next=following)


@routes.get("/variants/{pack}/{name}", operation_id="get_variant", dependencies=[needs(Permission.LOOK)])
async def get_variant(office: AnOffice, pack: Name, name: Name) -> VariantShape:
    """Tell everything that is known about one variant."""
    found = await office.desks.do(lambda: office.house.variants.get(name, pack=pack))
    return VariantShape(**plain_variant(found))


@routes.post(
    "/variants/choices",
    operation_id="choose_variant",
    dependencies=[needs(Permission.ESTIMATE)],
    status_code=HTTPStatus.CREATED,
)
async def choose_variant(
    office: AnOffice, request: Request, *, asked: ChoiceAsked, idempotency_key: IdempotencyKey = ""
) -> ChosenShape:
    """Choose a variant for what is required; in a project the choice is noted in its log."""

    async def choose() -> Response:
        how = ChoiceRequest(
            pack=asked.pack,
            override=asked.override,
            between=tuple(asked.between),
            experiment=asked.experiment,
            weights=asked.weights,
        )
        found = await office.desks.do(
            lambda: office.house.variants.select(requirements_of(_plain(asked.requirements)), how)
        )
        told = ChosenShape(
            **plain_selection(found.selection), rationale=found.said, id=found.id, template=found.template
        )
        return JSONResponse(told.model_dump(mode="json"), status_code=HTTPStatus.CREATED)

    return await office.repeats.once(request, idempotency_key, choose)  # type: ignore[return-value]  # its shape is told above


@routes.post(
    "/variants/explanations", operation_id="explain_choice", dependencies=[needs(Permission.ESTIMATE)]
)
async def explain_choice(office: AnOffice, asked: ExplanationAsked) -> ExplainedShape:
    """Choose as `choices` does and tell what speaks for it and what would change it; notes nothing."""
    how = ChoiceRequest(pack=asked.pack, override=asked.override, weights=asked.weights, notes=False)
    found = await office.desks.do(
        lambda: office.house.variants.explain(requirements_of(_plain(asked.requirements)), how)
    )
    return ExplainedShape(
        **plain_selection(found.selection),
        rationale=found.said,
        reasons=[ReasonShape(**asdict(each)) for each in found.reasons],
        changes=[FlipShape(**asdict(each)) for each in found.changes],
        other_weights=dict(found.others),
    )


@routes.put(
    "/variants/choices/{choice}/outcome",
    operation_id="settle_choice",
    dependencies=[needs(Permission.ESTIMATE)],
    status_code=HTTPStatus.NO_CONTENT,
)
async def settle_choice(
    office: AnOffice, choice: Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")], asked: OutcomeAsked
) -> None:
    """Note what became of a choice."""
    await office.desks.do(lambda: office.house.variants.settle(choice, asked.outcome))


def _plain(asked: RequirementsAsked) -> dict[str, Any]:
    return asked.model_dump(mode="json")


def _key(variant: dict[str, Any]) -> str:
    return f"{variant['pack']}/{variant['name']}"
