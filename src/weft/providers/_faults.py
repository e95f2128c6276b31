"""What a provider's refusal means: status, headers and its own codes → one of our errors.

Knows the HTTP statuses that all providers share and how a stated wait is read. A provider adds its
own codes in a `FaultBook`. Refuses to guess from words inside a message: prompts are quoted in
messages, and a row that contains "500" is no server error. Only whole sentences that a provider
is known to begin with count, and only where it gives no code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.call import RawReply
from weft.errors import (
    BadReply,
    BadRequest,
    Billing,
    ContentRefused,
    NotAuthorised,
    NotTheApi,
    Overloaded,
    PromptTooLong,
    QuotaSpent,
    RateLimited,
    ServerFailed,
    TimedOut,
    UnknownModel,
    WeftError,
)
from weft.providers._envelopes import parse
from weft.providers._waits import seconds_to_wait, span_s

EXCERPT = 200  # characters of a provider's own message that an error keeps

ErrorClass = type[WeftError]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultBook:
    """What one provider's own words mean.

    Attributes:
        codes: its machine-readable codes, types and reasons, in lower case.
        beginnings: how its own sentences begin, for faults that it gives no code for.
    """

    codes: Mapping[str, ErrorClass] = field(default_factory=dict)
    beginnings: tuple[tuple[str, ErrorClass], ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What an error body says.

    Attributes:
        message: the provider's sentence; empty where there is none.
        codes: its codes from the most specific to the least, in lower case.
        status: an HTTP status stated inside the body; 0 where there is none.
        wait_s: seconds to wait as stated inside the body, or `None`.
        field: the request field it complains about; empty where it does not say.
    """

    message: str = ""
    codes: tuple[str, ...] = ()
    status: int = 0
    wait_s: float | None = None
    field: str = ""


_BY_STATUS: Mapping[int, ErrorClass] = {
    401: NotAuthorised,
    402: QuotaSpent,
    403: NotAuthorised,
    404: UnknownModel,
    408: TimedOut,
    409: ServerFailed,
    410: UnknownModel,
    413: PromptTooLong,
    429: RateLimited,
    524: TimedOut,  # a front server gave up waiting; the model may have run
    529: Overloaded,
}

_HINTS: Mapping[ErrorClass, str] = {
    BadRequest: 'the message is the provider\'s own; the setting `structured = "json"` helps where it is about the schema.',
    ContentRefused: "the row's text was declined; look at it, or ask another model.",
    NotAuthorised: "check the key, its project and its permissions.",
    NotTheApi: "check the base URL and what stands between: a proxy or a login page.",
    Overloaded: "the call is repeated later by itself.",
    PromptTooLong: "smaller packs are tried by themselves; else shorten the row.",
    QuotaSpent: "add credit or raise the limit at the provider, then resume the run.",
    RateLimited: "the run waits by itself; `--rpm` or a lower concurrency avoids it.",
    ServerFailed: "the call is repeated later by itself.",
    TimedOut: "the call is repeated by itself.",
    UnknownModel: "check the model's name and the base URL.",
}


def fault_of(
    raw: RawReply, *, provider: str, book: FaultBook, scrub: Callable[[str], str] = str
) -> WeftError | None:
    """Say what is wrong with a reply as a whole; `None` if its body is worth reading.

    Args:
        raw: the whole reply.
        provider: its name, for the message.
        book: what its own codes mean.
        scrub: removes the key from any text that is kept.

    Returns:
        An error with `status`, `provider`, `request_id`, `said` and, where it was stated and made
        sense, `retry_after_s` in its facts; `billing` is set.
    """
    if raw.status == 200 and raw.body.startswith(b"{") and not _starts_with_error(raw.body):
        return None if _is_json_type(raw) else _not_the_api(raw, provider, scrub)
    if 200 <= raw.status < 300:
        return _fault_in_success(raw, provider, book, scrub)
    if raw.status < 400:
        return _not_the_api(raw, provider, scrub)
    said = said_by(raw.body)
    return _error(_kind(raw.status, said, book), raw, provider, said=said, scrub=scrub)


def said_by(body: bytes) -> Said:
    """Read an error body in any of the usual forms; empty where it is in none of them."""
    try:
        found = parse(body)
    except BadReply:
        return Said()
    if isinstance(found, list) and found:
        found = found[0]  # Gemini's streaming front wraps errors in a list
    if not isinstance(found, dict):
        return Said()
    error = found.get("error")
    if isinstance(error, str):  # Ollama
        return Said(message=error)
    if not isinstance(error, dict):  # older vLLM, FastAPI
        error = found
    message = error.get("message") or found.get("detail") or ""
    status = error.get("code")
    parameter = error.get("param")
    return Said(
        message=message if isinstance(message, str) else "",
        codes=tuple(_codes(error)),
        status=status if isinstance(status, int) and 400 <= status < 600 else 0,
        wait_s=_stated_wait(error),
        field=parameter if isinstance(parameter, str) else "",
    )


def excerpt(text: str, *, length: int = EXCERPT) -> str:
    """The beginning of a text as one printable line."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 2 * length])
    return " ".join(shown.split())[:length]


def _codes(error: Mapping[str, Any]) -> list[str]:
    """Codes from the most specific to the least: reasons inside, then code, status, type."""
    inner = error.get("innererror")
    found: list[Any] = [inner.get("code")] if isinstance(inner, dict) else []
    details = error.get("details")
    if isinstance(details, list):
        found += [detail.get("reason") for detail in details if isinstance(detail, dict)]
        found += [_quota(detail) for detail in details]
    found += [error.get("code"), error.get("status"), error.get("type")]
    return [code.lower() for code in found if isinstance(code, str) and code]


def _quota(detail: Any) -> str:
    """Gemini's QuotaFailure: whether a quota of the whole day is used up."""
    violations = detail.get("violations") if isinstance(detail, dict) else None
    for violation in violations if isinstance(violations, list) else ():
        name = violation.get("quotaId") if isinstance(violation, dict) else None
        if isinstance(name, str) and "PerDay" in name:
            return "quota_per_day"
    return ""


def _stated_wait(error: Mapping[str, Any]) -> float | None:
    """Gemini's RetryInfo: `{"@type": "…RetryInfo", "retryDelay": "34s"}`."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            return span_s(detail["retryDelay"])
    return None


def _kind(status: int, said: Said, book: FaultBook) -> ErrorClass:
    if status >= 500:
        overloaded = any(book.codes.get(code) is Overloaded for code in said.codes)
        return Overloaded if overloaded else _BY_STATUS.get(status, ServerFailed)
    for code in said.codes:
        if code in book.codes:
            return book.codes[code]
    for beginning, kind in book.beginnings:
        if said.message.startswith(beginning):
            return kind
    return _BY_STATUS.get(status, BadRequest)


_ERROR_FIRST = re.compile(rb'\{\s*"error"\s*:\s*(?!null)[{"]')


def _starts_with_error(body: bytes) -> bool:
    return _ERROR_FIRST.match(body) is not None


def _is_json_type(raw: RawReply) -> bool:
    """Whether the type says JSON, or at least nothing against it."""
    kind = raw.headers.get("content-type", "")
    return "json" in kind or not kind.startswith(("text/html", "text/event-stream", "application/xhtml"))


def _fault_in_success(
    raw: RawReply, provider: str, book: FaultBook, scrub: Callable[[str], str]
) -> WeftError | None:
    body = raw.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body:
        return None  # an empty reply is the reader's business
    if not _is_json_type(raw) or not body.startswith((b"{", b"[")):
        return _not_the_api(raw, provider, scrub)
    if not _starts_with_error(body):
        return None
    said = said_by(body)  # some gateways report errors under status 200
    kind = _kind(said.status or 500, said, book)
    billing = None if said.status and kind is not ServerFailed else Billing.UNKNOWN
    return _error(kind, raw, provider, said=said, scrub=scrub, billing=billing)


def _not_the_api(raw: RawReply, provider: str, scrub: Callable[[str], str]) -> WeftError:
    # A redirect was not followed, so no model can have run.
    billing = Billing.VOID if 300 <= raw.status < 400 else Billing.UNKNOWN
    return _error(NotTheApi, raw, provider, said=Said(), scrub=scrub, billing=billing)


def _error(
    kind: ErrorClass,
    raw: RawReply,
    provider: str,
    *,
    said: Said,
    scrub: Callable[[str], str],
    billing: Billing | None = None,
) -> WeftError:
    words = excerpt(scrub(said.message))
    facts: dict[str, object] = {"provider": provider, "status": raw.status, "said": words}
    request_id = request_id_of(raw)
    if request_id:
        facts["request_id"] = request_id
    if said.codes:
        facts["codes"] = list(said.codes)
    if said.field:
        facts["field"] = said.field
    wait_s = seconds_to_wait(raw.headers, said.wait_s)
    if wait_s is not None:
        facts["retry_after_s"] = wait_s
    if billing is None and kind is ContentRefused:
        billing = Billing.VOID  # refused before the model ran
    if billing is not None:
        facts["billing"] = billing
    if kind is NotTheApi:
        facts["said"] = words = excerpt(scrub(raw.body[: 2 * EXCERPT].decode("utf-8", "replace")))
    return kind(_sentence(kind, raw.status, provider, words), hint=_HINTS.get(kind, ""), **facts)


def _sentence(kind: ErrorClass, status: int, provider: str, words: str) -> str:
    what = {
        BadRequest: "refused the request as invalid",
        ContentRefused: "declined the content",
        NotAuthorised: "refused the key",
        NotTheApi: "did not answer, something else did",
        Overloaded: "is overloaded",
        PromptTooLong: "finds the prompt too long",
        QuotaSpent: "reports that the credit or the spending limit is used up",
        RateLimited: "asks to slow down",
        ServerFailed: "failed",
        TimedOut: "gave up waiting; the call may have been billed",
        UnknownModel: "does not know the model or the address",
    }.get(kind, "answered with an error")
    return f"`{provider}` {what} (status {status})" + (f": {words}" if words else ".")


def request_id_of(raw: RawReply) -> str:
    """The provider's name for the call; empty where it gives none."""
    headers = raw.headers
    return headers.get("x-request-id") or headers.get("request-id") or headers.get("cf-ray") or ""
