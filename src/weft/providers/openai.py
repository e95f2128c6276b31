"""OpenAI's chat completions, and every server that speaks them: Ollama, vLLM, llama.cpp and others.

Knows the request, the envelope and OpenAI's codes. Official and other servers differ in two
things: the name of the output limit, and which key may be sent. Refuses to know any SDK.
"""

from __future__ import annotations

from typing import Any

from weft.call import Finish, Prompt, RawReply, Reply, Usage
from weft.errors import (
    ContentRefused,
    EmptyReply,
    NotAuthorised,
    PromptTooLong,
    QuotaSpent,
    RateLimited,
    Truncated,
    UnknownModel,
)
from weft.protocols import ProviderKind, Structured
from weft.providers._envelopes import branch, fail, inside, open_envelope, text_of, usage_of
from weft.providers._faults import FaultBook, excerpt, request_id_of
from weft.providers._schemas import strict_form
from weft.providers._wired import LIMIT, USER, WiredProvider

FAULTS = FaultBook(
    codes={
        "insufficient_quota": QuotaSpent,
        "billing_hard_limit_reached": QuotaSpent,
        "billing_not_active": QuotaSpent,
        "context_length_exceeded": PromptTooLong,
        "string_above_max_length": PromptTooLong,
        "content_filter": ContentRefused,
        "content_policy_violation": ContentRefused,
        "responsibleaipolicyviolation": ContentRefused,  # Azure
        "invalid_prompt": ContentRefused,  # reasoning models: flagged by the usage policy
        "invalid_api_key": NotAuthorised,
        "account_deactivated": NotAuthorised,
        "model_not_found": UnknownModel,
        "deploymentnotfound": UnknownModel,  # Azure
    },
    beginnings=(
        ("Request too large for ", PromptTooLong),  # one call above the limit per minute: never fits
        ("This model's maximum context length is ", PromptTooLong),  # vLLM gives no code
        ("the request exceeds the available context size", PromptTooLong),  # llama.cpp
        ("API key not valid", NotAuthorised),  # Gemini's compatible endpoint: status 400
        ("Rate limit reached for ", RateLimited),
    ),
)

_FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH, "content_filter": Finish.REFUSED}


class OpenAI(WiredProvider):
    """Asks a model by `POST {base}/chat/completions`."""

    name = "openai"
    official_url = "https://api.openai.com/v1"
    key_variables = ("OPENAI_API_KEY",)
    book = FAULTS

    def read(self, raw: RawReply) -> Reply:
        """Read the envelope of a raw reply.

        Raises:
            BadReply: `NotJson`, `WrongShape`, `EmptyReply`, or `Truncated` where the limit left no text.
            ContentRefused: the model or its filter declined.
        """
        envelope = open_envelope(raw)
        usage = _usage(envelope)
        choice = inside(envelope, "choices", 0)
        message = branch(choice, "message")
        text = _content(message.get("content"))
        refusal = text_of(message.get("refusal"))
        finish = _FINISHES.get(text_of(inside(choice, "finish_reason")), Finish.OTHER)
        if refusal or finish is Finish.REFUSED:
            said = excerpt(refusal) or "its content filter stopped the answer."
            fail(ContentRefused, f"`{self.name}` declined to answer: {said}", usage=usage, said=said)
        if not text.strip():
            if finish is Finish.LENGTH:
                fail(Truncated, "The output limit was used up before any text came.", usage=usage)
            fail(EmptyReply, "The reply holds no text.", usage=usage, said=_error_inside(envelope))
        return Reply(
            text=text,
            usage=usage,
            finish=finish,
            model=text_of(envelope.get("model")),
            request_id=request_id_of(raw) or text_of(envelope.get("id")),
        )

    def _endpoint(self) -> str:
        return f"{self.base_url}/chat/completions"

    def _credential_headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.model,
            **self._decoding(),
            **self._response_format(prompt),
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": USER}],
        }
        # The old name is the one that every compatible server knows; the official one deprecates it.
        request["max_completion_tokens" if self.is_official else "max_tokens"] = LIMIT
        return request

    def _decoding(self) -> dict[str, Any]:
        options = self.options
        found: dict[str, Any] = {}
        if self.takes_temperature:
            found = {"temperature": options.temperature, "top_p": options.top_p}
        found |= {"seed": options.seed, "reasoning_effort": options.reasoning_effort}
        return {name: value for name, value in found.items() if value is not None}

    def _response_format(self, prompt: Prompt) -> dict[str, Any]:
        if self.structured is Structured.STRICT:
            schema, strict = strict_form(prompt.schema)
            shape = {"name": prompt.schema_name, "strict": strict, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": shape}}
        if self.structured is Structured.JSON:
            return {"response_format": {"type": "json_object"}}
        return {}


def _usage(envelope: dict[str, Any]) -> Usage:
    stated = branch(envelope, "usage")
    read, written = branch(stated, "prompt_tokens_details"), branch(stated, "completion_tokens_details")
    return usage_of(
        stated.get("prompt_tokens"),
        stated.get("completion_tokens"),
        cached=read.get("cached_tokens"),
        written=read.get("cache_write_tokens"),
        reasoning=written.get("reasoning_tokens"),
    )


def _content(value: Any) -> str:
    """The text; some servers send it as a list of parts."""
    if isinstance(value, list):
        return "".join(text_of(inside(part, "text")) for part in value)
    return text_of(value)


def _error_inside(envelope: dict[str, Any]) -> str:
    error = envelope.get("error") or inside(envelope, "choices", 0, "error")
    return excerpt(text_of(inside(error, "message")) or text_of(error))


provider = ProviderKind(
    name="openai",
    build=OpenAI,
    default_model="gpt-4o-mini",
    official_url=OpenAI.official_url,
    key_variables=OpenAI.key_variables,
    help="OpenAI, and every compatible server by --base-url: Ollama, vLLM, llama.cpp, OpenRouter.",
)
