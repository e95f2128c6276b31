from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest

from weft.call import Prompt, RawReply
from weft.errors import ContentRefused, WeftError
from weft.ids import CallId
from weft.kit.clocks import VirtualClock
from weft.testing.contracts import check_provider
from weft.testing.fault import Delivery
from weft.testing.fault_plans import FaultRates
from weft.testing.faults import FAULTS
from weft.testing.faulty import FaultyProvider
from weft.testing.scripted import ScriptedProvider

CALL = CallId("c1")
PROMPT = Prompt(
    system="Do it.",
    user='[{"id":"aaaaaa","data":{"n":1}},{"id":"bbbbbb","data":{"n":2}},{"id":"cccccc","data":{"n":3}}]',
    schema={"type": "object"},
    schema_name="x",
    max_output_tokens=400,
    rows=3,
)


def faulty(
    *script: str, clock: VirtualClock | None = None, **rates: Any
) -> tuple[FaultyProvider, ScriptedProvider]:
    """A faulty provider over an honest one."""
    inner = ScriptedProvider(lambda content: {"twice": content["n"] * 2, "said": "yes"})
    faults = FaultRates(script=script, **rates)
    return FaultyProvider(inner, faults=faults, random=Random(3), clock=clock or VirtualClock()), inner


async def outcome(provider: FaultyProvider) -> str:
    """What an asker gets: the error's code, or the reply's text."""
    try:
        return provider.read(await provider.ask(PROMPT, CALL, 60.0)).text
    except WeftError as error:
        return error.code


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_bites_and_bills_exactly(name: str) -> None:
    """F1-F36: the fault shows, is charged as the table says, and the next call is well again."""
    provider, _ = faulty(name, "ok")
    honest = await outcome(faulty()[0])

    got = await outcome(provider)
    billed = len(provider.bill)
    after = await outcome(provider)

    fault = FAULTS[name]
    assert billed == fault.charged
    assert after == honest
    if fault.error:
        assert got == fault.as_error().code
    elif name not in {"delivered_twice", "skewed_clock", "usage_missing", "usage_zero", "usage_absurd"} | {
        "usage_above",
        "other_model",
    }:
        assert got != honest


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.change])
async def test_spoilt_reply_reads_the_same_after_a_crash(name: str) -> None:
    """I3: a spoilt raw reply is as pure to read as a good one."""
    provider, _ = faulty(name)
    raw = await provider.ask(PROMPT, CALL, 60.0)
    copy = RawReply(status=200, headers={}, body=bytes(raw.body))

    assert str(read(provider, raw)) == str(read(provider, copy))


def read(provider: FaultyProvider, raw: RawReply) -> object:
    """The reply, or the error's sentence."""
    try:
        return provider.read(raw)
    except WeftError as error:
        return error


async def test_bill_is_the_inner_bill_without_faults() -> None:
    """Where nothing goes wrong, both books agree, and raw replies pass untouched."""
    provider, inner = faulty()

    await provider.ask(PROMPT, CALL, 1.0)

    assert provider.bill == inner.bill
    assert provider.billed_usd == inner.billed_usd
    assert provider.billed_rows == inner.billed_rows


async def test_time_out_takes_its_time() -> None:
    """F13, F15: the asker waits until its own deadline, on the clock."""
    clock = VirtualClock()
    provider, inner = faulty("timeout", clock=clock)

    assert await outcome(provider) == "timed_out"
    assert (clock.monotonic(), inner.requests) == (60.0, 0)


async def test_excess_is_charged_as_stated() -> None:
    """F31: reasoning beyond the limit is on the bill; an absurd claim (F30) is not."""
    above, _ = faulty("usage_above")
    absurd, inner = faulty("usage_absurd")

    reply = above.read(await above.ask(PROMPT, CALL, 1.0))
    await absurd.ask(PROMPT, CALL, 1.0)

    assert above.bill[0].usage == reply.usage
    assert (reply.usage.output_tokens or 0) > 50_000
    assert absurd.bill == [type(inner.bill[0])(**{**as_fields(inner.bill[0]), "fault": "usage_absurd"})]


def as_fields(line: Any) -> dict[str, Any]:
    """A bill's line as keyword arguments."""
    return {name: getattr(line, name) for name in ("call", "usage", "cost", "digests", "fault")}


async def test_inner_refusal_is_charged_once() -> None:
    """F27: an error of the inner provider passes, with its price on the bill."""

    def refuse(_content: Any) -> dict[str, Any]:
        raise ContentRefused("No.")

    provider = FaultyProvider(
        ScriptedProvider(refuse), faults=FaultRates(), random=Random(0), clock=VirtualClock()
    )

    assert await outcome(provider) == "content_refused"
    assert len(provider.bill) == 1


async def test_faulty_provider_keeps_the_contract() -> None:
    """Without faults the wrapper keeps every promise that the inner provider keeps."""
    inner = ScriptedProvider(lambda _: {"about": "it", "kind": "other"})
    await check_provider(FaultyProvider(inner, faults=FaultRates(), random=Random(0), clock=VirtualClock()))


async def test_storm_is_the_same_for_one_seed() -> None:
    """The whole course of a bad day is replayed by its seed."""
    rates = {"rates": {"rate_limit": 0.2, "missing_row": 0.2, "timeout_charged": 0.1, "spoilt": 0.0}}
    rates["rates"].pop("spoilt")
    first, _ = faulty(**rates)
    second, _ = faulty(**rates)

    course = [await outcome(first) for _ in range(60)]

    assert course == [await outcome(second) for _ in range(60)]
    assert first.plan.counts == second.plan.counts
    assert first.billed_usd == second.billed_usd
    assert len({orjson.dumps(each) for each in course}) > 3


def test_deliveries_without_a_wire_are_errors() -> None:
    """What only a wire can do wrong has an error for askers without one."""
    lossy = set(Delivery) - {Delivery.WHOLE, Delivery.TWICE}

    assert all(fault.error for fault in FAULTS.values() if fault.delivery in lossy)
