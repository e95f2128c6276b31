"""From a refusal on the wire to an error of the house, the same as at the desk.

Knows that a problem's `code` is the name of a class in `errors.py`, and which class a refusal is that
the desk does not know. Pure. Refuses to know connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from weft import errors
from weft.errors import Mistake, WeftError, code_of
from weft.kit import plain_json

KINDS: Mapping[str, type[WeftError]] = {
    code_of(each): each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, WeftError)
}
"""Code → class, for every error there is."""
BY_STATUS: Mapping[int, type[WeftError]] = {
    HTTPStatus.UNAUTHORIZED: errors.NotAuthorised,
    HTTPStatus.FORBIDDEN: errors.NotAllowed,
    HTTPStatus.NOT_FOUND: errors.UnknownName,
    HTTPStatus.REQUEST_TIMEOUT: errors.TimedOut,
    HTTPStatus.TOO_MANY_REQUESTS: errors.RateLimited,
    HTTPStatus.SERVICE_UNAVAILABLE: errors.Overloaded,
}
"""Status → class, for refusals of the server itself, whose codes the desk does not know."""


def error_of(status: int, body: bytes, *, url: str) -> WeftError:
    """The error that a refusal stands for.

    Args:
        status: of HTTP, 300 or more.
        body: the answer, which is a problem (RFC 9457) if the server is ours.
        url: what was asked, for people.
    """
    problem = _problem(body)
    if problem is None:
        return errors.NotTheApi(
            f"Something other than a weft server has answered `{url}` with status {status}.",
            hint="check the address, and what stands between.",
            status=status,
        )
    code = str(problem.get("code", ""))
    kind = KINDS.get(code) or BY_STATUS.get(status) or (Mistake if status < 500 else errors.ServerFailed)
    facts: dict[str, Any] = {"status": status, "problem_code": code}
    if problem.get("problems"):
        facts["problems"] = problem["problems"]
    return kind(str(problem.get("detail", "")), hint=str(problem.get("hint", "")), **facts)


def _problem(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = plain_json.load(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "code" in found and "detail" in found else None
