"""Every fault of a provider on a real wire: requests, bill, rows, run, waits and words.

One line of the table is one rehearsal: six rows in packs of three, one call at a time, and a server
that does to its first calls what the script says. `test_faults_apart.py` holds what needs a story.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.stories.wire import check_the_books, rehearsal, sentence_of

from weft.run import RunState
from weft.testing.fault import Fault
from weft.testing.faults import FAULTS

JITTER = (1.0, 1.5)  # seconds of a first back-off
GROWING = (1.0, 60.0)  # seconds of any later one
CIRCUIT = (30.0, 60.0)  # seconds after five failures in a row


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a script does to a run of six rows.

    Attributes:
        packs: rows of each request, in order.
        charged: calls on the server's own bill.
        unknown: calls that the ledger lists as perhaps billed.
        rows: how each row stands: a = answered, f = failed, w = waiting, s = skipped.
        codes: of the problems of rows that failed.
        reason: why the run rests before its end; empty = it finished.
        gaps: seconds before each request after the first: exact, or a range.
        said: part of a sentence that a person can read.
        hint: part of the next step where the run rests.
        estimated: calls booked at their upper bound, for the provider stated no usage.
        knobs: settings of the run.
    """

    number: str
    script: tuple[str, ...]
    packs: tuple[int, ...]
    charged: int
    unknown: int = 0
    rows: str = "aaaaaa"
    codes: frozenset[str] = frozenset()
    reason: str = ""
    gaps: tuple[float | tuple[float, float], ...] | None = None
    said: str = ""
    hint: str = ""
    estimated: int = 0
    knobs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        first = self.script[0]
        return f"{self.number} {first}" + (f" x{len(self.script)}" if len(self.script) > 1 else "")


def case(number: str, *script: str, packs: tuple[int, ...], charged: int, **rest: Any) -> Case:
    return Case(number=number, script=script, packs=packs, charged=charged, **rest)


SLOW = {"knobs": {"timeout_s": 0.4}}
WHOLE = (3, 3)
HALVED = (3, 2, 1, 3)
ONE_AGAIN = (3, 1, 3)
EVERY_ROW_THREE_TIMES = (3, 2, 1, 1, 1, 1, 3, 2, 1, 1, 1, 1)

CASES = (
    # F1-F4: the provider says not now. The pack is kept whole, nothing is charged, the wait is the one asked for.
    case("F1", "rate_limit", packs=(3, 3, 3), charged=2, gaps=(1.0, 0), said="asks to slow down"),
    case("F1", "rate_limit_ms", packs=(3, 3, 3), charged=2, gaps=(0.5, 0), said="wait half a second"),
    case("F1", "rate_limit_date", packs=(3, 3, 3), charged=2, gaps=(2.0, 0), said="wait until a date"),
    case("F1", *["rate_limit"] * 9, packs=(3,) * 11, charged=2, gaps=(*[1.0] * 9, 0)),
    case(
        "F1",
        "rate_limit",
        packs=(3,),
        charged=0,
        rows="wwwwww",
        reason="rate_limited",
        said="asks for a wait of 1 s.",
        hint="resume the run after 2023-11-14 22:13 UTC.",
        knobs={"retry_after_cap_s": 0.9},
    ),
    case(
        "F2", "rate_limit_bare", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="without saying how long"
    ),
    case("F2", *["rate_limit_bare"] * 8, packs=(3,) * 10, charged=2, gaps=(JITTER, *[GROWING] * 7, 0)),
    case(
        "F3",
        "quota",
        packs=(3,),
        charged=0,
        rows="wwwwww",
        reason="quota_spent",
        said="the credit or the spending limit is used up",
        hint="add credit or raise the limit at the provider, then resume",
    ),
    case("F3", "payment", packs=(3,), charged=0, rows="wwwwww", reason="quota_spent", hint="add credit"),
    case("F4", "retry_after_nan", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0)),
    case("F4", "retry_after_negative", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0)),
    case("F4", "retry_after_huge", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0)),
    case("F4", "retry_after_2099", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0)),
    # F5-F7: the provider is ill. Four tries, then others first, then rest; after five in a row thirty seconds of peace.
    case("F5", "server_error", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="failed (status 500)"),
    case("F5", "bad_gateway", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="status 502"),
    case("F5", "unavailable", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="status 503"),
    case("F5", "gateway_timeout", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="status 504"),
    case("F5", *["server_error"] * 3, packs=(3,) * 5, charged=2, gaps=(JITTER, GROWING, GROWING, 0)),
    case(
        "F5",
        *["unavailable"] * 4,
        packs=(3,) * 6,
        charged=2,
        gaps=(JITTER, GROWING, GROWING, 0, 0),  # the first pack is put off, the second one is answered
    ),
    case(
        "F5",
        *["server_error"] * 20,
        packs=(3,) * 8,
        charged=0,
        rows="wwwwww",
        reason="server_failed",
        gaps=(JITTER, GROWING, GROWING, 0, JITTER, CIRCUIT, GROWING),
        hint="resume the run when the other side is well again",
    ),
    case("F6", "overloaded", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="is overloaded"),
    case(
        "F6",
        *["overloaded"] * 7,
        packs=(3,) * 9,
        charged=2,
        gaps=(JITTER, *[GROWING] * 3, CIRCUIT, *[GROWING] * 2, 0),
    ),
    case(
        "F6",
        "server_error",
        "server_error",
        "overloaded",
        "overloaded",
        "server_error",
        packs=(3,) * 7,
        charged=2,
        gaps=(JITTER, *[(1.0, 29.0)] * 4, 0),  # five failures in a row, but of two kinds
    ),
    case(
        "F7",
        "request_timeout",
        packs=(3, 3, 3),
        charged=2,
        unknown=1,
        said="may have been billed (status 408)",
    ),
    case("F7", "conflict", packs=(3, 3, 3), charged=2, gaps=(JITTER, 0), said="status 409"),
    # F8-F11: the provider says no. To the request: the row is found by halving. To the asker: one call shows it.
    case("F8", "bad_request", packs=HALVED, charged=3, gaps=(0, 0, 0), said="refused the request as invalid"),
    case(
        "F8",
        *["bad_request"] * 20,
        packs=(3, 2, 1, 1, 1),
        charged=0,
        rows="wwwwww",
        reason="bad_request",
        said="The request is invalid.",
        hint="the message is the provider's own",
    ),
    case(
        "F9",
        "unauthorised",
        packs=(3,),
        charged=0,
        rows="wwwwww",
        reason="not_authorised",
        hint="check the key",
    ),
    case("F9", "forbidden", packs=(3,), charged=0, rows="wwwwww", reason="not_authorised", said="status 403"),
    case(
        "F10",
        "unknown_model",
        packs=(3,),
        charged=0,
        rows="wwwwww",
        reason="unknown_model",
        hint="model's name",
    ),
    case("F11", "too_large", packs=(3, 2, 1, 2, 1), charged=4, said="finds the prompt too long (status 413)"),
    case("F11", "context_too_long", packs=(3, 2, 1, 2, 1), charged=4, said="context length is exceeded"),
    case(
        "F11",
        *["too_large"] * 20,
        packs=(3, 2, 1, 1, 1, 1, 1, 1),
        charged=0,
        rows="ffffff",
        codes=frozenset({"prompt_too_long"}),
    ),
    # F12-F17: the wire breaks. What left may be billed: it is booked, listed, and sent again once.
    case("F12", "unreachable", packs=(3, 3, 3), charged=2, unknown=1, gaps=(JITTER, 0)),
    case("F13", "timeout", packs=(3, 3, 3), charged=2, unknown=1, said="within 0.4 s; it may", **SLOW),
    case("F13", "timeout_charged", packs=(3, 3, 3), charged=3, unknown=1, gaps=(JITTER, 0), **SLOW),
    case("F13", *["timeout_charged"] * 2, packs=(3, 3, 2, 1, 3), charged=5, unknown=2, **SLOW),
    case("F14", "hangup", packs=(3, 3, 3), charged=2, unknown=1, said="broke before the reply was complete"),
    case("F14", "reset", packs=(3, 3, 3), charged=3, unknown=1, gaps=(JITTER, 0)),
    case("F14", *["reset"] * 2, packs=(3, 3, 2, 1, 3), charged=5, unknown=2),
    case(
        "F14", *["reset"] * 3, packs=(3, 3, 2, 1, 3, 2), charged=6, unknown=3
    ),  # the half is asked last of all
    case(
        "F14",
        *["reset"] * 20,
        packs=(3, 3, 2, 1),
        charged=4,
        unknown=4,
        rows="wwwwww",
        reason="disconnected",
        hint="resume the run when the other side is well again",
    ),
    case("F15", "drip", packs=(3, 3, 3), charged=3, unknown=1, said="within 0.4 s; it may", **SLOW),
    case("F16", "short_body", packs=(3, 3, 3), charged=3, unknown=1),
    case("F16", "cut_body", packs=HALVED, charged=4, estimated=1, said="The reply is not JSON"),
    case("F16", "empty_body", packs=HALVED, charged=4, estimated=1, said="The reply has no body."),
    case("F17", "html", packs=(3, 3, 3), charged=2, unknown=1, said="something else did (status 200)"),
    case(
        "F17",
        *["html"] * 20,
        packs=(3, 3),
        charged=0,
        unknown=2,
        rows="wwwwww",
        reason="not_the_api",
        said="`openai` did not answer, something else did",
        hint="a proxy or a login page, then resume the run.",
    ),
    case("F17", "redirect", packs=(3, 3, 3), charged=2, said="something else did (status 302)"),
    # F18-F20: the text. Packaging is repaired, values never; what is not plain JSON is asked again.
    case("F18", "invalid_json", packs=ONE_AGAIN, charged=3, said="The reply is not JSON"),
    case("F18", "trailing_comma", packs=WHOLE, charged=2, said="wrapped in other text"),
    case("F19", "fences", packs=WHOLE, charged=2, said="wrapped in other text"),
    case("F19", "prose", packs=WHOLE, charged=2, said="wrapped in other text"),
    case("F20", "duplicate_keys", packs=(3, 2, 3), charged=3, said="the same key twice"),
    case("F20", "nan", packs=(3, 2, 3), charged=3, said="holds `NaN`"),
    case("F20", "endless_number", packs=(3, 2, 3), charged=3, said="The reply is not JSON"),
    case("F20", "depth_bomb", packs=(3, 2, 3), charged=3, said="nested too deeply"),
    case("F20", "lone_surrogate", packs=ONE_AGAIN, charged=3),
    case("F20", "nul", packs=ONE_AGAIN, charged=3),
    # F21-F24: the rows. Matched by label only; each once; only what is not certain is asked again.
    case("F21", "missing_row", packs=ONE_AGAIN, charged=3, said="has no answer for this row"),
    case(
        "F21",
        *["missing_row"] * 20,
        packs=(3, 1, 1, 3, 1, 1),
        charged=6,
        rows="afaafa",
        codes=frozenset({"missing_labels"}),
    ),
    case("F22", "duplicate_row", packs=ONE_AGAIN, charged=3, said="answers this row more than once"),
    case("F23", "extra_row", packs=WHOLE, charged=2, said="1 answer for rows that were not asked about"),
    case("F23", "strange_id", packs=ONE_AGAIN, charged=3, said="rows that were not asked about"),
    case("F24", "shuffled", packs=WHOLE, charged=2),
    # F26: the values. Asked again with the complaint, then alone, then failed.
    case("F26", "wrong_enum", packs=ONE_AGAIN, charged=3, said="`kind` must be one of `odd`, `even`"),
    case("F26", "wrong_type", packs=ONE_AGAIN, charged=3),
    case("F26", "too_long_text", packs=ONE_AGAIN, charged=3),
    case("F26", "null", packs=ONE_AGAIN, charged=3, said="is null, but it must have a value"),
    case("F26", "missing_field", packs=ONE_AGAIN, charged=3, said="is missing."),
    case("F26", "extra_field", packs=ONE_AGAIN, charged=3, said="is not a field of the answer"),
    # F27-F29: no answer. A refusal is final for a row alone; an empty or cut reply gets smaller packs.
    case("F27", "refusal", packs=HALVED, charged=4, said="declined to answer: I can't help with that."),
    case("F27", "content_filter", packs=HALVED, charged=4, said="its content filter stopped the answer"),
    case("F27", "refusal_in_prose", packs=HALVED, charged=4),
    case(
        "F27",
        *["refusal"] * 20,
        packs=(3, 2, 1, 1, 1, 3, 2, 1, 1, 1),
        charged=10,
        rows="ffffff",
        codes=frozenset({"content_refused"}),
    ),
    case("F28", "length", packs=(3, 2, 3), charged=3, said="cut off at the output limit"),
    case(
        "F28",
        *["length"] * 20,
        packs=(3, 2, 1, 3, 2, 1),
        charged=6,
        rows="aafaaf",
        codes=frozenset({"truncated"}),
        said="cut off at the output limit",
    ),
    case("F29", "empty", packs=HALVED, charged=4, said="The reply holds no text."),
    case("F29", "no_choices", packs=HALVED, charged=4, said="The reply holds no text."),
    case(
        "F29",
        *["empty"] * 20,
        packs=EVERY_ROW_THREE_TIMES,
        charged=12,
        rows="ffffff",
        codes=frozenset({"empty_reply"}),
    ),
    # F30-F34, F36: the envelope.
    case("F30", "usage_missing", packs=WHOLE, charged=2, estimated=1),
    case("F30", "usage_zero", packs=WHOLE, charged=2, estimated=1),
    case("F30", "usage_absurd", packs=WHOLE, charged=2, estimated=1),
    case("F31", "usage_above", packs=WHOLE, charged=2, said="tokens for a call that was limited to"),
    case("F32", "other_model", packs=WHOLE, charged=2),
    case(
        "F32",
        "other_model",
        packs=(3,),
        charged=1,
        rows="wwwwww",
        reason="wrong_model",
        said="`some-other-model` answered instead of `mock-1`.",
        hint="leave --strict-model out",
        knobs={"strict_model": True},
    ),
    case("F33", "other_reply", packs=HALVED, charged=4, said="3 answers for rows that were not asked about"),
    case("F34", "delivered_twice", packs=WHOLE, charged=2),
    case("F34", "repeated_text", packs=WHOLE, charged=2, said="wrapped in other text"),
    case("F36", "skewed_clock", packs=WHOLE, charged=2, gaps=(0,)),
)


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
async def test_fault_on_the_wire(case: Case) -> None:
    """F1-F34, F36, P11, P39: requests, bill, rows, run, waits and words are those of the fault table."""
    async with rehearsal(case.script, **case.knobs) as it:
        run = await it.start()

        check_the_books(it)
        assert it.packs == case.packs
        assert it.server.requests == len(case.packs) == run.tally.calls
        assert it.server.bill.calls == case.charged
        assert run.tally.unknown_calls == case.unknown
        assert sum(call["estimated"] for call in it.calls) == case.estimated
        assert it.states == case.rows
        assert frozenset(it.codes.values()) == case.codes
        assert (run.state is RunState.PAUSED, run.reason) == (bool(case.reason), case.reason)
        _check_gaps(it.gaps, case.gaps)
        _check_words(it, case)


def _check_gaps(gaps: list[float], wanted: tuple[float | tuple[float, float], ...] | None) -> None:
    if wanted is None:
        return
    assert len(gaps) == len(wanted)
    for gap, want in zip(gaps, wanted, strict=True):
        low, high = want if isinstance(want, tuple) else (want, want)
        assert low <= gap <= high or math.isclose(gap, low)


def _check_words(it: Any, case: Case) -> None:
    """I17: whatever ended badly is said in one sentence, and a run that rests says the next step."""
    assert any(case.said in said for said in it.words()) or not case.said
    if case.reason:
        sentence, _, hint = it.run.message.partition("\nhint: ")
        assert case.said in sentence
        assert case.hint in hint
        assert hint
    for outcome in it.outcomes:
        assert outcome.problem == sentence_of(outcome.problem)
        assert "\n" not in outcome.problem


def test_every_fault_has_its_line() -> None:
    """F25 has a story of its own, F35 is about bulk endpoints; every other fault stands in the table."""
    rehearsed = {name for case in CASES for name in case.script}

    assert set(FAULTS) - rehearsed == {"swapped"}
    assert {case.number for case in CASES} == {f"F{n}" for n in range(1, 37)} - {"F25", "F35"}


def limited(header: str, *, name: str = "Retry-After", date: str | None = None) -> Fault:
    """A 429 that asks for a wait in these words."""
    stated = {name: header} | ({"Date": date} if date else {})
    return Fault(
        name="stated_wait",
        number="F4",
        meaning="Too many requests.",
        status=429,
        code="rate_limit_exceeded",
        headers=lambda _wall: stated,
        charged=False,
    )


NOON = "Tue, 31 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (limited("2.5"), 2.5),
        (limited("120"), 120.0),
        (limited("1500", name="retry-after-ms"), 1.5),
        (limited("Tue, 31 Mar 2026 12:00:45 GMT", date=NOON), 45.0),
        (limited("nan"), JITTER),
        (limited("-5"), JITTER),
        (limited("0"), JITTER),
        (limited("1000000000"), JITTER),
        (limited("inf"), JITTER),
        (limited("soon"), JITTER),
        (limited("Thu, 01 Jan 2099 00:00:00 GMT", date=NOON), JITTER),
        (limited("Tue, 31 Mar 2026 11:00:00 GMT", date=NOON), JITTER),
    ],
    ids=["s", "cap", "ms", "date", "nan", "negative", "zero", "1e9", "inf", "word", "2099", "past"],
)
async def test_stated_wait_is_kept_to_or_ignored(fault: Fault, wait: Any) -> None:
    """F1, F4, I13: honest waits are kept to the millisecond, nonsense counts as nothing said."""
    async with rehearsal([fault]) as it:
        await it.start()

        assert it.packs == (3, 3, 3)
        assert it.states == "aaaaaa"
        _check_gaps(it.gaps, (wait, 0.0))
        assert [reason for reason, _ in it.waits] == ["rate_limited"]


@pytest.mark.parametrize(
    ("header", "asks", "after"),
    [("121", "121 s", "2023-11-14 22:15"), ("86400", "86,400 s", "2023-11-15 22:13")],
    ids=["a second too long", "a day"],
)
async def test_wait_beyond_the_cap_rests_the_run(header: str, asks: str, after: str) -> None:
    """F1: nobody sits through a wait beyond two minutes: the run rests and says from when it can go on."""
    async with rehearsal([limited(header)]) as it:
        run = await it.start()

        assert (run.state, run.reason, it.packs) == (RunState.PAUSED, "rate_limited", (3,))
        assert f"asks for a wait of {asks}." in run.message
        assert f"hint: resume the run after {after} UTC." in run.message

        resumed = await it.resume()

        assert (resumed.state, it.states) == (RunState.FINISHED, "aaaaaa")
        check_the_books(it)
