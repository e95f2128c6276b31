"""The distant writer: groups, doubt about a commit, cuts, poison and the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import psycopg
import pytest
from tests.contracts.errands import Errand, draft_row, reply

from weft import errors
from weft.documents import Deed, Document
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd
from weft.row import RowState
from weft.store.distant.book import COMMIT
from weft.store.distant.link import Link
from weft.store.distant.reading import DistantReader
from weft.store.distant.writing import DistantWriter
from weft.store.engines.postgresql import store as engine
from weft.store.storing import SqlStore


class Shaky(Link):
    """A line that is cut at a commit when it is told to.

    Attributes:
        plan: what becomes of the next commits: `done` and then cut, `lost` before it arrives,
            or something to do between the commit and the cut.
    """

    def __init__(self, parameters):
        super().__init__(parameters)
        self.plan = []
        self.trips = 0

    def run(self, statements):
        """Say them, perhaps for the last time."""
        self.trips += 1
        if statements[-1][0] != COMMIT or not self.plan:
            return super().run(statements)
        step = self.plan.pop(0)
        if step != "lost":
            super().run(statements)
        if callable(step):
            step()
        self.cut()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.fixture(params=[True, False], ids=["threads", "inline"])
async def shaky(request, url, database):
    """A store whose line breaks when it is told to, and that line."""
    database.writer.close()
    link = Shaky(psycopg.conninfo.conninfo_to_dict(url))
    database = replace(database, writer=link)
    hands = DistantWriter(database, threads=request.param), DistantReader(database, threads=request.param)
    store = SqlStore(database, clock=VirtualClock(), hands=hands)
    yield store, link
    await store.close()


@pytest.mark.parametrize("plan", [["done"], ["lost"], ["lost", "done"], ["done", "lost"]], ids="-".join)
async def test_commit_in_doubt_is_resolved(shaky, plan):
    """L8, F34: whether or not the commit was done, everything happens once, and what is returned is right."""
    store, link = shaky
    errand = await Errand.begin(store, budget=Budget(usd=Usd(5_000)))
    call = errand.call(0, 1)
    steps = [
        lambda: store.reserve(call, epoch=errand.epoch, leaving=True),
        lambda: store.answered(call, reply()),
        lambda: store.settle(errand.settlement(call)),
        lambda: store.end_rows(errand.id, [errand.end(2)], epoch=errand.epoch, recalled=True),
        lambda: store.skip_waiting(errand.id, epoch=errand.epoch, code="x", problem="y"),
    ]
    found = []
    for step in steps:
        link.plan = list(plan)
        found.append(await step())
    tally = await errand.tally()

    assert (tally.calls, tally.spent, tally.reserved, tally.answered) == (1, 903, 0, 3)
    assert (await store.cache_stats())["hits"] == 1
    assert found[-1] == 3
    assert await errand.money_adds_up()
    assert await store.audit() == []


async def test_commit_in_doubt_that_another_has_covered_is_repeated(shaky, url):
    """L8: if another process wrote the run after the commit in doubt, doing it again changes nothing."""
    store, link = shaky
    errand = await Errand.begin(store, budget=Budget(usd=Usd(5_000)))
    call = errand.call(0)
    with psycopg.connect(url, autocommit=True) as other:
        link.plan = [lambda: other.execute("UPDATE weft.runs SET beats = beats + 1")]
        await store.reserve(call, epoch=errand.epoch, leaving=True)

    assert (await errand.tally()).reserved == 1_000
    assert len(await store.calls(errand.id)) == 1


async def test_taking_over_in_doubt_keeps_its_epoch(shaky):
    """I10, L8: who took a run over by a commit in doubt owns it, with the epoch that it is told."""
    store, link = shaky
    errand = await Errand.begin(store)
    for plan in (["done"], ["lost"]):
        link.plan = list(plan)
        epoch = await store.take_over(errand.id, owner="life 1", stale_after_s=0)

        assert (await store.run(errand.id)).epoch == epoch == errand.epoch + 1
        errand.epoch = epoch


@pytest.mark.parametrize("plan", [["done"], ["lost"], ["lost", "done"], ["done", "lost"]], ids="-".join)
async def test_document_in_doubt_is_kept_once(shaky, plan):
    """L8, S38: who changed a document by a commit in doubt is told so, and not that somebody else did."""
    store, link = shaky
    versions = []
    for expecting in (0, 1, None):
        link.plan = list(plan)
        versions.append(
            (await store.put(Document(kind="repeat", id="a", state="s"), expecting=expecting)).version
        )
    link.plan = list(plan)

    assert versions == [1, 2, 3]
    assert await store.remove("repeat", "a", expecting=3)
    assert await store.document("repeat", "a") is None


async def test_other_document_is_not_taken_for_ones_own(shaky, url):
    """S38: if the commit was lost and somebody else was there meanwhile, the change is refused."""
    store, link = shaky
    other = engine.open(url, clock=VirtualClock(), threads=False)
    link.plan = [lambda: None]
    await store.put(Document(kind="repeat", id="a"), expecting=0)
    await other.put(Document(kind="repeat", id="a", content={"by": "other"}), expecting=1)
    link.plan = ["lost"]

    with pytest.raises(errors.ChangedMeanwhile):
        await store.put(Document(kind="repeat", id="a", content={"by": "me"}), expecting=1)
    await other.close()


@pytest.mark.parametrize("plan", [["done"], ["lost"], ["lost", "done"], ["done", "lost"]], ids="-".join)
async def test_deed_in_doubt_is_logged_once(shaky, plan):
    """S43, L8: whether or not the commit was done, a deed is written once."""
    store, link = shaky
    logged = []
    for _ in range(2):
        link.plan = list(plan)
        logged.append(await store.log(Deed(at=1.0, actor="u1", act="create_run")))

    assert await store.deeds() == logged
    assert await store.verify_deeds() == []


async def test_transaction_costs_two_round_trips(shaky):
    """However many operations and rows, a group is begun by one round trip and written by another."""
    store, link = shaky
    errand = await Errand.begin(store, rows=40)
    call = await errand.answered(*range(40))
    before = link.trips

    await store.settle(errand.settlement(call))

    assert link.trips - before == 2


async def test_terminated_connection_is_followed(database, url):
    """L8: a connection that the server ended between two writes is made anew, for writing and reading."""
    store = engine.open(url, clock=VirtualClock())
    errand = await Errand.begin(store)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'weft'"
        )

    assert (await errand.tally()).total == 6
    await errand.settled(0)
    assert (await errand.tally()).answered == 1
    await store.close()


async def test_passing_fault_is_tried_again(database):
    """L8: a group that met a serialisation failure or a deadlock is done again, whole."""
    writer = DistantWriter(database, threads=True)
    faults = [psycopg.errors.SerializationFailure("first"), psycopg.errors.DeadlockDetected("second")]

    def operation(book):
        book.count("a", 1)
        if faults:
            raise faults.pop(0)
        return "done"

    assert await writer.do(operation) == "done"
    writer.close()
    assert database.reader.execute("SELECT amount FROM counts").rows == [(1,)]


async def test_poison_fails_alone(database):
    """An operation that the database cannot take is left out, and the others are written once."""
    writer = DistantWriter(database, threads=True)

    def count(book):
        book.count("a", 1)

    def poison(book):
        book.execute_many(book_count(), [("b", 2**80)])

    def refuse(book):
        raise errors.RunBusy("Held.")

    found = await asyncio.gather(
        *(writer.do(each) for each in (count, poison, refuse, count)), return_exceptions=True
    )
    writer.close()

    assert found[0] is found[3] is None
    assert isinstance(found[1], Exception)
    assert isinstance(found[2], errors.RunBusy)
    assert database.reader.execute("SELECT name, amount FROM counts").rows == [("a", 2)]


def book_count():
    """The statement that raises a counter."""
    from weft.store.book import COUNT  # noqa: PLC0415 - beside its only use

    return COUNT


async def test_interrupted_operation_leaves_nothing(database):
    """Ctrl-C in the middle of an inline write rolls it back."""
    writer = DistantWriter(database, threads=False)

    def interrupted(book):
        book.count("a", 1)
        book.flush()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await writer.do(interrupted)
    await writer.do(lambda book: book.count("b", 1))

    assert database.reader.execute("SELECT name FROM counts WHERE name NOT LIKE 'writer %'").rows == [("b",)]


async def test_absent_server_is_waited_for_and_named(database):
    """L8: when patience ends, the sentence says which database does not answer, and nothing is lost."""
    nowhere = Link({"host": "/nowhere", "dbname": "weft", "user": "me"})
    writer = DistantWriter(replace(database, writer=nowhere), threads=True, patience_s=0.2)

    with pytest.raises(errors.StoreBusy, match="does not answer"):
        await writer.do(lambda book: book.count("a", 1))
    writer.close()


async def test_closing_does_not_wait_for_an_absent_server(database):
    """A store closes at once although its server is gone; who waited is told."""
    nowhere = Link({"host": "/nowhere", "dbname": "weft", "user": "me"})
    writer = DistantWriter(replace(database, writer=nowhere), threads=True, patience_s=60)
    asked = asyncio.ensure_future(writer.do(lambda book: book.count("a", 1)))
    await asyncio.sleep(0)

    writer.close()

    with pytest.raises(errors.StoreBusy):
        await asked
    with pytest.raises(RuntimeError, match="closed"):
        await writer.do(lambda book: book.count("a", 1))


async def test_event_loop_goes_on_while_a_lock_is_waited_for(url):
    """Statements of a group wait for locks on a thread of their own."""
    store = engine.open(url, clock=VirtualClock())
    errand = await Errand.begin(store)
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM weft.runs FOR UPDATE")
        beat = asyncio.ensure_future(store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0))
        for _ in range(50):
            await store.run(errand.id)  # reading waits for nobody

        assert not beat.done()
        other.rollback()
    await beat
    await store.close()


async def test_two_stores_never_pass_one_budget(url):
    """I7, P35: of calls reserved through two stores at once exactly those succeed that the budget holds."""
    stores = [engine.open(url, clock=VirtualClock()) for _ in range(2)]
    errand = await Errand.begin(stores[0], rows=40, budget=Budget(usd=Usd(10_500)))

    results = await asyncio.gather(
        *(stores[at % 2].reserve(errand.call(at), epoch=errand.epoch) for at in range(40)),
        return_exceptions=True,
    )

    assert sum(each is None for each in results) == 10
    assert (await errand.tally()).reserved == 10_000
    for store in stores:
        await store.close()


async def test_two_stores_settle_a_call_once(url):
    """I4, F34: a call that two processes settle at the same moment is booked and shared once."""
    stores = [engine.open(url, clock=VirtualClock()) for _ in range(2)]
    errand = await Errand.begin(stores[0])
    for place in range(6):
        call = await errand.answered(place)
        await asyncio.gather(*(store.settle(errand.settlement(call)) for store in stores))
    tally = await errand.tally()

    assert (tally.spent, tally.answered) == (6 * 903, 6)
    assert await errand.money_adds_up()
    for store in stores:
        await store.close()


async def test_two_calls_of_a_group_share_a_row(url):
    """Costs of calls that carried the same row and settle together are all added."""
    store = engine.open(url, clock=VirtualClock())
    errand = await Errand.begin(store)
    calls = [await errand.answered(0, 1) for _ in range(5)]

    await asyncio.gather(*(store.settle(errand.settlement(call)) for call in calls))
    outcome = errand.outcomes()[0]

    assert (outcome.state, outcome.attempts) == (RowState.ANSWERED, 5)
    assert await errand.money_adds_up()
    await store.close()


async def test_rows_go_in_together_and_once(url):
    """Rows of a large table are added by few statements, those that are there stay as they are."""
    store = engine.open(url, clock=VirtualClock())
    errand = await Errand.begin(store, rows=10)

    await store.add_rows(errand.id, [replace(draft_row(at), cells=b'["x","y"]') for at in range(12_000)])
    cells = [row[2] for row in store.export_rows(errand.id)]

    assert len(cells) == 12_000
    assert cells.count(b'["x","y"]') == 11_990
    await store.close()


def test_operation_may_be_foreseen_or_not(database):
    """A line that was not foreseen is locked when it is asked for."""
    writer = DistantWriter(database, threads=False)

    with pytest.raises(errors.UnknownName, match="r0"):
        writer.do_now(lambda book: book.run("r0"))
    with pytest.raises(errors.UnknownName, match="r0"):
        writer.do_now(partial(lambda book, run: book.run(run), run="r0"))
