"""Anthropic's messages API.

Knows two ways to a firm shape: the native output format, and for models that lack it a tool that
the model is forced to call. The system block is marked for the provider's prompt cache.
Refuses to know any SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.call import Finish, Prompt, RawReply, Reply, Usage
from weft.errors import (
    ContentRefused,
    EmptyReply,
    NotAuthorised,
    Overloaded,
    PromptTooLong,
    QuotaSpent,
    RateLimited,
    Truncated,
    UnknownModel,
)
from weft.kit import plain_json
from weft.protocols import ProviderKind
from weft.providers._envelopes import count_of, fail, inside, open_envelope, text_of, usage_of
from weft.providers._faults import FaultBook, excerpt, request_id_of
from weft.providers._schemas import anthropic_form, plain_form
from weft.providers._wired import LIMIT, USER, WiredProvider

API_VERSION = "2023-06-01"

FAULTS = FaultBook(
    codes={
        "authentication_error": NotAuthorised,
        "permission_error": NotAuthorised,
        "billing_error": QuotaSpent,
        "not_found_error": UnknownModel,
        "request_too_large": PromptTooLong,
        "rate_limit_error": RateLimited,
        "overloaded_error": Overloaded,
    },
    beginnings=(
        ("prompt is too long: ", PromptTooLong),  # comes as a plain invalid_request_error
        ("input length and `max_tokens` exceed context limit: ", PromptTooLong),
        ("Your credit balance is too low ", QuotaSpent),
    ),
)

_FINISHES = {
    "end_turn": Finish.STOP,
    "tool_use": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSED,
}

_WITHOUT_FORMAT = (
    "claude-2",
    "claude-3",
    "claude-instant",
    "claude-opus-4-0",
    "claude-sonnet-4-0",
    "claude-opus-4-2",
    "claude-sonnet-4-2",
)
"""Beginnings of the models that lack the native output format (4.0 models end in their date)."""


class Anthropic(WiredProvider):
    """Asks a model by `POST {base}/v1/messages`."""

    name = "anthropic"
    official_url = "https://api.anthropic.com"
    key_variables = ("ANTHROPIC_API_KEY",)
    book = FAULTS

    def read(self, raw: RawReply) -> Reply:
        """Read the envelope of a raw reply; a forced tool's input is the text.

        Raises:
            BadReply: `NotJson`, `WrongShape`, `EmptyReply`, or `Truncated` where the limit left no text.
            ContentRefused: the model or its filter declined.
        """
        envelope = open_envelope(raw)
        usage = _usage(envelope)
        finish = _FINISHES.get(text_of(envelope.get("stop_reason")), Finish.OTHER)
        text = _text(envelope.get("content"))
        if finish is Finish.REFUSED:
            said = excerpt(text) or "it gave no reason."
            fail(ContentRefused, f"`{self.name}` declined to answer: {said}", usage=usage, said=said)
        if not text.strip():
            if finish is Finish.LENGTH:
                fail(Truncated, "The output limit was used up before any text came.", usage=usage)
            fail(EmptyReply, "The reply holds no text.", usage=usage)
        return Reply(
            text=text,
            usage=usage,
            finish=finish,
            model=text_of(envelope.get("model")),
            request_id=request_id_of(raw) or text_of(envelope.get("id")),
        )

    def _endpoint(self) -> str:
        return f"{self.base_url.removesuffix('/v1')}/v1/messages"

    def _credential_headers(self, key: str) -> dict[str, str]:
        return {"anthropic-version": API_VERSION, **({"x-api-key": key} if key else {})}

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        shape, effort = self._shape(prompt), self.options.reasoning_effort
        if effort is not None:
            shape["output_config"] = {**shape.get("output_config", {}), "effort": effort}
        system = {"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}
        return {
            "model": self.model,
            **self._decoding(),
            **shape,
            "system": [system],
            "messages": [{"role": "user", "content": USER}],
            "max_tokens": LIMIT,
        }

    def _decoding(self) -> dict[str, Any]:
        """One of temperature and top_p: newer models refuse both together. There is no seed."""
        if not self.takes_temperature:
            return {}
        if self.options.top_p is not None:
            return {"top_p": self.options.top_p}
        return {} if self.options.temperature is None else {"temperature": self.options.temperature}

    def _shape(self, prompt: Prompt) -> dict[str, Any]:
        if not self.wants_schema:
            return {}
        schema, holds = anthropic_form(prompt.schema)
        if holds and not self.model.startswith(_WITHOUT_FORMAT):
            return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        tool = {
            "name": prompt.schema_name,
            "description": "Gives the answers of all rows.",
            "input_schema": plain_form(prompt.schema),
        }
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": prompt.schema_name}}


def _usage(envelope: Mapping[str, Any]) -> Usage:
    """Anthropic counts input from and into its cache apart; ours includes both."""
    stated = envelope.get("usage")
    fresh = inside(stated, "input_tokens")
    cached = count_of(inside(stated, "cache_read_input_tokens")) or 0
    written = count_of(inside(stated, "cache_creation_input_tokens")) or 0
    known = count_of(fresh)
    return usage_of(
        None if known is None else known + cached + written,
        inside(stated, "output_tokens"),
        cached=cached,
        written=written,
        reasoning=inside(stated, "output_tokens_details", "thinking_tokens"),
    )


def _text(content: Any) -> str:
    """The text blocks together, or the input of the forced tool; thoughts are left out."""
    blocks = content if isinstance(content, list) else []
    for block in blocks:
        if inside(block, "type") == "tool_use" and isinstance(inside(block, "input"), dict):
            return plain_json.dump(block["input"]).decode() if block["input"] else ""
    return "".join(text_of(inside(block, "text")) for block in blocks if inside(block, "type") == "text")


provider = ProviderKind(
    name="anthropic",
    build=Anthropic,
    default_model="claude-haiku-4-5",
    official_url=Anthropic.official_url,
    key_variables=Anthropic.key_variables,
    help="Anthropic's Claude models.",
)
