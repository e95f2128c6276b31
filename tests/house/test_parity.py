"""One desk, and its doors: what a person may ask is a command and an address too.

A new desk, command or file of addresses fails here until it stands beside the others, or until a
line says why one of them has nothing.
"""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.house.source import PACKAGE, report

from weft.api import routes
from weft.cli import commands


@dataclass(frozen=True)
class Offer:
    """Where a desk can be asked.

    Attributes:
        commands: files of commands. routes: files of addresses.
        why: the reason where one of them is empty.
    """

    commands: Sequence[str] = ()
    routes: Sequence[str] = ()
    why: str = ""


OFFERS: Mapping[str, Offer] = {
    "runs": Offer(
        ("run", "estimate", "status", "resume", "export", "runs"),
        ("runs", "estimates", "tasks", "aliases"),
    ),
    "looking": Offer(
        routes=("outcomes",), why="a command looks once; who polls is spared counting each time"
    ),
    "watching": Offer(routes=("grid",), why="a terminal shows a meter of a run, not every row of it"),
    "tables": Offer(routes=("tables",), why="a command reads files where they lie"),
    "templates": Offer(("templates",), ("templates", "bundles")),
    "variants": Offer(("variants",), ("variants",)),
    "modules": Offer(("generate",), ("generate",)),
    "prices": Offer(("prices",), ("prices",)),
    "cache": Offer(("cache",), ("cache",)),
    "metrics": Offer(("metrics",), ("metrics",)),
    "databases": Offer(
        ("db",), why="who keeps the store sits at its machine, and the server must be stopped"
    ),
    "checkup": Offer(("doctor",), ("health",)),
    "access": Offer(("serve",), why="the key is a file; nobody is let in to ask for it"),
    "projects": Offer(("init",), why="a project is a folder on this machine"),
    "keys": Offer(("keys",), ("keys",)),
    "members": Offer(("members",), ("members", "me")),
    "workspaces": Offer(("workspaces",), ("workspaces",)),
    "tokens": Offer(("tokens",), ("tokens",)),
    "audit": Offer(("audit",), ("audit",)),
}
"""Every desk of the house, with its commands and addresses."""

COMMANDS_OF_NO_DESK = {
    "serve": "is a door itself",
    "team": "founds the server of a team, before anybody could be let in",
    "worker": "walks runs; it is started, not asked",
    "mcp": "is a door itself",
    "mock_server": "is a model to rehearse with, beside the house",
}
ROUTES_OF_NO_DESK = {
    "settings": "are the house's own; a command shows them as flags, and `doctor` says what is wrong",
}


def desks() -> set[str]:
    """Attributes of the open house that are desks."""
    tree = ast.parse((PACKAGE / "app" / "weft.py").read_text(encoding="utf-8"))
    return {
        ast.unparse(node.targets[0]).removeprefix("self.")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).endswith("Desk")
    }


def files_of(package: object) -> set[str]:
    """Drop-ins of a folder."""
    return {each.name for each in pkgutil.iter_modules(package.__path__)}  # type: ignore[attr-defined]  # a package has one


def test_every_desk_has_its_doors() -> None:
    """Every desk is in the table, with commands and addresses, or a reason."""
    silent = [
        f"{name} says no reason"
        for name, offer in OFFERS.items()
        if not ((offer.commands and offer.routes) or offer.why)
    ]
    unknown = [f"the desk `{name}` is in no line" for name in sorted(desks() - set(OFFERS))]
    gone = [f"there is no desk `{name}`" for name in sorted(set(OFFERS) - desks())]

    assert not [*silent, *unknown, *gone], report([*silent, *unknown, *gone])


def test_every_command_belongs_to_a_desk() -> None:
    """Every command is some desk's, or says why not; and every one that is named exists."""
    named = {each for offer in OFFERS.values() for each in offer.commands} | set(COMMANDS_OF_NO_DESK)

    assert files_of(commands) == named


def test_every_address_belongs_to_a_desk() -> None:
    """Every file of addresses is some desk's, or says why not; and every one that is named exists."""
    named = {each for offer in OFFERS.values() for each in offer.routes} | set(ROUTES_OF_NO_DESK)

    assert files_of(routes) == named
