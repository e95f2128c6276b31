from __future__ import annotations

import logging
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from weft.app.checkup import SAFE_SQLITE
from weft.app.founding import found_team
from weft.app.opening import look_around
from weft.app.safety import Serving, _files, check_team, look_for_unsafe
from weft.app.team import TeamHouses
from weft.errors import UnsafeForTeam
from weft.kit.clocks import VirtualClock

MASTER = b64encode(bytes(range(32))).decode()
URL = "https://weft.example.com"
Look = Callable[..., object]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may look into; pytest's own keep them out."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "weft.toml").write_text(f'public_url = "{URL}"\n', encoding="utf-8")
        (Path(name) / "weft.toml").chmod(0o600)
        yield Path(name)


@pytest.fixture
async def look(folder: Path) -> AsyncIterator[Look]:
    """Looks at a server that is safe but for what is given."""
    opened: list[TeamHouses] = []

    async def looking(
        environment: dict[str, str] | None = None, serving: Serving | None = None, **keywords: object
    ) -> list[str]:
        around = look_around(
            start=folder, environment={"WEFT_MASTER_KEY": MASTER, **(environment or {})}, keywords=keywords
        )
        houses = TeamHouses(around, clock=VirtualClock())
        opened.append(houses)
        if not await houses.members.listed():
            await found_team(houses, "anna@example.com")
        return [each.message for each in await look_for_unsafe(houses, serving or Serving())]

    yield looking
    for each in opened:
        await each.close()


async def test_what_is_safe_starts(look: Look) -> None:
    """With a public address, an owner, a token and a master key nothing is in the way."""
    assert await look() == []


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"public_url": ""}, "`public_url` is ''; expected an address such as https://weft.example.com."),
        ({"public_url": "http://weft.example.com"}, "`public_url` is 'http://weft.example.com'; expected"),
        ({"trusted_proxies": "proxy"}, "`trusted_proxies` is 'proxy'; expected addresses or networks"),
        (
            {"oidc_issuer": "http://id.example.com", "oidc_client_id": "weft"},
            "`oidc_issuer` is 'http://id.example.com'",
        ),
        ({"oidc_issuer": "https://id.example.com"}, "`oidc_client_id` is empty"),
        ({"store": "memory://"}, "The store `memory://` is gone when the server stops."),
        (
            {"base_url": "https://llm.example.com/v1"},
            "`base_url` is 'https://llm.example.com/v1', which is not among",
        ),
        ({"allowed_base_urls": "http://169.254.169.254/v1"}, "points to a link-local or metadata address."),
    ],
)
async def test_unsafe_settings_are_told(look: Look, keywords: dict[str, str], told: str) -> None:
    """Each setting that is safe for one person only is told in one sentence."""
    found = await look(**keywords)

    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"WEFT_MASTER_KEY": ""}, "There is no master key"),
        ({"WEFT_MASTER_KEY": b64encode(b"a" * 32).decode()}, "could be guessed"),
        ({"WEFT_MASTER_KEY": "short"}, "is no master key"),
        (
            {"OPENAI_API_KEY": "sk-x"},
            "`OPENAI_API_KEY` is set: a key in the environment would serve every workspace.",
        ),
        ({"WEFT_API_KEY": "x"}, "`WEFT_API_KEY` is set"),
        ({"WEFT_DEBUG": "1"}, "Debugging is on"),
    ],
)
async def test_unsafe_environment_is_told(look: Look, environment: dict[str, str], told: str) -> None:
    """Keys of providers, weak master keys and debugging are told."""
    (found,) = await look(environment)

    assert told in found


@pytest.mark.parametrize(
    ("serving", "told"),
    [(Serving(opens=True), "`--open` opens a browser"), (Serving(debug=True), "Debugging is on")],
)
async def test_unsafe_switches_are_told(look: Look, serving: Serving, told: str) -> None:
    """Switches for one person on their own machine are told."""
    (found,) = await look(serving=serving)

    assert told in found


async def test_many_processes_over_an_old_sqlite_are_told(look: Look) -> None:
    """Several processes may share a SQLite file only where SQLite cannot damage it."""
    found = await look(serving=Serving(workers=4))

    assert len(found) == (sqlite3.sqlite_version_info < SAFE_SQLITE)


async def test_debug_logging_is_told(look: Look) -> None:
    """S47: a log at DEBUG may hold rows of tables."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        (found,) = await look()
    finally:
        root.setLevel(before)

    assert "Logging is at DEBUG" in found


@pytest.mark.parametrize(
    ("name", "mode", "told"),
    [
        ("weft.toml", 0o622, "can be changed by others"),
        (".weft/weft.db", 0o644, "can be read by others"),
        (".weft/weft.db.workspaces", 0o755, "can be read by others"),
    ],
)
async def test_files_of_others_are_told(look: Look, folder: Path, name: str, mode: int, told: str) -> None:
    """Files that other users of the machine could read or change are told with the command that shuts them."""
    await look()
    (folder / ".weft").chmod(0o755)  # else nobody gets as far
    (folder / name).chmod(mode)

    (found,) = await look()

    assert told in found


def test_password_in_a_readable_file_is_told(folder: Path) -> None:
    """A file of settings with the store's password is for the server's own user alone."""
    around = look_around(start=folder, environment={}, keywords={"store": "postgresql://me:secret@db/weft"})
    before = list(_files(around))

    (folder / "weft.toml").chmod(0o640)
    (found,) = _files(around)

    assert before == []
    assert "holds the password of the store" in found.message
    assert "secret" not in found.message + found.hint


async def test_server_without_owner_or_entrance_is_told(tmp_path: Path) -> None:
    """All reasons are told at once, each with the next step, and looking makes nothing."""
    houses = TeamHouses(look_around(start=tmp_path, environment={}), clock=VirtualClock())

    with pytest.raises(UnsafeForTeam) as caught:
        await check_team(houses, Serving())

    problems = caught.value.facts["problems"]
    assert (
        caught.value.message == "The server for a team does not start: 4 things are safe for one person only."
    )
    assert [str(each).partition(".")[0] for each in problems][1:] == [  # type: ignore[attr-defined]  # a list of sentences
        "The server has no owner",
        "Nobody could come in: there is neither an identity provider nor a token",
        "There is no master key, so keys of providers cannot be kept",
    ]
    assert not is_anything_in(tmp_path)


def is_anything_in(folder: Path) -> bool:
    """Whether a folder holds something."""
    return any(folder.iterdir())
