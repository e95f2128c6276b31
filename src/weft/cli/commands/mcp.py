"""Offer weft's tools to an agent that speaks the Model Context Protocol.

Knows flags, when to stop, and that the protocol's library is an extra which is loaded only here.
Refuses to know which tools there are; standard output belongs to the protocol.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from decimal import Decimal, InvalidOperation
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from weft.app.opening import look_around, new_secret
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import Flag, Flags, one_command, setting_flags
from weft.errors import BadSetting, MissingExtra
from weft.money import Usd

VARIABLE = "WEFT_TOKEN"  # the environment variable with the token for `--url`; flags can be seen by everybody
SETTINGS = (
    "store",
    "model",
    "base_url",
    "key_name",
    "private_networks",
    "prices",
    "budget_usd",
    "budget_tokens",
    "rows_per_call",
    "concurrency",
    "rpm",
    "tpm",
    "grace_s",
)
"""Settings that a person may want to give an agent's runs; all others come from `weft.toml`."""


def mcp(console: Console, flags: Flags) -> int:
    """Offer tools over standard input and output: templates, estimates, runs, results.

    An agent starts this command itself; a person only names it in the agent's configuration. Tables
    are read from the given folders alone. A run that costs money needs a budget, and --most-usd
    limits what the whole session may spend. The session ends when the agent goes away; its runs are
    paused then, and can be resumed. With --url a server does what is asked, with the rights of the
    token in WEFT_TOKEN, and runs go on there.
    """
    most = _most(flags["most_usd"])
    return asyncio.run(_mcp(console, flags, most))


async def _mcp(console: Console, flags: Flags, most: Usd | None) -> int:
    agents = _agents()
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with AsyncExitStack() as open_until_the_end:
        house = await open_until_the_end.enter_async_context(Weft(look_around(settings_in(flags))))
        folders = agents.folders.Folders([Path(each) for each in flags["folder"] or (".",)])
        if flags["url"] is None:
            desk = agents.local.LocalDesk(house, folders)
            session = agents.sessions.Session(desk, most=most, clock=house.clock, budget=desk.budget)
            lanes = desk.lanes
        else:
            client = await open_until_the_end.enter_async_context(_client(flags, house))
            desk = agents.distant.DistantDesk(client, folders)
            session = agents.sessions.Session(desk, most=most, clock=house.clock)
            lanes = None
        if sys.stdin.isatty():
            console.note("An agent speaks here, not a person; Ctrl-C ends it.")
        speaking = asyncio.ensure_future(
            agents.serving.serve(
                session, version=import_module("weft").__version__, draw=lambda: new_secret()[:12]
            )
        )
        await _until(speaking, stop, lanes)
    if not speaking.done():
        console.leave()
        os._exit(0)  # a thread waits for the agent's next line, and nothing could end that
    await speaking
    return 0


async def _until(speaking: asyncio.Future[Any], stop: asyncio.Event, lanes: Any) -> None:
    """Walk runs, where they are walked here, until the agent goes away or somebody stops us."""
    working = None if lanes is None else asyncio.ensure_future(lanes.work())
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    await asyncio.wait({speaking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working is not None:
        lanes.stop()
        await working  # runs at work are paused cleanly, and can be resumed


def _client(flags: Flags, house: Weft) -> Any:
    """A client of the server that is named.

    Raises:
        BadSetting: if settings are given that are the server's own.
        MissingCredential: if there is no token.
    """
    given = [f"--{name.replace('_', '-')}" for name in SETTINGS if flags[name] is not None]
    if given:
        raise BadSetting(
            f"`{given[0]}` is the server's own; runs are walked there.", hint="leave it out, or `--url`."
        )
    token = house.surroundings.environment.get(VARIABLE, "")
    client = import_module("weft.remote.client")
    return client.AsyncClient(flags["url"], token=token, workspace=flags["workspace"] or "")


class _Agents:
    """The parts of weft that speak with agents."""

    def __init__(self) -> None:
        self.distant: Any = import_module("weft.agents.distant")
        self.folders: Any = import_module("weft.agents.folders")
        self.local: Any = import_module("weft.agents.local")
        self.serving: Any = import_module("weft.agents.serving")
        self.sessions: Any = import_module("weft.agents.sessions")


def _agents() -> _Agents:
    """Load them.

    Raises:
        MissingExtra: if the protocol's library is not installed.
    """
    if find_spec("mcp") is None:
        raise MissingExtra(
            "Speaking with agents needs `mcp`, which is not installed.",
            hint="`pip install 'weft[mcp]'` installs what is needed.",
        )
    return _Agents()


def _most(text: str | None) -> Usd | None:
    """What the session may spend.

    Raises:
        BadSetting: if it is no amount.
    """
    if text is None:
        return None
    try:
        amount = Usd.of(Decimal(text))
    except (InvalidOperation, ValueError) as exc:
        raise BadSetting(
            f"`--most-usd` is `{text}`; expected an amount of dollars.",
            hint="such as 2.50.",
            setting="most_usd",
        ) from exc
    if amount < 0:
        raise BadSetting(f"`--most-usd` is `{text}`; expected 0 or more.", setting="most_usd")
    return amount


command = one_command(
    "mcp",
    mcp,
    flags=[
        Flag(
            name="folder",
            help="A folder whose tables may be read, with all below it; repeat it for more. [the current one]",
            kind=list[str],
            metavar="PATH",
        ),
        Flag(
            name="most_usd",
            help="The most dollars that runs of this session may spend together; by default each has its own budget.",
            metavar="DOLLARS",
        ),
        Flag(
            name="url",
            help=f"A server that does what is asked instead of this process; its token is in {VARIABLE}.",
            metavar="URL",
        ),
        Flag(
            name="workspace",
            help="Which workspace of the server, for a token that is good for several.",
            metavar="NAME",
        ),
        *setting_flags(*SETTINGS),
    ],
)
