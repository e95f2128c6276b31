"""Everything that goes wrong as problem details (RFC 9457), with one shape for all of it.

Knows which status belongs to which branch of the tree of errors, and where a complaint about a
request stands in it. The last line of defence of a request: an unforeseen error becomes a number
that stands in the log too, and nothing else of it leaves the house.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft import errors
from weft.errors import BadReply, Halt, Mistake, Outage, Refusal, WeftError
from weft.kit.plain_json import dump
from weft.kit.secrecy import LIVE

MEDIA_TYPE = "application/problem+json"
LOG = logging.getLogger("weft.api")

STATUSES: Mapping[type[WeftError], HTTPStatus] = {
    errors.UnknownName: HTTPStatus.NOT_FOUND,
    # the request is fine, and the house as it stands does not allow it
    errors.RunBusy: HTTPStatus.CONFLICT,
    errors.ImpossibleMove: HTTPStatus.CONFLICT,
    errors.ChangedMeanwhile: HTTPStatus.CONFLICT,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.NotAdmitted: HTTPStatus.FORBIDDEN,
    errors.NotProven: HTTPStatus.UNAUTHORIZED,
    errors.ChangedSpec: HTTPStatus.CONFLICT,
    errors.Undecided: HTTPStatus.CONFLICT,
    errors.UnwritableFile: HTTPStatus.CONFLICT,
    errors.MissingExtra: HTTPStatus.CONFLICT,
    errors.MissingCredential: HTTPStatus.CONFLICT,
    errors.KeyHostMismatch: HTTPStatus.CONFLICT,
    errors.BrokenSeal: HTTPStatus.CONFLICT,
    errors.IncompatibleStore: HTTPStatus.CONFLICT,
    errors.BrokenLog: HTTPStatus.CONFLICT,
    Mistake: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BudgetExceeded: HTTPStatus.PAYMENT_REQUIRED,
    errors.DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    Halt: HTTPStatus.CONFLICT,
    errors.RateLimited: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
    Outage: HTTPStatus.BAD_GATEWAY,
    Refusal: HTTPStatus.BAD_GATEWAY,
    BadReply: HTTPStatus.BAD_GATEWAY,
}
"""Kind of error → status; the nearest kind above an error counts."""

BUSY_S = 1  # seconds after which a store that was locked is worth another try


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong with a request.

    Attributes:
        path: where, such as `body.rows.0`; empty = the request as a whole.
    """

    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a request is refused.

    Attributes:
        code: a stable name, such as `unknown_name`.
        detail: one sentence. hint: what to do next; empty where nothing can be done.
        headers: what else the answer says, such as `Retry-After`.
    """

    status: HTTPStatus
    code: str
    detail: str
    title: str = ""
    hint: str = ""
    problems: tuple[Complaint, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The members of problem details; a secret that was sent in a wrong place is not sent back."""
        return {
            "type": f"urn:weft:problem:{self.code}",
            "title": self.title or self.status.phrase,
            "status": int(self.status),
            "detail": LIVE.hide(self.detail),
            "code": self.code,
            "hint": LIVE.hide(self.hint),
            "problems": [
                {"path": LIVE.hide(each.path), "message": LIVE.hide(each.message)} for each in self.problems
            ],
        }

    def response(self) -> Response:
        """The answer that tells it."""
        return Response(
            dump(self.plain()),
            status_code=int(self.status),
            media_type=MEDIA_TYPE,
            headers=dict(self.headers),
        )


class Refused(Exception):
    """A request is refused for what it is, before the desk is asked."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.detail)
        self.problem = problem


def refuse(status: HTTPStatus, code: str, detail: str, *, hint: str = "", **headers: str) -> Refused:
    """Make a refusal; a header `retry_after` is told as `Retry-After`."""
    told = {name.replace("_", "-").title(): text for name, text in headers.items()}
    return Refused(Problem(status=status, code=code, detail=detail, hint=hint, headers=told))


def problem_of(error: WeftError) -> Problem:
    """An error of the house as a problem."""
    status = next(
        (STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), HTTPStatus.INTERNAL_SERVER_ERROR
    )
    headers = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        wait = error.retry_after_s if isinstance(error, Outage) else None
        headers["Retry-After"] = str(max(BUSY_S, round(wait or 0)))
    return Problem(
        status=status,
        code=error.code,
        title=(getdoc(type(error)) or "").partition("\n")[0].rstrip("."),
        detail=error.message,
        hint=error.hint,
        problems=complaints_of(error.facts.get("problems")),
        headers=headers,
    )


def complaints_of(found: object) -> tuple[Complaint, ...]:
    """The problems among an error's facts; each has a message, and a path where it is known."""
    if not isinstance(found, list | tuple):
        return ()
    return tuple(
        Complaint(
            path=str(each.get("path") or each.get("field") or ""), message=str(each.get("message", each))
        )
        if isinstance(each, Mapping)
        else Complaint(path="", message=str(each))
        for each in found
    )


def invalid(complaints: Sequence[Complaint], *, status: HTTPStatus, code: str = "invalid_request") -> Problem:
    """The problem of a request that does not say what this address expects."""
    first = complaints[0]
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    place = f"`{first.path}`: " if first.path else ""
    return Problem(
        status=status,
        code=code,
        title="The request does not say what this address expects",
        detail=f"{place}{first.message}{more}",
        hint="`/api/v1/openapi.json` says what each address takes.",
        problems=tuple(complaints),
    )


# ── hooks of the framework ───────────────────────────────────────────────────────────────────────


async def tell_error(request: Request, error: Exception) -> Response:
    """Answer an error of the house."""
    del request
    assert isinstance(error, WeftError)  # it is registered for these only
    return problem_of(error).response()


async def tell_refusal(request: Request, error: Exception) -> Response:
    """Answer a refusal."""
    del request
    assert isinstance(error, Refused)  # it is registered for these only
    return error.problem.response()


async def tell_invalid(request: Request, error: Exception) -> Response:
    """Answer a request whose parameters or body have the wrong shape, field by field."""
    del request
    assert isinstance(error, RequestValidationError)  # it is registered for these only
    complaints = [
        Complaint(path=".".join(map(_word, each["loc"])), message=_sentence(str(each["msg"])))
        for each in error.errors()
    ]
    return invalid(complaints, status=HTTPStatus.UNPROCESSABLE_ENTITY).response()


async def tell_http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: unknown addresses and methods."""
    assert isinstance(error, HTTPException)  # it is registered for these only
    status = HTTPStatus(error.status_code)
    path = _shown(request.url.path)
    details = {
        HTTPStatus.NOT_FOUND: ("unknown_address", f"There is nothing at `{path}`."),
        HTTPStatus.METHOD_NOT_ALLOWED: (
            "unknown_method",
            f"`{path}` does not take `{_shown(request.method)}`.",
        ),
    }
    code, detail = details.get(status, ("invalid_request", _sentence(str(error.detail))))
    return Problem(
        status=status,
        code=code,
        detail=detail,
        hint="`/api/v1/openapi.json` lists every address.",
        headers=dict(error.headers or {}),
    ).response()


def register(application: FastAPI) -> None:
    """Let every error end as a problem."""
    hooks: Mapping[type[Exception], Callable[[Request, Exception], Any]] = {
        WeftError: tell_error,
        Refused: tell_refusal,
        RequestValidationError: tell_invalid,
        HTTPException: tell_http,
    }
    for kind, hook in hooks.items():
        application.add_exception_handler(kind, hook)


class LastDefence:
    """Turns an unforeseen error into a number; the log has the number and the lines of code."""

    def __init__(self, app: ASGIApp, *, draw: Callable[[], str]) -> None:
        """Stand around an application.

        Args:
            draw: gives the number of an error.
        """
        self._app = app
        self._draw = draw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Refused as refused:
            if begun:
                raise
            await refused.problem.response()(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last line of defence
            number = self._draw()
            _log(number, error)
            if begun:
                return  # the other side sees that the answer breaks off
            await _unforeseen(number).response()(scope, receive, send)


def _unforeseen(number: str) -> Problem:
    return Problem(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="bug",
        title="weft has a bug",
        detail=f"Something went wrong that should not; it is number `{number}` in the server's log.",
        hint="what is settled in the store is safe; please report the lines of the log.",
    )


def _log(number: str, error: Exception) -> None:
    """Log where it happened; messages of errors may hold rows and keys, so they stay out."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("error %s: %s\n%s", number, type(error).__name__, lines)


def _word(part: object) -> str:
    return _shown(str(part), 60)


def _shown(text: str, most: int = 200) -> str:
    """A text of somebody else, cut, and without what could not be written as UTF-8."""
    return text[:most].encode("utf-8", "replace").decode()


def _sentence(text: str) -> str:
    text = _shown(text, 500)
    return text if text.endswith((".", "?", "!")) else f"{text}."
