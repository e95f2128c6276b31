from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.unit.providers.loopback import KEY, facts, prompt, raw, request

from weft.call import Finish, Options, Usage
from weft.errors import BadSetting, ContentRefused, EmptyReply, Truncated
from weft.protocols import Structured
from weft.providers.gemini import Gemini


def generation(model: str = "gemini-2.5-flash", **changes: Any) -> dict[str, Any]:
    built = Gemini(request(model, **{"facts": facts(model), **changes}))
    found: dict[str, Any] = orjson.loads(built.body(prompt()))["generationConfig"]
    return found


def envelope(*parts: dict[str, Any], finish: str = "STOP", **changes: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "finishReason": finish}],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 40,
            "totalTokenCount": 150,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "resp_1",
        **changes,
    }


TEXT = {"text": '{"rows":[]}'}


def test_request_is_complete() -> None:
    """Task, rows, schema in Gemini's subset, temperature 0 and the limit."""
    body = orjson.loads(Gemini(request("gemini-2.5-flash", facts=facts())).body(prompt()))

    assert body["systemInstruction"] == {"parts": [{"text": "Judge each row.\n"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": prompt().user}]}]
    config = body["generationConfig"]
    assert config.pop("responseSchema")["type"] == "OBJECT"
    assert config == {"temperature": 0.0, "responseMimeType": "application/json", "maxOutputTokens": 321}


def test_address_names_model_not_key() -> None:
    """The key travels in a header; odd names of models cannot leave their place in the address."""
    built = Gemini(request("models/../gemini x?key=1"))

    assert built._url.endswith("/v1beta/models/..%2Fgemini%20x%3Fkey%3D1:generateContent")
    assert KEY not in built._url
    assert built._headers["x-goog-api-key"] == KEY


def test_shape_is_asked_as_wished() -> None:
    """Plain JSON, or nothing at all."""
    assert "responseSchema" not in generation(structured=Structured.JSON)
    assert generation(structured=Structured.JSON)["responseMimeType"] == "application/json"
    assert "responseMimeType" not in generation(structured=Structured.NONE)


def test_effort_is_a_budget_or_a_level() -> None:
    """The second generation counts tokens, later ones know levels."""
    low = Options(reasoning_effort="low")
    assert generation(options=low)["thinkingConfig"] == {"thinkingBudget": 1024}
    assert generation("gemini-3.5-flash", options=low)["thinkingConfig"] == {"thinkingLevel": "low"}
    with pytest.raises(BadSetting):
        generation(options=Options(reasoning_effort="heroic"))


def test_all_decoding_parameters_are_sent() -> None:
    """Gemini takes temperature, top_p and seed."""
    found = generation(options=Options(temperature=0.5, top_p=0.9, seed=4))

    assert (found["temperature"], found["topP"], found["seed"]) == (0.5, 0.9, 4)


def test_text_and_usage_are_read() -> None:
    """Thoughts are billed output and no text; parts are joined."""
    parts = [{"text": "hm", "thought": True}, {"text": '{"rows"'}, {"text": ":[]}"}]
    reply = Gemini(request()).read(raw(envelope(*parts)))

    assert (reply.text, reply.finish) == ('{"rows":[]}', Finish.STOP)
    assert (reply.model, reply.request_id) == ("gemini-2.5-flash", "resp_1")
    assert reply.usage == Usage(
        input_tokens=100, output_tokens=50, cached_input_tokens=40, reasoning_tokens=30
    )


@pytest.mark.parametrize("finish", ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"])
def test_blocked_answer_is_raised(finish: str) -> None:
    """F27: each of Gemini's reasons to hold an answer back."""
    with pytest.raises(ContentRefused) as caught:
        Gemini(request()).read(raw(envelope(finish=finish)))

    assert caught.value.facts["said"] == finish


def test_blocked_prompt_is_raised() -> None:
    """F27: the prompt itself was blocked, there is no candidate."""
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}
    with pytest.raises(ContentRefused) as caught:
        Gemini(request()).read(raw(body))

    assert caught.value.facts["usage"]["input_tokens"] == 9


def test_limit_is_told() -> None:
    """F28: thoughts may use up the whole limit."""
    assert Gemini(request()).read(raw(envelope(TEXT, finish="MAX_TOKENS"))).finish is Finish.LENGTH
    with pytest.raises(Truncated):
        Gemini(request()).read(raw(envelope({"text": "hm", "thought": True}, finish="MAX_TOKENS")))


@pytest.mark.parametrize(
    "body", [{}, {"candidates": []}, {"candidates": [{}]}, envelope(finish="MALFORMED_FUNCTION_CALL")]
)
def test_reply_without_text_is_empty(body: dict[str, Any]) -> None:
    """F29: whatever is missing, there is no answer."""
    with pytest.raises(EmptyReply):
        Gemini(request()).read(raw(body))


def test_missing_usage_is_unknown() -> None:
    """F30: without counts nothing is known."""
    assert not Gemini(request()).read(raw(envelope(TEXT, usageMetadata={}))).usage.is_known
