"""Sealing anew what all workspaces of a server keep, so that an older master key can be let go.

Knows that every workspace has a store of its own, also one that was put away. Refuses to know how
a key is sealed anew (`keys.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.app.kept_key import Rotated
from weft.app.team import surroundings_of
from weft.app.weft import Weft
from weft.rights import HOME


@dataclass(frozen=True, slots=True)
class Turned:
    """What became of the keys of one workspace."""

    workspace: str
    rotated: Rotated


async def rotate_all(house: Weft) -> list[Turned]:
    """Seal the keys of every workspace anew; may be repeated.

    Args:
        house: of `home`, which lists the others.

    Raises:
        MissingCredential: if there is no master key.
    """
    found = [Turned(HOME, await house.keys.rotate())]
    for each in await house.workspaces.listed(archived=True):
        if each.name == HOME:
            continue
        async with Weft(surroundings_of(house.surroundings, each.name), clock=house.clock) as other:
            found.append(Turned(each.name, await other.keys.rotate()))
    return found
