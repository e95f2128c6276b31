"""Minimal, standard and production modules do what they promise, also when their outside fails."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.generated.making import module_of


class Port:
    """An outside whose every operation runs a script of answers and errors."""

    def __init__(self, **script: list[Any]) -> None:
        self.script, self.calls = script, []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(**values: object) -> Any:
            self.calls.append(name)
            answer = self.script[name].pop(0) if self.script.get(name) else None
            if isinstance(answer, BaseException):
                raise answer
            if callable(answer):
                return await answer()
            return answer

        return call


class Times:
    """A clock that only moves when somebody sleeps, and what was slept."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def forever() -> None:
    """Wait until somebody gives up."""
    await asyncio.Event().wait()


# ── minimal ──────────────────────────────────────────────────────────────────────────────────────


async def test_minimal_effect_gives_up_in_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A call without an answer becomes a typed error, and the log holds no value of the row."""
    made = module_of("minimal/example.effect.yaml", tmp_path)
    box = made.NoteBox(Port(drop_note=[forever]), timeout_s=0.01)

    with pytest.raises(made.CallTimedOut):
        await box.drop_note(note_id=987654)
    assert "drop_note" in caplog.text
    assert "987654" not in caplog.text


def test_minimal_compute_streams(tmp_path: Path) -> None:
    """Rows are computed one after the other, in any amount, only as they are asked for."""
    made = module_of("minimal/example.compute.yaml", tmp_path)
    lines = made.InvoiceLines(steps=None)
    rows = (made.PriceLineInput(unit_price=10.0, quantity=n, tax_rate=0.2) for n in range(10**9))
    found = lines.price_line_each(rows)

    assert [next(found).gross for _ in range(3)] == [0.0, 12.0, 24.0]


def test_minimal_reducer_counts_each_event_once(tmp_path: Path) -> None:
    """An event that comes again changes nothing; the state before stays as it was."""
    made = module_of("minimal/example.reducer.yaml", tmp_path)
    basket = made.BasketTotals()
    before = basket.entry_added(event_id="1", price=2.0, pieces=3)
    basket.entry_added(event_id="1", price=2.0, pieces=3)
    basket.basket_emptied(event_id="2")

    assert before == made.BasketTotalsState(total=6.0, count=3)
    assert basket.state == made.BasketTotalsState(total=0.0, count=0, emptied=True)


async def test_minimal_orchestrator_hands_results_on(tmp_path: Path) -> None:
    """A step gets what an earlier one gave; the first that fails ends the run."""
    made = module_of("minimal/example.orchestrator.yaml", tmp_path)
    guest = made.FindGuestResult(name="Ada", language="de")
    port = Port(
        find_guest=[guest, ValueError("no guest")],
        write_greeting=[made.WriteGreetingResult(greeting="Hallo Ada")],
    )
    module = made.WelcomeGuest(port)
    outcome = await module.run(guest_id=1)

    assert outcome == made.WelcomeGuestOutcome(
        find_guest=guest, write_greeting=made.WriteGreetingResult(greeting="Hallo Ada")
    )
    with pytest.raises(ValueError, match="no guest"):
        await module.run(guest_id=2)
    assert port.calls == ["find_guest", "write_greeting", "find_guest"]


# ── standard ─────────────────────────────────────────────────────────────────────────────────────


async def test_standard_effect_logs_counts_and_translates(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each call is a line of JSON without values, and is counted; foreign errors become ours."""
    made = module_of("standard/example.effect.yaml", tmp_path)
    port = Port(sign=[made.SignResult(entry_id=1)], tell_host=[KeyError("secret guest")])
    with caplog.at_level(logging.INFO):
        async with made.GuestBook(port) as book:
            await book.sign(guest="Grace Hopper", entry="hello", visited_on=None)
            with pytest.raises(made.OperationFailed, match="`tell_host` failed: KeyError"):
                await book.tell_host(entry_id=1)
            assert (await book.health()).ok
    lines = [json.loads(record.message) for record in caplog.records]

    assert [(each["event"], each["operation"]) for each in lines] == [
        ("done", "sign"),
        ("failed", "tell_host"),
    ]
    assert "Grace" not in caplog.text
    assert book.metrics()["sign.calls"] == 1
    assert book.metrics()["tell_host.failures"] == 1
    assert not (await book.health()).ok


def test_standard_module_registers_once(tmp_path: Path) -> None:
    """Registration describes the module, is harmless when repeated, and refuses a name that is taken."""
    made = module_of("standard/example.effect.yaml", tmp_path)
    registry: dict[str, Any] = {}
    made.register(registry)
    made.register(registry)

    assert registry == {"guest_book": made.GuestBook}
    assert made.describe()["operations"]["sign"] == ["guest", "entry", "visited_on"]
    with pytest.raises(made.InvalidInput, match="in the registry already"):
        made.register({"guest_book": object})


def test_standard_compute_works_in_chunks(tmp_path: Path) -> None:
    """Rows come back in chunks of the set size, and a bad row names no value."""
    made = module_of("standard/example.compute.yaml", tmp_path)
    measures = made.TextMeasures(None, settings=made.TextMeasuresSettings(chunk_rows=2))
    rows = [made.MeasureInput(text=text) for text in ("a b?", "", "ccc")]

    assert [[each.words for each in chunk] for chunk in measures.measure_chunks(rows)] == [[2, 0], [1]]
    with pytest.raises(made.OperationFailed, match="`share` failed: ZeroDivisionError"):
        measures.share(part=1.0, whole=0.0)
    assert not measures.health().ok


def test_standard_reducer_goes_on_where_it_was(tmp_path: Path) -> None:
    """State and seen ids carry over to another module; a fold that fails changes nothing."""
    made = module_of("standard/example.reducer.yaml", tmp_path)

    class Folds:
        def renamed(self, state: Any, *, label: str) -> Any:
            raise ValueError(label)

    room = made.RoomUsage(Folds())
    room.entered(event_id="1", badge="x")
    with pytest.raises(made.OperationFailed):
        room.renamed(event_id="2", label="Red")
    later = made.RoomUsage(Folds(), room.state, seen=room.seen)
    later.entered(event_id="1", badge="x")

    assert later.state == made.RoomUsageState(inside=1, visits=1, last_badge="x")
    assert later.seen == ("1",)


def test_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    """A setting beyond its bounds is told when it is set."""
    made = module_of("standard/example.compute.yaml", tmp_path)

    with pytest.raises(made.InvalidInput, match="setting `chunk_rows` must be from 1"):
        made.TextMeasuresSettings(chunk_rows=0)


# ── production ───────────────────────────────────────────────────────────────────────────────────


def desk(made: Any, port: Port, times: Times, **settings: Any) -> Any:
    """A production module on a clock of its own, which keeps its trail in `told`."""
    told: list[Any] = []
    module = made.ParcelDesk(
        port,
        listen=told.append,
        audit=lambda _: None,
        settings=made.ParcelDeskSettings(**{"first_delay_s": 1.0, **settings}),
        clock=times.clock,
        sleep=times.sleep,
        rng=lambda: 1.0,
    )
    module.told = told
    return module


async def test_what_surely_did_not_happen_is_tried_again(tmp_path: Path) -> None:
    """Also a write: `Unavailable` says that nothing has happened; pauses double."""
    made = module_of("production/example.effect.yaml", tmp_path)
    done = made.TakeInResult(shelf="A1", taken_at=None)
    port = Port(take_in=[made.Unavailable("x"), made.Unavailable("x"), done])
    times = Times()
    async with desk(made, port, times) as module:
        assert await module.take_in(parcel="p", weight_kg=1.0, paid=True) is done

    assert times.slept == [1.0, 2.0]
    assert [event.ended for event in module.told] == ["done"]


@pytest.mark.parametrize("fault", [ConnectionResetError(), TimeoutError(), forever])
async def test_write_that_may_have_happened_is_not_repeated(tmp_path: Path, fault: Any) -> None:
    """No blind retry: a cut or a time-out of a write is `OutcomeUnknown` after one call."""
    made = module_of("production/example.effect.yaml", tmp_path)
    port, times = Port(take_in=[fault]), Times()
    async with desk(made, port, times, timeout_s=0.02) as module:
        with pytest.raises(made.OutcomeUnknown):
            await module.take_in(parcel="p", weight_kg=1.0, paid=True)

    assert port.calls == ["take_in"]
    assert [event.ended for event in module.told] == ["unknown"]


@pytest.mark.parametrize("operation", ["find_parcel", "hand_out"])
async def test_reads_and_idempotent_writes_are_repeated(tmp_path: Path, operation: str) -> None:
    """A cut read, or a write that is said to be idempotent, is tried again until the attempts end."""
    made = module_of("production/example.effect.yaml", tmp_path)
    port, times = Port(**{operation: [ConnectionResetError() for _ in range(9)]}), Times()
    values = {"find_parcel": {}, "hand_out": {"receiver": "r"}}[operation]
    async with desk(made, port, times, attempts=3) as module:
        with pytest.raises(made.Unavailable):
            await getattr(module, operation)(parcel="p", **values)

    assert port.calls == [operation] * 3


async def test_breaker_opens_rests_and_closes(tmp_path: Path) -> None:
    """After failures in a row nothing is sent; after the rest one call is let through and closes it."""
    made = module_of("production/example.effect.yaml", tmp_path)
    port, times = Port(find_parcel=[made.Unavailable("x") for _ in range(2)]), Times()
    async with desk(made, port, times, attempts=1, failing_in_a_row=2, breaker_rest_s=30.0) as module:
        for _ in range(2):
            with pytest.raises(made.Unavailable):
                await module.find_parcel(parcel="p")
        with pytest.raises(made.BreakerOpen):
            await module.find_parcel(parcel="p")
        assert (await module.health()).checks["find_parcel"] == "breaker is open"
        times.now += 30.0
        await module.find_parcel(parcel="p")

        assert (await module.health()).ok
    assert len(port.calls) == 3
    assert [event.ended for event in module.told] == ["failed", "failed", "refused", "done"]


async def test_calls_are_bounded_and_drained(tmp_path: Path) -> None:
    """No more calls than places and waiting room; `stop` lets those under way end and refuses new ones."""
    made = module_of("production/example.effect.yaml", tmp_path)
    gate = asyncio.Event()
    port = Port(find_parcel=[gate.wait, gate.wait])
    module = desk(made, port, Times(), max_concurrent=1, max_waiting=1)
    await module.start()
    calls = [asyncio.create_task(module.find_parcel(parcel="p")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(made.Overloaded):
        await module.find_parcel(parcel="p")
    stopping = asyncio.create_task(module.stop())
    await asyncio.sleep(0)
    with pytest.raises(made.NotRunning):
        await module.find_parcel(parcel="p")
    gate.set()
    await stopping

    assert all(call.done() for call in calls)


async def test_listener_that_fails_breaks_nothing_and_audit_must_hold(tmp_path: Path) -> None:
    """What a listener raises stays in the log; a call whose audit entry cannot be written fails."""
    made = module_of("production/example.effect.yaml", tmp_path)

    def fail(_: object) -> None:
        raise OSError("full")

    async with made.ParcelDesk(Port(), listen=fail, audit=lambda _: None) as module:
        await module.find_parcel(parcel="p")
    async with made.ParcelDesk(Port(), audit=fail) as module:
        with pytest.raises(OSError, match="full"):
            await module.find_parcel(parcel="p")


def test_production_compute_keeps_going_past_bad_rows(tmp_path: Path) -> None:
    """A row that fails is told in its place; too many in a row stop the work."""
    made = module_of("production/example.compute.yaml", tmp_path)

    class Steps:
        def reduction(self, *, customer: str, rate: float) -> Any:
            return made.ReductionResult(percent={"good": 1.0}[customer])

    rows = [made.ReductionInput(customer=name, rate=1.0) for name in ("good", "bad", "good", "bad", "bad")]
    with made.FreightRates(Steps(), settings=made.FreightRatesSettings(failing_in_a_row=2)) as rates:
        found = rates.reduction_chunks(rows[:3])
        assert [each == made.RowFailure(1, "KeyError") for each in next(found)] == [False, True, False]
        with pytest.raises(made.TooManyFailures):
            list(rates.reduction_chunks(rows))
        assert not rates.health().ok
    with pytest.raises(made.NotRunning):
        rates.base_rate(counted_kg=1.0, distance_km=1.0)


def test_production_reducer_stops_at_a_broken_source(tmp_path: Path) -> None:
    """Failures in a row stop folding until somebody looks; the state is that before the first."""
    made = module_of("production/example.reducer.yaml", tmp_path)

    class Folds:
        def revalued(self, state: Any, *, year: int) -> Any:
            raise ValueError(year)

    told: list[Any] = []
    settings = made.StockLevelSettings(failing_in_a_row=2)
    with made.StockLevel(Folds(), audit=told.append, settings=settings) as stock:
        stock.received(event_id="1", pieces=5, price=2.0)
        for number in ("2", "3"):
            with pytest.raises(made.OperationFailed):
                stock.revalued(event_id=number, year=1)
        with pytest.raises(made.TooManyFailures):
            stock.sold(event_id="4", pieces=1)
        stock.resume()
        stock.sold(event_id="4", pieces=1)

        assert (stock.state.stock, stock.state.worth) == (4, 10.0)
    assert [event.ended for event in told] == ["done", "failed", "failed", "done"]


async def test_production_run_ends_although_it_is_stopped(tmp_path: Path) -> None:
    """A run that has begun is finished when `stop` comes; a new one is refused."""
    made = module_of("production/example.orchestrator.yaml", tmp_path)
    gate = asyncio.Event()

    async def slow() -> Any:
        await gate.wait()
        return made.CheckRegisterResult(register_id="r", active=True)

    port = Port(
        check_register=[slow],
        rate_risk=[made.RateRiskResult(risk=0.5)],
        open_account=[made.OpenAccountResult(account_id=1)],
        welcome=[made.WelcomeResult(message_id="m")],
    )
    module = made.OnboardSupplier(port)
    await module.start()
    running = asyncio.create_task(module.run(company="c", country="de", address="a@example.com"))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(module.stop())
    await asyncio.sleep(0)
    with pytest.raises(made.NotRunning):
        await module.run(company="c", country="de", address="a@example.com")
    gate.set()
    await stopping

    assert (await running).open_account.account_id == 1
    assert port.calls == ["check_register", "rate_risk", "open_account", "announce", "welcome"]
