from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from weft import errors
from weft.api.problems import LastDefence, problem_of, refuse
from weft.errors import BadReply, Halt, Mistake, Outage, Refusal, StoreBusy, UnknownName, WeftError

KINDS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, WeftError)]
BRANCHES = {
    Mistake: range(400, 500),
    Halt: range(400, 508),
    Outage: range(500, 600),
    Refusal: range(502, 503),
    BadReply: range(502, 503),
}


@pytest.mark.parametrize("kind", KINDS)
def test_status_follows_who_must_act(kind: type[WeftError]) -> None:
    """Each error is told with a status of its branch: 4xx where the asker changes something."""
    problem = problem_of(kind("It happened.", hint="do this."))
    wanted = next((found for branch, found in BRANCHES.items() if issubclass(kind, branch)), range(500, 501))

    assert int(problem.status) in wanted
    assert (problem.code, problem.detail, problem.hint) == (kind("").code, "It happened.", "do this.")
    assert problem.title


def test_problems_have_places() -> None:
    """What an error knows about each problem is told as path and message; other facts are not told."""
    error = errors.BadTemplate(
        "It is wrong.",
        problems=[{"path": "inputs.a", "line": 3, "message": "is no type."}, "odd"],
        secret="planted",
    )
    plain = problem_of(error).plain()

    assert plain["problems"] == [
        {"path": "inputs.a", "message": "is no type."},
        {"path": "", "message": "odd"},
    ]
    assert set(plain) == {"type", "title", "status", "detail", "code", "hint", "problems"}


def test_busy_store_says_when_to_come_again() -> None:
    """What passes by itself comes with `Retry-After`."""
    assert problem_of(StoreBusy("It is locked.")).headers["Retry-After"] == "1"
    assert problem_of(errors.RateLimited("Wait.", retry_after_s=7.4)).headers["Retry-After"] == "7"
    assert problem_of(UnknownName("There is none.")).headers == {}


async def test_bug_becomes_a_number(caplog: pytest.LogCaptureFixture) -> None:
    """S42: of an unforeseen error the other side sees a number; the log has it, without the error's text."""
    secret = "planted-secret"

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(secret)

    guarded = LastDefence(broken, draw=lambda: "number-1")
    with caplog.at_level(logging.DEBUG):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://x") as program:
            answer = await program.get("/")

    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert "number-1" in answer.text
    assert "number-1" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "planted-secret" not in answer.text + caplog.text


async def test_bug_of_a_route_becomes_a_number(caplog: pytest.LogCaptureFixture, server: Any) -> None:
    """S42: an error inside a route ends the same way, with the headers of every answer."""
    del server.house.cache
    async with server.with_key() as program:
        answer = await program.get("/api/v1/cache")

    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"]
    assert "number-1" in caplog.text


async def test_answer_that_has_begun_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    """An error after the first byte cannot become a problem any more; it is logged, and nothing is added."""
    sent = []

    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await LastDefence(breaking, draw=lambda: "n")({"type": "http"}, send, send)

    assert sent == ["http.response.start"]
    assert "RuntimeError" in caplog.text


def test_refusal_has_its_headers() -> None:
    """A refusal names its headers as HTTP does."""
    refused = refuse(HTTPStatus.TOO_MANY_REQUESTS, "too_many", "Too many.", retry_after="5")

    assert refused.problem.headers == {"Retry-After": "5"}
