from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest

from weft.api.wire.settings import SettingsAsked
from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.team import FIXED, TeamHouses
from weft.errors import BadSetting, MissingCredential, UnknownName
from weft.kit.clocks import VirtualClock
from weft.rights import HOME
from weft.settings import CHOSEN, Settings

TASK = RunRequest(table=[{"body": "hi"}], prompt="{{ body | upper }}", fields=("mood: enum[a,b]",))


@pytest.fixture
async def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TeamHouses]:
    """A server with `home` and `other`, started in a folder and by a user that have templates of their own."""
    for folder in (tmp_path / "templates", tmp_path / "user/weft/templates"):
        folder.mkdir(parents=True)
        (folder / f"stray_{folder.parent.name}.md").write_text(
            "---\nkey: stray\nversion: 1.0.0\ndescription: x\nanswers: {a: string}\n---\nx\n"
        )
    (tmp_path / "weft.toml").write_text('model = "openai/gpt-4o-mini"\nconcurrency = 3\n', encoding="utf-8")
    environment = {
        "OPENAI_API_KEY": "sk-of-the-server",
        "XDG_CONFIG_HOME": str(tmp_path / "user"),
        "USER": "root",
    }
    monkeypatch.chdir(tmp_path)
    found = TeamHouses(look_around(start=tmp_path, environment=environment), clock=VirtualClock())
    await found.workspaces.create("other")
    yield found
    await found.close()


async def test_each_workspace_has_its_own_store(houses: TeamHouses, tmp_path: Path) -> None:
    """S33, S53: rows, remembered answers and ids of one workspace are not in another's store."""
    home, other = await houses.open(HOME), await houses.open("other")
    run = await other.queue_with({"model": "local"}).submit(TASK, Submission())

    with pytest.raises(UnknownName):
        await home.queue_with({}).get(run.id)

    assert stores_in(tmp_path) == [".weft/weft.db", ".weft/weft.db.workspaces/other/weft.db"]


def stores_in(folder: Path) -> list[str]:
    """Every store below a folder."""
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("weft.db"))


async def test_house_stays_the_same(houses: TeamHouses) -> None:
    """A workspace's house is opened once; one that is not there, or was put away, is not opened."""
    assert await houses.open("other") is await houses.open("other")
    assert await houses.names() == [HOME, "other"]

    await houses.workspaces.archive("other")

    assert await houses.names() == [HOME]
    for name in ("other", "nowhere", "../home"):
        with pytest.raises(UnknownName, match="There is no workspace"):
            await houses.open(name)


@pytest.mark.parametrize("workspace", [HOME, "other"])
async def test_nothing_of_the_server_serves_a_workspace(
    houses: TeamHouses, workspace: str, tmp_path: Path
) -> None:
    """Neither the environment's keys nor the folder or the user of the server are there for a workspace."""
    house = await houses.open(workspace)
    around = house.surroundings

    with pytest.raises(MissingCredential):
        await house.queue_with({}).submit(TASK, Submission())

    keys = [each.key for each in house.templates.listed()]
    assert (around.environment, around.user_folder, around.user_name) == ({}, None, "")
    assert [key for key in keys if "stray" in key] == []
    assert around.root == tmp_path / f".weft/weft.db.workspaces/{workspace}"
    assert (house.settings.model, house.settings.concurrency) == ("openai/gpt-4o-mini", 3)


async def test_folders_are_shut(houses: TeamHouses, tmp_path: Path) -> None:
    """Nobody but the server's own user may look into the folders of workspaces."""
    await houses.open("other")

    assert modes_in(tmp_path / ".weft") == {0o700}


def modes_in(folder: Path) -> set[int]:
    """Who may enter the folders below one."""
    return {stat.S_IMODE(each.stat().st_mode) for each in folder.rglob("*") if each.is_dir()}


@pytest.mark.parametrize("name", sorted(FIXED))
async def test_requests_cannot_choose_what_is_fixed(houses: TeamHouses, name: str) -> None:
    """Settings that name files, addresses, stores and keys, or hold for everybody, are refused by name."""
    house = await houses.open("other")

    with pytest.raises(BadSetting, match=f"`{name}` is set by who started the server"):
        house.runs_with({name: getattr(Settings(), name)})


def test_every_setting_is_either_fixed_or_chosen() -> None:
    """What a request may choose over the wire is exactly what a workspace lets it choose."""
    assert {each.name for each in fields(Settings)} == FIXED | CHOSEN
    assert set(SettingsAsked.model_fields) == CHOSEN


async def test_prompts_of_others_are_confined(houses: TeamHouses) -> None:
    """S2: a prompt that comes with a request is rendered in a process of its own, as imported templates are."""
    house = await houses.open("other")
    run = await house.queue_with({"model": "local"}).submit(TASK, Submission())

    prompter, provider = house.queue_with({"model": "local"})._planner.again(run.spec)
    await provider.close()

    assert prompter.is_confined
