"""Tags for answers, so that who has an answer already is told that it is still good.

Knows that a tag is the hash of an answer's bytes, and that only whole, small answers to `GET` get
one: streams never do. Refuses to keep answers.
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.api.withholding import withheld

KEPT = "private, no-cache"  # a browser may keep it, and asks each time whether it is still good
UNCHANGED = 304


class Tags:
    """Tags answers, and answers “unchanged” to who has the same."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand around an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        had = Headers(scope=scope).get("if-none-match", "")
        tagged = withheld(send, wanted=_can_be_tagged, change=partial(_tag, had=had))
        await self._app(scope, receive, tagged)


def _can_be_tagged(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    return start["status"] == 200 and kind == "application/json" and "cache-control" not in headers


def _tag(start: Message, body: Message, had: str) -> Message:
    """Tag an answer; return its body, or an empty one where the other side has it."""
    tag = f'"{sha256(body.get("body", b"")).hexdigest()[:32]}"'
    headers = MutableHeaders(scope=start)
    headers["etag"] = tag
    headers["cache-control"] = KEPT
    if tag not in {each.strip().removeprefix("W/") for each in had.split(",")}:
        return body
    start["status"] = UNCHANGED
    for name in ("content-length", "content-type"):
        if name in headers:
            del headers[name]
    return {**body, "body": b""}
