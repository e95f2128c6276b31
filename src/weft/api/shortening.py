"""Answers of a team's server without where it keeps its files, which is nobody's business who asks it.

Knows the folders of the server, and that paths below them are told from there on: `home/templates/recap.md`.
Only JSON is looked at, problems included. Refuses to know what else an answer says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.api.problems import MEDIA_TYPE
from weft.api.withholding import withheld

KINDS = frozenset({"application/json", MEDIA_TYPE})


class Shortened:
    """Leaves the beginnings of paths out."""

    def __init__(self, app: ASGIApp, folders: Iterable[Path]) -> None:
        """Stand around an application.

        Args:
            folders: of the server; absolute ones, each told by nobody else.
        """
        self._app = app
        written = sorted({json.dumps(str(each), ensure_ascii=False)[1:-1] for each in folders}, key=len)
        below = "|".join(map(re.escape, reversed(written)))
        self._pattern = re.compile(rf"(?<![\w/.:-])(?:{below})(?:/|\\\\)".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        is_http = scope["type"] == "http"
        shortened = withheld(send, wanted=_is_plain_json, change=self._short) if is_http else send
        await self._app(scope, receive, shortened)

    def _short(self, start: Message, body: Message) -> Message:
        found = self._pattern.sub(b"", body.get("body", b""))
        headers = MutableHeaders(scope=start)
        if "content-length" in headers:
            headers["content-length"] = str(len(found))
        return {**body, "body": found}


def _is_plain_json(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    return kind in KINDS and "content-encoding" not in headers
