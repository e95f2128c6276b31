from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.unit.providers.loopback import facts, prompt, raw, request

from weft.call import Finish, Options, Usage
from weft.errors import BadReply, Billing, ContentRefused, EmptyReply, NotJson, Truncated, WrongShape
from weft.protocols import Structured
from weft.providers.openai import OpenAI, provider


def body_of(**changes: Any) -> dict[str, Any]:
    built = OpenAI(request(**changes))
    found: dict[str, Any] = orjson.loads(built.body(prompt()))
    return found


def envelope(text: str | None = '{"rows":[]}', **changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None, **changes.pop("message", {})}
    found = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "finish_reason": changes.pop("finish", "stop")}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }
    return {**found, **changes}


USAGE = Usage(
    input_tokens=100, output_tokens=20, cached_input_tokens=64, cache_write_tokens=10, reasoning_tokens=5
)


def test_official_request_is_complete() -> None:
    """B32: the strict schema, both messages, temperature 0 and the new name of the limit."""
    body = body_of(facts=facts())

    assert body.pop("response_format")["json_schema"]["strict"] is True
    assert body == {
        "model": "some-model",
        "temperature": 0.0,
        "messages": [
            {"role": "system", "content": "Judge each row.\n"},
            {"role": "user", "content": prompt().user},
        ],
        "max_completion_tokens": 321,
    }


def test_other_server_knows_old_limit() -> None:
    """Compatible servers get the name of the limit that all of them know, and decoding parameters."""
    body = body_of(base_url="http://localhost:11434/v1/", key="")

    assert body["max_tokens"] == 321
    assert "max_completion_tokens" not in body
    assert body["temperature"] == 0.0


def test_reasoning_model_gets_no_temperature() -> None:
    """Reasoning models refuse decoding parameters; the seed and the effort they take."""
    options = Options(temperature=0.0, top_p=0.5, seed=7, reasoning_effort="low")
    body = body_of(facts=facts(temperature=False, reasoning=True), options=options)

    assert not {"temperature", "top_p"} & body.keys()
    assert (body["seed"], body["reasoning_effort"]) == (7, "low")


def test_unknown_official_model_gets_no_temperature() -> None:
    """A model newer than the price file is taken for one that refuses decoding parameters."""
    assert "temperature" not in body_of(facts=None)


def test_shape_is_asked_as_wished() -> None:
    """Plain JSON mode, or nothing, for servers that lack the strict form."""
    assert body_of(structured=Structured.JSON)["response_format"] == {"type": "json_object"}
    assert "response_format" not in body_of(structured=Structured.NONE)
    assert body_of(facts=facts(structured=Structured.JSON))["response_format"] == {"type": "json_object"}


def test_good_reply_is_read() -> None:
    """Text, finish, usage with its parts, the model that answered and the request's name."""
    reply = OpenAI(request()).read(raw(envelope(), x_request_id="req_1"))

    assert (reply.text, reply.finish, reply.usage) == ('{"rows":[]}', Finish.STOP, USAGE)
    assert (reply.model, reply.request_id) == ("gpt-4o-mini-2024-07-18", "req_1")


def test_content_in_parts_is_joined() -> None:
    """Some servers send the text as a list of parts."""
    parts = [{"type": "text", "text": '{"rows"'}, {"type": "text", "text": ":[]}"}]

    assert OpenAI(request()).read(raw(envelope(message={"content": parts}))).text == '{"rows":[]}'


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", Finish.STOP), ("length", Finish.LENGTH), ("tool_calls", Finish.OTHER), (None, Finish.OTHER)],
)
def test_finish_is_told(finish: str | None, expected: Finish) -> None:
    """F28: a reply that ran into the limit is read, and says so."""
    assert OpenAI(request()).read(raw(envelope(finish=finish))).finish is expected


REFUSED = {
    "refusal field": envelope(None, message={"refusal": "I cannot help with that."}),
    "content filter": envelope("", finish="content_filter"),
    "filter after some text": envelope('{"rows":[', finish="content_filter"),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_refusal_is_raised_with_usage(body: dict[str, Any]) -> None:
    """F27: a declined answer is billed, and its usage is in the facts."""
    with pytest.raises(ContentRefused) as caught:
        OpenAI(request()).read(raw(body))

    assert caught.value.billing is Billing.BILLED
    assert Usage(**caught.value.facts["usage"]) == USAGE


BROKEN: dict[str, tuple[object, type[BadReply]]] = {
    "no choices": (envelope(choices=[]), EmptyReply),
    "choices missing": ({"object": "chat.completion"}, EmptyReply),
    "choices of another kind": (envelope(choices={"0": 1}), EmptyReply),
    "empty text": (envelope("  \n"), EmptyReply),
    "null text": (envelope(None), EmptyReply),
    "text of another kind": (envelope(message={"content": 5}), EmptyReply),
    "error inside": (envelope(choices=[{"error": {"message": "upstream"}}]), EmptyReply),
    "limit before text": (envelope("", finish="length"), Truncated),
    "list": ([1, 2], WrongShape),
    "cut off": (b'{"choices":[{"message":', NotJson),
    "key twice": (b'{"choices":[],"choices":[]}', NotJson),
    "nothing": (b"", EmptyReply),
}


@pytest.mark.parametrize(("body", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_reply_is_a_bad_reply(body: object, expected: type[BadReply]) -> None:
    """F18, F20, F29: an unusable reply is a typed failure that was billed."""
    with pytest.raises(BadReply) as caught:
        OpenAI(request()).read(raw(body))

    assert type(caught.value) is expected
    assert caught.value.billing is Billing.BILLED


def test_empty_reply_states_its_usage() -> None:
    """P11: what an unusable reply cost is not lost."""
    with pytest.raises(EmptyReply) as caught:
        OpenAI(request()).read(raw(envelope("")))

    assert Usage(**caught.value.facts["usage"]) == USAGE


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": -1, "completion_tokens": 5},
    ],
)
def test_missing_usage_is_unknown(usage: object) -> None:
    """F30, T11: usage that is missing, zero or absurd is unknown; the reply itself is good."""
    reply = OpenAI(request()).read(raw(envelope(usage=usage)))

    assert not reply.usage.is_known


def test_kind_says_what_it_needs() -> None:
    """The passport of the drop-in."""
    assert provider.key_variables == ("OPENAI_API_KEY",)
    assert provider.needs_wire
    assert provider.takes_base_url
