"""What a server for a team refuses to start with: everything that is safe for one person only.

Knows the whole list, and tells all of it at once with the next step for each. Refuses to mend
anything, and to ask anybody.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from weft.app.checkup import SAFE_SQLITE, old_sqlite
from weft.app.configuring import DEBUG
from weft.app.fronting import Proxies, read_public_url
from weft.app.masters import OTHERS, masters_of
from weft.app.opening import MASTER, Surroundings
from weft.app.providing import PROVIDERS
from weft.app.registering import registration_of
from weft.app.stores import FILES, Stores, hide_password
from weft.app.team import TeamHouses, folders_of
from weft.errors import BadSetting, UnsafeForTeam
from weft.kit.clocks import SystemClock
from weft.providers._addresses import check_base_url
from weft.providers._wired import FOREIGN_KEY

DIFFERENT_BYTES = 16  # of 32; a key of fewer was typed by a person and not drawn
WRITABLE = stat.S_IWGRP | stat.S_IWOTH
MEMORY = "memory"  # the scheme of stores that are gone with their process


@dataclass(frozen=True, slots=True)
class Unsafe:
    """One thing that is safe for one person only."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the server is to be started.

    Attributes:
        opens: a browser is to be opened on its machine.
        workers: processes that walk runs.
        debug: tracebacks are to be shown.
    """

    opens: bool = False
    workers: int = 1
    debug: bool = False


async def check_team(houses: TeamHouses, serving: Serving) -> None:
    """Refuse to start with anything that is safe for one person only.

    Raises:
        UnsafeForTeam: with every reason.
    """
    found = await look_for_unsafe(houses, serving)
    if found:
        count = "one thing is" if len(found) == 1 else f"{len(found)} things are"
        raise UnsafeForTeam(
            f"The server for a team does not start: {count} safe for one person only.",
            hint="`weft team check` looks again.",
            problems=[f"{each.message} {each.hint[:1].upper()}{each.hint[1:]}" for each in found],
        )


async def look_for_unsafe(houses: TeamHouses, serving: Serving) -> list[Unsafe]:
    """Everything that a server for a team would not start with, in the order of the documentation."""
    home = houses.surroundings
    return [
        *_tried(lambda: read_public_url(home.settings.public_url)),
        *_tried(lambda: Proxies(home.settings.trusted_proxies)),
        *await _owners(houses),
        *await _entrance(houses),
        *_masters(home),
        *_keys(home),
        *_store(home, serving),
        *_addresses(home),
        *_switches(home, serving),
        *_files(home),
    ]


# ── who comes in ─────────────────────────────────────────────────────────────────────────────────


async def _owners(houses: TeamHouses) -> Iterator[Unsafe]:
    if any(each.is_owner for each in await houses.members.listed()):
        return iter(())
    told = Unsafe("The server has no owner.", "`weft team init --owner anna@example.com` makes one.")
    return iter((told,))


async def _entrance(houses: TeamHouses) -> Iterable[Unsafe]:
    home = houses.surroundings
    if home.settings.oidc_issuer or home.settings.oidc_client_id:
        return _tried(lambda: registration_of(home))
    now = houses.clock.wall()
    if any(each.is_live(now) for each in await houses.tokens.listed()):
        return ()
    return (
        Unsafe(
            "Nobody could come in: there is neither an identity provider nor a token.",
            "set `oidc_issuer` and `oidc_client_id`, or make a token with `weft tokens create`.",
        ),
    )


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────


def _masters(home: Surroundings) -> Iterator[Unsafe]:
    try:
        found = masters_of(home)
    except BadSetting as error:
        yield Unsafe(error.message, error.hint)
        return
    if not found:
        yield Unsafe(
            "There is no master key, so keys of providers cannot be kept.",
            f"`weft keys new-master` makes one; hand it over in `{MASTER}` or a file.",
        )
    for each in found:
        if len(set(each.key)) < DIFFERENT_BYTES:
            yield Unsafe(
                f"Master key `{each.id}` could be guessed.",
                "`weft keys new-master` makes one that cannot; `weft keys rotate` seals all keys anew.",
            )


def _keys(home: Surroundings) -> Iterator[Unsafe]:
    known = {each for name in PROVIDERS.names() for each in PROVIDERS.get(name).key_variables}
    for name in sorted({*known, FOREIGN_KEY}):
        if home.environment.get(name, "").strip():
            yield Unsafe(
                f"`{name}` is set: a key in the environment would serve every workspace.",
                "take it out, and keep it for a workspace with `weft keys set`.",
            )


# ── the store and what it asks ───────────────────────────────────────────────────────────────────


def _store(home: Surroundings, serving: Serving) -> Iterator[Unsafe]:
    url = home.settings.store
    scheme = url.partition("://")[0]
    if scheme == MEMORY or ":memory:" in url:
        yield Unsafe(
            f"The store `{hide_password(url)}` is gone when the server stops.",
            "name a file or a database with `store`.",
        )
    if scheme == FILES and serving.workers > 1 and (old := old_sqlite()):
        yield Unsafe(
            f"{serving.workers} processes would share a file of SQLite {old}, which can damage it.",
            f"start one worker, use SQLite {'.'.join(map(str, SAFE_SQLITE))} or newer, or a store in PostgreSQL.",
        )


def _addresses(home: Surroundings) -> Iterator[Unsafe]:
    settings = home.settings
    listed = settings.allowed_base_urls.replace(",", " ").split()
    if settings.base_url and settings.base_url.rstrip("/") not in {each.rstrip("/") for each in listed}:
        yield Unsafe(
            f"`base_url` is {settings.base_url[:200]!r}, which is not among `allowed_base_urls`.",
            "add it there, or leave it out.",
        )
    for each in listed:
        yield from _tried(partial(check_base_url, each, private=settings.private_networks))


# ── the process and its files ────────────────────────────────────────────────────────────────────


def _switches(home: Surroundings, serving: Serving) -> Iterator[Unsafe]:
    if serving.opens:
        yield Unsafe("`--open` opens a browser on the server's machine.", "leave it out.")
    if serving.debug or home.environment.get(DEBUG, "").strip() not in {"", "0"}:
        yield Unsafe(
            "Debugging is on, which writes more than others may read.", f"leave out `--debug` and `{DEBUG}`."
        )
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        yield Unsafe("Logging is at DEBUG, which may write rows of tables.", "set it to INFO or above.")


def _files(home: Surroundings) -> Iterator[Unsafe]:
    """Files that others could read or change; Windows tells rights in other ways."""
    if os.name == "nt":
        return
    config = home.config
    if config is not None and _mode(config) & WRITABLE:
        yield Unsafe(f"`{config}` can be changed by others.", f"`chmod go-w {config}`.")
    if config is not None and _has_password(home) and _mode(config) & OTHERS:
        yield Unsafe(
            f"`{config}` holds the password of the store and can be read by others.", f"`chmod 600 {config}`."
        )
    store = Stores(home.settings, clock=SystemClock()).path
    for path in (folders_of(home), store):
        if path is not None and path.exists() and _mode(path) & OTHERS and not _is_shut(path):
            mode = "700" if path.is_dir() else "600"
            yield Unsafe(f"`{path}` can be read by others.", f"`chmod {mode} {path}`.")


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _is_shut(path: Path) -> bool:
    """Whether a folder above keeps others out."""
    return any(not _mode(each) & OTHERS for each in path.absolute().parents if each.exists())


def _has_password(home: Surroundings) -> bool:
    return hide_password(home.settings.store) != home.settings.store


def _tried(check: Callable[[], object]) -> Iterator[Unsafe]:
    """What a check refuses."""
    try:
        check()
    except BadSetting as error:
        yield Unsafe(error.message, error.hint)
