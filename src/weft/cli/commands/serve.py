"""Serve weft over HTTP: to programs and browsers of this machine, or to a team.

Knows flags, how to stop, and that the server's libraries are an extra which is loaded only here.
Refuses to know what can be asked.
"""

from __future__ import annotations

import asyncio
import signal
import webbrowser
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from weft.app.opening import look_around
from weft.app.team import TeamHouses
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.crew import Crew
from weft.cli.flags import STORE, TABLES, TEAM, Flag, Flags, one_command, setting_flags
from weft.errors import BadSetting, MissingExtra
from weft.kit.clocks import Clock

PORT = 8753
CREW_FLAGS = (*STORE, "model", "base_url", "prices")
"""What worker processes are told as the server is; the rest they find in `weft.toml` and the environment."""
MOST_WORKERS = 64
LIBRARIES = ("fastapi", "uvicorn")
TEAM_LIBRARIES = ("authlib", "joserfc", "cryptography")


def serve(console: Console, flags: Flags) -> int:
    """Serve weft over HTTP on this machine, for programs and for a browser.

    It listens on loopback only, and lets in who opens the printed address, which is good once, or
    who sends the key from the file that is named. Ctrl-C stops it.

    With --team it serves all workspaces behind what ends TLS, and lets in members who sign in or
    send a token; it does not start with anything that is safe for one person only.
    """
    port = flags["port"]
    if not 0 <= port <= 65_535:
        raise BadSetting(
            f"`--port` is {port}; expected 0 to 65,535.", hint="0 takes any free one.", setting="port"
        )
    if not 0 <= flags["workers"] <= MOST_WORKERS:
        raise BadSetting(
            f"`--workers` is {flags['workers']}; expected 0 to {MOST_WORKERS}.",
            hint="0 only serves; `weft worker` walks runs then.",
            setting="workers",
        )
    server = load_server(team=flags["team"])
    return asyncio.run((_serve_team if flags["team"] else _serve)(console, flags, server))


def load_server(*, team: bool = False) -> Any:
    """The part of weft that serves: one person, or a team.

    Raises:
        MissingExtra: if its libraries are not installed.
    """
    wanted = (*LIBRARIES, *TEAM_LIBRARIES) if team else LIBRARIES
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"Serving needs {' and '.join(f'`{name}`' for name in missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed.",
            hint=f"`pip install 'weft[{'team' if team else 'server'}]'` installs what is needed.",
        )
    return import_module("weft.api.team_serving" if team else "weft.api.serving")


async def _serve_team(console: Console, flags: Flags, server: Any) -> int:
    safety = import_module("weft.app.safety")  # it knows how people sign in, whose libraries are an extra
    serving = safety.Serving(opens=flags["open"], workers=flags["workers"], debug=console.debug)
    stop = _stop_by_signal()

    houses = TeamHouses(look_around(settings_in(flags)))
    try:
        await safety.check_team(houses, serving)
        crew = _crew(flags, houses.clock, houses.surroundings.settings.grace_s)

        def tell(listening: Any) -> None:
            if console.json:
                console.value({"url": listening.url, "place": listening.place})
            console.line(f"Serving {listening.url} at {listening.place}")
            console.note(
                "What ends TLS hands requests on to there, with their Host. Ctrl-C stops the server."
            )

        await _until_stopped(
            console, flags, partial(server.serve_team, houses), crew=crew, stop=stop, tell=tell
        )
    finally:
        await houses.close()
    console.note("Stopped.")
    return 0


async def _until_stopped(
    console: Console,
    flags: Flags,
    serve: Callable[..., Awaitable[None]],
    *,
    crew: Crew,
    stop: asyncio.Event,
    tell: Callable[[Any], None],
) -> None:
    """Serve until a signal comes, with the other processes beside this one."""

    def listens(listening: Any) -> None:
        tell(listening)
        crew.begin(stop, console.warn)

    try:
        walks = flags["workers"] > 0
        await serve(host=flags["host"], port=flags["port"], stop=stop, tell=listens, walks=walks)
    finally:
        stop.set()
        await crew.end()


def _stop_by_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop


async def _serve(console: Console, flags: Flags, server: Any) -> int:
    server.check_host(flags["host"])
    stop = _stop_by_signal()

    def tell(listening: Any) -> None:
        if console.json:
            console.value({"url": listening.url, "entrance": listening.entrance, "key": str(listening.key)})
        console.line(f"Open {listening.entrance}")
        console.note(f"The address is good once. Programs ask at {listening.url}/api/v1 with the key from")
        console.note(f"{listening.key}. Ctrl-C stops the server.")
        if flags["open"]:
            webbrowser.open(listening.entrance)

    async with Weft(look_around(settings_in(flags))) as house:
        crew = _crew(flags, house.clock, house.settings.grace_s)
        await _until_stopped(console, flags, partial(server.serve, house), crew=crew, stop=stop, tell=tell)
    console.note("Stopped.")
    return 0


def _crew(flags: Flags, clock: Clock, patience_s: float) -> Crew:
    """The worker processes beside this one."""
    given = [(f"--{name.replace('_', '-')}", str(flags[name])) for name in CREW_FLAGS if flags[name]]
    team = ["--team"] if flags["team"] else []
    return Crew(
        [*(word for pair in given for word in pair), *team],
        count=max(0, flags["workers"] - 1),
        clock=clock,
        patience_s=patience_s,
    )


command = one_command(
    "serve",
    serve,
    flags=[
        Flag(
            name="host",
            help="Address of this machine; without --team only 127.0.0.1, ::1 or localhost. [127.0.0.1]",
            default="127.0.0.1",
            metavar="HOST",
        ),
        Flag(name="port", help=f"Port to listen on; 0 = any free one. [{PORT}]", kind=int, default=PORT),
        Flag(
            name="workers",
            help="Processes that walk runs: 1 = this one, more = so many, 0 = none, it only serves. [1]",
            kind=int,
            default=1,
            metavar="NUMBER",
        ),
        Flag(name="team", help="Serve a team: members and workspaces.", kind=bool, default=False),
        Flag(name="open", help="Open the address in a browser.", kind=bool, default=False),
        *setting_flags(*CREW_FLAGS),
        *setting_flags(*TEAM, panel="A team"),
        *setting_flags(*TABLES, panel="Tables that are handed over"),
    ],
)
