"""Settings from three layers."""

from __future__ import annotations

from dataclasses import fields

import pytest

from weft.app.configuring import BOUNDS, NAMES, from_environment, from_flags, from_toml, settle
from weft.errors import BadSetting
from weft.settings import Settings


def test_later_layer_wins() -> None:
    """A flag wins over a variable, and a variable over weft.toml."""
    file = from_toml("rpm = 1\ntpm = 1\nconcurrency = 1\n", "weft.toml")
    variables = from_environment({"WEFT_RPM": "2", "WEFT_TPM": "2", "HOME": "/"})
    flags = from_flags({"rpm": "3", "tpm": None})

    settings = settle(file, variables, flags)

    assert (settings.rpm, settings.tpm, settings.concurrency) == (3, 2, 1)


def test_no_layer_gives_defaults() -> None:
    """Nothing given means the defaults of Settings."""
    assert settle({}) == Settings()


def test_unknown_key_names_line_and_nearest() -> None:
    """P18: a key of weft.toml that has no effect is an error with its line and the nearest name."""
    with pytest.raises(BadSetting) as caught:
        from_toml("# mine\nrows_per_cal = 3\n", "weft.toml")

    assert "Line 2 of `weft.toml`" in caught.value.message
    assert "`rows_per_call`" in caught.value.hint


def test_unknown_table_is_an_error() -> None:
    """A section of weft.toml is an unknown key as well."""
    with pytest.raises(BadSetting, match="Line 3"):
        from_toml("\n\n[limits]\nrpm = 3\n", "weft.toml")


def test_broken_toml_says_where() -> None:
    """A file that is no TOML says at which line."""
    with pytest.raises(BadSetting, match="line 2"):
        from_toml("rpm = 3\nrpm 4\n", "weft.toml")


def test_slip_in_a_variable_is_an_error() -> None:
    """A variable that nearly names a setting is not ignored in silence."""
    with pytest.raises(BadSetting) as caught:
        from_environment({"WEFT_CONCURENCY": "3"})

    assert "WEFT_CONCURRENCY" in caught.value.hint


def test_foreign_variables_are_left_alone() -> None:
    """Variables that resemble no setting, and those of the command line itself, are not looked at."""
    assert from_environment({"WEFT_DEBUG": "1", "WEFT_API_KEY": "k", "WEFT_HOME_OF_MINE": "x"}) == {}


@pytest.mark.parametrize(
    ("name", "value", "source", "expected"),
    [
        ("rpm", "fast", "--rpm", "a whole number"),
        ("rpm", "2.5", "--rpm", "a whole number"),
        ("rpm", "0", "--rpm", "1 to"),
        ("rows_per_call", "51", "--rows-per-call", "1 to 50"),
        ("rows_per_call", "none", "--rows-per-call", "a whole number"),
        ("temperature", "nan", "--temperature", "0 to 2"),
        ("temperature", "warm", "--temperature", "a number"),
        ("budget_usd", "-1", "--budget-usd", "an amount of dollars"),
        ("budget_usd", "much", "--budget-usd", "an amount of dollars"),
        ("budget_usd", "NaN", "--budget-usd", "an amount of dollars"),
        ("budget_tokens", "-1", "--budget-tokens", "0 to"),
        ("strict_model", "perhaps", "--strict-model", "true or false"),
        ("max_failed_share", "1.5", "--max-failed-share", "0 to 1"),
        ("structured", "yaml", "--structured", "strict"),
    ],
)
def test_bad_value_names_its_source(name, value, source, expected) -> None:
    """B02: a value that cannot be used is reported with the flag it came from and what was expected."""
    with pytest.raises(BadSetting) as caught:
        settle(from_flags({name: value}))

    assert source in caught.value.message
    assert expected in caught.value.message


def test_bad_value_in_a_file_names_its_line() -> None:
    """The same mistake in weft.toml is reported with file and line."""
    with pytest.raises(BadSetting, match=r"`rpm` in `weft\.toml` line 2"):
        settle(from_toml("tpm = 5\nrpm = 'x'\n", "weft.toml"))


@pytest.mark.parametrize(
    ("given", "wanted"), [("0", "0"), ("$1.50", "1.5"), ("0.000000001", "0.000000001"), ("1_000", "1000")]
)
def test_dollars_are_exact(given, wanted) -> None:
    """Amounts of dollars are kept as exact decimals; zero is an amount (P09)."""
    assert settle(from_flags({"budget_usd": given})).budget_usd == wanted


def test_dollars_from_toml_are_exact() -> None:
    """An amount in weft.toml does not pass through a binary fraction."""
    assert settle(from_toml("budget_usd = 0.1\n", "weft.toml")).budget_usd == "0.1"


def test_none_takes_a_limit_away() -> None:
    """The word `none` means "not limited" where that is a value."""
    file = from_toml("rpm = 5\ntemperature = 0.5\n", "weft.toml")

    settings = settle(file, from_flags({"rpm": "none", "temperature": "none"}))

    assert settings.rpm is None
    assert settings.temperature is None


def test_keywords_name_themselves() -> None:
    """From Python a bad value is reported by the argument's name, and None is a value."""
    assert settle(from_flags({"rpm": None}, keywords=True)).rpm is None
    with pytest.raises(BadSetting, match="`rpm` is 'x'"):
        settle(from_flags({"rpm": "x"}, keywords=True))
    with pytest.raises(BadSetting, match="`rpn` is not a setting"):
        from_flags({"rpn": 3}, keywords=True)


def test_every_setting_can_be_read_from_text() -> None:
    """P18: every setting has a reader, and its default written as text gives the default back."""
    for each in fields(Settings):
        text = "none" if each.default is None else str(each.default)

        assert (
            getattr(settle(from_environment({f"WEFT_{each.name.upper()}": text})), each.name) == each.default
        )


def test_bounds_name_settings() -> None:
    """Every bound belongs to a setting."""
    assert set(BOUNDS) <= set(NAMES)
