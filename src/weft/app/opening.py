"""Opens the house: the only reader of environment variables and of `weft.toml`.

Knows where settings, keys and the store are found, and makes the clock and the randomness that
everything below is handed. Refuses to keep keys: they go from the environment to a provider.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Any
from urllib.parse import quote, unquote

from weft.app.configuring import NAMES, Given, from_environment, from_flags, from_toml, settle
from weft.errors import BadSetting
from weft.kit.secrecy import LIVE
from weft.rights import HOME
from weft.settings import Settings

CONFIG = "weft.toml"
STORE = Path(".weft") / "weft.db"
SQLITE = "sqlite:///"
MASTERS = MASTER, MASTER_FILE = ("WEFT_MASTER_KEY", "WEFT_MASTER_KEY_FILE")
"""Variables that hold master keys, or name the file that does."""
STORE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
"""Endings of files that are taken for stores when no URL is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was found around this process.

    Attributes:
        config: the nearest `weft.toml` upwards; `None` if there is none.
        root: its folder, or the current one: here the store and the own templates are kept.
        environment: the variables of this process; keys are read from here and nowhere kept.
        given: names of the settings that were given somewhere; the others are defaults.
        flagged: those among them that were given by a flag or an argument.
        workspace: whose they are.
        apart: it is one workspace of several: nothing of this user, of the current folder or of
            this process's environment counts, and whoever asks is not trusted with this machine.
        fixed: settings that belong to who started the server, and that no request may choose.
        masters: the variables that hold master keys or name their file, by an absolute path.
    """

    settings: Settings
    config: Path | None
    root: Path
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    given: frozenset[str] = frozenset()
    flagged: frozenset[str] = frozenset()
    workspace: str = HOME
    apart: bool = False
    fixed: frozenset[str] = frozenset()
    masters: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def user_folder(self) -> Path | None:
        """Where this user keeps what serves all projects; `None` where there is no home folder.

        `$XDG_CONFIG_HOME/weft`, or else `.config/weft` in the home folder; `weft` below `%APPDATA%` on Windows.
        """
        for name, below in (("XDG_CONFIG_HOME", ""), ("APPDATA", ""), ("HOME", ".config")):
            given = Path(self.environment.get(name, ""))
            if given.is_absolute():  # a relative one is to be ignored, says the XDG specification
                return given / below / "weft"
        return None

    @property
    def user_name(self) -> str:
        """What this user is called on this machine; empty where nothing says so."""
        names = ("USER", "LOGNAME", "USERNAME")
        return next((self.environment[name] for name in names if self.environment.get(name)), "")

    def asking_at(self, base_url: str) -> Surroundings:
        """The same, but asking at another address."""
        return replace(self, settings=replace(self.settings, base_url=base_url))

    def asking_with(self, keywords: Mapping[str, Any]) -> Surroundings:
        """The same, but with some settings as they are asked for now.

        Args:
            keywords: setting → value; `None` is a value.

        Raises:
            BadSetting: naming the setting whose value cannot be used, that is none, or that is fixed.
        """
        refused = sorted(self.fixed & set(keywords))
        if refused:
            raise BadSetting(
                f"`{refused[0]}` is set by who started the server, and not by a request.",
                hint="leave it out.",
                setting=refused[0],
            )
        if keywords.get("base_url"):
            check_allowed(str(keywords["base_url"]), self.settings)
        standing = {name: Given(getattr(self.settings, name), f"`{name}`") for name in NAMES}
        asked = from_flags(keywords, keywords=True)
        return replace(
            self,
            settings=settle(standing, asked),
            given=self.given | set(asked),
            flagged=self.flagged | set(asked),
        )


def look_around(
    flags: Mapping[str, Any] | None = None,
    *,
    keywords: Mapping[str, Any] | None = None,
    start: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Surroundings:
    """Read `weft.toml`, then `WEFT_*`, then flags or keyword arguments; the later one wins.

    Args:
        flags: settings of a command line; `None` values are not given.
        keywords: settings as arguments of a function; `None` is a value.
        start: where to look for `weft.toml` from, upwards; `None` = the current folder.
        environment: `None` = this process's own.

    Raises:
        BadSetting: naming file and line, variable or flag.
    """
    here = (start or Path.cwd()).absolute()
    variables = _known(environment)
    config = find_config(here)
    root = config.parent if config else here
    layers = [
        _placed(_read_config(config), root) if config else {},
        _placed(from_environment(variables), here),
        _placed(from_flags(flags or {}), here),
        _placed(from_flags(keywords or {}, keywords=True), here),
    ]
    settings = settle(*layers)
    if not settings.store:
        settings = replace(settings, store=sqlite_url(root / STORE))
    return Surroundings(
        settings=settings,
        config=config,
        root=root,
        environment=variables,
        given=frozenset().union(*layers),
        flagged=frozenset().union(*layers[2:]),
        masters=_masters_in(variables, here),
    )


def look_past_faults(
    flags: Mapping[str, Any] | None = None,
    *,
    start: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Surroundings, BadSetting | None]:
    """Look around; where `weft.toml` or a variable is wrong, go on with defaults and the flags.

    Args:
        flags, start, environment: as in `look_around`.

    Returns:
        The surroundings, and what is wrong; `None` if nothing is.

    Raises:
        BadSetting: if a flag is wrong.
    """
    try:
        return look_around(flags, start=start, environment=environment), None
    except BadSetting as error:
        here = (start or Path.cwd()).absolute()
        config = find_config(here)
        root = config.parent if config else here
        settings = settle(_placed(from_flags(flags or {}), here))
        return Surroundings(
            settings=settings if settings.store else replace(settings, store=sqlite_url(root / STORE)),
            config=config,
            root=root,
            environment=(variables := _known(environment)),
            masters=_masters_in(variables, here),
        ), error


def check_allowed(base_url: str, settings: Settings) -> None:
    """Refuse a base URL that a request chooses, unless who started the server has listed it (S44).

    Raises:
        BadSetting: naming those that may be chosen.
    """
    listed = settings.allowed_base_urls.replace(",", " ").split()
    wanted = base_url.rstrip("/")
    if wanted not in {each.rstrip("/") for each in (settings.base_url, *listed)}:
        raise BadSetting(
            f"The base URL {base_url[:200]!r} is not among those that this server may ask.",
            hint=f"allowed: {', '.join(listed) or 'none'}; who starts the server lists them in `allowed_base_urls`.",
            setting="base_url",
        )


def find_config(start: Path) -> Path | None:
    """The nearest `weft.toml` in a folder or above it; `None` if there is none."""
    return next((each / CONFIG for each in (start, *start.parents) if (each / CONFIG).is_file()), None)


def new_random() -> Random:
    """A generator for ids, labels and waits, seeded by the system."""
    return Random(SystemRandom().getrandbits(128))  # noqa: S311 - ids and jitter, no secrets


def new_secret() -> str:
    """A text of 43 characters that nobody can guess: 256 bits from the system."""
    return secrets.token_urlsafe(32)


def new_bytes(count: int) -> bytes:
    """So many bytes that nobody can guess, from the system."""
    return secrets.token_bytes(count)


def _known(environment: Mapping[str, str] | None) -> dict[str, str]:
    """The variables; what they hold of secrets will not be said from now on."""
    variables = dict(os.environ if environment is None else environment)
    LIVE.add_named(variables)
    return variables


def _masters_in(variables: Mapping[str, str], here: Path) -> dict[str, str]:
    found = {name: variables[name] for name in MASTERS if variables.get(name, "").strip()}
    if MASTER_FILE in found:
        found[MASTER_FILE] = str(here / Path(found[MASTER_FILE].strip()).expanduser())
    return found


def _read_config(path: Path) -> dict[str, Given]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSetting(
            f"`{path}` cannot be read: {exc}.", hint="it is a text file in UTF-8.", path=str(path)
        ) from exc
    return from_toml(text, str(path))


def _placed(layer: dict[str, Given], folder: Path) -> dict[str, Given]:
    """Paths in a layer start at its own folder: that of `weft.toml`, or the current one."""
    placed = dict(layer)
    if "prices" in layer and layer["prices"].value:
        given = layer["prices"]
        placed["prices"] = Given(str(folder / Path(str(given.value)).expanduser()), given.source)
    if "store" in layer and layer["store"].value:
        given = layer["store"]
        placed["store"] = Given(_placed_store(str(given.value).strip(), folder, given.source), given.source)
    return placed


def _placed_store(url: str, folder: Path, source: str) -> str:
    """A store's URL with an absolute path; a bare path with a usual ending means SQLite.

    Raises:
        BadSetting: for any other text without a scheme, which may be a slip.
    """
    if "://" in url and not url.startswith(SQLITE):
        return url
    if not url.startswith(SQLITE) and Path(url).suffix.lower() not in STORE_SUFFIXES:
        raise BadSetting(
            f"{source} is `{url}`; expected a URL, or a file whose name ends in .db.",
            hint=f"write `{SQLITE}{quote(url)}` if that file is meant.",
            setting="store",
        )
    path = Path(unquote(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else url).expanduser()
    return sqlite_url(folder / path)


def sqlite_url(path: Path) -> str:
    """The URL of a store in a SQLite file."""
    return SQLITE + quote(str(path.absolute()))
