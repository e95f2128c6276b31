"""Deeds of commands: what somebody at the server's machine does to a team is written down too.

Knows who sits there only as the machine knows them. Refuses to know what was done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from weft.app.weft import Weft
from weft.errors import WeftError
from weft.rights import HOME, Principal

COMMAND = "command"
"""How a principal has come in who sits at the server's machine (`Principal.via`)."""


@asynccontextmanager
async def noted(house: Weft, act: str, thing: str, *, workspace: str = HOME) -> AsyncIterator[None]:
    """Write down what a command is about to do, and with another deed how it was refused.

    Args:
        act: such as `create_token`, by the names of the API's operations.
        thing: to what.
        workspace: where.
    """
    name = house.surroundings.user_name
    somebody = Principal(id=COMMAND, name=name, workspace=workspace, is_owner=True, via=COMMAND)
    facts = {"via": COMMAND, "user": name}
    await house.audit.record(somebody, act, thing=thing, facts=facts)
    try:
        yield
    except WeftError as error:
        await house.audit.record(somebody, act, thing=thing, outcome=error.code, facts=facts)
        raise
