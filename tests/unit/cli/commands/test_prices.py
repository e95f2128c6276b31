"""`weft prices`: what models charge."""

from __future__ import annotations


def test_prices_have_source_and_date(weft) -> None:
    """P07: every price has its source and date; the list can be narrowed."""
    found = weft("prices", "gpt-4o-mini", "--json").json

    assert [each["model"] for each in found] == ["gpt-4o-mini"]
    assert found[0]["input_usd"] == "0.15"
    assert found[0]["source"].startswith("https://")
    assert found[0]["as_of"] >= "2026"


def test_own_file_wins(weft, folder) -> None:
    """An own price file overrides the built-in list."""
    (folder / "p.toml").write_text(
        '[openai.models]\n"gpt-4o-mini" = { input = 7, output = 8 }\n', encoding="utf-8"
    )

    assert weft("prices", "gpt-4o-mini", "--prices", "p.toml", "--json").json[0]["input_usd"] == "7"
