from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.app.opening import look_around
from weft.app.stores import Stores
from weft.app.workspaces import Workspace, WorkspacesDesk
from weft.errors import ImpossibleMove, Mistake, UnknownName
from weft.kit.clocks import VirtualClock
from weft.money import Usd
from weft.rights import HOME


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[WorkspacesDesk]:
    """The desk of a server with `home` only."""
    clock = VirtualClock()
    settings = look_around(start=tmp_path, environment={}, keywords={"store": "memory://"}).settings
    stores = Stores(settings, clock=clock)
    yield WorkspacesDesk(stores, clock=clock)
    await stores.close()


async def test_home_is_always_there(desk: WorkspacesDesk) -> None:
    """Every server has `home`, before anybody has said anything about it."""
    assert await desk.listed() == [Workspace(name=HOME)]
    assert (await desk.change(HOME, {"title": "Ours"})).title == "Ours"
    assert [each.title for each in await desk.listed()] == ["Ours"]


async def test_name_is_never_used_twice(desk: WorkspacesDesk) -> None:
    """Of many who make a workspace by the same name one succeeds; also when it was put away."""
    done = await asyncio.gather(*(desk.create("support") for _ in range(5)), return_exceptions=True)
    await desk.archive("support")
    with pytest.raises(ImpossibleMove, match="already"):
        await desk.create("support")

    assert sum(isinstance(each, Workspace) for each in done) == 1


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "-a", "a-", "1a", "a/b", "..", "a" * 41, "ä", "home/../x", "a b", "a\n"]
)
async def test_odd_names_are_refused(desk: WorkspacesDesk, name: str) -> None:
    """S21: a name becomes part of a path, of a schema and of a header, so it is letters, digits and hyphens."""
    with pytest.raises(Mistake, match="no name for a workspace"):
        await desk.create(name)
    with pytest.raises(UnknownName):
        await desk.get(name)


async def test_archive_can_be_undone(desk: WorkspacesDesk) -> None:
    """A workspace that was put away is in no list, and comes back as it was; `home` stays."""
    made = await desk.create("support", title="Support", monthly_budget=Usd.of(5))
    await desk.archive("support")
    away = (
        [each.name for each in await desk.listed()],
        [each.name for each in await desk.listed(archived=True)],
    )

    back = await desk.archive("support", undo=True)
    with pytest.raises(ImpossibleMove):
        await desk.archive(HOME)

    assert away == ([HOME], [HOME, "support"])
    assert back == made


async def test_changes_at_once_are_all_kept(desk: WorkspacesDesk) -> None:
    """Two who change different things at the same time both succeed."""
    await desk.create("support")

    await asyncio.gather(
        desk.change("support", {"title": "S"}), desk.change("support", {"monthly_budget": Usd.of(1)})
    )

    found = await desk.get("support")
    assert (found.title, found.monthly_budget) == ("S", Usd.of(1))


@pytest.mark.parametrize("changes", [{"title": "a\nb"}, {"title": "x" * 201}, {"monthly_budget": Usd(-1)}])
async def test_bad_changes_are_refused(desk: WorkspacesDesk, changes: dict[str, object]) -> None:
    """A title is one line, and a budget not below zero."""
    with pytest.raises(Mistake):
        await desk.change(HOME, changes)
