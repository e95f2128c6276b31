"""Settings from three layers: `weft.toml`, `WEFT_*` variables, flags; the later one wins.

Knows how each setting is written in each layer, its bounds and where a value came from.
Refuses to open files and to read the environment: text and mappings are handed in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args, get_type_hints

from weft.errors import BadSetting
from weft.money import Usd
from weft.protocols import Structured
from weft.settings import Settings

PREFIX = "WEFT_"
SECRETS = SECRET, SECRET_FILE = ("WEFT_OIDC_CLIENT_SECRET", "WEFT_OIDC_CLIENT_SECRET_FILE")
"""Variables for what weft shows the identity provider; no settings, for secrets stand in no file of settings."""
DEBUG = "WEFT_DEBUG"  # shows tracebacks of bugs; a switch of the command line, not a setting

NAMES: tuple[str, ...] = tuple(each.name for each in fields(Settings))
KINDS: Mapping[str, Any] = get_type_hints(Settings)

BOUNDS: Mapping[str, tuple[float, float]] = {
    "rows_per_call": (1, 50),  # beyond 50 rows models begin to lose rows
    "input_tokens_per_call": (1, 10_000_000),
    "output_tokens_per_call": (1, 1_000_000),
    "concurrency": (1, 1000),
    "rpm": (1, 10_000_000),
    "tpm": (1, 10_000_000_000),
    "timeout_s": (0.001, 86_400),
    "attempts": (1, 100),
    "row_attempts": (1, 20),
    "retry_after_cap_s": (0, 86_400),
    "retry_share": (0, 10),
    "circuit_failures": (1, 1000),
    "circuit_open_s": (0, 86_400),
    "patience_s": (0, 604_800),
    "grace_s": (0, 86_400),
    "budget_tokens": (0, 10**15),
    "max_failed_share": (0, 1),
    "temperature": (0, 2),  # the widest range that a provider takes
    "top_p": (0, 1),
    "reasoning_tokens": (0, 1_000_000),
    "table_mb": (1, 1_000_000),
    "table_rows": (1, 10**9),
    "table_columns": (1, 2_000),  # no format gives more
    "table_cell_kb": (1, 1_024),  # likewise
    "tables_mb": (1, 10**9),
    "server_rpm": (10, 10_000_000),
    "min_free_mb": (0, 10**9),
}
"""Smallest and largest sensible value, both included; settings without a line have no bounds."""

CHOICES: Mapping[str, tuple[str, ...]] = {"structured": tuple(each.value for each in Structured)}
"""Words that a text setting may be; empty text is always allowed."""

_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given, and the place that a message names, such as `--rpm`."""

    value: Any
    source: str


def from_toml(text: str, path: str) -> dict[str, Given]:
    """Read the settings of a `weft.toml`.

    Raises:
        BadSetting: if it is no TOML, or names a setting that does not exist.
    """
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as exc:
        raise BadSetting(
            f"`{path}` is not valid TOML: {exc}.", hint="`weft init` writes an example.", path=path
        ) from exc
    return {name: _given_in_toml(name, value, text, path) for name, value in found.items()}


def _given_in_toml(name: str, value: Any, text: str, path: str) -> Given:
    line = _line_of(name, text)
    source = f"`{name}` in `{path}` line {line}"
    if name not in NAMES:
        raise _unknown(f"Line {line} of `{path}` sets `{name}`, which is not a setting of weft.", name)
    return Given(value, source)


def _line_of(name: str, text: str) -> int:
    pattern = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(name)}[\"']?\s*[=\].]")
    return next((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """Pick the settings out of environment variables.

    A variable that starts with `WEFT_` and is nearly the name of a setting is taken for a slip.

    Raises:
        BadSetting: for such a slip.
    """
    found = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in {DEBUG, *SECRETS}:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in NAMES:
            found[name] = Given(value, f"`{variable}`")
        elif get_close_matches(name, NAMES, n=1, cutoff=0.8):
            raise _unknown(f"The variable `{variable}` is not a setting of weft.", name, prefix=PREFIX)
    return found


def from_flags(flags: Mapping[str, Any], *, keywords: bool = False) -> dict[str, Given]:
    """Take what was asked for on the command line, or as keyword arguments.

    Args:
        flags: setting → value; on a command line `None` means "not given".
        keywords: name the sources as arguments of a function, and let `None` be a value.

    Raises:
        BadSetting: if a name is not a setting.
    """
    found = {}
    for name, value in flags.items():
        if name not in NAMES:
            raise _unknown(f"`{name}` is not a setting of weft.", name)
        if keywords:
            found[name] = Given(value, f"`{name}`")
        elif value is not None:
            found[name] = Given(value, f"`--{name.replace('_', '-')}`")
    return found


def _unknown(message: str, name: str, *, prefix: str = "") -> BadSetting:
    nearest = get_close_matches(name, NAMES, n=3, cutoff=0.5)
    shown = [prefix + each.upper() if prefix else each for each in nearest]
    hint = (
        f"did you mean {' or '.join(f'`{each}`' for each in shown)}?"
        if shown
        else f"known: {', '.join(NAMES)}."
    )
    return BadSetting(message, hint=hint, name=name, nearest=shown)


def settle(*layers: Mapping[str, Given]) -> Settings:
    """Merge layers, the later one winning, and check every value.

    Raises:
        BadSetting: naming the source of a value that cannot be used.
    """
    merged: dict[str, Given] = {}
    for layer in layers:
        merged |= layer
    return Settings(**{name: _understand(name, given) for name, given in merged.items()})


def _understand(name: str, given: Given) -> Any:
    kinds = get_args(KINDS[name]) or (KINDS[name],)
    value = given.value
    if NoneType in kinds and (value is None or str(value).strip().lower() in {"none", ""}):
        return None
    kind = next(each for each in kinds if each is not NoneType)
    try:
        read = _READERS[kind](value)
    except (ValueError, ArithmeticError) as exc:
        raise BadSetting(
            f"{given.source} is {_shown(value)}; expected {_EXPECTED[kind]}.", hint=_help(name), name=name
        ) from exc
    return _within_bounds(name, read, given.source)


def _within_bounds(name: str, value: Any, source: str) -> Any:
    if name == "budget_usd":
        return _dollars(value, source)
    if name in CHOICES and value and value not in CHOICES[name]:
        raise BadSetting(
            f"{source} is {value!r}; expected {' or '.join(CHOICES[name])}.", hint=_help(name), name=name
        )
    if name in BOUNDS:
        low, high = BOUNDS[name]
        if not low <= value <= high:  # also refuses NaN
            raise BadSetting(
                f"{source} is {_shown(value)}; expected {low:,} to {high:,}.", hint=_help(name), name=name
            )
    return value


def _dollars(value: str, source: str) -> str:
    try:
        amount = Usd.of(value.removeprefix("$").replace("_", ""))
    except ValueError:
        amount = Usd(-1)
    if amount < 0:
        raise BadSetting(
            f"{source} is {value!r}; expected an amount of dollars, such as 0.50.", hint=_help("budget_usd")
        )
    return format(amount.dollars.normalize(), "f")


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _help(name: str) -> str:
    return next(str(each.metadata["help"]) for each in fields(Settings) if each.name == name)


def _read_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("not text")  # noqa: TRY004 - all readers speak ValueError
    return value.strip() if isinstance(value, str) else str(value)


def _read_whole(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("a switch")  # noqa: TRY004 - all readers speak ValueError
    number = Decimal(value.replace("_", "").replace(",", "") if isinstance(value, str) else value)
    if number != int(number):
        raise ValueError("a fraction")
    return int(number)


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("not a number")  # noqa: TRY004 - all readers speak ValueError
    return float(value)


def _read_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _WORDS:
        raise ValueError("no switch")
    return _WORDS[word]


_READERS: Mapping[Any, Any] = {str: _read_text, int: _read_whole, float: _read_number, bool: _read_switch}
_EXPECTED = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
