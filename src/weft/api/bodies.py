"""How much of a request's body is taken in, of what kind, and how long it may take.

Knows that a body is JSON of a limited size, read whole and strictly before anything else happens,
unless its address takes a stream; then bytes are counted as they come. A body that is too large is
refused before memory is spent, one that stalls is given up. Refuses to know what a body says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from re import Pattern

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.api.problems import Complaint, Refused, invalid, refuse
from weft.kit import strict_json

JSON_BYTES = 1 << 20  # of a JSON body
IDLE_S = 15.0  # without a byte of the body
LEAST_RATE = 1_024  # bytes a second that a body comes with at least, once it has had `IDLE_S`
WHOLE_S = 60.0  # for a whole JSON body
DIGEST = "body_digest"
"""In a request's state: SHA-256, hex, of its JSON body; absent where it has none."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An address whose body is taken as it comes.

    Attributes:
        path: pattern of the whole path.
        most_bytes: beyond which it is refused.
    """

    method: str
    path: Pattern[str]
    most_bytes: int


class Bodies:
    """Reads JSON bodies before the application does, and counts the bytes of streams."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        streams: Sequence[Stream] = (),
        idle_s: float = IDLE_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        """Stand before an application.

        Args:
            streams: addresses that take something other than a small JSON value.
            idle_s: seconds without a byte after which a body is given up.
            whole_s: seconds that a JSON body may take as a whole.
        """
        self._app = app
        self._streams = tuple(streams)
        self._idle_s = idle_s
        self._whole_s = whole_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: if its body is too large, no JSON, or does not come.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        stream = self._stream(scope)
        most = JSON_BYTES if stream is None else stream.most_bytes
        _check_length(headers, most)
        if stream is not None:
            await self._app(scope, _counted(receive, most, self._idle_s), send)
            return
        try:
            async with asyncio.timeout(self._whole_s):  # `wait_for` may miss its time where bytes keep coming
                body = await _read(_counted(receive, most, self._idle_s))
        except TimeoutError as exc:
            raise _too_slow() from exc
        if body is None:
            return  # the other side has gone
        if body:
            _check_json(headers, body)
            scope.setdefault("state", {})[DIGEST] = sha256(body).hexdigest()
        await self._app(scope, _replayed(body, receive), send)

    def _stream(self, scope: Scope) -> Stream | None:
        return next(
            (s for s in self._streams if s.method == scope["method"] and s.path.fullmatch(scope["path"])),
            None,
        )


def _check_length(headers: Headers, most: int) -> None:
    """Refuse a body by what the request says about its length, before a byte of it is read."""
    given = headers.get("content-length", "")
    if given.isascii() and given.isdigit() and int(given[:20]) > most:
        raise too_large(most)


async def _read(receive: Receive) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _counted(receive: Receive, most: int, idle_s: float) -> Receive:
    """The same body, refused at the byte that is too many, after a long silence, or when it drips.

    Only time that is spent waiting counts: who reads a stream may take as long as it wants.
    """
    count, whole, waited_s = 0, False, 0.0
    now = asyncio.get_running_loop().time

    async def counted() -> Message:
        nonlocal count, whole, waited_s
        if whole:
            return await receive()  # waits for the other side to go, as long as the answer takes
        began = now()
        try:
            async with asyncio.timeout(min(idle_s, max(0.0, idle_s + count / LEAST_RATE - waited_s))):
                message = await receive()
        except TimeoutError as exc:
            raise _too_slow() from exc
        waited_s += now() - began
        count += len(message.get("body", b""))
        whole = not message.get("more_body")
        if count > most:
            raise too_large(most)
        return message

    return counted


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read, as if it came just now; then whatever else comes."""
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _check_json(headers: Headers, body: bytes) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise refuse(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "The body is not declared as JSON.",
            hint="send `Content-Type: application/json`.",
        )
    try:
        strict_json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as exc:
        raise _not_json("is not UTF-8") from exc
    except strict_json.NotStrict as exc:
        raise _not_json(str(exc)) from exc


def _not_json(message: str) -> Refused:
    complaint = Complaint(path="body", message=f"{message}.")
    return Refused(invalid([complaint], status=HTTPStatus.BAD_REQUEST, code="not_json"))


def too_large(most: int) -> Refused:
    """The refusal of a body beyond a limit; the connection cannot be used again."""
    return refuse(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"The body is larger than {most:,} bytes.",
        hint="send less at once; many rows are handed over as a table."
        if most == JSON_BYTES
        else "send it in parts; the setting `table_mb` of the server says how large a table may be.",
        connection="close",
    )


def _too_slow() -> Refused:
    return refuse(
        HTTPStatus.REQUEST_TIMEOUT,
        "body_too_slow",
        "The body did not come: nothing for a while, or not all of it in time.",
        connection="close",
    )
