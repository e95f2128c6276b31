"""What is found around a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.app.opening import find_config, look_around, new_random
from weft.errors import BadSetting


def test_nearest_config_upwards_counts(tmp_path: Path) -> None:
    """The nearest weft.toml upwards is read, and the store stands beside it."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "weft.toml").write_text("rpm = 1\n", encoding="utf-8")
    (tmp_path / "a" / "weft.toml").write_text("rpm = 2\n", encoding="utf-8")

    found = look_around(start=inner, environment={})

    assert find_config(inner) == tmp_path / "a" / "weft.toml"
    assert found.settings.rpm == 2
    assert found.settings.store == f"sqlite:///{tmp_path / 'a' / '.weft' / 'weft.db'}"


def test_store_is_here_without_config(tmp_path: Path) -> None:
    """Without a weft.toml the store is in the current folder."""
    found = look_around(start=tmp_path, environment={})

    assert found.config is None
    assert found.settings.store == f"sqlite:///{tmp_path / '.weft' / 'weft.db'}"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("runs.db", "sqlite:///{}/runs.db"),
        ("sqlite:///runs.db", "sqlite:///{}/runs.db"),
        ("sqlite:////var/runs.db", "sqlite:////var/runs.db"),
        ("a b%.db", "sqlite:///{}/a%20b%25.db"),
        ("memory://", "memory://"),
    ],
)
def test_store_is_an_absolute_url(tmp_path: Path, given, wanted) -> None:
    """A bare path means SQLite, and relative paths start at the current folder."""
    found = look_around({"store": given}, start=tmp_path, environment={})

    assert found.settings.store == wanted.format(tmp_path)


def test_paths_in_config_start_there(tmp_path: Path) -> None:
    """Paths in weft.toml start at its folder, those of flags at the current one."""
    (tmp_path / "weft.toml").write_text('prices = "p.toml"\nstore = "s.db"\n', encoding="utf-8")
    inner = tmp_path / "inner"
    inner.mkdir()

    assert look_around(start=inner, environment={}).settings.prices == str(tmp_path / "p.toml")
    assert look_around({"prices": "p.toml"}, start=inner, environment={}).settings.prices == str(
        inner / "p.toml"
    )


def test_layers_are_remembered(tmp_path: Path) -> None:
    """What was given, and what of it by a flag, is known; defaults are neither."""
    found = look_around({"rpm": "3"}, start=tmp_path, environment={"WEFT_TPM": "5"})

    assert found.given == {"rpm", "tpm"}
    assert found.flagged == {"rpm"}


def test_keys_are_not_shown(tmp_path: Path) -> None:
    """S47: what was found does not show the environment when it is printed."""
    found = look_around(start=tmp_path, environment={"OPENAI_API_KEY": "sk-secret"})

    assert "sk-secret" not in repr(found)


def test_unreadable_config_is_told(tmp_path: Path) -> None:
    """A weft.toml that is no UTF-8 text is a clear error."""
    (tmp_path / "weft.toml").write_bytes(b"rpm = \xff")

    with pytest.raises(BadSetting, match="cannot be read"):
        look_around(start=tmp_path, environment={})


def test_randomness_differs() -> None:
    """P13: two processes draw different ids, also in the same second."""
    assert new_random().getrandbits(128) != new_random().getrandbits(128)


def test_settings_asked_for_now_win(folder: Path) -> None:
    """Settings of one request lie over those of the house; what was given before stays given."""
    (folder / "weft.toml").write_text('model = "local"\nbudget_usd = "1"\n', encoding="utf-8")
    house = look_around(start=folder)

    asked = house.asking_with({"rows_per_call": 3, "budget_usd": None})

    assert (asked.settings.rows_per_call, asked.settings.budget_usd, asked.settings.model) == (
        3,
        None,
        "local",
    )
    assert asked.settings.store == house.settings.store
    assert asked.given == {"model", "budget_usd", "rows_per_call"}
    assert asked.flagged == {"budget_usd", "rows_per_call"}


def test_settings_asked_for_now_are_checked(folder: Path) -> None:
    """A value out of bounds is refused by the name of its setting."""
    with pytest.raises(BadSetting, match="`rows_per_call`"):
        look_around(start=folder).asking_with({"rows_per_call": 0})
