"""Start a local server that speaks OpenAI, Anthropic and Gemini, to rehearse runs without paying.

Knows flags and how to stop. Refuses to know how the server answers: it is published in
`weft.testing`, for tests of your own too.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.cli.console import Console
from weft.cli.flags import Flag, Flags, one_command
from weft.errors import BadSetting
from weft.testing.fault_plans import FaultRates
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer

BOUNDS: Mapping[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "latency_ms": (0, 86_400_000),
    "jitter_ms": (0, 86_400_000),
    "rpm": (1, 10_000_000),
    "tpm": (1, 10_000_000_000),
    "context_tokens": (1, 10**9),
}
"""Smallest and largest value of a flag, both included."""


def mock_server(console: Console, flags: Flags) -> int:
    """Start a local server that answers like OpenAI, Anthropic and Gemini, and keeps an exact bill.

    Ask it with `weft run … --model openai/mock --base-url http://127.0.0.1:8089/v1`.
    Ctrl-C stops it and shows the bill.
    """
    return asyncio.run(_serve(console, _options(flags)))


def _options(flags: Flags) -> MockOptions:
    """Read the flags.

    Raises:
        BadSetting: if a value is out of its range, or a fault is not written as one.
        UnknownName: if there is no such fault.
    """
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    for name, (low, high) in BOUNDS.items():
        value = given.get(name, low)
        if not low <= value <= high:  # also refuses NaN
            flag = f"--{name.replace('_', '-')}"
            raise BadSetting(
                f"`{flag}` is {value}; expected {low:,} to {high:,}.",
                hint="`weft mock-server --help` explains it.",
                setting=name,
            )
    given["faults"] = FaultRates.read(given.pop("faults", ()))
    if "models" in given:
        given["models"] = tuple(given["models"])
    if "bill_path" in given:
        given["bill_path"] = Path(given["bill_path"])
    return MockOptions(**given)


async def _serve(console: Console, options: MockOptions) -> int:
    server = MockServer(options)
    url = await server.start()
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    if console.json:
        console.value({"url": url})
    console.line(f"Listening on {url}")
    console.note(f"Ask it with --model openai/mock --base-url {url}/v1; Ctrl-C stops it.")
    try:
        await stop.wait()
    finally:
        report = server.report()
        await server.stop()
    console.note(f"Bill: {report}")
    return 0


_FAULTS = "Limits and misfortunes"
command = one_command(
    "mock-server",
    mock_server,
    flags=[
        Flag(name="host", help="Address to listen on."),
        Flag(name="port", help="Port to listen on; 0 = any free one. [8089]", kind=int, default=8089),
        Flag(name="latency_ms", help="Milliseconds until a reply.", kind=float, panel=_FAULTS),
        Flag(
            name="jitter_ms", help="At most so many milliseconds more, at random.", kind=float, panel=_FAULTS
        ),
        Flag(name="rpm", help="Requests admitted in any minute.", kind=int, panel=_FAULTS),
        Flag(name="tpm", help="Tokens admitted in any minute.", kind=int, panel=_FAULTS),
        Flag(
            name="faults",
            help="A fault and how often: timeout=0.01, or unavailable=0.001@20s for an outage; may be repeated.",
            kind=list[str],
            spelling=("--fault",),
            metavar="NAME=RATE",
            panel=_FAULTS,
        ),
        Flag(name="seed", help="Seed of everything random.", kind=int, panel=_FAULTS),
        Flag(name="api_key", help="The only key that is let in.", panel=_FAULTS),
        Flag(
            name="models",
            help="A model that is known; may be repeated. By default all are.",
            kind=list[str],
            spelling=("--model",),
            panel=_FAULTS,
        ),
        Flag(
            name="context_tokens",
            help="Input and output tokens that fit into one call.",
            kind=int,
            panel=_FAULTS,
        ),
        Flag(
            name="bill_path",
            help="File that gets a JSON line per charged call.",
            spelling=("--bill",),
            metavar="PATH",
        ),
    ],
)
