from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import weft.variants.vocabulary as room
from weft.variants.hearing import hear
from weft.variants.variant import Domain, VariantPack
from weft.variants.vocabulary import STRENGTHS, own_vocabulary, plain_words, vocabulary_for

ALIASES = tomllib.loads((Path(room.__file__).parent / "aliases.toml").read_text(encoding="utf-8"))


def test_every_concern_has_sure_words() -> None:
    """Each concern can be named by single words in English, German, French and Spanish."""
    for domain in Domain:
        assert len(ALIASES[domain]["sure"]) >= 20
        for language in ("de", "fr", "es"):
            assert ALIASES[language][domain]["sure"]


def test_no_word_is_sure_of_two_concerns() -> None:
    """A word that names a concern surely names no other one surely."""
    sure: dict[str, str] = {}
    for domain in Domain:
        for word in ALIASES[domain]["sure"]:
            assert sure.setdefault(word.lower(), domain) == domain, word


def test_every_offered_feature_is_heard_by_its_name(pack: VariantPack) -> None:
    """A feature that a variant offers can be asked for by the name that the variant gives it."""
    vocabulary = vocabulary_for(pack.variants.values())
    for variant in pack.variants.values():
        for feature in variant.features:
            heard = {hit.mark.feature for hit in hear(feature, vocabulary).hits}
            assert feature in heard, (variant.name, feature)


def test_strongest_meaning_stays() -> None:
    """A word listed twice for one concern keeps its stronger meaning and its feature."""
    (phrase,) = own_vocabulary().phrases["connection"].going_on["pool"]

    assert [(m.domain, m.strength, m.feature) for m in phrase.marks] == [
        (Domain.DATABASE, STRENGTHS["strong"], "connection_pool")
    ]


def test_vocabulary_is_read_once() -> None:
    """Everybody shares one vocabulary."""
    assert own_vocabulary() is own_vocabulary()


@pytest.mark.parametrize("word", ["datenbankabfrage", "kundendatenbank", "nachrichtenbroker"])
def test_german_compounds_are_understood(word: str) -> None:
    """Long German words that begin or end with a known one say the same."""
    vocabulary = own_vocabulary()

    assert vocabulary.compound(word) or vocabulary.knows(word)


def test_no_phrase_shrinks_to_an_everyday_word() -> None:
    """Small words are not heard, so "their server" would be "server": no phrase may consist of one other word."""
    small = own_vocabulary().grammar.small

    def texts(table: object) -> Iterator[str]:
        for each in table.values() if isinstance(table, dict) else [table]:
            yield from texts(each) if isinstance(each, dict) else each

    shrunk = [each for each in texts(ALIASES) if len(plain_words(each)) > 1 >= len(plain_words(each, small))]

    assert shrunk == []
