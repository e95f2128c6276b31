"""Questions in three formats, and a mock server with a session to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest

from weft.kit.clocks import Clock
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer

SCHEMA = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "tldr": {"type": "string", "maxLength": 80},
                    "challenge": {"type": "string", "enum": ["practice", "expert"]},
                },
                "required": ["id", "tldr", "challenge"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["rows"],
    "additionalProperties": False,
}
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/mock-1:generateContent",
}
ROWS = [
    ("aaaaaa", "a tree that stays balanced"),
    ("bbbbbb", "a queue that never waits"),
    ("cccccc", "a heap"),
]


def frame(rows: list[tuple[str, str]]) -> str:
    """The user text of a pack."""
    return orjson.dumps([{"id": label, "data": {"description": text}} for label, text in rows]).decode()


def question(
    dialect: str, user: str, *, schema: dict[str, Any] | None = SCHEMA, limit: int = 2_000
) -> dict[str, Any]:
    """A request's body in one of the three formats."""
    if dialect == "openai":
        body: dict[str, Any] = {
            "model": "mock-1",
            "messages": [{"role": "system", "content": "Do it."}, {"role": "user", "content": user}],
            "max_tokens": limit,
        }
        if schema:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        return body
    if dialect == "anthropic":
        body = {
            "model": "mock-1",
            "system": "Do it.",
            "max_tokens": limit,
            "messages": [{"role": "user", "content": [{"type": "text", "text": user}]}],
        }
        if schema:
            body["tools"] = [{"name": "answer", "input_schema": schema}]
            body["tool_choice"] = {"type": "tool", "name": "answer"}
        return body
    form: dict[str, Any] = {"maxOutputTokens": limit}
    if schema:
        form["responseJsonSchema"] = schema
    return {
        "systemInstruction": {"parts": [{"text": "Do it."}]},
        "contents": [{"role": "user", "parts": [{"text": user}]}],
        "generationConfig": form,
    }


def text_in(dialect: str, reply: dict[str, Any]) -> str:
    """The model's text in a reply's body."""
    if dialect == "openai":
        return str(reply["choices"][0]["message"]["content"])
    if dialect == "anthropic":
        block = reply["content"][0]
        return orjson.dumps(block["input"]).decode() if block["type"] == "tool_use" else str(block["text"])
    return str(reply["candidates"][0]["content"]["parts"][0]["text"])


class Rehearsal:
    """A running mock server and a session that asks it."""

    def __init__(self, server: MockServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def post(
        self,
        dialect: str = "openai",
        *,
        user: str = frame(ROWS),
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask once; return status, headers and body."""
        body = orjson.dumps(question(dialect, user, **more))
        sent = {"Content-Type": "application/json", **(headers or {})}
        url = self.server.url + PATHS[dialect]
        async with self.session.post(url, data=body, headers=sent, allow_redirects=False) as reply:
            return (
                reply.status,
                {name.lower(): value for name, value in reply.headers.items()},
                await reply.read(),
            )

    async def answers(self, dialect: str = "openai", **more: Any) -> dict[str, dict[str, Any]]:
        """Ask once; return label → answer."""
        status, _, body = await self.post(dialect, **more)
        assert status == 200, body
        rows = orjson.loads(text_in(dialect, orjson.loads(body)))["rows"]
        return {row.pop("id"): row for row in rows}

    async def get(self, path: str) -> dict[str, Any]:
        """Read one of the server's own pages."""
        async with self.session.get(self.server.url + path) as reply:
            return dict(orjson.loads(await reply.read()))


Rehearse = Callable[..., AbstractAsyncContextManager[Rehearsal]]


@pytest.fixture
def rehearse() -> Rehearse:
    """Start a server with options of one's own, as a context, such as five requests a minute."""

    @asynccontextmanager
    async def start(
        *, clock: Clock | None = None, timeout_s: float = 10.0, **options: Any
    ) -> AsyncIterator[Rehearsal]:
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with (
            MockServer(MockOptions(**options), clock=clock) as server,
            aiohttp.ClientSession(timeout=limit) as session,
        ):
            yield Rehearsal(server, session)

    return start
