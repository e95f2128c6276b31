"""The price book: what is known about models, from our dated file and from the user's own.

Knows exact names and names with a date behind them, nothing fuzzier: a wrong price is worse than
none. An unknown price is `None`, never zero; a server of one's own is free only if one says so.
Refuses to know usage and budgets: `Price.cost` does the sum.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from weft.errors import BadSetting
from weft.money import Price, Usd
from weft.protocols import Limits, ModelFacts, Structured

_DATED = re.compile(r"(?P<name>.+?)[-@](?:\d{4}-\d{2}-\d{2}|\d{8})")
_PRICES = ("input", "output", "cached_input", "cache_write")
_COUNTS = ("context_tokens", "output_tokens")
_FLAGS = ("reasoning", "temperature")
_KEYS = frozenset({*_PRICES, *_COUNTS, *_FLAGS, "structured", "source", "as_of"})

Entry = dict[str, Any]
Table = dict[tuple[str, str], Entry]


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Facts about models by provider and name; the user's own win key by key."""

    built_in: Mapping[tuple[str, str], Entry]
    own: Mapping[tuple[str, str], Entry] = field(default_factory=dict)

    def find(self, provider: str, model: str, *, base_url: str = "") -> ModelFacts | None:
        """What is known about a model; `None` if nothing.

        A dated name such as `gpt-4o-mini-2024-07-18` has the facts of its alias unless it is
        listed itself.

        Args:
            base_url: where the model is asked; empty = the official server. The price of a model
                on another server is known only from the user's own file.
        """
        entry = self._entry(self.own, provider, model)
        listed = self._entry(self.built_in, provider, model)
        if base_url and listed is not None:
            listed = {key: value for key, value in listed.items() if key not in _PRICES}
        if entry is None and listed is None:
            return None
        if listed is not None and entry is not None and "input" in entry:  # a price is one whole thing
            listed = {key: value for key, value in listed.items() if key not in _PRICES}
        return _facts(provider, model, {**(listed or {}), **(entry or {})})

    def models(self) -> Iterator[ModelFacts]:
        """All listed models, by provider and name."""
        for provider, model in sorted({*self.built_in, *self.own}):
            found = self.find(provider, model)
            if found is not None:
                yield found

    @staticmethod
    def _entry(table: Mapping[tuple[str, str], Entry], provider: str, model: str) -> Entry | None:
        found = table.get((provider, model))
        if found is None:
            dated = _DATED.fullmatch(model)
            found = table.get((provider, dated["name"])) if dated else None
        return found


def load_prices(user_file: Path | None = None) -> PriceBook:
    """Read the built-in prices and, where given, the user's own.

    Raises:
        BadSetting: if the user's file cannot be read or says something that is no price.
    """
    built_in = _built_in()
    if user_file is None:
        return PriceBook(built_in)
    try:
        text = user_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise _bad(f"The price file `{user_file}` cannot be read: {exc}.") from exc
    return PriceBook(built_in, _read(text, str(user_file)))


@cache
def _built_in() -> Table:
    """Our own file, which does not change while a process lives."""
    text = resources.files("weft.providers").joinpath("_prices.toml").read_text("utf-8")
    return _read(text, "_prices.toml")


def _read(text: str, place: str) -> Table:
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as exc:
        raise _bad(f"The price file `{place}` is no TOML: {exc}.") from exc
    found: Table = {}
    for provider, section in document.items():
        models = section.get("models") if isinstance(section, dict) else None
        if not isinstance(models, dict):
            raise _bad(f"The price file `{place}` has no table `[{provider}.models]`.")
        for model, entry in models.items():
            where = f"`{provider}/{model}` in the price file `{place}`"
            checked = _checked(entry, where)
            origin = {"source": section.get("source", place), "as_of": section.get("as_of", "")}
            found[provider, model] = {**origin, **checked} if "input" in checked else checked
    return found


def _checked(entry: Any, where: str) -> Entry:
    if not isinstance(entry, dict):
        raise _bad(f"{where} is no table.")
    for key, value in entry.items():
        if key not in _KEYS:
            raise _bad(f"{where} has the unknown key `{key}`.")
        if not _fits(key, value):
            raise _bad(f"{where} has an unusable `{key}`: {value!r}.")
    if ("input" in entry) != ("output" in entry):
        raise _bad(f"{where} has only one of `input` and `output`.")
    return entry


def _fits(key: str, value: Any) -> bool:
    if key in _FLAGS:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if key in _PRICES:
        return isinstance(value, int | Decimal) and Decimal(value).is_finite() and value >= 0
    if key in _COUNTS:
        return isinstance(value, int) and value > 0
    if key == "structured":
        return value in set(Structured)
    return isinstance(value, str)


def _facts(provider: str, model: str, entry: Entry) -> ModelFacts:
    price = None
    if "input" in entry and "output" in entry:
        amounts = {key: Usd.of(entry[key]) for key in _PRICES if key in entry}
        price = Price(**amounts, source=entry.get("source", ""), as_of=entry.get("as_of", ""))
    return ModelFacts(
        provider=provider,
        model=model,
        price=price,
        limits=Limits(**{key: entry[key] for key in _COUNTS if key in entry}),
        reasoning=entry.get("reasoning", False),
        temperature=entry.get("temperature", True),
        structured=Structured(entry.get("structured", Structured.STRICT)),
    )


def _bad(message: str) -> BadSetting:
    return BadSetting(
        message,
        hint='write `[openai.models]` and below it `"name" = { input = 0.15, output = 0.60 }`.',
        setting="prices",
    )
