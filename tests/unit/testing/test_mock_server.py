from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import orjson
import pytest
from tests.unit.testing.conftest import PATHS, ROWS, SCHEMA, Rehearse, frame, text_in

from weft.errors import Unreachable, UnwritableFile
from weft.kit.clocks import VirtualClock
from weft.money import Price, Usd
from weft.testing.bills import read_bill
from weft.testing.frames import digest_of
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer


@pytest.mark.parametrize("dialect", PATHS)
async def test_rows_are_answered_in_every_dialect(rehearse: Rehearse, dialect: str) -> None:
    """Each format gets one fitting answer per row, with the usage that is charged."""
    async with rehearse() as it:
        answers = await it.answers(dialect)
        status, headers, body = await it.post(dialect)

    assert set(answers) == {"aaaaaa", "bbbbbb", "cccccc"}
    assert all(each["challenge"] in ("practice", "expert") for each in answers.values())
    assert (status, headers["content-type"]) == (200, "application/json")
    assert it.server.bill.calls == 2
    assert str(it.server.bill.output_tokens // 2).encode() in body


async def test_answer_depends_on_content_alone(rehearse: Rehearse) -> None:
    """L2: packing, order, labels and format change no answer."""
    async with rehearse() as it:
        together = await it.answers()
        turned = await it.answers(
            "gemini", user=frame([("x" + label, text) for label, text in reversed(ROWS)])
        )
        alone = {
            label: (await it.answers("anthropic", user=frame([(label, text)])))[label] for label, text in ROWS
        }

    assert together == alone
    assert together == {label[1:]: answer for label, answer in turned.items()}


async def test_own_answers_are_used(rehearse: Rehearse) -> None:
    """A function may take the place of the schema."""
    async with rehearse(answers=lambda content: {"n": len(content["description"])}) as it:
        answers = await it.answers()

    assert answers["cccccc"] == {"n": 6}


async def test_single_question_gets_a_single_answer(rehearse: Rehearse) -> None:
    """A prompt without a frame and with a flat schema is answered by one object; without any, in words."""
    flat = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]}
    async with rehearse() as it:
        _, _, body = await it.post(user="What kind is it?", schema=flat)
        _, _, words = await it.post(user="What kind is it?", schema=None)

    assert orjson.loads(text_in("openai", orjson.loads(body)))["kind"] in ("a", "b")
    assert text_in("openai", orjson.loads(words)) == "What kind is it?"


async def test_schema_in_the_text_is_found(rehearse: Rehearse) -> None:
    """Plain JSON modes put the schema into the prompt; it is read there."""
    user = "Reply like this: " + orjson.dumps(SCHEMA).decode() + "\n" + frame(ROWS)
    async with rehearse() as it:
        answers = await it.answers(user=user, schema=None)

    assert set(answers["aaaaaa"]) == {"tldr", "challenge"}


async def test_reply_stops_at_the_output_limit(rehearse: Rehearse) -> None:
    """F28: a reply that does not fit is cut, says so and is charged to the limit."""
    async with rehearse() as it:
        _, _, body = await it.post(limit=5)

    reply = orjson.loads(body)
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 5


async def test_bill_is_exact_and_names_rows(rehearse: Rehearse) -> None:
    """I5, I6: the bill equals the stated usage at the stated price, and shows what was paid for again."""
    price = Price(input=Usd.of("1"), output=Usd.of("10"))
    async with rehearse(price=price) as it:
        usages = [orjson.loads((await it.post())[2])["usage"] for _ in range(2)]
        await it.post(user=frame(ROWS[:1]))
        bill = await it.get("/bill")
        every = await it.get("/bill?rows=all")

    expected = 2 * price.cost(usages[0]["prompt_tokens"], usages[0]["completion_tokens"])
    first = f"{digest_of({'description': ROWS[0][1]}):016x}"
    assert usages[0] == usages[1]
    assert int(expected) < bill["usd_nanos"] == int(it.server.bill.usd)
    assert (bill["requests"], bill["calls"], bill["statuses"]) == (3, 3, {"200": 3})
    assert bill["rows_paid_again"][first] == 3
    assert sum(every["rows_by_digest"].values()) == bill["rows"] == 7


async def test_bill_starts_again_after_a_reset(rehearse: Rehearse) -> None:
    """POST /bill/reset forgets what was charged."""
    async with rehearse() as it:
        await it.post()
        async with it.session.post(it.server.url + "/bill/reset") as reply:
            fresh = await reply.json()

    assert (fresh["requests"], fresh["calls"], fresh["statuses"]) == (0, 0, {})


async def test_bill_file_is_written_before_the_reply(rehearse: Rehearse, tmp_path: Path) -> None:
    """Kill tests can audit: the line of a call is there when its reply is."""
    path = tmp_path / "bill.jsonl"
    async with rehearse(bill_path=path) as it:
        await it.post()
        at_reply = read_bill(path)

    assert [len(line.digests) for line in at_reply] == [3]
    assert at_reply[0].cost == it.server.bill.usd


async def test_key_is_asked_for_where_one_is_set(rehearse: Rehearse) -> None:
    """F9: a wrong key gets 401 and no answer; each format's own header is read."""
    async with rehearse(api_key="right") as it:
        none, _, _ = await it.post()
        wrong, _, body = await it.post(headers={"Authorization": "Bearer wrong"})
        right, _, _ = await it.post(headers={"Authorization": "Bearer right"})
        anthropic, _, _ = await it.post("anthropic", headers={"x-api-key": "right"})
        gemini, _, _ = await it.post("gemini", headers={"x-goog-api-key": "right"})

    assert (none, wrong, right, anthropic, gemini) == (401, 401, 200, 200, 200)
    assert orjson.loads(body)["error"]["code"] == "invalid_api_key"
    assert it.server.bill.calls == 3


async def test_unknown_model_and_long_prompt_are_refused(rehearse: Rehearse) -> None:
    """F10, F11: names that are not on the list, and prompts beyond the context."""
    async with rehearse(models=("other",)) as it:
        status, _, body = await it.post()
        listed = await it.get("/v1/models")
    async with rehearse(context_tokens=100) as it:
        long_status, _, long_body = await it.post()

    assert (status, orjson.loads(body)["error"]["code"]) == (404, "model_not_found")
    assert [each["id"] for each in listed["data"]] == ["other"]
    assert (long_status, orjson.loads(long_body)["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"model":"m","messages":[]}',
        b'{"model":"m","messages":[{"role":"user"}]}',
    ],
)
async def test_nonsense_is_a_bad_request(rehearse: Rehearse, body: bytes) -> None:
    """What is no request of the API gets 400 in the API's own form."""
    async with rehearse() as it, it.session.post(it.server.url + PATHS["openai"], data=body) as reply:
        found = await reply.json()

    assert (reply.status, found["error"]["code"]) == (400, "invalid_request")


async def test_streams_are_refused_in_words(rehearse: Rehearse) -> None:
    """A request for a stream is told that there is none."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    async with rehearse() as it, it.session.post(it.server.url + PATHS["openai"], json=body) as reply:
        found = await reply.json()

    assert "stream" in found["error"]["message"]


async def test_pages_beside_the_api(rehearse: Rehearse) -> None:
    """Health answers, unknown paths say so."""
    async with rehearse() as it:
        health = await it.get("/health")
        async with it.session.get(it.server.url + "/nothing") as reply:
            status = reply.status

    assert (health, status) == ({"status": "ok"}, 404)


async def test_requests_per_minute_are_exact(rehearse: Rehearse) -> None:
    """F1, I13: the limit holds to the moment, and the stated wait is the true one."""
    clock = VirtualClock(auto=False)
    async with rehearse(rpm=3, clock=clock) as it:
        headers: dict[str, str] = {}
        statuses = []
        for _ in range(4):
            status, headers, _ = await it.post()
            statuses.append(status)
            clock.advance(10)
        wait = float(headers["retry-after"])
        clock.advance(wait - 10 - 0.25)  # a binary fraction: sums stay exact
        early, _, _ = await it.post()
        clock.advance(0.25)
        punctual, after, _ = await it.post()

    assert statuses == [200, 200, 200, 429]
    assert (wait, early, punctual) == (30.0, 429, 200)
    assert (after["x-ratelimit-limit-requests"], after["x-ratelimit-remaining-requests"]) == ("3", "0")
    assert it.server.statuses == {200: 4, 429: 2}


async def test_tokens_per_minute_are_kept(rehearse: Rehearse) -> None:
    """F1: tokens are limited like requests, and Anthropic's headers are its own."""
    clock = VirtualClock(auto=False)
    async with rehearse(tpm=400, clock=clock) as it:
        first, headers, _ = await it.post("anthropic")
        while (await it.post("anthropic"))[0] == 200:
            pass
        refused, told, body = await it.post("anthropic")
        clock.advance(60)
        later, _, _ = await it.post("anthropic")
        huge, _, _ = await it.post("anthropic", user=frame([("a", "word " * 400)]))

    assert (first, refused, later, huge) == (200, 429, 200, 429)
    assert int(headers["anthropic-ratelimit-tokens-remaining"]) < 400
    assert headers["anthropic-ratelimit-tokens-reset"].endswith("Z")
    assert float(told["retry-after"]) == 60.0
    assert orjson.loads(body)["error"]["type"] == "rate_limit_error"


async def test_latency_passes_on_the_clock(rehearse: Rehearse) -> None:
    """A slow server takes virtual time, and charges before it replies."""
    clock = VirtualClock()
    async with rehearse(latency_ms=2_000, jitter_ms=1_000, clock=clock) as it:
        status, _, _ = await it.post()

    assert status == 200
    assert 2.0 <= clock.monotonic() < 3.0


async def test_taken_port_is_told() -> None:
    """Two servers do not share a port."""
    async with MockServer() as first:
        port = int(first.url.rsplit(":", 1)[1])
        second = MockServer(MockOptions(port=port))

        with pytest.raises(Unreachable, match=str(port)):
            await second.start()
        await second.stop()


def test_bill_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A bill file in a folder that does not exist stops the server before it starts."""
    with pytest.raises(UnwritableFile):
        MockServer(MockOptions(bill_path=tmp_path / "nowhere" / "bill.jsonl"))


async def test_stopped_server_is_unreachable(rehearse: Rehearse) -> None:
    """After `stop` nobody listens, and stopping again is harmless."""
    async with rehearse() as it:
        await it.server.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await it.post()
        await it.server.stop()


async def test_server_runs_until_cancelled() -> None:
    """`run_forever` serves a started server and cleans up when it is cancelled."""
    server = MockServer()
    await server.start()
    task = asyncio.ensure_future(server.run_forever())
    async with aiohttp.ClientSession() as session, session.get(server.url + "/health") as reply:
        status = reply.status
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert status == 200
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(server.url)


async def test_asker_that_hangs_up_is_charged(rehearse: Rehearse) -> None:
    """I6: work that has begun is charged, also when nobody waits for the reply any more."""
    async with rehearse(latency_ms=60_000, timeout_s=0.05) as it:
        with pytest.raises(TimeoutError):
            await it.post()

        assert (it.server.bill.calls, it.server.statuses) == (1, {})
