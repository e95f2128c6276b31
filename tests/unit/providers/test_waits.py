from __future__ import annotations

import pytest

from weft.call import PaceHint
from weft.providers._waits import pace_of, seconds_to_wait, span_s

NOW = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        (" 30 ", 30.0),
        ("7200", 7200.0),  # long but honest: the engine pauses the run
        ("Sat, 21 Nov 2026 12:00:09 GMT", 9.0),
        ("Sat, 21 Nov 2026 11:59:00 GMT", None),  # over already
        ("Wed, 01 Jan 2099 00:00:00 GMT", None),
        ("0", None),  # would be a request to hammer
        ("-5", None),
        ("NaN", None),
        ("inf", None),
        ("1000000000", None),
        ("1e999", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read(stated: str, expected: float | None) -> None:
    """F1, F4, finding 2: seconds and dates are read, nonsense counts as nothing said."""
    assert seconds_to_wait({"retry-after": stated, "date": NOW}) == expected


def test_milliseconds_win_over_seconds() -> None:
    """The finer header is the truer one."""
    assert seconds_to_wait({"retry-after-ms": "1500", "retry-after": "2"}) == 1.5


def test_date_without_date_says_nothing() -> None:
    """F36: only differences between two times of the same server count."""
    assert seconds_to_wait({"retry-after": "Sat, 21 Nov 2026 12:00:09 GMT"}) is None


def test_body_speaks_where_header_is_silent() -> None:
    """What the body states counts if the header states nothing sensible."""
    assert seconds_to_wait({}, 34.0) == 34.0
    assert seconds_to_wait({"retry-after": "soon"}, 34.0) == 34.0
    assert seconds_to_wait({}, None) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("2d", 172_800.0),
        ("12", 12.0),
        ("850µs", 0.00085),
        ("", None),
        ("6 m", None),
        ("m6", None),
        ("1s!", None),
    ],
)
def test_span_is_read(text: str, expected: float | None) -> None:
    """Spans as rate headers write them."""
    found = span_s(text)

    assert found == (None if expected is None else pytest.approx(expected))


def test_pace_takes_nearest_end() -> None:
    """OpenAI's headers: the reset is that of whichever remainder is smaller against its limit."""
    headers = {
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "24h",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "100",
        "x-ratelimit-reset-tokens": "6m0s",
    }

    assert pace_of(headers) == PaceHint(requests_left=9999, tokens_left=100, reset_s=360.0)


def test_pace_reads_anthropic_times() -> None:
    """Anthropic states times; they count from the reply's own date."""
    headers = {
        "date": NOW,
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:45Z",
        "anthropic-ratelimit-tokens-limit": "100",
        "anthropic-ratelimit-tokens-remaining": "90",
    }

    assert pace_of(headers) == PaceHint(requests_left=0, tokens_left=90, reset_s=45.0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"x-ratelimit-remaining-requests": "many"},
        {"x-ratelimit-remaining-requests": "-1"},
        {"x-ratelimit-remaining-tokens": "nan"},
    ],
)
def test_silence_is_no_pace(headers: dict[str, str]) -> None:
    """Where nothing sensible is said there is no hint."""
    assert pace_of(headers) is None


@pytest.mark.parametrize("reset", ["-3s", "99999h", "soon"])
def test_absurd_reset_is_unknown(reset: str) -> None:
    """A reset that makes no sense is not said; the remainder still counts."""
    headers = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": reset}

    assert pace_of(headers) == PaceHint(requests_left=3, tokens_left=None, reset_s=None)
