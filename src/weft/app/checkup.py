"""The desk for check-ups: is everything there that a run needs, and in good health?

Knows what to look at: Python, SQLite, settings, store, disk, rendering, keys, optional formats.
Refuses to mend anything, to ask a provider, and to show a key.
"""

from __future__ import annotations

import platform
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from weft.app.keys import KIND as KEYS
from weft.app.keys import KeysDesk
from weft.app.opening import CONFIG, Surroundings
from weft.app.providing import PROVIDERS
from weft.app.stores import Stores
from weft.errors import BadSetting, MissingExtra, RenderLimit, WeftError
from weft.protocols import Store, WriteOptions
from weft.providers._wired import FOREIGN_KEY
from weft.tables.choosing import FORMATS
from weft.templates.confining import Confinement

SAFE_SQLITE = (3, 51, 3)  # earlier ones can damage a WAL file when two processes checkpoint at once


class Health(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    NOTED = "noted"
    """Nothing is wrong; something optional is not there."""
    DOUBTFUL = "doubtful"
    """It works, and may give trouble."""
    BAD = "bad"
    """A run would fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    health: Health
    message: str
    hint: str = ""


class CheckupDesk:
    """Looks everything over."""

    def __init__(self, surroundings: Surroundings, stores: Stores, keys: KeysDesk) -> None:
        """Look at these; nothing is opened yet."""
        self._surroundings = surroundings
        self._stores = stores
        self._kept = keys

    async def look(self, fault: BadSetting | None = None) -> list[Finding]:
        """Look at everything once. Opens the store if it is there; writes nothing of its own.

        Args:
            fault: what is wrong with the settings, where defaults stand in for them.
        """
        return [
            Finding("python", Health.GOOD, f"{platform.python_version()} on {platform.system()}"),
            _sqlite(sqlite3.sqlite_version_info),
            self._settings(fault),
            *await self._store(),
            self._disk(),
            _rendering(),
            *(await self._kept_keys() if self._surroundings.apart else self._keys()),
            *await self._seals(),
            *_formats(),
        ]

    def _settings(self, fault: BadSetting | None) -> Finding:
        if fault is not None:
            return Finding("settings", Health.BAD, fault.message, fault.hint)
        if self._surroundings.apart:
            return Finding("settings", Health.GOOD, "those of the server")
        config = self._surroundings.config
        if config is None:
            return Finding("settings", Health.NOTED, f"no `{CONFIG}` was found", "`weft init` writes one.")
        return Finding("settings", Health.GOOD, f"`{config}`")

    async def _store(self) -> Iterator[Finding]:
        path = self._stores.path
        place = f"`{path}`" if path else f"`{self._stores.shown}`"
        if self._surroundings.apart:
            place = "the workspace's store"  # where it lies is not for everybody who may look
        try:
            store = self._stores.existing()
        except WeftError as error:
            return iter([Finding("store", Health.BAD, error.message, error.hint)])
        if store is None:
            return iter(
                [Finding("store", Health.NOTED, f"{place} is not there yet", "the first run makes it.")]
            )
        return iter(await _sound(store, place))

    def _disk(self) -> Finding:
        path = self._stores.path or Path.cwd()
        there = next(each for each in (path, *path.absolute().parents) if each.exists())
        free_mb = shutil.disk_usage(there).free // (1 << 20)
        least = self._surroundings.settings.min_free_mb
        if free_mb < least:
            hint = "free some space, or lower the setting `min_free_mb`."
            return Finding("disk", Health.BAD, f"{free_mb:,} MB free, {least:,} MB are required", hint)
        return Finding("disk", Health.GOOD, f"{free_mb:,} MB free")

    async def _kept_keys(self) -> list[Finding]:
        """Which providers a workspace has keys for; it has none but those that are kept."""
        store = self._stores.existing()
        kept = [] if store is None else await store.documents(KEYS)
        found = []
        for name in PROVIDERS.names():
            names = [each.id for each in kept if each.content.get("provider") == name]
            if not PROVIDERS.get(name).key_variables:
                found.append(Finding(f"provider {name}", Health.GOOD, "needs no key"))
            elif names:
                told = ", ".join(f"`{each}`" for each in names)
                found.append(Finding(f"provider {name}", Health.GOOD, f"a key is kept: {told}"))
            else:
                found.append(Finding(f"provider {name}", Health.NOTED, "no key is kept"))
        return found

    def _keys(self) -> Iterator[Finding]:
        environment = self._surroundings.environment
        for name in PROVIDERS.names():
            kind = PROVIDERS.get(name)
            found = [each for each in kind.key_variables if environment.get(each, "").strip()]
            if not kind.key_variables:
                yield Finding(f"provider {name}", Health.GOOD, "needs no key")
            elif found:
                yield Finding(f"provider {name}", Health.GOOD, f"`{found[0]}` is set")
            else:
                wanted = " or ".join(f"`{each}`" for each in kind.key_variables)
                yield Finding(f"provider {name}", Health.NOTED, f"{wanted} is not set")
        if environment.get(FOREIGN_KEY, "").strip():
            yield Finding("other servers", Health.GOOD, f"`{FOREIGN_KEY}` is set")
        else:
            told = f"`{FOREIGN_KEY}` is not set; a server named by `--base-url` is sent no key"
            yield Finding("other servers", Health.NOTED, told)

    async def _seals(self) -> list[Finding]:
        """Whether the kept keys open; nothing where none is kept."""
        try:
            broken, kept = await self._kept.broken(), await self._kept.listed()
        except WeftError:
            return []  # the store is not in health, and that is said already
        if broken:
            names = ", ".join(f"`{each}`" for each in broken)
            hint = "give the master key that sealed them, or set them anew with `weft keys set`."
            told = f"{len(broken)} of {len(kept)} do not open: {names}. {next(iter(broken.values()))}"
            return [Finding("kept keys", Health.DOUBTFUL, told, hint)]
        return [Finding("kept keys", Health.GOOD, f"{len(kept)}, and all open")] if kept else []


def old_sqlite() -> str:
    """The version of SQLite where several processes could damage a file; empty = it is safe."""
    return "" if sqlite3.sqlite_version_info >= SAFE_SQLITE else sqlite3.sqlite_version


def _sqlite(version: tuple[int, int, int]) -> Finding:
    told = ".".join(map(str, version))
    if version < SAFE_SQLITE:
        safe = ".".join(map(str, SAFE_SQLITE))
        return Finding(
            "sqlite",
            Health.DOUBTFUL,
            f"{told}; before {safe} a store can be damaged when two processes checkpoint it at once",
            "weft keeps to one writing connection; do not open a store with other programs during a run.",
        )
    return Finding("sqlite", Health.GOOD, told)


async def _sound(store: Store, place: str) -> list[Finding]:
    damage = await store.check()
    if damage:
        hint = "copy the file away and start with a new `--store`; answers in the copy can still be exported."
        return [Finding("store", Health.BAD, f"{place}: {'; '.join(damage[:3])}", hint)]
    facts = await store.cache_stats()
    return [Finding("store", Health.GOOD, f"{place} is sound; {facts['entries']:,} answers are remembered")]


def _rendering() -> Finding:
    confinement = Confinement()
    try:
        missing = confinement.notes()
    except RenderLimit as error:
        return Finding("rendering", Health.DOUBTFUL, error.message, "only your own templates can be used.")
    finally:
        confinement.close()
    told = "templates of others are rendered in a process of their own"
    if missing:
        return Finding("rendering", Health.NOTED, f"{told}; not enforced here: {'; '.join(missing)}")
    return Finding("rendering", Health.GOOD, f"{told}, within all limits")


def _formats() -> Iterator[Finding]:
    for name in FORMATS.names():
        try:
            writer = FORMATS.get(name).writer(BytesIO(), ("column",), options=WriteOptions())
            writer.write([("cell",)])
            writer.close()
        except MissingExtra as error:
            yield Finding(f"format {name}", Health.NOTED, "cannot be read or written", error.hint)
        else:
            yield Finding(f"format {name}", Health.GOOD, "can be read and written")
