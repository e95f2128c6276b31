"""Offer weft's tools to an agent that speaks the Model Context Protocol.

Knows flags, when to stop, and that the protocol's library is an extra which is loaded only here.
Refuses to know which tools there are; standard output belongs to the protocol.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
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
    paused then, and can be resumed.
    """
    most = _most(flags["most_usd"])
    return asyncio.run(_mcp(console, flags, most))


async def _mcp(console: Console, flags: Flags, most: Usd | None) -> int:
    agents = _agents()
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with Weft(look_around(settings_in(flags))) as house:
        folders = agents.folders.Folders([Path(each) for each in flags["folder"] or (".",)])
        desk = agents.local.LocalDesk(house, folders)
        session = agents.sessions.Session(desk, most=most, clock=house.clock, budget=desk.budget)
        if sys.stdin.isatty():
            console.note("An agent speaks here, not a person; Ctrl-C ends it.")
        working = asyncio.ensure_future(desk.lanes.work())
        version = import_module("weft").__version__
        speaking = asyncio.ensure_future(
            agents.serving.serve(session, version=version, draw=lambda: new_secret()[:12])
        )
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({speaking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        desk.lanes.stop()
        await working  # runs at work are paused cleanly, and can be resumed
    if not speaking.done():
        console.leave()
        os._exit(0)  # a thread waits for the agent's next line, and nothing could end that
    stopping.cancel()
    await speaking
    return 0


class _Agents:
    """The parts of weft that speak with agents."""

    def __init__(self) -> None:
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
            f"`--most-usd` is `{text}`; expected an amount of dollars.", hint="such as 2.50.", setting="most_usd"
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
        *setting_flags(*SETTINGS),
    ],
)
