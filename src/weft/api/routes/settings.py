"""The settings of the server, as it was started.

Knows what each may be. Refuses to change them, and to show passwords.
"""

from __future__ import annotations

from dataclasses import fields

from fastapi import APIRouter

from weft.api.needs import House
from weft.api.permitting import needs
from weft.api.wire.settings import SettingShape, SettingsShape
from weft.app.configuring import BOUNDS, CHOICES
from weft.app.opening import Surroundings
from weft.app.stores import hide_password
from weft.rights import Permission
from weft.settings import Settings

PLACES = frozenset({"store", "prices"})
"""Settings that name files and databases."""
routes = APIRouter(tags=["settings"])


@routes.get("/settings", operation_id="list_settings", dependencies=[needs(Permission.LOOK)])
async def list_settings(house: House) -> SettingsShape:
    """List every setting with its value, default and bounds."""
    surroundings = house.surroundings
    return SettingsShape(
        settings=[
            SettingShape(
                name=each.name,
                value=_shown(surroundings, each.name),
                default=each.default,
                help=str(each.metadata["help"]),
                is_given=each.name in surroundings.given,
                least=BOUNDS.get(each.name, (None, None))[0],
                most=BOUNDS.get(each.name, (None, None))[1],
                choices=list(CHOICES.get(each.name, ())),
            )
            for each in fields(Settings)
        ]
    )


def _shown(surroundings: Surroundings, name: str) -> object:
    """A value without passwords; where the server of a team keeps its files is not for everybody."""
    value = getattr(surroundings.settings, name)
    if surroundings.apart and name in PLACES:
        return ""
    return hide_password(value) if isinstance(value, str) and "://" in value else value
