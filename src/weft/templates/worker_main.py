"""What a renderer's process does: raise the walls, then compile and render what it is asked to.

Started as `python -I -m weft.templates.worker_main` with frames on its standard input and output.
Where a process can fork, the first one only keeps a fresh child at work: a child that died costs a
few milliseconds then, not the start of an interpreter. Refuses to know who asks: it opens nothing,
connects to nothing and ends when its input ends, so it cannot outlive who started it.
"""

from __future__ import annotations

import contextlib
import encodings.unicode_escape  # noqa: F401 - the compiler of bodies wants it, and nothing is imported later
import gc
import html  # noqa: F401 - likewise the filter `striptags`
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from weft.errors import BadTemplate, Mistake
from weft.kit.clocks import SystemClock
from weft.templates.environment import CompiledBody, CompiledExpressions, Escaping
from weft.templates.flaws import over_limit
from weft.templates.pieces import read_piece
from weft.templates.worker_frames import HEAD, decode, encode, read_head
from weft.templates.worker_limits import RenderLimits
from weft.templates.worker_walls import STDERR, Stopped, Stopwatch, raise_walls, spent_cpu_s

STDIN, STDOUT = 0, 1
TIRED = 3  # exit status of a child that has rendered its share
BEGUN = b"."  # written for every row of a chunk, so that a dead process tells which row it was


class Program(Protocol):
    """Something compiled that makes a plain value of one row's values.

    Attributes:
        lines: lines of the template and of its code, in order.
    """

    @property
    def lines(self) -> list[tuple[int, int]]: ...  # noqa: D102 - see the class

    def run(self, values: Mapping[str, Any]) -> Any:
        """Make the value of one row."""

    def stopped(self, exc: BaseException, reason: str) -> Mistake:
        """Refuse a row that was stopped by this exception."""


class _Body(CompiledBody):
    __slots__ = ()

    def run(self, values: Mapping[str, Any]) -> str:
        return self.render(values)


class _Expressions(CompiledExpressions):
    __slots__ = ()

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return self.compute(values)


def load_program(source: Mapping[str, Any]) -> Program:
    """Compile what `confining.py` sends: a body, or named expressions.

    Raises:
        BadTemplate: it cannot be compiled; a template that was read before always can.
    """
    if "entries" in source:
        return _Expressions([(name, text) for name, text in source["entries"]], name=source["name"])
    return _Body(
        source["text"],
        name=source["name"],
        escaping=Escaping(source["escaping"]),
        first_line=source["first_line"],
        pieces=[read_piece(piece) for piece in source["pieces"]],
        counted=True,
    )


class Renderer:
    """Answers requests, one after the other."""

    def __init__(self, limits: RenderLimits, load: Callable[[Mapping[str, Any]], Program]) -> None:
        """Begin with nothing compiled."""
        self._limits = limits
        self._load = load
        self._watch = Stopwatch(limits)
        self._clock = SystemClock()
        self._programs: dict[int, Program] = {}
        self._rows = 0
        self._is_spoilt = False

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what one request asks for: compile, or render rows."""
        self._watch.begin_request()
        try:
            if "source" in request:
                return self._compile(request["program"], request["source"])
            return self._render(self._programs[request["program"]], request["rows"])
        finally:
            self._watch.rest()
            self._watch.end_request()

    def _compile(self, number: int, source: Mapping[str, Any]) -> dict[str, Any]:
        self._watch.begin_load()
        try:
            program = self._load(source)
        except Stopped:
            reason = f"compiling takes more than {self._limits.load_cpu_s:g} s of the processor"
            return {"wrong": _told(over_limit(source["name"], reason))}
        except Mistake as exc:
            return {"wrong": _told(exc)}
        except Exception as exc:  # noqa: BLE001 - a foreign template may make anything fail
            return {"wrong": _told(_unknown(source["name"], exc))}
        self._programs[number] = program
        return {"lines": program.lines, "pid": os.getpid()}

    def _render(self, program: Program, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        made: list[Any] = []
        wrong: list[tuple[int, dict[str, Any]]] = []
        characters = 0
        marks = len(rows) > 1 and self._watch.works  # without a timer of its own no row is surely guilty
        began = self._clock.monotonic()
        for values in rows:
            if marks:
                os.write(STDERR, BEGUN)
            found = self._row(program, values)
            if isinstance(found, Mistake):
                wrong.append((len(made), _told(found)))
                made.append(None)
            else:
                made.append(found)
                characters += len(found)
            if characters > self._limits.chunk_characters or self._is_spoilt:
                break
            if self._clock.monotonic() - began > self._limits.chunk_s:
                break
        self._rows += len(made)
        exact = any(
            isinstance(each, dict) for each in made
        )  # numbers may be anything where they are computed
        return {"made": made, "wrong": wrong, "tired": self._is_tired(), "exact": exact}

    def _row(self, program: Program, values: Mapping[str, Any]) -> Any:
        try:
            self._watch.begin_row()
            return program.run(values)
        except Mistake as exc:
            return exc
        except Stopped as exc:
            return program.stopped(exc, f"it takes more than {self._limits.row_cpu_s:g} s of the processor")
        except MemoryError as exc:
            self._is_spoilt = True
            return program.stopped(exc, f"it takes more memory than {self._limits.memory // 2**20} MiB")
        except Exception as exc:  # noqa: BLE001 - a foreign template may make anything fail
            return program.stopped(exc, f"it fails with a {type(exc).__name__}")

    def _is_tired(self) -> bool:
        return (
            self._is_spoilt or self._rows >= self._limits.rows or spent_cpu_s() > self._limits.life_cpu_s / 2
        )


def _told(error: Mistake) -> dict[str, Any]:
    """An error as a plain value; `confining.py` makes it an error again."""
    return {"code": error.code, "message": error.message, "hint": error.hint, "facts": error.facts}


def _unknown(name: str, exc: Exception) -> BadTemplate:
    return BadTemplate(
        f"Template `{name}` cannot be compiled: it fails with a {type(exc).__name__}.",
        hint="correct the template.",
        name=name,
    )


# ── the pipes ────────────────────────────────────────────────────────────────────────────────────


def _read(length: int) -> bytes | None:
    """Exactly so many bytes; `None` at the end of the input."""
    found = bytearray()
    while len(found) < length:
        more = os.read(STDIN, min(length - len(found), 1 << 20))
        if not more:
            return None
        found += more
    return bytes(found)


def _read_frame() -> Any:
    head = _read(HEAD.size)
    if head is None:
        return None
    kind, length = read_head(head)
    body = _read(length)
    return None if body is None else decode(kind, body)


def _write_frame(value: Any, *, exact: bool = False) -> None:
    frame = memoryview(encode(value, exact=exact))
    while frame:
        frame = frame[os.write(STDOUT, frame) :]


def serve(load: Callable[[Mapping[str, Any]], Program] = load_program) -> None:
    """Answer requests until the input ends.

    Args:
        load: how a program is compiled.
    """
    begin = _read_frame()
    if begin is None:
        return
    limits = replace(RenderLimits(), **begin["limits"])
    with contextlib.suppress(Exception):  # what telling of a wrong template wants is loaded now
        load({"text": "{{", "name": "", "escaping": "text", "first_line": 1, "pieces": []})
    gc.freeze()
    forks = hasattr(os, "fork")
    is_first = _keep_a_child() if forks else True
    renderer = Renderer(limits, load)
    notes = raise_walls(limits)
    if is_first:
        _write_frame({"notes": notes, "forks": forks})
    while (request := _read_frame()) is not None:
        reply = renderer.answer(request)
        _write_frame(reply, exact=reply.get("exact", False))
        if forks and reply.get("tired"):
            os._exit(TIRED)


def _keep_a_child() -> bool:
    """Return in a child, and in a new one whenever the last has died; whether it is the first.

    The process that keeps them ends here, when a child has come to the end of the input.
    """
    signal.signal(signal.SIGPROF, signal.SIG_IGN)  # it is meant for the child
    is_first = True
    while (pid := os.fork()) != 0:
        is_first = False
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            os._exit(0)
        if code != TIRED:
            _write_frame({"died": code})
    return is_first


if __name__ == "__main__":
    serve()
