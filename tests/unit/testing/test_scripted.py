from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from weft.call import Finish, Prompt, RawReply, Reply, Usage
from weft.errors import BadRequest, ContentRefused, RateLimited
from weft.ids import CallId
from weft.kit.clocks import VirtualClock
from weft.testing import mutations as spoil
from weft.testing.contracts import check_provider
from weft.testing.faults import FAULTS
from weft.testing.frames import digest_of
from weft.testing.scripted import ScriptedProvider

CALL = CallId("c1")
PROMPT = Prompt(
    system="Do it.",
    user='[{"id":"aaaaaa","data":{"n":1}},{"id":"bbbbbb","data":{"n":2}}]',
    schema={"type": "object"},
    schema_name="x",
    max_output_tokens=200,
    rows=2,
)


def double(content: Any) -> Mapping[str, Any]:
    """An honest answer."""
    return {"twice": content["n"] * 2}


def rows_in(reply: Reply) -> dict[str, Any]:
    """Label → answer."""
    return {row.pop("id"): row for row in orjson.loads(reply.text)["rows"]}


async def test_rows_are_answered_by_the_function() -> None:
    """Each row gets the answer to its own data under its own label."""
    provider = ScriptedProvider(double)

    reply = provider.read(await provider.ask(PROMPT, CALL, 1.0))

    assert rows_in(reply) == {"aaaaaa": {"twice": 2}, "bbbbbb": {"twice": 4}}
    assert (reply.model, reply.finish, provider.requests) == ("scripted", Finish.STOP, 1)


async def test_scripted_provider_keeps_the_contract() -> None:
    """The fake keeps every promise of the socket."""
    await check_provider(ScriptedProvider(lambda _: {"about": "it", "kind": "other"}))


async def test_bill_is_exact() -> None:
    """The bill is what the stated usage costs, and knows which contents were paid for."""
    provider = ScriptedProvider(double)

    for _ in range(2):
        reply = provider.read(await provider.ask(PROMPT, CALL, 1.0))

    usage = reply.usage
    assert provider.price is not None
    assert provider.billed_usd == 2 * provider.price.cost(usage.input_tokens or 0, usage.output_tokens or 0)
    assert [line.usage for line in provider.bill] == [usage, usage]
    assert provider.billed_rows[digest_of({"n": 1})] == 2
    assert (usage.input_tokens or 0) <= PROMPT.input_tokens_limit


async def test_script_overrides_the_next_calls() -> None:
    """A mutation, an error, a text and a reply each take one call; then honesty returns."""
    own = Reply(text="mine", usage=Usage(input_tokens=7, output_tokens=3), finish=Finish.OTHER, model="m2")
    provider = ScriptedProvider(double, script=[spoil.drop_row, RateLimited("Wait."), "junk", own, None])

    dropped = provider.read(await provider.ask(PROMPT, CALL, 1.0))
    with pytest.raises(RateLimited):
        await provider.ask(PROMPT, CALL, 1.0)
    junk = provider.read(await provider.ask(PROMPT, CALL, 1.0))
    mine = provider.read(await provider.ask(PROMPT, CALL, 1.0))
    honest = provider.read(await provider.ask(PROMPT, CALL, 1.0))

    assert len(rows_in(dropped)) == 1
    assert junk.text == "junk"
    assert (mine.text, mine.usage, mine.finish, mine.model) == ("mine", own.usage, Finish.OTHER, "m2")
    assert len(rows_in(honest)) == 2
    assert len(provider.bill) == 4  # the rate limit cost nothing


@pytest.mark.parametrize(
    ("name", "charged"), [("timeout", 0), ("timeout_charged", 1), ("rate_limit", 0), ("reset", 1)]
)
async def test_fault_of_the_table_can_be_scripted(name: str, charged: int) -> None:
    """F1, F13, F14: a named fault raises its error and charges as the table says."""
    clock = VirtualClock()
    provider = ScriptedProvider(double, script=[FAULTS[name]], clock=clock)

    with pytest.raises(FAULTS[name].error or ValueError):
        await provider.ask(PROMPT, CALL, 30.0)

    assert len(provider.bill) == charged
    assert clock.monotonic() == (30.0 if name.startswith("timeout") else 0.0)


async def test_error_of_the_answer_spoils_the_call() -> None:
    """F8, F27: a row that trips the provider makes the whole call fail, charged where that is so."""

    def refuse(content: Any) -> Mapping[str, Any]:
        if content["n"] == 2:
            raise ContentRefused("No.")
        raise BadRequest("Bad.")

    provider = ScriptedProvider(refuse)
    with pytest.raises(BadRequest):
        await provider.ask(PROMPT, CALL, 1.0)
    alone = Prompt(
        system="", user='[{"id":"b","data":{"n":2}}]', schema={}, schema_name="x", max_output_tokens=9
    )

    with pytest.raises(ContentRefused) as caught:
        await provider.ask(alone, CALL, 1.0)

    assert caught.value.facts["usage"]["output_tokens"] == 1
    assert len(provider.bill) == 1


async def test_reply_stops_at_the_output_limit() -> None:
    """F28: what does not fit is cut, and the finish says so."""
    tight = Prompt(system="", user=PROMPT.user, schema={}, schema_name="x", max_output_tokens=5, rows=2)
    provider = ScriptedProvider(double)

    reply = provider.read(await provider.ask(tight, CALL, 1.0))

    assert (reply.finish, reply.usage.output_tokens, len(reply.text)) == (Finish.LENGTH, 5, 20)


async def test_adversary_keeps_its_habit() -> None:
    """Engine 2.5: a habit spoils every plain call."""
    provider = ScriptedProvider(double)
    provider.habit = spoil.obeyer(0)

    for _ in range(2):
        reply = provider.read(await provider.ask(PROMPT, CALL, 1.0))
        assert rows_in(reply) == {"aaaaaa": {"twice": 2}, "bbbbbb": {"twice": 2}}


async def test_latency_passes_on_the_clock() -> None:
    """A slow provider takes virtual seconds, no real ones."""
    clock = VirtualClock()
    provider = ScriptedProvider(double, clock=clock, price=None)
    provider.latency_s = 2.5

    await provider.ask(PROMPT, CALL, 10.0)

    assert clock.monotonic() == 2.5
    assert provider.billed_usd == 0


async def test_unstated_usage_is_still_charged() -> None:
    """F30: what the envelope hides is on the bill."""
    provider = ScriptedProvider(double, script=[FAULTS["usage_missing"], FAULTS["usage_above"]])

    hidden = provider.read(await provider.ask(PROMPT, CALL, 1.0))
    above = provider.read(await provider.ask(PROMPT, CALL, 1.0))

    assert not hidden.usage.is_known
    assert provider.bill[0].usage.is_known
    assert (above.usage.output_tokens or 0) > 50_000
    assert provider.bill[1].usage == above.usage
    assert provider.pace(RawReply(status=200, headers={}, body=b"")) is None
