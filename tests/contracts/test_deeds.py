"""What every store promises about its log of deeds, over every engine and in both ways of writing."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.servers import emptied_store
from tests.contracts.stores import WAYS, open_store

from weft.documents import Deed, digest_of
from weft.kit.clocks import VirtualClock
from weft.store.engines.memory import store as memory
from weft.store.engines.postgresql import store as postgresql

UNGUARD = {
    "sqlite": "DROP TRIGGER IF EXISTS deeds_stay_on_update; DROP TRIGGER IF EXISTS deeds_stay_on_delete",
    "postgresql": "SET session_replication_role = replica",
}
"""What whoever owns the database can do to change the log all the same."""


@pytest.fixture(params=WAYS)
async def store(request, tmp_path):
    """A new, empty store of every engine, in both ways of writing."""
    store = open_store(request.param, tmp_path)
    yield store
    await store.close()


def deed(act="create_run", **more):
    """A deed of somebody."""
    return Deed(**{"at": 12.5, "actor": "u1", "act": act, "thing": "runs/r1", "workspace": "home"} | more)


def tamper(store, *statements):
    """Change the log behind the store's back, as whoever owns the database can."""
    writer = store._database.writer
    name = "sqlite" if store._database.dialect.name == "sqlite" else "postgresql"
    for statement in (*UNGUARD[name].split("; "), *statements):
        writer.execute(statement)


async def written(store, count=6):
    """Write some deeds."""
    return [await store.log(deed(act=f"act_{n}", facts={"n": n})) for n in range(1, count + 1)]


async def test_deeds_are_numbered_and_chained(store):
    """S43: deeds count from 1, and each holds the digest of the one before."""
    logged = await written(store, 3)

    assert [each.number for each in logged] == [1, 2, 3]
    assert [each.previous for each in logged] == ["", logged[0].digest, logged[1].digest]
    assert all(digest_of(each) == each.digest for each in logged)
    assert await store.deeds() == logged
    assert await store.verify_deeds() == []


async def test_empty_log_is_whole(store):
    """A store without deeds has nothing to complain about."""
    assert await store.deeds() == []
    assert await store.verify_deeds() == []


async def test_deeds_come_in_pages(store):
    """Deeds are read oldest first, behind a number, so many at a time."""
    logged = await written(store)

    assert await store.deeds(after=2, limit=2) == logged[2:4]
    assert await store.deeds(after=6) == []
    assert await store.deeds(before=4, limit=2) == [logged[2], logged[1]]
    assert await store.deeds(before=1) == []


async def test_deeds_of_one_workspace_are_told_apart(store):
    """S33: who may read the log of one workspace is not shown the others'."""
    logged = [await store.log(deed(workspace=name)) for name in ("home", "sales", "", "home")]

    assert await store.deeds(workspace="home") == [logged[0], logged[3]]
    assert await store.deeds(workspace="home", before=4) == [logged[0]]
    assert await store.deeds(workspace="") == [logged[2]]
    assert await store.deeds(workspace="other") == []


async def test_long_log_is_looked_over_in_steps(store):
    """However long the log is, others go on while it is looked over."""
    for _ in range(3):
        await asyncio.gather(*[store.log(deed(act=f"a{n}")) for n in range(400)])

    assert await store.verify_deeds() == []
    assert len(await store.deeds(limit=5_000)) == 1_200


async def test_odd_deeds_read_back(store):
    """Whatever texts and numbers come are kept so that the chain still holds."""
    logged = await store.log(
        deed(thing="a\x00\ud800", at=7, facts={"text": "\ud800\x00", "big": 2**70, "low": -0.0, "at": 1e300})
    )

    assert await store.deeds() == [logged]
    assert await store.verify_deeds() == []


async def test_facts_must_be_plain(store):
    """Facts that are no plain JSON are a mistake of the program and write nothing."""
    with pytest.raises(TypeError, match="plain JSON"):
        await store.log(deed(facts={"n": float("inf")}))

    assert await store.deeds() == []


async def test_deeds_written_at_once_have_no_gaps(store):
    """Many at once are numbered one after the other."""
    logged = await asyncio.gather(*[store.log(deed(act=f"a{n}")) for n in range(50)])

    assert sorted(each.number for each in logged) == list(range(1, 51))
    assert await store.verify_deeds() == []


@pytest.mark.parametrize("change", ["UPDATE deeds SET actor = 'x'", "DELETE FROM deeds WHERE number = 2"])
async def test_database_refuses_changes(store, change):
    """S43: the database itself refuses to change and to remove deeds."""
    await written(store, 2)

    with pytest.raises((sqlite3.IntegrityError, psycopg.Error), match="deeds are never changed"):
        store._database.writer.execute(change)

    assert await store.verify_deeds() == []


@pytest.mark.parametrize(
    "change",
    ["actor = 'x'", "act = ''", "thing = 'runs/r2'", "outcome = 'denied'", "facts = '{}'", "facts = 'no json'",
     "at = 13", "workspace = 'other'", "digest = 'ab'"],
)  # fmt: skip
@pytest.mark.parametrize("number", [1, 3, 6])
async def test_changed_deed_is_named(store, number, change):
    """S43: every changed part of the first, a middle and the last deed names its number."""
    await written(store)

    tamper(store, f"UPDATE deeds SET {change} WHERE number = {number}")  # noqa: S608 - of the test

    assert any(f"Deed {number} was changed" in each for each in await store.verify_deeds())
    assert await store.check() != []
    assert len(await store.deeds()) == 6


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("number = 1", "Deed 1 is missing."),
        ("number = 3", "Deed 3 is missing."),
        ("number IN (3, 4)", "Deeds 3 to 4 are missing."),
        ("number = 6", "Deed 6 is missing. The log was written up to deed 6."),
        ("number > 4", "Deeds 5 to 6 are missing. The log was written up to deed 6."),
        ("number > 0", "Deeds 1 to 6 are missing. The log was written up to deed 6."),
    ],
)
async def test_removed_deed_is_named(store, where, said):
    """S43: a deed that was taken away is named, the last ones too, and writing on heals nothing."""
    await written(store)

    tamper(store, f"DELETE FROM deeds WHERE {where}")  # noqa: S608 - of the test
    found = await store.verify_deeds()
    more = await store.log(deed())

    assert said in found
    assert more.number == 7
    assert any(each.startswith(said.split(". ")[0].rstrip(".")) for each in await store.verify_deeds())


async def forged(store, number, previous):
    """Put a deed in that is right in itself."""
    made = deed(number=number, previous=previous)
    values = (number, 12.5, "u1", "create_run", "runs/r1", "home", "done", "{}", previous, digest_of(made))
    told = ", ".join(repr(value) for value in values)
    tamper(store, f"INSERT INTO deeds VALUES ({told})")  # noqa: S608 - of the test


async def test_deed_put_in_at_the_end_is_named(store):
    """S43: a deed behind the last that the store wrote is named, before and after the log goes on."""
    logged = await written(store)
    await forged(store, 7, logged[-1].digest)

    assert await store.verify_deeds() == ["Deed 7 was put in: the log was written up to deed 6."]
    assert (await store.log(deed())).number == 8
    assert await store.verify_deeds() == [
        "Deed 7 was changed or put in: deed 8 was written after another one."
    ]


async def test_deed_put_in_at_the_beginning_is_named(store):
    """S43: numbers begin with 1, so nothing stands before."""
    await written(store)
    await forged(store, 0, "")

    assert "Deed 0 was put in: numbers begin with 1." in await store.verify_deeds()


@pytest.mark.parametrize("number", [3, 6])
async def test_exchanged_deed_is_named(store, number):
    """S43: a deed that is right in itself does not take the place of another one."""
    logged = await written(store)
    tamper(store, f"DELETE FROM deeds WHERE number = {number}")  # noqa: S608 - of the test
    await forged(store, number, logged[number - 2].digest)

    (said,) = await store.verify_deeds()

    assert said.startswith(f"Deed {number} was changed or put in")


async def test_lost_end_is_told(store):
    """Without the note where the log ends, its last lines may be missing; that is said, and it goes on."""
    await written(store)
    await store.remove("deed_log", "end")

    assert await store.verify_deeds() == [
        "Where the log ends is not written down any more: behind deed 6 some may be missing."
    ]
    assert (await store.log(deed())).number == 7
    assert await store.verify_deeds() != []


CHANGES = st.one_of(
    st.tuples(st.just("remove"), st.integers(1, 12)),
    st.tuples(st.just("change"), st.integers(1, 12), st.sampled_from(["actor", "act", "thing", "outcome"])),
    st.tuples(st.just("swap"), st.integers(1, 11)),
)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(max_size=8), min_size=12, max_size=12), change=CHANGES)
async def test_no_change_goes_unseen(texts, change):
    """S43: whichever line is removed, changed or exchanged with its neighbour, one sentence names it."""
    store = memory.open("memory://", clock=VirtualClock())
    for text in texts:
        await store.log(deed(thing=text, facts={text: text}))
    assert await store.verify_deeds() == []
    what, number, *more = change
    if what == "remove":
        tamper(store, f"DELETE FROM deeds WHERE number = {number}")  # noqa: S608 - of the test
    elif what == "change":
        tamper(store, f"UPDATE deeds SET {more[0]} = {more[0]} || '!' WHERE number = {number}")  # noqa: S608 - likewise
    else:
        tamper(
            store,
            f"UPDATE deeds SET number = -1 WHERE number = {number}",  # noqa: S608 - likewise
            f"UPDATE deeds SET number = {number} WHERE number = {number + 1}",  # noqa: S608 - likewise
            f"UPDATE deeds SET number = {number + 1} WHERE number = -1",  # noqa: S608 - likewise
        )

    found = await store.verify_deeds()

    assert any(f"Deed {number} " in each for each in found)
    await store.close()


async def test_several_stores_write_one_chain():
    """S43: on a server several stores number their deeds without gaps, in the order of their commits."""
    url = emptied_store()
    stores = [postgresql.open(url, clock=VirtualClock(), threads=True) for _ in range(3)]

    logged = await asyncio.gather(*[stores[n % 3].log(deed(act=f"a{n}")) for n in range(60)])
    found = await stores[0].deeds()

    assert sorted(each.number for each in logged) == list(range(1, 61))
    assert all(later.previous == earlier.digest for earlier, later in pairwise(found))
    assert await stores[1].verify_deeds() == []
    for store in stores:
        await store.close()
