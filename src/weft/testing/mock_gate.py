"""Who is let in by the mock server, and what the headers say about the rate that is left.

Knows keys, model names, the context's size and the two windows of sixty seconds.
Refuses to know answers, faults and sockets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from weft.call import Usage
from weft.kit.clocks import Clock
from weft.testing.bills import FRAME_TOKENS, count_tokens
from weft.testing.mock_dialects import ANTHROPIC, Dialect, Question
from weft.testing.mock_limits import Room, Window
from weft.testing.mock_options import MockOptions
from weft.testing.mock_wire import Asked


@dataclass(frozen=True, slots=True)
class No:
    """Why a request is turned away."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Decides about every request before it is answered."""

    def __init__(self, options: MockOptions, clock: Clock) -> None:
        """Start with empty windows."""
        self._options = options
        self._clock = clock
        self._rpm = Window(options.rpm) if options.rpm else None
        self._tpm = Window(options.tpm) if options.tpm else None

    def look(self, asked: Asked, question: Question) -> No | None:
        """Say no, or `None` to let a request in; takes nothing from the windows."""
        options = self._options
        if options.api_key and options.api_key not in _keys(asked):
            return No(401, "invalid_api_key", "The API key is not valid.")
        if options.models and question.model not in options.models:
            return No(404, "model_not_found", f"The model `{question.model}` does not exist.")
        if options.context_tokens is not None:
            needed = count_tokens(*question.texts) + FRAME_TOKENS + (question.max_output_tokens or 0)
            if needed > options.context_tokens:
                said = (
                    f"This model's maximum context length is {options.context_tokens} tokens, not {needed}."
                )
                return No(400, "context_length_exceeded", said)
        return self._look_at_rate(question) if self._rpm or self._tpm else None

    def pass_by(self, dialect: Dialect, usage: Usage) -> dict[str, str]:
        """Count an admitted request; return the headers about what is left."""
        if not (self._rpm or self._tpm):
            return {}
        now = self._clock.monotonic()
        rooms: dict[str, tuple[Window, Room]] = {}
        for name, window, units in self._windows(usage):
            window.take(now, units)
            rooms[name] = (window, window.look(now))
        return self._rate_headers(dialect, rooms)

    def _windows(self, usage: Usage) -> list[tuple[str, Window, int]]:
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        both = [("requests", self._rpm, 1), ("tokens", self._tpm, tokens)]
        return [(name, window, units) for name, window, units in both if window is not None]

    def _look_at_rate(self, question: Question) -> No | None:
        now = self._clock.monotonic()
        # Tokens are asked for by what is known before answering; the answer's own are counted after.
        known = Usage(input_tokens=count_tokens(*question.texts) + FRAME_TOKENS)
        for name, window, units in self._windows(known):
            room = window.look(now, units)
            if room.wait_s is None:
                said = f"This request needs {units} {name}, the limit is {window.limit} per minute."
                return No(429, "rate_limit_exceeded", said)
            if room.wait_s > 0:
                # Rounded up to a millisecond, so that whoever waits as told is let in.
                wait_s = math.ceil(room.wait_s * 1000) / 1000
                said = f"Rate limit of {window.limit} {name} per minute reached. Try again in {wait_s}s."
                return No(429, "rate_limit_exceeded", said, {"Retry-After": f"{wait_s:g}"})
        return None

    def _rate_headers(self, dialect: Dialect, rooms: Mapping[str, tuple[Window, Room]]) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, (window, room) in rooms.items():
            left = max(0, room.left)
            if dialect is ANTHROPIC:
                reset = datetime.fromtimestamp(self._clock.wall() + room.reset_s, UTC)
                start = f"anthropic-ratelimit-{name}"
                headers |= {f"{start}-limit": str(window.limit), f"{start}-remaining": str(left)}
                headers[f"{start}-reset"] = reset.isoformat(timespec="seconds").replace("+00:00", "Z")
            else:
                headers |= {
                    f"x-ratelimit-limit-{name}": str(window.limit),
                    f"x-ratelimit-remaining-{name}": str(left),
                }
                headers[f"x-ratelimit-reset-{name}"] = f"{math.ceil(room.reset_s * 1000)}ms"
        return headers


def _keys(asked: Asked) -> tuple[str, ...]:
    headers = asked.headers
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return bearer, headers.get("x-api-key", ""), headers.get("x-goog-api-key", ""), asked.query.get("key", "")
