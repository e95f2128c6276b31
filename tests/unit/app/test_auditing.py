"""The desk for the log of deeds: long logs, and what was noted."""

from __future__ import annotations

import pytest

from weft.app import auditing
from weft.app.auditing import AuditDesk, Wanted
from weft.app.stores import Stores
from weft.errors import Mistake
from weft.kit.clocks import VirtualClock
from weft.rights import Principal
from weft.settings import Settings


@pytest.fixture
async def desk(tmp_path):
    """A desk over a new store."""
    clock = VirtualClock()
    stores = Stores(Settings(store=f"sqlite:///{tmp_path}/weft.db"), clock=clock)
    yield AuditDesk(stores, clock=clock)
    await stores.close()


async def test_looking_makes_no_store(desk, tmp_path):
    """Whoever reads a log that is not there gets an empty one, and no file is made."""
    found = await desk.find(Wanted())

    assert (found.deeds, found.next) == ((), None)
    assert list(tmp_path.iterdir()) == []


async def test_deed_says_who_where_and_when(desk):
    """S43: a deed has the principal, their workspace and the time; nobody is nowhere."""
    ada = await desk.record(Principal(id="u1", workspace="sales"), "create_run", thing="runs", facts={"n": 1})
    nobody = await desk.record(Principal(id=""), "sign_in", outcome="not_proven")

    assert (ada.actor, ada.workspace, ada.at, ada.facts) == ("u1", "sales", VirtualClock().wall(), {"n": 1})
    assert (nobody.actor, nobody.workspace, nobody.previous) == ("", "", ada.digest)


async def test_rare_deeds_are_looked_for_in_steps(desk, monkeypatch):
    """One question looks at so many deeds and says where the next goes on."""
    monkeypatch.setattr(auditing, "AT_ONCE", 4)
    monkeypatch.setattr(auditing, "MOST_LOOKED_AT", 8)
    for number in range(1, 21):
        await desk.record(Principal(id="u1" if number in (2, 3, 19) else "u2"), "x")
    found, before, questions = [], None, 0
    while True:
        some = await desk.find(Wanted(actor="u1", before=before, limit=2))
        found += [each.number for each in some.deeds]
        questions += 1
        if some.next is None:
            break
        before = some.next

    assert found == [19, 3, 2]
    assert questions <= 4


async def test_page_that_is_full_goes_on_behind_its_last(desk):
    """A full page loses and repeats nothing."""
    for _ in range(4):
        await desk.record(Principal(id="u1"), "x")

    first = await desk.find(Wanted(limit=2))
    second = await desk.find(Wanted(limit=2, before=first.next))

    assert [each.number for each in (*first.deeds, *second.deeds)] == [4, 3, 2, 1]
    assert second.next is None


@pytest.mark.parametrize("noted", ["x", "0:" + "a" * 64, "1:abc", "1" + "a" * 64])
async def test_odd_note_is_refused(desk, noted):
    """What was noted must be a number and a digest."""
    await desk.record(Principal(id="u1"), "x")

    with pytest.raises(Mistake, match="no number and digest"):
        await desk.verify(noted=noted)


async def test_note_holds_as_long_as_nothing_changes(desk):
    """S43: a log that was written anew is whole in itself; only the note shows it."""
    await desk.record(Principal(id="u1"), "x")
    note = (await desk.verify()).note
    await desk.record(Principal(id="u1"), "y")

    assert (await desk.verify(noted=note)).problems == ()
    assert (await desk.verify(noted=f"3:{'a' * 64}")).problems == (
        "Deed 3 is not the one that was noted: the log was written anew.",
    )
