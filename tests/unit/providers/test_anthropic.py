from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.unit.providers.loopback import facts, prompt, raw, request

from weft.call import Finish, Options, Usage
from weft.errors import ContentRefused, EmptyReply, Truncated
from weft.protocols import Structured
from weft.providers.anthropic import Anthropic


def body_of(model: str = "claude-haiku-4-5", **changes: Any) -> dict[str, Any]:
    built = Anthropic(request(model, **{"facts": facts(model), **changes}))
    found: dict[str, Any] = orjson.loads(built.body(prompt()))
    return found


def envelope(*content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": list(content),
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 30,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 10,
            "output_tokens": 20,
        },
        **changes,
    }


TEXT = {"type": "text", "text": '{"rows":[]}'}


def test_request_is_complete() -> None:
    """B36: the system block is marked for the cache; the shape is the native output format."""
    body = body_of()
    form = body.pop("output_config")["format"]

    assert form["type"] == "json_schema"
    assert form["schema"]["additionalProperties"] is False
    assert body == {
        "model": "claude-haiku-4-5",
        "temperature": 0.0,
        "system": [{"type": "text", "text": "Judge each row.\n", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": prompt().user}],
        "max_tokens": 321,
    }


@pytest.mark.parametrize(
    "model", ["claude-3-5-haiku-20241022", "claude-sonnet-4-20250514", "claude-opus-4-0"]
)
def test_older_model_is_made_to_call_a_tool(model: str) -> None:
    """Models without the native format are forced to call a tool with the schema."""
    body = body_of(model)

    assert body["tool_choice"] == {"type": "tool", "name": "judge"}
    assert [tool["name"] for tool in body["tools"]] == ["judge"]
    assert body["tools"][0]["input_schema"]["required"] == ["rows"]
    assert "output_config" not in body


def test_shape_is_left_out_as_wished() -> None:
    """Without the strict form the prompt alone asks for JSON."""
    for structured in (Structured.JSON, Structured.NONE):
        assert not {"tools", "output_config"} & body_of(structured=structured).keys()


def test_one_decoding_parameter_is_sent() -> None:
    """Temperature or top_p, never both; neither where the model refuses them; no seed at all."""
    both = Options(temperature=0.0, top_p=0.9, seed=3)
    assert {k: v for k, v in body_of(options=both).items() if k in {"temperature", "top_p", "seed"}} == {
        "top_p": 0.9
    }
    assert not {"temperature", "top_p"} & body_of(options=both, facts=facts(temperature=False)).keys()
    assert "temperature" not in body_of(facts=None)


def test_effort_stands_beside_format() -> None:
    """An effort does not push the format out."""
    config = body_of(options=Options(reasoning_effort="low"))["output_config"]

    assert config["effort"] == "low"
    assert "format" in config


def test_headers_name_version_and_key() -> None:
    """The key travels in `x-api-key`; both forms of the address lead to the same place."""
    built = Anthropic(request())

    assert built._headers["anthropic-version"] == "2023-06-01"
    assert "x-api-key" in built._headers
    assert built._url == "https://api.anthropic.com/v1/messages"
    assert (
        Anthropic(request(base_url="http://127.0.0.1:9/v1", key=""))._url == "http://127.0.0.1:9/v1/messages"
    )


def test_text_and_usage_are_read() -> None:
    """Input from and into the cache is counted in; thoughts are no text."""
    thinking = {"type": "thinking", "thinking": "hm"}
    reply = Anthropic(request()).read(raw(envelope(thinking, TEXT), request_id="req_9"))

    assert (reply.text, reply.finish, reply.request_id) == ('{"rows":[]}', Finish.STOP, "req_9")
    assert reply.model == "claude-haiku-4-5-20251001"
    assert reply.usage == Usage(
        input_tokens=100, output_tokens=20, cached_input_tokens=60, cache_write_tokens=10
    )


def test_tool_input_is_the_text() -> None:
    """A forced tool's input is the answer, unchanged."""
    rows = {"rows": [{"id": "abcdef", "tldr": "é \u2028"}]}
    reply = Anthropic(request()).read(
        raw(
            envelope(
                {"type": "text", "text": "Sure."}, {"type": "tool_use", "input": rows}, stop_reason="tool_use"
            )
        )
    )

    assert orjson.loads(reply.text) == rows
    assert reply.finish is Finish.STOP


def test_limit_is_told() -> None:
    """F28: with text the reply says so, without any it was cut off."""
    assert Anthropic(request()).read(raw(envelope(TEXT, stop_reason="max_tokens"))).finish is Finish.LENGTH
    with pytest.raises(Truncated):
        Anthropic(request()).read(raw(envelope(stop_reason="max_tokens")))


def test_refusal_is_raised() -> None:
    """F27: the model's own words are kept."""
    with pytest.raises(ContentRefused) as caught:
        Anthropic(request()).read(raw(envelope({"type": "text", "text": "I can't."}, stop_reason="refusal")))

    assert caught.value.facts["said"] == "I can't."
    assert caught.value.facts["usage"]["input_tokens"] == 100


@pytest.mark.parametrize(
    "content", [[], [{}], [{"type": "tool_use", "input": {}}], [{"type": "tool_use", "input": []}]]
)
def test_reply_without_text_is_empty(content: list[dict[str, Any]]) -> None:
    """F29: no block with text, or an empty tool input, is no answer."""
    with pytest.raises(EmptyReply):
        Anthropic(request()).read(raw(envelope(*content)))


def test_missing_usage_is_unknown() -> None:
    """F30: without counts nothing is known."""
    reply = Anthropic(request()).read(raw(envelope(TEXT, usage=None)))

    assert not reply.usage.is_known
