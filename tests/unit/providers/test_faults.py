from __future__ import annotations

import pytest
from tests.unit.providers.loopback import KEY, raw

from weft.call import RawReply
from weft.errors import (
    BadRequest,
    Billing,
    ContentRefused,
    NotAuthorised,
    NotTheApi,
    Outage,
    Overloaded,
    PromptTooLong,
    QuotaSpent,
    RateLimited,
    Refusal,
    ServerFailed,
    TimedOut,
    UnknownModel,
    WeftError,
)
from weft.providers import anthropic, gemini, openai
from weft.providers._faults import FaultBook, fault_of, said_by

BOOKS = {"openai": openai.FAULTS, "anthropic": anthropic.FAULTS, "gemini": gemini.FAULTS}


def fault(reply: RawReply, provider: str = "openai") -> WeftError | None:
    return fault_of(
        reply, provider=provider, book=BOOKS[provider], scrub=lambda text: text.replace(KEY, "[key]")
    )


def openai_body(message: str = "no", code: str | None = None, kind: str = "invalid_request_error") -> object:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic_body(kind: str, message: str = "no") -> object:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def gemini_body(status: str, message: str = "no", *details: object) -> object:
    return {"error": {"code": 400, "message": message, "status": status, "details": list(details)}}


V, U = Billing.VOID, Billing.UNKNOWN
FAULTS = [
    ("openai", 429, openai_body(code="rate_limit_exceeded", kind="requests"), RateLimited, V),
    ("openai", 429, openai_body(code="insufficient_quota", kind="insufficient_quota"), QuotaSpent, V),
    ("openai", 429, openai_body(code="billing_hard_limit_reached"), QuotaSpent, V),
    (
        "openai",
        429,
        openai_body("Request too large for gpt-4o in organization x", "rate_limit_exceeded"),
        None,
        V,
    ),
    ("openai", 402, openai_body(), QuotaSpent, V),
    ("openai", 500, openai_body(kind="server_error"), ServerFailed, V),
    ("openai", 502, b"<html>bad gateway</html>", ServerFailed, V),
    ("openai", 503, openai_body(), ServerFailed, V),
    ("openai", 504, b"", ServerFailed, V),
    ("openai", 524, b"<html>", TimedOut, U),
    ("openai", 529, b"", Overloaded, V),
    ("openai", 408, openai_body(), TimedOut, U),
    ("openai", 409, openai_body(), ServerFailed, V),
    ("openai", 400, openai_body(), BadRequest, V),
    ("openai", 422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, BadRequest, V),
    ("openai", 400, openai_body(code="context_length_exceeded"), PromptTooLong, V),
    ("openai", 413, b"too large", PromptTooLong, V),
    ("openai", 400, openai_body(code="content_filter"), ContentRefused, V),
    ("openai", 400, openai_body(code="content_policy_violation"), ContentRefused, V),
    ("openai", 400, openai_body(code="invalid_prompt"), ContentRefused, V),
    ("openai", 401, openai_body(code="invalid_api_key"), NotAuthorised, V),
    ("openai", 403, b"<html>forbidden</html>", NotAuthorised, V),
    ("openai", 404, openai_body(code="model_not_found"), UnknownModel, V),
    ("openai", 403, openai_body(code="model_not_found"), UnknownModel, V),
    ("openai", 404, {"error": "model 'llama9' not found"}, UnknownModel, V),  # Ollama
    ("openai", 418, b"teapot", BadRequest, V),
    ("openai", 307, b"", NotTheApi, V),
    (
        "openai",
        400,
        {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400},
        PromptTooLong,  # vLLM
        V,
    ),
    ("anthropic", 429, anthropic_body("rate_limit_error"), RateLimited, V),
    ("anthropic", 529, anthropic_body("overloaded_error"), Overloaded, V),
    ("anthropic", 500, anthropic_body("overloaded_error"), Overloaded, V),
    ("anthropic", 500, anthropic_body("api_error"), ServerFailed, V),
    ("anthropic", 400, anthropic_body("invalid_request_error"), BadRequest, V),
    (
        "anthropic",
        400,
        anthropic_body("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        PromptTooLong,
        V,
    ),
    (
        "anthropic",
        400,
        anthropic_body(
            "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
        ),
        QuotaSpent,
        V,
    ),
    ("anthropic", 402, anthropic_body("billing_error"), QuotaSpent, V),
    ("anthropic", 401, anthropic_body("authentication_error"), NotAuthorised, V),
    ("anthropic", 404, anthropic_body("not_found_error"), UnknownModel, V),
    ("anthropic", 413, anthropic_body("request_too_large"), PromptTooLong, V),
    ("gemini", 429, gemini_body("RESOURCE_EXHAUSTED"), RateLimited, V),
    (
        "gemini",
        429,
        gemini_body(
            "RESOURCE_EXHAUSTED",
            "no",
            {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
        ),
        QuotaSpent,
        V,
    ),
    ("gemini", 400, gemini_body("INVALID_ARGUMENT", "no", {"reason": "API_KEY_INVALID"}), NotAuthorised, V),
    (
        "gemini",
        400,
        gemini_body("INVALID_ARGUMENT", "The input token count (9) exceeds the maximum"),
        PromptTooLong,
        V,
    ),
    ("gemini", 400, [gemini_body("INVALID_ARGUMENT")], BadRequest, V),
    ("gemini", 403, gemini_body("PERMISSION_DENIED"), NotAuthorised, V),
    ("gemini", 404, gemini_body("NOT_FOUND"), UnknownModel, V),
    ("gemini", 503, gemini_body("UNAVAILABLE"), ServerFailed, V),
]


@pytest.mark.parametrize(("provider", "status", "body", "expected", "billing"), FAULTS)
def test_fault_is_of_its_kind(
    provider: str, status: int, body: object, expected: type[WeftError] | None, billing: Billing
) -> None:
    """B21, F1-F11: each refusal becomes the error that says who must act next, with its bill."""
    found = fault(raw(body, status), provider)

    assert type(found) is (expected or PromptTooLong)
    assert found.billing is billing
    assert found.facts["status"] == status
    assert found.facts["provider"] == provider
    assert f"status {status}" in found.message
    assert found.hint


@pytest.mark.parametrize(
    "words", ["500", "rate limit", "insufficient_quota", "context_length_exceeded", "content_filter"]
)
def test_words_of_a_row_decide_nothing(words: str) -> None:
    """P40: a message that quotes a row's text does not change what the fault is."""
    found = fault(raw(openai_body(f"Invalid value: 'my row says {words}'"), 400))

    assert type(found) is BadRequest


def test_good_reply_has_no_fault() -> None:
    """A JSON object under 200 is worth reading, whatever the type header leaves out."""
    assert fault(raw({"choices": []})) is None
    assert fault(RawReply(status=200, headers={}, body=b' {"choices":[]}')) is None
    assert fault(RawReply(status=200, headers={"content-type": "text/plain"}, body=b'{"choices":[]}')) is None
    assert fault(raw({"error": None, "choices": []})) is None
    assert fault(raw(b"")) is None  # the reader says that it is empty


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", b"<!doctype html><title>Sign in</title>"),
        ("application/json", b"<html>"),
        ("text/html", b'{"choices":[]}'),
        ("text/event-stream", b'data: {"choices":[]}'),
        ("text/plain", b"OK"),
    ],
)
def test_page_instead_of_reply_is_found(kind: str, body: bytes) -> None:
    """F17: something else answered; perhaps the model ran, so the bill is unknown."""
    found = fault(RawReply(status=200, headers={"content-type": kind}, body=body))

    assert type(found) is NotTheApi
    assert found.billing is Billing.UNKNOWN


@pytest.mark.parametrize(
    ("error", "expected", "billing"),
    [
        ({"message": "slow down", "code": 429}, RateLimited, Billing.VOID),
        ({"message": "no credit", "code": 402}, QuotaSpent, Billing.VOID),
        ({"message": "upstream failed", "code": 502}, ServerFailed, Billing.UNKNOWN),
        ({"message": "something"}, ServerFailed, Billing.UNKNOWN),
        ("something", ServerFailed, Billing.UNKNOWN),
    ],
)
def test_error_under_success_is_found(error: object, expected: type[WeftError], billing: Billing) -> None:
    """Some gateways report errors under status 200; without a status of their own the bill is unknown."""
    found = fault(raw({"error": error}))

    assert type(found) is expected
    assert found.billing is billing


@pytest.mark.parametrize("provider", BOOKS)
def test_every_status_is_typed(provider: str) -> None:
    """No status outside success is passed over, and none raises anything untyped."""
    for status in range(300, 600):
        assert isinstance(fault(raw(b"\x00\xff", status), provider), Outage | Refusal)


def test_stated_wait_is_in_the_facts() -> None:
    """F1: header and body can state it, each provider in its way."""
    assert fault(raw(openai_body(), 429, retry_after="12")).retry_after_s == 12.0
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    assert fault(raw(gemini_body("RESOURCE_EXHAUSTED", "no", retry), 429), "gemini").retry_after_s == 34.5
    assert fault(raw(openai_body(), 503, retry_after="3")).retry_after_s == 3.0


def test_absurd_wait_is_no_fact() -> None:
    """F4: nonsense counts as nothing said, so that nobody is stuck."""
    for stated in ("NaN", "-1", "1000000000", "Wed, 01 Jan 2099 00:00:00 GMT"):
        assert fault(raw(openai_body(), 429, retry_after=stated)).retry_after_s is None


def test_key_is_scrubbed_from_words() -> None:
    """S47: a provider that echoes the key does not put it into our errors."""
    found = fault(raw(openai_body(f"Incorrect API key provided: {KEY}."), 401))

    assert KEY not in repr((found.message, found.facts, str(found)))
    assert "[key]" in found.message


def test_words_are_short_and_printable() -> None:
    """S27: what a provider says is shown as one short line without control characters."""
    found = fault(raw(openai_body("bad\x1b[2J\nrow " + "x" * 5000), 400))

    assert "\x1b" not in found.message
    assert "\n" not in found.message
    assert len(str(found.facts["said"])) <= 200


def test_request_id_is_kept() -> None:
    """The provider's name for the call travels with the error."""
    assert fault(raw(openai_body(), 500, x_request_id="req_7")).facts["request_id"] == "req_7"
    assert (
        fault(raw(anthropic_body("api_error"), 500, request_id="req_8"), "anthropic").facts["request_id"]
        == "req_8"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[1]",
        b'"x"',
        b"{}",
        b'{"error":7}',
        b'{"error":{"message":7,"code":{},"details":[1]}}',
    ],
)
def test_odd_error_bodies_say_nothing(body: bytes) -> None:
    """A body in no known form has no words and no codes."""
    said = said_by(body)

    assert said.message == ""
    assert said.codes == ()


def test_empty_book_knows_statuses() -> None:
    """A provider without codes of its own still has the statuses that all share."""
    assert type(fault_of(raw(b"", 429), provider="new", book=FaultBook())) is RateLimited
