"""Modules of code from specs, handed over as text.

Knows that checking code takes seconds and has a lane of its own. Refuses to write files.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter

from weft.api.limiting import heavy
from weft.api.needs import AnOffice
from weft.api.permitting import needs
from weft.api.wire.generate import ModulesAsked, ModuleShape, ModulesShape
from weft.app.modules import Composed, plain_made
from weft.rights import Permission

routes = APIRouter(tags=["generate"])


@routes.post("/generate", operation_id="generate_modules", dependencies=[needs(Permission.WRITE), heavy])
async def generate_modules(office: AnOffice, asked: ModulesAsked) -> ModulesShape:
    """Generate modules of Python from specs, and check them; a spec that fails stops no other.

    Nothing is written. With `prove` the code is imported and tried on the server's machine.
    """
    specs = [(each.name, each.text) for each in asked.specs]
    compose = partial(office.house.modules.compose, specs, variant=asked.variant, proves=asked.prove)
    return ModulesShape(modules=[_told(each) for each in await office.workshop.do(compose)])


def _told(composed: Composed) -> ModuleShape:
    made = plain_made(composed.made)
    file_name = made.pop("path")
    for name in ("standing", "written"):
        del made[name]
    return ModuleShape(**made, file_name=file_name, text=composed.text)
