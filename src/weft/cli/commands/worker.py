"""Walk runs that were handed in to the server, in a process of their own.

Knows flags, how to stop, and that a server which has started this process closes its input when it
goes. Refuses to know how runs are taken up and walked.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from importlib import import_module

from weft.app.houses import Houses, OneHouse
from weft.app.opening import look_around
from weft.app.team import TeamHouses
from weft.app.turns import LANES
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.cli.asking import settings_in
from weft.cli.console import LEFT, Console
from weft.cli.flags import STORE, Flag, Flags, one_command, setting_flags
from weft.cli.wording import duration
from weft.errors import BadSetting, UnknownName
from weft.kit.clocks import SystemClock

MOST_LANES = 64
BESIDE = 2  # a worker of a team's server is never the only process


def worker(console: Console, flags: Flags) -> int:
    """Walk runs that were handed in to a server, several at once, until it is stopped.

    Any number of workers may share a store, also on several machines where the store is a database.
    A run that was left by a worker which died is taken up by another. Ctrl-C or SIGTERM stops
    cleanly: answers in flight are awaited, and the next worker goes on; the second one leaves at once.
    """
    if not 1 <= flags["lanes"] <= MOST_LANES:
        raise BadSetting(
            f"`--lanes` is {flags['lanes']}; expected 1 to {MOST_LANES}.",
            hint="start more workers instead of more lanes.",
            setting="lanes",
        )
    return asyncio.run(_work(console, flags))


async def _work(console: Console, flags: Flags) -> int:
    surroundings = look_around(settings_in(flags))
    clock = SystemClock()
    async with AsyncExitStack() as open_until_the_end:
        houses: Houses
        if flags["team"]:
            houses = team = TeamHouses(surroundings, clock=clock)
            open_until_the_end.push_async_callback(team.close)
            safety = import_module(
                "weft.app.safety"
            )  # it knows how people sign in, whose libraries are an extra
            await safety.check_team(team, safety.Serving(workers=BESIDE, debug=console.debug))
        else:
            houses = OneHouse(await open_until_the_end.enter_async_context(Weft(surroundings, clock=clock)))
        await _check_names(houses, flags["workspace"])
        lanes = Lanes(houses, clock=clock, most=flags["lanes"], only=flags["workspace"])
        _stop_by_signal(console, lanes, surroundings.settings.grace_s)
        if flags["until_closed"]:
            _stop_when_closed(lanes)
        if console.json:
            console.value({"lanes": flags["lanes"], "process": os.getpid()})
        console.line(f"Walking up to {flags['lanes']} runs at once. Ctrl-C stops cleanly.")
        await lanes.work()
    console.note("Stopped.")
    return 0


async def _check_names(houses: Houses, wanted: list[str]) -> None:
    """Refuse workspaces that there are not.

    Raises:
        UnknownName: naming the first of them.
    """
    known = await houses.names() if wanted else []
    for name in wanted:
        if name not in known:
            raise UnknownName.among("workspace", name, known)


def _stop_by_signal(console: Console, lanes: Lanes, grace_s: float) -> None:
    """Let Ctrl-C and SIGTERM stop the work: once cleanly, twice at once."""

    def stop() -> None:
        if lanes.stopping.is_set():
            console.leave()
            os._exit(LEFT)  # everything that counts is in the store; answers in flight are given up
        lanes.stop()
        console.note(
            f"Stopping: answers in flight are awaited for up to {duration(grace_s)}; again leaves now.",
            "yellow",
        )

    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop)


def _stop_when_closed(lanes: Lanes) -> None:
    """Stop cleanly when whoever has started this process closes its input, be it by dying."""
    loop, place = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:
        if not os.read(place, 1024):
            loop.remove_reader(place)
            lanes.stop()

    loop.add_reader(place, look)


command = one_command(
    "worker",
    worker,
    flags=[
        Flag(
            name="lanes",
            help=f"Runs that are walked at once. [{LANES}]",
            kind=int,
            default=LANES,
            metavar="NUMBER",
        ),
        Flag(name="team", help="The workspaces of a server for a team.", kind=bool, default=False),
        Flag(
            name="workspace",
            help="Only the runs of this workspace; may be repeated. [all]",
            kind=list[str],
            default=[],
            metavar="NAME",
        ),
        Flag(
            name="until_closed",
            help="Stop also when standard input ends, as it does when whoever started this is gone.",
            kind=bool,
            default=False,
        ),
        *setting_flags(*STORE, "model", "base_url", "prices"),
    ],
)
