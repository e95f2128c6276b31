"""The wire formats of three providers, seen from their side of the wire.

Knows how OpenAI, Anthropic and Gemini write questions, replies, errors and rate headers, as of
their public references in 2025. Refuses to know answers, limits and sockets. Written apart from
`weft.providers` on purpose: two readings of one format find each other's mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from weft.call import Finish
from weft.testing.drafts import Draft


@dataclass(slots=True, kw_only=True)
class Question:
    """What a request asks, whatever its format.

    Attributes:
        user: text of the last user message: the rows.
        texts: every text that costs input tokens, the schema included.
        schema: JSON Schema of the reply; `None` where the request names none.
        max_output_tokens: `None` where the request states no limit.
        tool: name of the tool that the model must call; empty where the reply is a text.
    """

    model: str
    system: str
    user: str
    texts: tuple[str, ...]
    schema: Mapping[str, Any] | None
    max_output_tokens: int | None
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One provider's format: four functions.

    Attributes:
        read: a request's body and path → the question; KeyError, TypeError or ValueError if it
            is no such request.
        write: a reply and its question → body.
        complain: status, code, message → body of an error.
    """

    name: str
    read: Callable[[Mapping[str, Any], str], Question]
    write: Callable[[Draft, Question], bytes]
    complain: Callable[[int, str, str], bytes]


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content or () if "text" in part)


def _schema_text(schema: Mapping[str, Any] | None) -> str:
    return orjson.dumps(schema).decode() if schema else ""


# ── OpenAI and everybody compatible ──────────────────────────────────────────────────────────────

_OPENAI_FINISH = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.REFUSED: "content_filter"}
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def _refuse_streams(body: Mapping[str, Any]) -> None:
    if body.get("stream"):
        raise ValueError("`stream` is not offered here")


def _read_openai(body: Mapping[str, Any], _path: str) -> Question:
    _refuse_streams(body)
    messages = body["messages"]
    system = "\n".join(_text_of(m["content"]) for m in messages if m["role"] in ("system", "developer"))
    users = [_text_of(m["content"]) for m in messages if m["role"] == "user"]
    form = body.get("response_format") or {}
    schema = form["json_schema"]["schema"] if form.get("type") == "json_schema" else None
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return Question(
        model=str(body["model"]),
        system=system,
        user=users[-1],
        texts=(system, *users, _schema_text(schema)),
        schema=schema,
        max_output_tokens=limit,
    )


def _write_openai(draft: Draft, _question: Question) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": draft.write(), "refusal": None}
    if draft.refusal:
        message.update(content=None, refusal=draft.refusal)
    choice = {"index": 0, "message": message, "finish_reason": _OPENAI_FINISH.get(draft.finish, "stop")}
    reply: dict[str, Any] = {
        "id": draft.request_id,
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": draft.model,
        "choices": [choice] if draft.has_choice else [],
    }
    usage = draft.stated
    if usage:
        spent_in, spent_out = usage.input_tokens or 0, usage.output_tokens or 0
        reply["usage"] = {
            "prompt_tokens": spent_in,
            "completion_tokens": spent_out,
            "total_tokens": spent_in + spent_out,
            "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }
    return orjson.dumps(reply)


def _complain_openai(status: int, code: str, message: str) -> bytes:
    kind = _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if code == "insufficient_quota":
        kind = code
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


# ── Anthropic ────────────────────────────────────────────────────────────────────────────────────

_ANTHROPIC_FINISH = {Finish.STOP: "end_turn", Finish.LENGTH: "max_tokens", Finish.REFUSED: "refusal"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _read_anthropic(body: Mapping[str, Any], _path: str) -> Question:
    _refuse_streams(body)
    system = _text_of(body.get("system") or "")
    users = [_text_of(m["content"]) for m in body["messages"] if m["role"] == "user"]
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    schema, tool = form.get("schema"), ""
    if not schema and body.get("tools"):
        wanted = (body.get("tool_choice") or {}).get("name")
        chosen = next((t for t in body["tools"] if wanted in (None, t["name"])), body["tools"][0])
        schema, tool = chosen["input_schema"], str(chosen["name"])
    return Question(
        model=str(body["model"]),
        system=system,
        user=users[-1],
        texts=(system, *users, _schema_text(schema)),
        schema=schema,
        max_output_tokens=body["max_tokens"],  # required by this provider
        tool=tool,
    )


def _write_anthropic(draft: Draft, question: Question) -> bytes:
    text, finish = draft.write(), _ANTHROPIC_FINISH.get(draft.finish, "end_turn")
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    called = _mapping_in(text) if question.tool else None
    if called is not None:
        content = [
            {"type": "tool_use", "id": "toolu_" + draft.request_id, "name": question.tool, "input": called}
        ]
        finish = "tool_use" if finish == "end_turn" else finish
    if draft.refusal:
        content, finish = [{"type": "text", "text": draft.refusal}], "refusal"
    reply: dict[str, Any] = {
        "id": draft.request_id,
        "type": "message",
        "role": "assistant",
        "model": draft.model,
        "content": content if draft.has_choice and (text or called is not None) else [],
        "stop_reason": finish,
        "stop_sequence": None,
    }
    usage = draft.stated
    if usage:
        reply["usage"] = {
            "input_tokens": (usage.input_tokens or 0) - usage.cached_input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached_input_tokens,
            "output_tokens": usage.output_tokens or 0,
        }
    return orjson.dumps(reply)


def _mapping_in(text: str) -> dict[str, Any] | None:
    """Read a tool's input; a model that spoils its JSON answers in text instead."""
    try:
        found = orjson.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _complain_anthropic(status: int, code: str, message: str) -> bytes:
    kind = _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}, "code": code})


# ── Gemini ───────────────────────────────────────────────────────────────────────────────────────

_GEMINI_FINISH = {
    Finish.STOP: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.REFUSED: "SAFETY",
    Finish.OTHER: "OTHER",
}
_GEMINI_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _read_gemini(body: Mapping[str, Any], path: str) -> Question:
    instruction = body.get("systemInstruction") or body.get("system_instruction") or {}
    system = _text_of(instruction.get("parts"))
    users = [_text_of(c["parts"]) for c in body["contents"] if c.get("role", "user") == "user"]
    form = body.get("generationConfig") or body.get("generation_config") or {}
    schema = form.get("responseJsonSchema") or form.get("responseSchema")
    return Question(
        model=path.rsplit("/", 1)[-1].partition(":")[0],
        system=system,
        user=users[-1],
        texts=(system, *users, _schema_text(schema)),
        schema=schema,
        max_output_tokens=form.get("maxOutputTokens"),
    )


def _write_gemini(draft: Draft, _question: Question) -> bytes:
    finish = Finish.REFUSED if draft.refusal else draft.finish
    candidate: dict[str, Any] = {"index": 0, "finishReason": _GEMINI_FINISH[finish]}
    if not draft.refusal and draft.write():
        candidate["content"] = {"role": "model", "parts": [{"text": draft.write()}]}
    reply: dict[str, Any] = {"modelVersion": draft.model, "responseId": draft.request_id}
    if draft.has_choice:
        reply["candidates"] = [candidate]
    else:
        reply["promptFeedback"] = {"blockReason": "OTHER"}
    usage = draft.stated
    if usage:
        spent_in, spent_out = usage.input_tokens or 0, usage.output_tokens or 0
        reply["usageMetadata"] = {
            "promptTokenCount": spent_in,
            "candidatesTokenCount": spent_out - usage.reasoning_tokens,
            "thoughtsTokenCount": usage.reasoning_tokens,
            "cachedContentTokenCount": usage.cached_input_tokens,
            "totalTokenCount": spent_in + spent_out,
        }
    return orjson.dumps(reply)


def _complain_gemini(status: int, code: str, message: str) -> bytes:
    word = _GEMINI_STATUS.get(status, "UNKNOWN")
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.upper()}]
    return orjson.dumps({"error": {"code": status, "message": message, "status": word, "details": details}})


OPENAI = Dialect(name="openai", read=_read_openai, write=_write_openai, complain=_complain_openai)
ANTHROPIC = Dialect(
    name="anthropic", read=_read_anthropic, write=_write_anthropic, complain=_complain_anthropic
)
GEMINI = Dialect(name="gemini", read=_read_gemini, write=_write_gemini, complain=_complain_gemini)


def dialect_of(path: str) -> Dialect | None:
    """Find the format by a request's path; `None` where nobody answers."""
    if path.endswith("/chat/completions"):
        return OPENAI
    if path.endswith("/messages"):
        return ANTHROPIC
    return GEMINI if path.endswith(":generateContent") else None
