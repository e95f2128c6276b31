"""What every provider promises, tried over a real wire where it has one.

A new drop-in in `weft/providers` is found by itself; it needs a line in `DIALECTS`, so that the
loopback server can answer in its language.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson
import pytest
from tests.unit.providers.loopback import KEY, Loopback, hangs, prompt, resets, says

from weft.call import Finish, Options, RawReply, Reply
from weft.errors import (
    BadReply,
    BadRequest,
    Billing,
    ContentRefused,
    Disconnected,
    EmptyReply,
    MissingCredential,
    NotAuthorised,
    NotJson,
    NotTheApi,
    Outage,
    QuotaSpent,
    RateLimited,
    Refusal,
    ServerFailed,
    TimedOut,
    UnknownModel,
    WeftError,
)
from weft.ids import CallId
from weft.kit.registries import Registry
from weft.protocols import Credential, Provider, ProviderKind, ProviderRequest
from weft.providers._http import AiohttpTransport

PROVIDERS: Registry[ProviderKind] = Registry("weft.providers", "provider", what="provider")
CALL = CallId("c0123456789abcdef")
TEXT = '{"rows":[{"id":"abcdef","tldr":"A button is broken","kind":"bug","score":3}]}'


@dataclass(frozen=True)
class Dialect:
    """How a provider's server speaks: a good reply and its parts."""

    good: dict[str, object]
    empty: dict[str, object]
    refused: dict[str, object]
    cut: dict[str, object]
    silent: dict[str, object]
    """Good, without usage."""


def openai_reply(
    text: str | None, finish: str = "stop", *, usage: bool = True, **message: object
) -> dict[str, object]:
    reply: dict[str, object] = {
        "model": "m-1",
        "choices": [{"message": {"content": text, **message}, "finish_reason": finish}],
    }
    return reply | ({"usage": {"prompt_tokens": 100, "completion_tokens": 20}} if usage else {})


def anthropic_reply(text: str, finish: str = "end_turn", *, usage: bool = True) -> dict[str, object]:
    reply: dict[str, object] = {
        "model": "m-1",
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": finish,
    }
    return reply | ({"usage": {"input_tokens": 100, "output_tokens": 20}} if usage else {})


def gemini_reply(text: str, finish: str = "STOP", *, usage: bool = True) -> dict[str, object]:
    parts = [{"text": text}] if text else []
    reply: dict[str, object] = {
        "modelVersion": "m-1",
        "candidates": [{"content": {"parts": parts}, "finishReason": finish}],
    }
    return reply | ({"usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20}} if usage else {})


DIALECTS = {
    "openai": Dialect(
        openai_reply(TEXT),
        openai_reply(""),
        openai_reply(None, refusal="No."),
        openai_reply(TEXT[:30], "length"),
        openai_reply(TEXT, usage=False),
    ),
    "anthropic": Dialect(
        anthropic_reply(TEXT),
        anthropic_reply(""),
        anthropic_reply("No.", "refusal"),
        anthropic_reply(TEXT[:30], "max_tokens"),
        anthropic_reply(TEXT, usage=False),
    ),
    "gemini": Dialect(
        gemini_reply(TEXT),
        gemini_reply(""),
        gemini_reply("", "SAFETY"),
        gemini_reply(TEXT[:30], "MAX_TOKENS"),
        gemini_reply(TEXT, usage=False),
    ),
}
WIRED = [name for name in PROVIDERS.names() if PROVIDERS.get(name).needs_wire]
on_every_wire = pytest.mark.parametrize("name", WIRED)
everywhere = pytest.mark.parametrize("name", PROVIDERS.names())


@contextlib.asynccontextmanager
async def opened(name: str, server: Loopback | None = None, **changes: object) -> AsyncIterator[Provider]:
    """Build a provider against a loopback server, with a key for it, and close it."""
    kind = PROVIDERS.get(name)
    given: dict[str, object] = {"model": "m-1"}
    if kind.needs_wire:
        given |= {
            "key": Credential(KEY, "WEFT_API_KEY"),
            "base_url": server.url if server else "http://127.0.0.1:9",
            "transport": AiohttpTransport(4),
        }
    provider = kind.build(ProviderRequest(**(given | changes)))
    try:
        yield provider
    finally:
        await provider.close()


async def asked(name: str, act: object, *, timeout_s: float = 5.0) -> tuple[Loopback, Reply | WeftError]:
    """Ask once and read; return the server and what came of it."""
    async with Loopback([act]).running() as server, opened(name, server) as provider:
        try:
            found: Reply | WeftError = provider.read(await provider.ask(prompt(), CALL, timeout_s))
        except WeftError as error:
            found = error
    return server, found


def dialect(name: str) -> Dialect:
    assert name in DIALECTS, f"write down in DIALECTS how the server of `{name}` answers"
    return DIALECTS[name]


@everywhere
def test_passport_is_complete(name: str) -> None:
    """A drop-in's name is its file's, and it says what it needs and what to ask by default."""
    kind = PROVIDERS.get(name)

    assert kind.name == name
    assert kind.default_model
    assert kind.help
    assert kind.needs_wire == bool(kind.key_variables)


@everywhere
async def test_options_and_model_are_kept(name: str) -> None:
    """B32: what was asked for can be read off the provider; it is part of every key."""
    options = Options(temperature=0.3, seed=5)
    async with opened(name, options=options) as provider:
        assert (provider.name, provider.model, provider.options) == (name, "m-1", options)
        assert KEY not in repr(provider)


@everywhere
async def test_closing_is_repeatable(name: str) -> None:
    """A provider that was never asked can be closed, twice."""
    async with opened(name) as provider:
        await provider.close()
        assert await provider.close() is None


async def test_local_answers_as_promised() -> None:
    """The provider without a wire answers every row, counts, and costs nothing."""
    async with opened("local") as provider:
        raw = await provider.ask(prompt(), CALL, 1.0)
        reply = provider.read(raw)

    assert [row["id"] for row in orjson.loads(reply.text)["rows"]] == ["abcdef"]
    assert reply.usage.is_known
    assert provider.price.cost(1000, 1000) == 0
    assert raw.status == 200


@on_every_wire
async def test_good_reply_is_read_twice_alike(name: str) -> None:
    """Reading is pure: after a crash the durable reply is read again, and nothing is different."""
    async with (
        Loopback([says(body=orjson.dumps(dialect(name).good))]).running() as server,
        opened(name, server) as p,
    ):
        raw = await p.ask(prompt(), CALL, 5)
        kept = RawReply(status=raw.status, headers=dict(raw.headers), body=bytes(raw.body))

        assert p.read(raw) == p.read(kept)
        reply = p.read(raw)
        assert (reply.text, reply.finish, reply.model) == (TEXT, Finish.STOP, "m-1")
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (100, 20)
        assert len(server.requests) == 1


@on_every_wire
async def test_a_reply_that_does_not_say_how_it_ended_is_no_success(name: str) -> None:
    """P33: without a reason, or with one that nobody knows, a reply is not taken for finished."""
    good = orjson.dumps(dialect(name).good)
    reasons = re.compile(rb',"(finish_reason|stop_reason|finishReason)":"\w+"')
    for body in (reasons.sub(b"", good), reasons.sub(rb',"\1":"because"', good)):
        assert body != good
        _, reply = await asked(name, says(body=body))

        assert isinstance(reply, Reply)
        assert reply.finish is Finish.OTHER


@on_every_wire
async def test_request_carries_prompt_and_call(name: str) -> None:
    """Task, rows, model and limit are in the body or the address; the call's name in a header."""
    server, _ = await asked(name, says(body=orjson.dumps(dialect(name).good)))
    sent = server.requests[0]
    body = orjson.loads(sent.body)

    text = orjson.dumps(body).decode()
    assert orjson.dumps(prompt().user).decode() in text
    assert orjson.dumps(prompt().system).decode() in text
    assert "321" in text
    assert "m-1" in text + sent.path
    assert sent.headers["x-client-request-id"] == CALL
    assert KEY not in text + sent.path


FAULTS = {
    "F1": (says(429, b"{}", {"retry-after": "7"}), RateLimited, Billing.VOID),
    "F3": (says(402, b"{}"), QuotaSpent, Billing.VOID),
    "F5": (says(500, b"<html>"), ServerFailed, Billing.VOID),
    "F7": (says(408, b""), TimedOut, Billing.UNKNOWN),
    "F8": (says(400, b'{"error":{"message":"500 rate limit"}}'), BadRequest, Billing.VOID),
    "F9": (says(401, b'{"error":{"message":"bad key %s"}}' % KEY.encode()), NotAuthorised, Billing.VOID),
    "F10": (says(404, b"{}"), UnknownModel, Billing.VOID),
    "F13": (hangs(), TimedOut, Billing.UNKNOWN),
    "F14": (resets(), Disconnected, Billing.UNKNOWN),
    "F16": (says(200, b'{"choices":[{', length=400), Disconnected, Billing.UNKNOWN),
    "F17": (says(200, b"<html>log in</html>", {"content-type": "text/html"}), NotTheApi, Billing.UNKNOWN),
    "F18": (says(200, b'{"choices":[{'), NotJson, Billing.BILLED),
    "F20": (says(200, b'{"a":' * 50_000), NotJson, Billing.BILLED),
    "F29": (says(200, b"{}"), EmptyReply, Billing.BILLED),
    "redirect": (says(307, b"", {"location": "http://127.0.0.1:9/"}), NotTheApi, Billing.VOID),
}


@on_every_wire
@pytest.mark.parametrize(("act", "expected", "billing"), FAULTS.values(), ids=FAULTS.keys())
async def test_fault_is_typed_and_sent_once(
    name: str, act: object, expected: type[WeftError], billing: Billing
) -> None:
    """Finding 1, B21: one request per ask, whatever comes back; the error says what to do, never the key."""
    server, found = await asked(name, act, timeout_s=0.3)

    assert type(found) is expected
    assert found.billing is billing
    assert isinstance(found, Outage | Refusal | BadReply)
    assert len(server.requests) == 1
    assert KEY not in repr((str(found), found.facts))
    orjson.dumps(found.facts)  # facts travel to the ledger as plain JSON


@on_every_wire
async def test_stated_wait_reaches_the_engine(name: str) -> None:
    """F1: the wait that was asked for is a fact of the error."""
    _, found = await asked(name, says(429, b"{}", {"retry-after": "7"}))

    assert found.retry_after_s == 7.0


@on_every_wire
async def test_empty_and_refused_state_their_usage(name: str) -> None:
    """F27, F29, P11: unusable replies are billed, and their usage is not lost."""
    for body, expected in ((dialect(name).empty, EmptyReply), (dialect(name).refused, ContentRefused)):
        _, found = await asked(name, says(body=orjson.dumps(body)))

        assert type(found) is expected
        assert found.billing is Billing.BILLED
        assert found.facts["usage"]["input_tokens"] == 100


@on_every_wire
async def test_limit_is_told_with_the_text(name: str) -> None:
    """F28: what came before the limit is kept."""
    _, found = await asked(name, says(body=orjson.dumps(dialect(name).cut)))

    assert (found.finish, found.text) == (Finish.LENGTH, TEXT[:30])


@on_every_wire
async def test_usage_that_is_not_said_is_unknown(name: str) -> None:
    """F30: the answer is good, its usage unknown."""
    _, found = await asked(name, says(body=orjson.dumps(dialect(name).silent)))

    assert found.text == TEXT
    assert not found.usage.is_known


@on_every_wire
def test_key_is_needed_for_the_official_server(name: str) -> None:
    """B29: without a key nothing is built, and the hint shows how to go on."""
    with pytest.raises(MissingCredential) as caught:
        PROVIDERS.get(name).build(ProviderRequest(model="m-1", transport=AiohttpTransport(1)))

    assert caught.value.exit_code == 2
    assert "--model local" in caught.value.hint
