"""How a mock server behaves: every knob with its unit and default.

Knows nothing else: `mock_server.py` and its gate obey it, the command line fills it.
Refuses to read files and the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.money import Price, Usd
from weft.testing.fault_plans import FaultRates


@dataclass(frozen=True, slots=True, kw_only=True)
class MockOptions:
    """How a mock server behaves.

    Attributes:
        port: 0 = any free one.
        latency_ms: milliseconds until a reply; `jitter_ms` more are added at random.
        rpm, tpm: requests and tokens admitted in any sixty seconds; `None` = not limited.
        seed: of everything random.
        price: per million tokens.
        api_key: the only key that is let in; empty = every key and none.
        models: the only names that are known; empty = all.
        context_tokens: input and output of one call, beyond it `context_length_exceeded`;
            `None` = not limited.
        bill_path: file that gets a JSON line per charged call before its reply is sent.
        faults: what goes wrong, and how often.
        answers: row content → answer; `None` = filled in by the request's schema.
    """

    host: str = "127.0.0.1"
    port: int = 0
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    rpm: int | None = None
    tpm: int | None = None
    seed: int = 0
    price: Price = field(default_factory=lambda: Price(input=Usd.of("0.15"), output=Usd.of("0.60")))
    api_key: str = ""
    models: tuple[str, ...] = ()
    context_tokens: int | None = None
    bill_path: Path | None = None
    faults: FaultRates = field(default_factory=FaultRates)
    answers: Callable[[Any], Mapping[str, Any]] | None = None
