"""Faults on a real wire that need a story: one bad row among many, storms, budgets, second lives.

The table of single faults is in `test_faults.py`.
"""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.stories.wire import KEY, PRICE, check_the_books, rehearsal, truth

from weft.money import Budget, Usd
from weft.run import RunState
from weft.templates.library import TemplateLibrary
from weft.templates.prompting import TemplatePrompter
from weft.testing import mutations as spoil
from weft.testing.fault import Fault
from weft.testing.fault_plans import FaultRates
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer

POISON = "poison in here"


def poisoned(fault: str) -> dict[str, Any]:
    """Options of a server on which every call that carries the poisoned row meets this fault."""
    return {"faults": FaultRates(markers={POISON: fault})}


def table(count: int, *, poison: int) -> list[str]:
    """Rows of which one is poisoned."""
    return [POISON if place == poison else f"row {place}" for place in range(count)]


def wrong(content: Any) -> dict[str, Any]:
    """A model that answers the poisoned row outside its options, whoever asks."""
    return {**truth(content), "kind": "none"} if content["body"] == POISON else truth(content)


# ── one bad row among many ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("poison", range(8))
@pytest.mark.parametrize(
    ("fault", "code"),
    [("bad_request", "bad_request"), ("refusal", "content_refused"), ("content_filter", "content_refused")],
)
async def test_one_bad_row_is_found_by_halving(fault: str, code: str, poison: int) -> None:
    """F8, F27, law 5, I17: only the row itself fails, after 2·log₂ n further calls, and says why."""
    async with rehearsal(bodies=table(8, poison=poison), options=poisoned(fault), rows_per_call=8) as it:
        run = await it.start()

        check_the_books(it)
        assert run.state is RunState.FINISHED
        assert it.codes == {poison: code}
        assert len(it.packs) == 1 + 2 * math.ceil(math.log2(8))
        assert "openai" in it.outcomes[poison].problem
        assert len(await it.store.calls(run.id, place=poison)) == 4


async def test_a_refused_row_is_not_remembered() -> None:
    """F27: a refusal is no answer: the next run asks that row again, and no other."""
    async with rehearsal(bodies=table(6, poison=1), options=poisoned("refusal")) as it:
        await it.start()
        made = it.server.requests

        again = await it.start()

        assert (again.tally.recalled, again.tally.failed) == (5, 1)
        assert it.server.requests == made + 1


async def test_a_row_too_long_fails_alone() -> None:
    """F11, I1: a single row that no call can carry fails; it teaches nothing about packs of short rows."""
    bodies = [f"row {place}" for place in range(12)]
    bodies[1] = "long " * 2_000
    options = {"context_tokens": 1_500}
    async with rehearsal(bodies=bodies, options=options, rows_per_call=4) as it:
        run = await it.start()

        check_the_books(it)
        assert it.codes == {1: "prompt_too_long"}
        assert it.packs == (4, 2, 1, 1, 2, 4, 4)
        assert run.tally.spent == it.server.bill.usd


async def test_a_pack_too_long_teaches_smaller_ones() -> None:
    """F11: after one pack was too long, no pack of its size is sent again."""
    bodies = [f"row {place:02} " + "word " * 80 for place in range(16)]
    answers = {"answers": lambda content: {"echo": "x", "kind": "odd"}}
    async with rehearsal(bodies=bodies, options={"context_tokens": 820, **answers}, rows_per_call=4) as it:
        run = await it.start()

        assert run.tally.answered == 16
        assert it.packs == (4, *[2] * 8)
        assert it.server.statuses == {400: 1, 200: 8}


@pytest.mark.parametrize(("fault", "code"), [("hangup", "disconnected"), ("reset", "disconnected")])
async def test_a_row_that_breaks_every_call_fails_alone(fault: str, code: str) -> None:
    """F13, F14, I12: a row that no call survives is put off, asked in smaller packs, and given up last."""
    async with rehearsal(bodies=table(6, poison=1), options=poisoned(fault)) as it:
        run = await it.start()

        check_the_books(it)
        assert run.state is RunState.FINISHED
        assert it.codes == {1: code}
        assert it.packs == (3, 3, 2, 1, 3, 2, 2, 1, 1)
        assert run.tally.unknown_calls == 6


async def test_a_row_that_makes_the_server_fail_fails_alone() -> None:
    """F5, I12: where all others are answered, four server errors are the row's own."""
    async with rehearsal(bodies=table(6, poison=1), options=poisoned("server_error")) as it:
        run = await it.start()

        check_the_books(it)
        assert (run.state, it.codes) == (RunState.FINISHED, {1: "server_failed"})
        assert it.states == "afaaaa"


async def test_an_unfit_answer_is_asked_again_with_the_complaint() -> None:
    """F26, P32: the complaint stands in the next prompt; after two more tries alone the row fails with it."""
    async with rehearsal(bodies=table(6, poison=1), answers=wrong) as it:
        await it.start()

        check_the_books(it)
        assert it.packs == (3, 1, 1, 3)
        assert "must be one of" not in it.wire.bodies[0]
        assert all("`kind` must be one of `odd`, `even`, got 'none'." in body for body in it.wire.bodies[1:3])
        assert it.codes == {1: "not_an_option"}
        assert it.outcomes[1].problem == "`kind` must be one of `odd`, `even`, got 'none'."
        assert it.outcomes[1].attempts == 3


async def test_exact_coercions_cost_nothing() -> None:
    """F26: an option in other letters is the option; it is noted and not asked again."""

    def loud(content: Any) -> dict[str, Any]:
        return {**truth(content), "kind": truth(content)["kind"].upper()}

    async with rehearsal(answers=loud) as it:
        await it.start()

        check_the_books(it)
        assert it.packs == (3, 3)
        assert all(outcome.notes for outcome in it.outcomes)


async def test_what_cannot_be_stored_is_asked_once_more() -> None:
    """F20, I3: an answer with a NUL fails as unstorable after one more try; its raw replies are kept."""

    def nul(content: Any) -> dict[str, Any]:
        return {**truth(content), "echo": "a\0b"} if content["body"] == POISON else truth(content)

    async with rehearsal(bodies=table(3, poison=1), answers=nul) as it:
        run = await it.start()

        check_the_books(it)
        assert it.packs == (3, 1)
        assert it.codes == {1: "unstorable"}
        assert all(call["status"] == 200 for call in await it.store.calls(run.id, place=1))


# ── whole replies ────────────────────────────────────────────────────────────────────────────────


def bent(*changes: Any) -> Fault:
    """A reply that is charged and bent in several ways at once."""

    def change(draft: Any, random: Any) -> None:
        for each in changes:
            each(draft, random)

    return Fault(name="bent", number="F22", meaning="A bent reply.", change=change)


async def test_twice_one_and_never_another_spoils_all() -> None:
    """F22, I2: with a row doubled and another missing, no answer of the reply is trusted."""
    async with rehearsal([bent(lambda draft, _: draft.rows.pop(), spoil.repeat_row)]) as it:
        await it.start()

        check_the_books(it)
        assert it.packs == (3, 2, 1, 3)
        assert "answers some rows twice and others not at all" in it.problems[0]


async def test_swapped_answers_meet_a_check(tmp_path: Path) -> None:
    """F25: nothing in a reply shows that two answers are swapped, but a check against the input does."""
    path = tmp_path / "echoes.md"
    path.write_text(ECHOES, encoding="utf-8")
    prompter = TemplatePrompter(TemplateLibrary().load(path), sources={"body": "body"})
    async with rehearsal(["swapped"], prompter=prompter) as it:
        await it.start()

        check_the_books(it)
        assert it.packs == (3, 2, 3)
        assert it.problems == ["The echo is that of another row."]


ECHOES = """---
name: Echoes
version: 1.0.0
description: Write a text backwards.
inputs:
  body: {description: any text}
answers:
  echo: {type: "string(max_length=200)", description: the text backwards}
  kind: {type: enum, options: [odd, even], description: whether its length is odd or even}
checks:
  - check: echo == body|reverse
    message: The echo is that of another row.
---
{{ body }}
"""


async def test_a_broken_reply_is_kept_for_whoever_looks() -> None:
    """F14, I3: how the reply began that broke off stands in the ledger, and nowhere else."""
    async with rehearsal(["reset"]) as it:
        await it.start()

        assert 'It began with: {"id":"mock-1"' in it.calls[0]["problem"]
        assert not any("It began with" in said for said in it.words())


@pytest.mark.parametrize("fault", ["usage_missing", "usage_zero", "usage_absurd"])
async def test_a_reply_without_usage_is_booked_at_its_bound(fault: str) -> None:
    """F30, I6: where the provider does not say what it counted, the upper bound is booked and marked."""
    async with rehearsal([fault], bodies=["row 0"]) as it:
        run = await it.start()

        assert it.calls[0]["estimated"]
        assert run.tally.spent == it.calls[0]["reserved"] > it.server.bill.usd
        assert run.tally.unknown_calls == 0


# ── money ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_bill_beyond_the_bound_stops_a_run_with_a_budget() -> None:
    """F31, I7: the actual bill is booked, the run stops at once, and says by how much the budget is passed."""
    async with rehearsal(["ok", "usage_above"], bodies=[f"row {n}" for n in range(9)]) as it:
        run = await it.start(budget=Budget(usd=Usd.of("0.02")))

        check_the_books(it)
        assert (run.state, run.reason, it.packs) == (RunState.STOPPED, "budget_exceeded", (3, 3))
        assert it.states == "aaaaaasss"
        assert run.tally.spent == it.server.bill.usd > Usd.of("0.02")
        over = Usd(run.tally.spent - Usd.of("0.02")).rounded
        assert f"{over} above the budget of $0.02." in run.message
        assert "`reasoning_tokens`" in run.message


async def test_a_bill_beyond_the_bound_widens_the_next() -> None:
    """F31: what was billed beyond one call's bound is set aside for each later one."""
    async with rehearsal(["usage_above"]) as it:
        await it.start()

        first, second = it.calls
        assert first["cost"] > first["reserved"]
        assert second["reserved"] > first["cost"]


async def test_a_stopped_run_never_pays_beyond_its_budget() -> None:
    """P10, I7: with prices known, a storm of lost calls stays below the budget, bill and record."""
    script = ["reset"] * 3 + ["ok", "reset", "ok"]
    async with rehearsal(script, bodies=[f"row {n}" for n in range(30)], until_budget=True) as it:
        budget = Usd.of("0.0012")
        run = await it.start(budget=Budget(usd=budget))

        check_the_books(it)
        assert run.state is RunState.STOPPED
        assert it.server.bill.usd <= run.tally.spent <= budget
        assert "w" not in it.states


# ── storms and company ───────────────────────────────────────────────────────────────────────────


async def test_rate_limits_never_split_a_pack() -> None:
    """P39, F1, F2: in a storm of rate limits the same packs are sent again, none smaller, none lost."""
    script = ["rate_limit", "rate_limit_bare", "overloaded"] * 7
    async with rehearsal(script, bodies=[f"row {n}" for n in range(12)], concurrency=3) as it:
        await it.start()

        check_the_books(it)
        assert set(it.packs) == {3}
        assert len(it.packs) == 4 + 21
        assert it.paid == {1: 12}


async def test_a_rate_limit_halves_the_lane() -> None:
    """F2: after a complaint half as many calls are in flight, and then slowly more again."""
    bodies = [f"row {n}" for n in range(60)]
    script = ["ok"] * 8 + ["rate_limit_bare"]
    sent_before = []
    async with rehearsal(
        script, bodies=bodies, rows_per_call=1, concurrency=8, options={"latency_ms": 2}
    ) as it:

        def hear(event: Any) -> None:
            it.events.append(event)
            if type(event).__name__ == "PackLost":
                sent_before.append(len(it.wire.depths))

        it.hear = hear
        await it.start()

        check_the_books(it)
        assert it.states == "a" * 60
        assert max(it.wire.depths[: sent_before[0]]) == 8
        assert max(it.wire.depths[sent_before[0] :][:4]) <= 5
        assert max(it.wire.depths[-10:]) >= 6


async def test_what_headers_say_is_left_is_heeded() -> None:
    """F2, I13: with the rate that is left in every reply's headers, no request is ever turned away."""
    options = MockOptions(answers=truth, rpm=2, price=PRICE)
    async with rehearsal(rows_per_call=1) as it, MockServer(options, clock=it.clock) as polite:
        it.provider._url = f"{polite.url}/v1/chat/completions"
        await it.start()

        assert it.states == "aaaaaa"
        assert polite.statuses == {200: 6}
        assert it.gaps == [0.0, 60.0, 0.0, 60.0, 0.0]
        assert it.waits == [("pace", 60.0)] * 3


async def test_an_outage_opens_the_circuit() -> None:
    """F5, I13: after five failures in a row nothing is sent for thirty seconds, by nobody."""
    script = ["unavailable"] * 6
    async with rehearsal(script, bodies=[f"row {n}" for n in range(12)], concurrency=4) as it:
        await it.start()

        check_the_books(it)
        assert ("circuit_open", 30.0) in it.waits
        assert max(it.gaps) >= 28.0  # of the thirty, less what those in flight had waited already
        assert set(it.packs) == {3}


async def test_nobody_at_home_rests_the_run() -> None:
    """F12: a refused connection is tried four times a pack; nothing is billed, and the hint says what to check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with rehearsal(url=url) as it:
        run = await it.start()

        check_the_books(it)
        assert (run.state, run.reason) == (RunState.PAUSED, "unreachable")
        assert (it.server.requests, run.tally.spent, run.tally.unknown_calls) == (0, 0, 0)
        assert it.states == "wwwwww"
        assert "No connection to `127.0.0.1`" in run.message
        assert "that the server runs, then resume the run." in run.message


@pytest.mark.parametrize(
    "script",
    [["quota"], ["unauthorised"], ["unknown_model"], ["html"] * 2, ["server_error"] * 8, ["reset"] * 4],
    ids=lambda script: script[0],
)
async def test_a_rested_run_goes_on_when_all_is_well(script: list[str]) -> None:
    """I4, I9: after whatever made it rest, a resumed run ends as if nothing had happened."""
    async with rehearsal(script) as it:
        rested = await it.start()
        assert rested.state is RunState.PAUSED

        resumed = await it.resume()

        check_the_books(it)
        assert (resumed.state, resumed.reason, it.states) == (RunState.FINISHED, "", "aaaaaa")


# ── words ────────────────────────────────────────────────────────────────────────────────────────


async def test_words_in_rows_are_no_errors() -> None:
    """P40: rows that speak of errors are rows."""
    bodies = [
        "HTTP 500 Internal Server Error",
        "429 rate limit exceeded",
        "insufficient_quota",
        '{"error": {"code": "invalid_api_key"}}',
        "I'm sorry, I can't help with that",
        "maximum context length",
    ]
    async with rehearsal(bodies=bodies) as it:
        await it.start()

        check_the_books(it)
        assert (it.packs, it.states, it.problems) == ((3, 3), "aaaaaa", [])


async def test_words_in_messages_are_no_errors() -> None:
    """P40: a refusal that quotes a row about rate limits is a refusal, and its pack is divided, not waited for."""
    quoting = Fault(
        name="quoting",
        number="F8",
        meaning="Cannot take the row '429 rate limit, insufficient_quota, 500'.",
        status=400,
        code="invalid_value",
        charged=False,
    )
    async with rehearsal([quoting]) as it:
        await it.start()

        assert it.packs == (3, 2, 1, 3)
        assert it.waits == []


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_a_key_that_is_echoed_is_not_repeated(status: int) -> None:
    """I16: a server that quotes the key back does not get it into any message, event or ledger line."""
    echo = Fault(
        name="echo",
        number="F9",
        meaning=f"Incorrect API key provided: {KEY}.",
        status=status,
        code="some_code",
        charged=False,
    )
    async with rehearsal([echo] * 8) as it:
        run = await it.start()

        assert not any(
            KEY in text for text in (repr(it.events), repr(it.calls), repr(it.outcomes), run.message)
        )
        assert any("[key]" in call["problem"] for call in it.calls)
