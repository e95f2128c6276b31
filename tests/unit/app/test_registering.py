"""What weft is registered as, and where its secret may stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weft.app.members import MembersDesk
from weft.app.opening import Surroundings, look_around
from weft.app.registering import open_signing_in, registration_of
from weft.app.sessions import SessionsDesk
from weft.app.stores import Stores
from weft.errors import BadSetting
from weft.kit.clocks import VirtualClock
from weft.kit.secrecy import LIVE

MASTER = "cGxhbnRlZCBtYXN0ZXIga2V5IG9mIDMyIGJ5dGVzLi4="
SETTINGS = {
    "public_url": "https://weft.example.com/",
    "oidc_issuer": "https://id.example.com/realms/work",
    "oidc_client_id": "weft",
}


def around(folder: Path, settings: dict[str, Any] | None = None, **environment: str) -> Surroundings:
    """Surroundings of a server."""
    return look_around({**SETTINGS, **(settings or {})}, start=folder, environment=environment)


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with a secret."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_registration_is_read_from_settings(folder: Path) -> None:
    """Issuer and id come from settings, the secret from a variable, the way back from the public address."""
    found = registration_of(around(folder, WEFT_OIDC_CLIENT_SECRET="planted-oidc-secret-1"))

    assert (found.issuer, found.client_id) == (SETTINGS["oidc_issuer"], "weft")
    assert found.redirect_uri == "https://weft.example.com/sign-in/callback"
    assert found.secret == "planted-oidc-secret-1"
    assert not found.rehearsal
    assert "planted-oidc" not in LIVE.hide("it says planted-oidc-secret-1")


def test_secret_may_stand_in_a_private_file(folder: Path) -> None:
    """A file that only its owner may read holds it as well; its last line end is none of it."""
    path = private(folder / "secret", "planted-oidc-secret-2\n")

    assert (
        registration_of(around(folder, WEFT_OIDC_CLIENT_SECRET_FILE=str(path))).secret
        == "planted-oidc-secret-2"
    )
    assert (
        registration_of(around(folder, WEFT_OIDC_CLIENT_SECRET_FILE="secret")).secret
        == "planted-oidc-secret-2"
    )
    assert "planted-oidc" not in LIVE.hide("it says planted-oidc-secret-2")


def test_registration_without_a_secret(folder: Path) -> None:
    """Some providers give none."""
    assert registration_of(around(folder)).secret is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_readable_secret_is_refused(folder: Path, mode: int) -> None:
    """A file that others may read is no place for a secret; what stands in it is not told."""
    path = private(folder / "secret", "planted-oidc-secret-3", mode)

    with pytest.raises(BadSetting, match="chmod 600") as refusal:
        registration_of(around(folder, WEFT_OIDC_CLIENT_SECRET_FILE=str(path)))
    assert "planted" not in str(refusal.value)
    assert refusal.value.facts["setting"] == "WEFT_OIDC_CLIENT_SECRET_FILE"


def test_absent_and_empty_files_are_refused(folder: Path) -> None:
    """A slip in a name must not turn a registration with a secret into one without."""
    empty = private(folder / "empty", "\n")

    for path in (folder / "absent", empty, folder):
        with pytest.raises(BadSetting, match="secret"):
            registration_of(around(folder, WEFT_OIDC_CLIENT_SECRET_FILE=str(path)))
    with pytest.raises(BadSetting, match="Both"):
        registration_of(
            around(folder, WEFT_OIDC_CLIENT_SECRET_FILE=str(empty), WEFT_OIDC_CLIENT_SECRET="planted-4")
        )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"oidc_issuer": "http://id.example.com"}, "oidc_issuer"),
        ({"oidc_issuer": ""}, "oidc_issuer"),
        ({"oidc_client_id": ""}, "oidc_client_id"),
        ({"oidc_issuer": "http://127.0.0.1:8099"}, "oidc_issuer"),
    ],
)
def test_what_is_missing_is_named(folder: Path, settings: dict[str, Any], named: str) -> None:
    """A registration that could not be used is refused by the name of its setting."""
    with pytest.raises(BadSetting) as refusal:
        registration_of(around(folder, settings))

    assert refusal.value.facts["setting"] == named


def test_loopback_is_for_rehearsals(folder: Path) -> None:
    """A setting lets weft believe a provider on this machine."""
    told = {"oidc_issuer": "http://127.0.0.1:8099", "oidc_rehearsal": True}

    assert registration_of(around(folder, told)).rehearsal


def test_secret_is_no_setting(folder: Path) -> None:
    """In a file of settings it is refused: such files are shared."""
    (folder / "weft.toml").write_text('oidc_client_secret = "planted"\n', encoding="utf-8")

    with pytest.raises(BadSetting, match="oidc_client_secret"):
        around(folder)


def test_desk_needs_a_master_key(folder: Path) -> None:
    """Without one there would be nothing that all processes of a server share, and no sign-in is begun."""
    clock = VirtualClock()
    with_key = around(folder, WEFT_MASTER_KEY=MASTER)
    stores = Stores(with_key.settings, clock=clock)
    desks = {
        "members": MembersDesk(stores, clock=clock),
        "sessions": SessionsDesk(stores, clock=clock, draw=str),
        "clock": clock,
    }

    open_signing_in(with_key, stores, **desks)
    with pytest.raises(BadSetting, match="master key"):
        open_signing_in(around(folder), stores, **desks)
    assert not (folder / ".weft").exists()
