"""Everything that can befall a call, in one table: name → what it does and who pays.

`FaultyProvider`, `ScriptedProvider` and the mock server read the same lines, so that a rehearsal
in memory and one over HTTP mean the same.
Refuses to know when faults come: that is `fault_plans.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from weft.errors import (
    BadRequest,
    Billing,
    Disconnected,
    NotAuthorised,
    NotTheApi,
    Overloaded,
    PromptTooLong,
    QuotaSpent,
    RateLimited,
    ServerFailed,
    TimedOut,
    UnknownModel,
    Unreachable,
    WeftError,
)
from weft.testing import mutations as spoil
from weft.testing.fault import Delivery, Fault, no_headers
from weft.testing.mutations import Mutation

YEAR_2099 = 4_070_908_800  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class _Turned:
    """A reply instead of an answer."""

    status: int
    error: type[WeftError]
    code: str
    billing: Billing = Billing.VOID


@dataclass(frozen=True, slots=True)
class _Retry:
    """A stated wait: the header's text for a wall time, and its meaning in seconds, if it has one."""

    write: Callable[[float], str]
    stated_s: float | None
    header: str = "Retry-After"


_TOO_MANY = _Turned(429, RateLimited, "rate_limit_exceeded")


def _turned_away(name: str, number: str, meaning: str, reply: _Turned, retry: _Retry | None = None) -> Fault:
    """A fault that comes instead of an answer, with a status; nothing is charged."""
    return Fault(
        name=name,
        number=number,
        meaning=meaning,
        status=reply.status,
        code=reply.code,
        error=reply.error,
        headers=(lambda wall: _stated(retry, wall)) if retry else no_headers,
        retry_after_s=retry.stated_s if retry else None,
        charged=False,
        billing=reply.billing,
    )


def _stated(retry: _Retry, wall: float) -> Mapping[str, str]:
    """The header of a wait, beside the server's own date, from which a date as a wait is counted."""
    return {"Date": formatdate(wall, usegmt=True), retry.header: retry.write(wall)}


def _lost(name: str, number: str, meaning: str, *, delivery: Delivery, charged: bool) -> Fault:
    """A fault of the wire: no whole reply arrives, and nobody knows whether it was charged."""
    late = delivery in (Delivery.NEVER, Delivery.DRIP)
    return Fault(
        name=name,
        number=number,
        meaning=meaning,
        status=0 if delivery in (Delivery.NEVER, Delivery.HANGUP) else 200,
        delivery=delivery,
        error=TimedOut if late else Disconnected,
        charged=charged,
        billing=Billing.UNKNOWN,
    )


def _spoilt(name: str, number: str, change: Mutation, meaning: str) -> Fault:
    """A fault of the reply's content: it arrives, is charged and is wrong."""
    return Fault(name=name, number=number, meaning=meaning, change=change)


def _skewed(wall: float) -> Mapping[str, str]:
    """Headers of a server whose clock is a day late and whose reset lies in the past."""
    return {
        "Date": formatdate(wall - 86_400, usegmt=True),
        "anthropic-ratelimit-requests-reset": "1999-01-01T00:00:00Z",
        "x-ratelimit-reset-requests": "-5s",
    }


_ALL: tuple[Fault, ...] = (
    # the provider says not now
    _turned_away(
        "rate_limit", "F1", "Too many requests; wait a second.", _TOO_MANY, _Retry(lambda _: "1", 1.0)
    ),
    _turned_away(
        "rate_limit_date",
        "F1",
        "Too many requests; wait until a date.",
        _TOO_MANY,
        _Retry(lambda wall: formatdate(wall + 2, usegmt=True), 2.0),
    ),
    _turned_away(
        "rate_limit_ms",
        "F1",
        "Too many requests; wait half a second.",
        _TOO_MANY,
        _Retry(lambda _: "500", 0.5, "retry-after-ms"),
    ),
    _turned_away("rate_limit_bare", "F2", "Too many requests, without saying how long.", _TOO_MANY),
    _turned_away(
        "quota", "F3", "You exceeded your current quota.", _Turned(429, QuotaSpent, "insufficient_quota")
    ),
    _turned_away("payment", "F3", "Payment is required.", _Turned(402, QuotaSpent, "insufficient_balance")),
    _turned_away(
        "retry_after_nan",
        "F4",
        "Too many requests; wait `nan` seconds.",
        _TOO_MANY,
        _Retry(lambda _: "nan", None),
    ),
    _turned_away(
        "retry_after_negative",
        "F4",
        "Too many requests; wait -5 seconds.",
        _TOO_MANY,
        _Retry(lambda _: "-5", None),
    ),
    _turned_away(
        "retry_after_huge",
        "F4",
        "Too many requests; wait 31 years.",
        _TOO_MANY,
        _Retry(lambda _: "1000000000", 1e9),
    ),
    _turned_away(
        "retry_after_2099",
        "F4",
        "Too many requests; wait until 2099.",
        _TOO_MANY,
        _Retry(lambda _: formatdate(YEAR_2099, usegmt=True), 2e9),
    ),
    # the provider is ill
    _turned_away("server_error", "F5", "The server failed.", _Turned(500, ServerFailed, "server_error")),
    _turned_away("bad_gateway", "F5", "The gateway failed.", _Turned(502, ServerFailed, "bad_gateway")),
    _turned_away(
        "unavailable", "F5", "The service is unavailable.", _Turned(503, ServerFailed, "unavailable")
    ),
    _turned_away(
        "gateway_timeout", "F5", "The gateway timed out.", _Turned(504, ServerFailed, "gateway_timeout")
    ),
    _turned_away("overloaded", "F6", "The model is overloaded.", _Turned(529, Overloaded, "overloaded")),
    _turned_away(
        "request_timeout",
        "F7",
        "The server gave up waiting.",
        _Turned(408, TimedOut, "request_timeout", Billing.UNKNOWN),
    ),
    _turned_away("conflict", "F7", "The request met another.", _Turned(409, ServerFailed, "conflict")),
    # the provider says no
    _turned_away("bad_request", "F8", "The request is invalid.", _Turned(400, BadRequest, "invalid_value")),
    _turned_away(
        "unauthorised", "F9", "The key is not valid.", _Turned(401, NotAuthorised, "invalid_api_key")
    ),
    _turned_away(
        "forbidden", "F9", "The key may not do this.", _Turned(403, NotAuthorised, "permission_denied")
    ),
    _turned_away(
        "unknown_model", "F10", "The model does not exist.", _Turned(404, UnknownModel, "model_not_found")
    ),
    _turned_away(
        "too_large", "F11", "The request is too large.", _Turned(413, PromptTooLong, "request_too_large")
    ),
    _turned_away(
        "context_too_long",
        "F11",
        "This model's maximum context length is exceeded.",
        _Turned(400, PromptTooLong, "context_length_exceeded"),
    ),
    # the wire
    Fault(
        name="unreachable",
        number="F12",
        meaning="No connection can be made.",
        status=0,
        delivery=Delivery.HANGUP,
        error=Unreachable,
        charged=False,
        billing=Billing.VOID,
    ),
    _lost("timeout", "F13", "No reply comes; not charged.", delivery=Delivery.NEVER, charged=False),
    _lost("timeout_charged", "F13", "No reply comes; charged.", delivery=Delivery.NEVER, charged=True),
    _lost("hangup", "F14", "The connection closes before a reply.", delivery=Delivery.HANGUP, charged=False),
    _lost("reset", "F14", "The reply breaks off.", delivery=Delivery.RESET, charged=True),
    _lost("drip", "F15", "One byte a second.", delivery=Delivery.DRIP, charged=True),
    _lost(
        "short_body", "F16", "Fewer bytes come than were announced.", delivery=Delivery.SHORT, charged=True
    ),
    _spoilt("cut_body", "F16", spoil.cut_body, "The envelope is cut off, with a fitting length."),
    _spoilt("empty_body", "F16", spoil.empty_body, "The body is empty."),
    Fault(
        name="html",
        number="F17",
        meaning="A login page comes with status 200.",
        change=spoil.show_login_page,
        charged=False,
        billing=Billing.UNKNOWN,
    ),
    Fault(
        name="redirect",
        number="F17",
        meaning="The request is sent elsewhere.",
        status=302,
        code="redirect",
        headers=lambda _wall: {"Location": "https://login.example.com/"},
        error=NotTheApi,
        charged=False,
        billing=Billing.UNKNOWN,
    ),
    Fault(
        name="delivered_twice", number="F34", meaning="The whole reply comes twice.", delivery=Delivery.TWICE
    ),
    Fault(name="skewed_clock", number="F36", meaning="Dates in headers are wrong by a day.", headers=_skewed),
    # the text
    _spoilt("invalid_json", "F18", spoil.spoil_json, "The JSON lacks a mark."),
    _spoilt("trailing_comma", "F18", spoil.add_comma, "A comma stands before the last bracket."),
    _spoilt("fences", "F19", spoil.fence, "The JSON stands in a Markdown fence."),
    _spoilt("prose", "F19", spoil.add_prose, "Sentences stand around the JSON."),
    _spoilt("duplicate_keys", "F20", spoil.write_key_twice, "A key stands twice in one answer."),
    _spoilt("nan", "F20", spoil.write_nan, "A value is NaN."),
    _spoilt("endless_number", "F20", spoil.write_endless_number, "A number has 5,000 digits."),
    _spoilt("depth_bomb", "F20", spoil.write_depth_bomb, "A value is nested 100,000 levels deep."),
    _spoilt("lone_surrogate", "F20", spoil.write_lone_surrogate, "A text holds half a character."),
    _spoilt("nul", "F20", spoil.write_nul, "A text holds a NUL."),
    # the rows
    _spoilt("missing_row", "F21", spoil.drop_row, "A row is left out."),
    _spoilt("duplicate_row", "F22", spoil.repeat_row, "A row is answered twice."),
    _spoilt("extra_row", "F23", spoil.add_row, "A row is answered that was not asked."),
    _spoilt("strange_id", "F23", spoil.rename_row, "A row is answered under an unknown id."),
    _spoilt("shuffled", "F24", spoil.shuffle_rows, "Rows come in another order."),
    _spoilt("swapped", "F25", spoil.swap_answers, "Two rows get each other's answer."),
    _spoilt("wrong_enum", "F26", spoil.put_strange_option, "A value is none of the options."),
    _spoilt("wrong_type", "F26", spoil.put_wrong_type, "A value is of another type."),
    _spoilt("too_long_text", "F26", spoil.put_long_text, "A text is far too long."),
    _spoilt("null", "F26", spoil.put_null, "A value is null."),
    _spoilt("missing_field", "F26", spoil.drop_field, "A field is left out."),
    _spoilt("extra_field", "F26", spoil.add_field, "A field comes that was not asked for."),
    # the envelope
    _spoilt("refusal", "F27", spoil.refuse, "The model declines."),
    _spoilt("refusal_in_prose", "F27", spoil.refuse_in_prose, "The model declines in plain words."),
    _spoilt("content_filter", "F27", spoil.filter_content, "The provider's filter stops the reply."),
    _spoilt("length", "F28", spoil.cut_text, "The reply ends at the output limit."),
    _spoilt("empty", "F29", spoil.say_nothing, "The text is empty."),
    _spoilt("no_choices", "F29", spoil.choose_nothing, "There is no choice in the reply."),
    _spoilt("usage_missing", "F30", spoil.hide_usage, "No usage is stated."),
    _spoilt("usage_zero", "F30", spoil.zero_usage, "A usage of zero is stated."),
    _spoilt("usage_absurd", "F30", spoil.absurd_usage, "A usage beyond reason is stated."),
    _spoilt("usage_above", "F31", spoil.exceed_usage, "More is used, and charged, than was set aside."),
    _spoilt("other_model", "F32", spoil.name_other_model, "Another model answers."),
    _spoilt("other_reply", "F33", spoil.answer_others, "The reply belongs to another request."),
    _spoilt("repeated_text", "F34", spoil.repeat_text, "The text comes twice in one reply."),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
"""Every fault by name. F35 is about bulk endpoints and has no place in a single call."""
