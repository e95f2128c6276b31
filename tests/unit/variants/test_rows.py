from __future__ import annotations

import pytest

from weft.variants.rows import RowFacts, facts_of, is_blank, language_of, shape_of, unmet
from weft.variants.variant import Conditions


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The invoice was paid and you have not sent it.", "en"),
        ("Wir haben die Rechnung nicht erhalten und warten auf sie.", "de"),
        ("Nous avons reçu la facture et vous remercions pour tout.", "fr"),
        ("La factura no llegó y el cliente espera con los papeles.", "es"),
        ("Il cliente non ha ricevuto la fattura e anche gli altri.", "it"),
        ("Wij hebben de rekening niet ontvangen en wachten op het geld.", "nl"),
        ("Счёт не пришёл вовремя", "ru"),
        ("請求書が届いていません", "ja"),
        ("发票还没有收到", "zh"),
        ("42", ""),
        ("Rechnung 4711", ""),
        ("", ""),
    ],
)
def test_language_is_guessed_or_left_open(text: str, code: str) -> None:
    """A clear language is named; where it is not clear nothing is."""
    assert language_of([text]) == code


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("name;age\nAnn;31\nBob;40", "table"),
        ("a\tb\n1\t2\n3\t4", "table"),
        ("a,b,c\n1,2,3\n4,5,6", "table"),
        ("- milk\n- bread\n- tea", "list"),
        ("1. go\n2. stop\n3. go on", "list"),
        ("Well, yes.\nNo, never.\nSo, perhaps.", "prose"),
        ("One line; with a sign.", "prose"),
        ("", ""),
        ("  \n ", ""),
    ],
)
def test_shape_is_read_from_lines(text: str, shape: str) -> None:
    """Lines with the same number of separators are a table, bullets are a list."""
    assert shape_of(text) == shape


def test_blank_is_nothing_and_not_zero() -> None:
    """No value, blanks and empty lists are nothing; 0 and false are something."""
    assert all(map(is_blank, (None, "", "  ", [], {})))
    assert not any(map(is_blank, (0, False, "x", [1])))


def test_facts_look_at_all_values() -> None:
    """Inputs that are there, characters of all text, language and shape of a row."""
    facts = facts_of({"title": "Rechnung", "body": "Wir haben sie nicht.", "n": 3, "gone": " "}, model="m")

    assert facts == RowFacts(
        present=frozenset({"title", "body", "n"}), characters=28, language="de", shape="prose", model="m"
    )


@pytest.mark.parametrize(
    ("when", "row", "reason"),
    [
        (Conditions(columns=("body",)), RowFacts(), "needs body"),
        (Conditions(without=("body",)), RowFacts(present=frozenset({"body"})), "is for rows without body"),
        (Conditions(longer_than=5), RowFacts(characters=5), "is for more than 5 characters"),
        (Conditions(longer_than=5), RowFacts(characters=6), ""),
        (Conditions(shorter_than=5), RowFacts(characters=5), "is for fewer than 5 characters"),
        (Conditions(shorter_than=5), RowFacts(characters=4), ""),
        (Conditions(languages=("de", "nl")), RowFacts(language="en"), "is for de, nl"),
        (Conditions(languages=("de",)), RowFacts(language="de"), ""),
        (
            Conditions(shapes=("table", "list")),
            RowFacts(shape="prose"),
            "is for text that is a table or a list",
        ),
        (Conditions(models=("gpt-*",)), RowFacts(model="claude"), "is for gpt-*"),
        (Conditions(models=("gpt-*",)), RowFacts(model="gpt-5"), ""),
        (Conditions(), RowFacts(), ""),
    ],
)
def test_conditions_tell_why_they_do_not_hold(when: Conditions, row: RowFacts, reason: str) -> None:
    """Each condition excludes rows with a reason; bounds themselves are excluded."""
    assert unmet(when, row) == reason
