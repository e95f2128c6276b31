"""Everything that can befall a call, in one table: name → what it does and who pays.

`FaultyProvider`, `ScriptedProvider` and the mock server read the same lines, so that a rehearsal
in memory and one over HTTP mean the same.
Refuses to know when faults come: that is `fault_plans.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def _turned_away(  # noqa: PLR0913 - a row of the table below
    name: str,
    number: str,
    meaning: str,
    *,
    status: int,
    error: type[WeftError],
    code: str,
    retry: Callable[[float], str] | None = None,
    retry_header: str = "Retry-After",
    retry_after_s: float | None = None,
    billing: Billing = Billing.VOID,
) -> Fault:
    """A fault that comes instead of an answer, with a status; nothing is charged."""
    return Fault(
        name=name,
        number=number,
        meaning=meaning,
        status=status,
        code=code,
        error=error,
        headers=(lambda wall: {retry_header: retry(wall)}) if retry else no_headers,
        retry_after_s=retry_after_s,
        charged=False,
        billing=billing,
    )


def _lost(  # noqa: PLR0913 - a row of the table below
    name: str,
    number: str,
    meaning: str,
    *,
    delivery: Delivery,
    error: type[WeftError],
    charged: bool,
    billing: Billing = Billing.UNKNOWN,
) -> Fault:
    """A fault of the wire: no whole reply arrives."""
    return Fault(
        name=name,
        number=number,
        meaning=meaning,
        status=0 if delivery in (Delivery.NEVER, Delivery.HANGUP) else 200,
        delivery=delivery,
        error=error,
        charged=charged,
        billing=billing,
    )


def _spoilt(name: str, number: str, change: Mutation, meaning: str) -> Fault:
    """A fault of the reply's content: it arrives, is charged and is wrong."""
    return Fault(name=name, number=number, meaning=meaning, change=change)


def _limited(
    name: str, number: str, meaning: str, retry: str | Callable[[float], str], stated_s: float | None
) -> Fault:
    return _turned_away(
        name,
        number,
        meaning,
        status=429,
        error=RateLimited,
        code="rate_limit_exceeded",
        retry=(lambda _wall: retry) if isinstance(retry, str) else retry,
        retry_after_s=stated_s,
    )


def _date_after(seconds: float) -> Callable[[float], str]:
    return lambda wall: formatdate(wall + seconds, usegmt=True)


def _skewed(wall: float) -> Mapping[str, str]:
    """Headers of a server whose clock is a day late and whose reset lies in the past."""
    return {
        "Date": formatdate(wall - 86_400, usegmt=True),
        "anthropic-ratelimit-requests-reset": "1999-01-01T00:00:00Z",
        "x-ratelimit-reset-requests": "-5s",
    }


YEAR_2099 = 4_070_908_800  # seconds since the epoch
_VOID, _UNKNOWN = Billing.VOID, Billing.UNKNOWN

_ALL: tuple[Fault, ...] = (
    # the provider says not now
    _limited("rate_limit", "F1", "Too many requests; wait a second.", "1", 1.0),
    _limited("rate_limit_date", "F1", "Too many requests; wait until a date.", _date_after(2), 2.0),
    _turned_away(
        "rate_limit_ms",
        "F1",
        "Too many requests; wait half a second.",
        status=429,
        error=RateLimited,
        code="rate_limit_exceeded",
        retry=lambda _wall: "500",
        retry_header="retry-after-ms",
        retry_after_s=0.5,
    ),
    _turned_away(
        "rate_limit_bare",
        "F2",
        "Too many requests, without saying how long.",
        status=429,
        error=RateLimited,
        code="rate_limit_exceeded",
    ),
    _turned_away(
        "quota",
        "F3",
        "You exceeded your current quota.",
        status=429,
        error=QuotaSpent,
        code="insufficient_quota",
    ),
    _turned_away(
        "payment", "F3", "Payment is required.", status=402, error=QuotaSpent, code="insufficient_balance"
    ),
    _limited("retry_after_nan", "F4", "Too many requests; wait `nan` seconds.", "nan", None),
    _limited("retry_after_negative", "F4", "Too many requests; wait -5 seconds.", "-5", None),
    _limited("retry_after_huge", "F4", "Too many requests; wait 31 years.", "1000000000", 1e9),
    _limited(
        "retry_after_2099",
        "F4",
        "Too many requests; wait until 2099.",
        lambda _w: formatdate(YEAR_2099, usegmt=True),
        2e9,
    ),
    # the provider is ill
    _turned_away(
        "server_error", "F5", "The server failed.", status=500, error=ServerFailed, code="server_error"
    ),
    _turned_away(
        "bad_gateway", "F5", "The gateway failed.", status=502, error=ServerFailed, code="bad_gateway"
    ),
    _turned_away(
        "unavailable", "F5", "The service is unavailable.", status=503, error=ServerFailed, code="unavailable"
    ),
    _turned_away(
        "gateway_timeout",
        "F5",
        "The gateway timed out.",
        status=504,
        error=ServerFailed,
        code="gateway_timeout",
    ),
    _turned_away(
        "overloaded", "F6", "The model is overloaded.", status=529, error=Overloaded, code="overloaded"
    ),
    _turned_away(
        "request_timeout",
        "F7",
        "The server gave up waiting.",
        status=408,
        error=TimedOut,
        code="request_timeout",
        billing=_UNKNOWN,
    ),
    _turned_away(
        "conflict", "F7", "The request met another.", status=409, error=ServerFailed, code="conflict"
    ),
    # the provider says no
    _turned_away(
        "bad_request", "F8", "The request is invalid.", status=400, error=BadRequest, code="invalid_value"
    ),
    _turned_away(
        "unauthorised", "F9", "The key is not valid.", status=401, error=NotAuthorised, code="invalid_api_key"
    ),
    _turned_away(
        "forbidden",
        "F9",
        "The key may not do this.",
        status=403,
        error=NotAuthorised,
        code="permission_denied",
    ),
    _turned_away(
        "unknown_model",
        "F10",
        "The model does not exist.",
        status=404,
        error=UnknownModel,
        code="model_not_found",
    ),
    _turned_away(
        "too_large",
        "F11",
        "The request is too large.",
        status=413,
        error=PromptTooLong,
        code="request_too_large",
    ),
    _turned_away(
        "context_too_long",
        "F11",
        "This model's maximum context length is exceeded.",
        status=400,
        error=PromptTooLong,
        code="context_length_exceeded",
    ),
    # the wire
    _lost(
        "unreachable",
        "F12",
        "No connection can be made.",
        delivery=Delivery.HANGUP,
        error=Unreachable,
        charged=False,
        billing=_VOID,
    ),
    _lost(
        "hangup",
        "F14",
        "The connection closes before a reply.",
        delivery=Delivery.HANGUP,
        error=Disconnected,
        charged=False,
    ),
    _lost(
        "timeout",
        "F13",
        "No reply comes; not charged.",
        delivery=Delivery.NEVER,
        error=TimedOut,
        charged=False,
    ),
    _lost(
        "timeout_charged",
        "F13",
        "No reply comes; charged.",
        delivery=Delivery.NEVER,
        error=TimedOut,
        charged=True,
    ),
    _lost("reset", "F14", "The reply breaks off.", delivery=Delivery.RESET, error=Disconnected, charged=True),
    _lost("drip", "F15", "One byte a second.", delivery=Delivery.DRIP, error=TimedOut, charged=True),
    _lost(
        "short_body",
        "F16",
        "Fewer bytes come than were announced.",
        delivery=Delivery.SHORT,
        error=Disconnected,
        charged=True,
    ),
    _spoilt("cut_body", "F16", spoil.cut_body, "The envelope is cut off, with a fitting length."),
    _spoilt("empty_body", "F16", spoil.empty_body, "The body is empty."),
    Fault(
        name="html",
        number="F17",
        meaning="A login page comes with status 200.",
        change=spoil.show_login_page,
        charged=False,
        billing=_UNKNOWN,
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
        billing=_UNKNOWN,
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
