from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from weft.errors import BadSetting
from weft.money import Usd
from weft.protocols import Structured
from weft.providers._pricing import PriceBook, load_prices


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load_prices()


def own(tmp_path: Path, text: str) -> PriceBook:
    file = tmp_path / "prices.toml"
    file.write_text(text, "utf-8")
    return load_prices(file)


def test_listed_model_has_its_price(book: PriceBook) -> None:
    """B36: input, output and cached input, with source and date, to the nano-dollar."""
    found = book.find("openai", "gpt-4o-mini")

    assert found.price.input == Usd.of("0.15")
    assert found.price.cached_input == Usd.of("0.075")
    assert found.price.output == Usd.of("0.60")
    assert found.price.source.startswith("https://")
    assert found.price.as_of
    assert (found.limits.context_tokens, found.limits.output_tokens) == (128_000, 16_384)


def test_dated_name_has_price_of_its_alias(book: PriceBook) -> None:
    """A snapshot costs what its alias costs, unless it is listed itself."""
    assert book.find("openai", "gpt-4o-mini-2024-07-18").price == book.find("openai", "gpt-4o-mini").price
    assert book.find("anthropic", "claude-haiku-4-5-20251001").price.output == Usd.of(5)
    assert book.find("openai", "gpt-4o-2024-05-13").price.input == Usd.of(5)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-min"),
        ("openai", "gpt-4o-mini-turbo"),
        ("openai", "gpt-4o-mini-2024"),
        ("openai", "gpt-4o-mini-search-preview-2025-03-11"),
        ("openai", "ft:gpt-4o-mini:org::1"),
        ("openai", "GPT-4O-MINI"),
        ("openai", ""),
        ("anthropic", "gpt-4o-mini"),
        ("mistral", "mistral-small"),
    ],
)
def test_unknown_model_has_no_price(book: PriceBook, provider: str, model: str) -> None:
    """P07: nothing fuzzy: an unknown model is unknown, and never free."""
    assert book.find(provider, model) is None


def test_local_model_is_free(book: PriceBook) -> None:
    """The built-in model costs nothing, and says so as a price."""
    price = book.find("local", "nearest-1").price

    assert price is not None
    assert price.cost(10**6, 10**6) == 0


def test_other_server_has_no_listed_price(book: PriceBook) -> None:
    """P07: the same name on another server costs what that server charges: unknown."""
    found = book.find("openai", "gpt-5-mini", base_url="http://localhost:8000/v1")

    assert found.price is None
    assert found.reasoning


def test_own_file_wins_whole_price(tmp_path: Path) -> None:
    """An own price replaces the listed one whole; facts beside it stay."""
    found = own(tmp_path, '[openai.models]\n"gpt-4o-mini" = { input = 0.1, output = 0.2 }\n').find(
        "openai", "gpt-4o-mini"
    )

    assert (found.price.input, found.price.output, found.price.cached_input) == (
        Usd.of("0.1"),
        Usd.of("0.2"),
        None,
    )
    assert found.price.source.endswith("prices.toml")
    assert found.limits.context_tokens == 128_000


def test_own_file_makes_a_server_free(tmp_path: Path) -> None:
    """A server of one's own is free only because one says so."""
    text = '[openai.models]\n"llama3.2" = { input = 0, output = 0, structured = "json", context_tokens = 8192 }\n'
    found = own(tmp_path, text).find("openai", "llama3.2", base_url="http://localhost:11434/v1")

    assert found.price.cost(1000, 1000) == 0
    assert found.structured is Structured.JSON
    assert found.limits.context_tokens == 8192


def test_own_facts_keep_listed_price(tmp_path: Path) -> None:
    """Where only a fact is given, the listed price stays with its source."""
    found = own(tmp_path, '[openai.models]\n"gpt-4o-mini" = { temperature = false }\n').find(
        "openai", "gpt-4o-mini"
    )

    assert found.temperature is False
    assert found.price.input == Usd.of("0.15")
    assert found.price.source.startswith("https://")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[openai", "no TOML"),
        ("openai = 3", "no table `[openai.models]`"),
        ('[openai.models]\n"x" = 3', "is no table"),
        ('[openai.models]\n"x" = { input = 1 }', "only one of"),
        ('[openai.models]\n"x" = { input = -1, output = 1 }', "unusable `input`"),
        ('[openai.models]\n"x" = { input = nan, output = 1 }', "unusable `input`"),
        ('[openai.models]\n"x" = { input = "1", output = 1 }', "unusable `input`"),
        ('[openai.models]\n"x" = { input = true, output = 1 }', "unusable `input`"),
        ('[openai.models]\n"x" = { context_tokens = 0 }', "unusable `context_tokens`"),
        ('[openai.models]\n"x" = { structured = "maybe" }', "unusable `structured`"),
        ('[openai.models]\n"x" = { inputs = 1 }', "unknown key `inputs`"),
    ],
)
def test_wrong_price_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A price that cannot be meant is an error with its place, not a guess."""
    with pytest.raises(BadSetting) as caught:
        own(tmp_path, text)

    assert said in caught.value.message
    assert "prices.toml" in caught.value.message


def test_missing_price_file_is_refused(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(BadSetting):
        load_prices(tmp_path / "none.toml")


def test_built_in_book_is_sound(book: PriceBook) -> None:
    """Every listed model of a provider has a price with a source and a date; cached input is never dearer."""
    models = list(book.models())

    assert len(models) > 40
    assert {facts.provider for facts in models} == {"local", "openai", "anthropic", "gemini"}
    for facts in models:
        price = facts.price
        assert price is not None, facts.model
        assert price.source, facts.model
        assert price.as_of, facts.model
        if facts.provider != "local":
            assert 0 < price.input < price.output
            assert price.cached_input is None or price.cached_input < price.input
            assert price.cache_write is None or price.cache_write > price.input
            assert facts.limits.context_tokens > facts.limits.output_tokens


def test_cache_surcharge_is_priced(book: PriceBook) -> None:
    """B36: input written into a cache costs more, input read from it less, to the nano-dollar."""
    price = book.find("anthropic", "claude-haiku-4-5").price
    cost = price.cost(1_000_000, 0, 200_000, cache_write_tokens=400_000)

    assert cost.dollars == Decimal("0.4") * 1 + Decimal("0.2") * Decimal("0.10") + Decimal("0.4") * Decimal(
        "1.25"
    )
