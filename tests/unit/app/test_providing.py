"""From a model's name to a provider."""

from __future__ import annotations

import pytest

from weft.app.providing import PROVIDERS, key_of, merge_options, read_model
from weft.errors import BadSetting, UnknownName
from weft.settings import Settings


@pytest.mark.parametrize(
    ("text", "base_url", "wanted"),
    [
        ("openai/gpt-4o-mini", "", "openai/gpt-4o-mini"),
        ("local", "", "local/nearest-1"),
        (" gemini/gemini-2.5-flash ", "", "gemini/gemini-2.5-flash"),
        ("llama3", "http://localhost:11434/v1", "openai/llama3"),
        ("meta-llama/Llama-3-8B", "http://localhost:8000/v1", "openai/meta-llama/Llama-3-8B"),
        ("openai/org/model", "", "openai/org/model"),
    ],
)
def test_model_names_are_read(text, base_url, wanted) -> None:
    """Provider and model, or one of them where the other is clear."""
    assert str(read_model(text, base_url)) == wanted


@pytest.mark.parametrize(
    ("text", "kind"), [("", BadSetting), ("gpt-4o", UnknownName), ("opnai/x", UnknownName)]
)
def test_unclear_model_is_refused(text, kind) -> None:
    """Nobody is guessed: a model without a provider is refused with the way out."""
    with pytest.raises(kind) as caught:
        read_model(text)

    assert caught.value.hint


def test_own_key_stays_at_home() -> None:
    """A provider's key is used for its own host only; other servers get WEFT_API_KEY or none."""
    kind, keys = PROVIDERS.get("openai"), {"OPENAI_API_KEY": "sk-1", "WEFT_API_KEY": "w-1"}

    assert key_of(kind, keys).text == "sk-1"
    assert key_of(kind, keys, base_url="https://eu.api.openai.com/v1").text == "sk-1"
    assert key_of(kind, keys, base_url="https://evil.example/v1").text == "w-1"
    assert key_of(kind, {"OPENAI_API_KEY": "sk-1"}, base_url="https://evil.example/v1") is None


def test_asker_wins_over_template() -> None:
    """B32: a template's options count where the asker gave none, defaults count last."""
    settings = Settings(temperature=0.3, seed=7)

    merged = merge_options(settings, {"temperature"}, {"temperature": 0.9, "top_p": 0.5})

    assert (merged.temperature, merged.top_p, merged.seed) == (0.3, 0.5, 7)


def test_a_far_name_is_not_offered():
    """`nope` is not nearly `openai`: all providers are named instead."""
    with pytest.raises(UnknownName) as told:
        read_model("nope/x")

    assert told.value.hint.startswith("known: anthropic, ")
