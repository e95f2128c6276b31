"""Make workspaces, rename them, give them a monthly budget, put them away.

Knows how amounts and dates are told. Refuses to know where a workspace's things lie.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from weft.app.opening import look_around
from weft.app.summaries import dollars
from weft.app.weft import Weft
from weft.app.workspaces import Workspace
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.deeds import noted
from weft.cli.flags import STORE, Flag, Flags, add_command, new_group, setting_flags
from weft.cli.wording import moment
from weft.errors import BadSetting, Mistake
from weft.money import Usd

NAME = Flag(name="name", help="Of the workspace.", positional=True, required=True, metavar="NAME")
TITLE = Flag(name="title", help="For people.", metavar="TEXT")
BUDGET = Flag(
    name="monthly_budget",
    help="What its runs may spend in a calendar month (UTC), in USD; none takes the limit away.",
    metavar="DOLLARS",
)


def show(console: Console, flags: Flags) -> int:
    """List workspaces with their monthly budgets."""

    async def listed(house: Weft) -> list[Workspace]:
        return await house.workspaces.listed(archived=flags["archived"])

    found = _asked(flags, listed)
    if console.json:
        console.value([_plain(each) for each in found])
        return 0
    console.table(
        ["name", "title", "monthly budget", "made", "archived"],
        [
            [
                each.name,
                each.title,
                _budget(each),
                moment(each.made_at) if each.made_at else "–",
                "" if each.archived_at is None else moment(each.archived_at),
            ]
            for each in found
        ],
    )
    return 0


def add(console: Console, flags: Flags) -> int:
    """Make a workspace with a store, a folder and keys of its own; its name is never used twice."""

    async def made(house: Weft) -> Workspace:
        async with noted(house, "create_workspace", f"workspaces/{flags['name']}"):
            return await house.workspaces.create(
                flags["name"], title=flags["title"] or "", monthly_budget=_amount(flags["monthly_budget"])
            )

    return _told(console, _asked(flags, made))


def change(console: Console, flags: Flags) -> int:
    """Give a workspace another title or monthly budget.

    With a monthly budget every run must state its own, which is set aside until the run rests. Runs
    that are at work by then are not counted.
    """
    changes: dict[str, Any] = {}
    if flags["title"] is not None:
        changes["title"] = flags["title"]
    if flags["monthly_budget"] is not None:
        changes["monthly_budget"] = _amount(flags["monthly_budget"])
    if not changes:
        raise Mistake("Nothing was to be changed.", hint="add `--title` or `--monthly-budget`.")

    async def changed(house: Weft) -> Workspace:
        async with noted(house, "change_workspace", f"workspaces/{flags['name']}"):
            return await house.workspaces.change(flags["name"], changes)

    return _told(console, _asked(flags, changed))


def archive(console: Console, flags: Flags) -> int:
    """Put a workspace away: nobody comes in and nothing new runs, but nothing is deleted."""

    async def archived(house: Weft) -> Workspace:
        act = "restore_workspace" if flags["undo"] else "archive_workspace"
        async with noted(house, act, f"workspaces/{flags['name']}"):
            return await house.workspaces.archive(flags["name"], undo=flags["undo"])

    return _told(console, _asked(flags, archived))


def _asked(flags: Flags, question: Callable[[Weft], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with Weft(look_around(settings_in(flags))) as house:
            return await question(house)

    return asyncio.run(ask())


def _told(console: Console, workspace: Workspace) -> int:
    if console.json:
        console.value(_plain(workspace))
    title = f" “{workspace.title}”" if workspace.title else ""
    away = ", archived" if workspace.is_archived else ""
    console.line(f"{workspace.name}{title}: monthly budget {_budget(workspace)}{away}.")
    return 0


def _budget(workspace: Workspace) -> str:
    return "none" if workspace.monthly_budget is None else str(workspace.monthly_budget)


def _amount(text: str | None) -> Usd | None:
    if text is None or text.strip().lower() == "none":
        return None
    try:
        return Usd.of(text.strip().removeprefix("$").replace("_", ""))
    except ValueError as exc:
        raise BadSetting(
            f"`--monthly-budget` is {text!r}; expected an amount of dollars, such as 250.",
            hint="`none` takes the limit away.",
        ) from exc


def _plain(workspace: Workspace) -> dict[str, Any]:
    return {
        "name": workspace.name,
        "title": workspace.title,
        "monthly_budget_usd": dollars(workspace.monthly_budget),
        "made_at": workspace.made_at,
        "archived_at": workspace.archived_at,
    }


command = new_group("Make workspaces, rename them, give them a monthly budget, put them away.")
add_command(
    command,
    "list",
    show,
    flags=[
        Flag(name="archived", help="Also those that were put away.", kind=bool, default=False),
        *setting_flags(*STORE),
    ],
)
add_command(command, "add", add, flags=[NAME, TITLE, BUDGET, *setting_flags(*STORE)])
add_command(command, "change", change, flags=[NAME, TITLE, BUDGET, *setting_flags(*STORE)])
add_command(
    command,
    "archive",
    archive,
    flags=[
        NAME,
        Flag(name="undo", help="Take it out again.", kind=bool, default=False),
        *setting_flags(*STORE),
    ],
)
