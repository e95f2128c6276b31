"""Google's Gemini by its own API, `generateContent`.

Knows Gemini's subset of schemas, its usage figures and its many reasons to stop. The key travels
in a header, never in the address, for addresses are logged. Refuses to know any SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from weft.call import Finish, Prompt, RawReply, Reply, Usage
from weft.errors import (
    BadSetting,
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
from weft.providers._envelopes import count_of, fail, inside, open_envelope, text_of, usage_of
from weft.providers._faults import FaultBook, request_id_of
from weft.providers._schemas import gemini_form
from weft.providers._wired import LIMIT, USER, WiredProvider

FAULTS = FaultBook(
    codes={
        "api_key_invalid": NotAuthorised,
        "api_key_expired": NotAuthorised,
        "permission_denied": NotAuthorised,
        "unauthenticated": NotAuthorised,
        "quota_per_day": QuotaSpent,
        "billing_disabled": QuotaSpent,
        "not_found": UnknownModel,
        "resource_exhausted": RateLimited,
    },
    beginnings=(("The input token count ", PromptTooLong),),  # comes as a plain INVALID_ARGUMENT
)

_REFUSED = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"})
_FINISHES = {"STOP": Finish.STOP, "MAX_TOKENS": Finish.LENGTH}

_THINKING_BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens by effort for the 2.5 models, as Google maps them on its compatible endpoint."""


class Gemini(WiredProvider):
    """Asks a model by `POST {base}/models/{model}:generateContent`."""

    name = "gemini"
    official_url = "https://generativelanguage.googleapis.com/v1beta"
    key_variables = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    book = FAULTS

    def read(self, raw: RawReply) -> Reply:
        """Read the envelope of a raw reply; thoughts are left out of the text.

        Raises:
            BadReply: `NotJson`, `WrongShape`, `EmptyReply`, or `Truncated` where the limit left no text.
            ContentRefused: the prompt or the answer was blocked.
        """
        envelope = open_envelope(raw)
        usage = _usage(envelope)
        candidate = inside(envelope, "candidates", 0)
        stopped = text_of(inside(candidate, "finishReason"))
        blocked = text_of(inside(envelope, "promptFeedback", "blockReason")) or (
            stopped if stopped in _REFUSED else ""
        )
        if blocked:
            fail(ContentRefused, f"`{self.name}` declined to answer: {blocked}.", usage=usage, said=blocked)
        finish = _FINISHES.get(stopped, Finish.OTHER)
        text = _text(inside(candidate, "content", "parts"))
        if not text.strip():
            if finish is Finish.LENGTH:
                fail(Truncated, "The output limit was used up before any text came.", usage=usage)
            fail(EmptyReply, "The reply holds no text.", usage=usage, said=stopped)
        return Reply(
            text=text,
            usage=usage,
            finish=finish,
            model=text_of(envelope.get("modelVersion")),
            request_id=request_id_of(raw) or text_of(envelope.get("responseId")),
        )

    def _endpoint(self) -> str:
        return f"{self.base_url}/models/{quote(self.model.removeprefix('models/'), safe='')}:generateContent"

    def _credential_headers(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key} if key else {}

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        generation: dict[str, Any] = {**self._decoding(), **self._shape(prompt), **self._thinking()}
        return {
            "systemInstruction": {"parts": [{"text": prompt.system}]},
            "contents": [{"role": "user", "parts": [{"text": USER}]}],
            "generationConfig": {**generation, "maxOutputTokens": LIMIT},
        }

    def _decoding(self) -> dict[str, Any]:
        options = self.options
        found = {"temperature": options.temperature, "topP": options.top_p, "seed": options.seed}
        return {name: value for name, value in found.items() if value is not None}

    def _shape(self, prompt: Prompt) -> dict[str, Any]:
        if self.structured is Structured.NONE:
            return {}
        shape: dict[str, Any] = {"responseMimeType": "application/json"}
        if self.wants_schema:
            shape["responseSchema"] = gemini_form(prompt.schema)
        return shape

    def _thinking(self) -> dict[str, Any]:
        """Efforts are levels from the third generation on, and numbers of tokens before."""
        effort = self.options.reasoning_effort
        if effort is None:
            return {}
        if not self.model.removeprefix("models/").startswith("gemini-2"):
            return {"thinkingConfig": {"thinkingLevel": effort}}
        if effort not in _THINKING_BUDGETS:
            raise BadSetting(
                f"`{self.model}` knows no reasoning effort `{effort}`.",
                hint=f"use one of {', '.join(_THINKING_BUDGETS)}.",
                setting="reasoning_effort",
            )
        return {"thinkingConfig": {"thinkingBudget": _THINKING_BUDGETS[effort]}}


def _usage(envelope: Mapping[str, Any]) -> Usage:
    """Gemini counts thoughts apart from the answer; ours includes them."""
    stated = envelope.get("usageMetadata")
    thoughts = count_of(inside(stated, "thoughtsTokenCount")) or 0
    answer = count_of(inside(stated, "candidatesTokenCount"))
    return usage_of(
        inside(stated, "promptTokenCount"),
        None if answer is None and not thoughts else (answer or 0) + thoughts,
        cached=inside(stated, "cachedContentTokenCount"),
        reasoning=thoughts,
    )


def _text(parts: Any) -> str:
    return "".join(
        text_of(inside(part, "text"))
        for part in (parts if isinstance(parts, list) else ())
        if inside(part, "thought") is not True
    )


provider = ProviderKind(
    name="gemini",
    build=Gemini,
    default_model="gemini-2.5-flash",
    official_url=Gemini.official_url,
    key_variables=Gemini.key_variables,
    help="Google's Gemini models by their own API.",
)
