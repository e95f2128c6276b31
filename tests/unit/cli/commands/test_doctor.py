"""`weft doctor`: a look at everything."""

from __future__ import annotations

import pytest


def test_doctor_shows_no_key(weft, monkeypatch) -> None:
    """B29: which variables are set is told, never what is in them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234567890")

    said = weft("doctor")
    found = {each["what"]: each for each in weft("doctor", "--json").json["findings"]}

    assert said.code == 0
    assert "`OPENAI_API_KEY` is set" in said.out
    assert "sk-secret" not in said.out + said.err
    assert found["provider anthropic"]["health"] == "noted"
    assert found["store"]["health"] == "noted"
    assert "`WEFT_API_KEY` is not set" in found["other servers"]["message"]


def test_doctor_makes_no_store(weft, folder) -> None:
    """A look writes nothing."""
    weft("doctor")

    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_damaged_store_is_bad(weft, folder) -> None:
    """A file that is no store is found, with exit code 2."""
    said = weft("doctor", "--store", "sqlite:///topics.csv", "--json")

    assert said.code == 2
    assert said.json["healthy"] is False


def test_sound_store_is_good(weft, ask) -> None:
    """A sound store is told with what it remembers."""
    weft("run", "topic_review", "topics.csv", *ask)

    found = {each["what"]: each for each in weft("doctor", "--json").json["findings"]}

    assert found["store"]["health"] == "good"
    assert "5 answers" in found["store"]["message"]


@pytest.mark.parametrize("text", ["rpm = 'fast'", "modle = 'local'", "no TOML at all ["])
def test_faulty_settings_are_one_finding(weft, folder, text: str) -> None:
    """A wrong `weft.toml` is told as one finding; everything else is looked at with defaults."""
    (folder / "weft.toml").write_text(text + "\n", encoding="utf-8")

    said = weft("doctor")

    assert said.code == 2
    assert "✗ settings: " in said.out
    assert "weft.toml" in said.out
    assert "✓ python: " in said.out
    assert "format csv" in said.out


def test_faulty_variable_is_one_finding(weft, monkeypatch) -> None:
    """The same goes for a variable."""
    monkeypatch.setenv("WEFT_RPM", "-3")

    found = {each["what"]: each for each in weft("doctor", "--json").json["findings"]}

    assert found["settings"]["health"] == "bad"
    assert "`WEFT_RPM` is -3" in found["settings"]["message"]
    assert found["disk"]["health"] == "good"
