from __future__ import annotations

import pytest

from weft.variants.inflecting import folded_word, humps, noun_forms, verb_forms


@pytest.mark.parametrize(
    ("word", "folded"),
    [("Schlüssel", "schlussel"), ("DONNÉES", "donnees"), ("Straße", "strasse"), ("SQL", "sql")],
)
def test_case_and_accents_do_not_matter(word: str, folded: str) -> None:
    """A word is compared without case and accents."""
    assert folded_word(word) == folded


@pytest.mark.parametrize(
    ("noun", "form"),
    [
        ("query", "queries"),
        ("index", "indexes"),
        ("table", "tables"),
        ("batch", "batches"),
        ("shelf", "shelves"),
        ("db", "dbs"),
    ],
)
def test_plurals_of_nouns(noun: str, form: str) -> None:
    """English plurals are among a noun's forms."""
    assert form in set(noun_forms(noun))


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("write", "writes"), ("write", "writing"), ("write", "written"), ("commit", "committed"), ("query", "queried"),
        ("publish", "publishes"), ("persist", "persisted"), ("send", "sent"), ("undo", "undone"),
    ],
)  # fmt: skip
def test_forms_of_verbs(verb: str, form: str) -> None:
    """Persons and participles are among a verb's forms."""
    assert form in set(verb_forms(verb))


@pytest.mark.parametrize(
    ("verb", "language", "form"),
    [("speichern", "de", "speichert"), ("publier", "fr", "publie"), ("insertar", "es", "inserta")],
)
def test_forms_of_foreign_verbs(verb: str, language: str, form: str) -> None:
    """The third person of German, French and Spanish verbs is known."""
    assert form in set(verb_forms(verb, language))


def test_words_in_one_piece_are_parted() -> None:
    """Names of classes have parts, plain words do not."""
    assert humps("PostgresAdapterEffect") == ["Postgres", "Adapter", "Effect"]
    assert humps("HTTPServer2") == ["HTTP", "Server", "2"]
    assert humps("kafka") == ["kafka"]
    assert humps("SQL") == ["SQL"]
