"""Rendering of foreign templates in a process that can be killed, with the face of `environment.py`.

Knows how rows go out in chunks, how exactly the guilty ones are refused when a process dies, and
that the next row still renders. A template that is the project's own is rendered in our process.
Refuses to know which template is foreign, and how a process is limited (`worker_limits.py`).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.errors import BadTemplate, MissingInput, Mistake, RenderLimit, code_of
from weft.kit.clocks import Clock, SystemClock
from weft.templates.environment import Escaping
from weft.templates.flaws import over_limit
from weft.templates.pieces import Piece
from weft.templates.syntax import where
from weft.templates.worker import COMMAND, CPU, CRASH, MEMORY, START, WALL, Died, Worker
from weft.templates.worker_limits import MEBIBYTE, RenderLimits

CHUNK = 200  # rows that go out together; the pipe's share of a row's time is below a tenth then
LONGEST = 4_000  # characters of an error's sentence that are believed
NOT_OURS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)  # what reading a reply of another shape raises
_KINDS = {code_of(kind): kind for kind in (BadTemplate, MissingInput, RenderLimit)}


class Confinement:
    """One process for the programs of one template, started when it is first needed.

    For any thread; requests wait for each other. A process that dies or has rendered its share of
    rows is replaced. It ends with this object, and with us, however we end.

    Attributes:
        limits: what a row and the process may take.
        deaths: processes that had to be killed or ended by themselves so far.
    """

    def __init__(
        self,
        *,
        limits: RenderLimits | None = None,
        command: Sequence[str] = COMMAND,
        clock: Clock | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            limits: by default those of the security study.
            command: how the process is started.
            clock: only its monotonic time is read.
        """
        self.limits = limits or RenderLimits()
        self.deaths = 0
        self._command, self._clock = command, clock or SystemClock()
        self._lock = threading.RLock()
        self._programs: list[_Program] = []
        self._held = _Held()
        weakref.finalize(self, self._held.kill)

    def body(
        self,
        text: str,
        *,
        name: str,
        escaping: Escaping = Escaping.TEXT,
        first_line: int = 1,
        pieces: Sequence[Piece] = (),
    ) -> ConfinedBody:
        """Take a body as `CompiledBody` does; it is compiled when its first row comes."""
        source = {
            "text": text,
            "name": name,
            "escaping": escaping.value,
            "first_line": first_line,
            "pieces": [piece.plain() for piece in pieces],
        }
        return ConfinedBody(self, self._add(_Program(source)))

    def expressions(self, entries: Sequence[tuple[str, str]], *, name: str) -> ConfinedExpressions:
        """Take named expressions as `CompiledExpressions` does."""
        source = {"entries": [list(entry) for entry in entries], "name": name}
        return ConfinedExpressions(self, self._add(_Program(source)))

    def run(self, program: int, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Make the value of every row, or the `Mistake` that refuses it, in order."""
        found: list[Any] = []
        plain = [row if type(row) is dict else dict(row) for row in rows]
        with self._lock:
            while len(found) < len(plain):
                found += self._some(program, plain[len(found) : len(found) + CHUNK])
        return found

    def notes(self) -> tuple[str, ...]:
        """What the platform does not enforce; starts a process if there is none.

        Raises:
            RenderLimit: no process can be started.
        """
        with self._lock:
            try:
                return self._worker().greeted()
            except Died as death:
                self._bury()
                raise self._refusal(death, self._programs[0] if self._programs else _Program({})) from death

    def close(self) -> None:
        """End the process; the next row starts another one."""
        with self._lock:
            self._held.kill()

    def _add(self, program: _Program) -> int:
        with self._lock:
            for number, known in enumerate(self._programs):
                if known.source == program.source:
                    return number
            self._programs.append(program)
            return len(self._programs) - 1

    def _some(self, number: int, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Values of the first of these rows, of at least one."""
        program = self._programs[number]
        try:
            self._load(number, program)
            if program.wrong is not None:
                return [program.wrong] * len(rows)
            reply = self._worker().ask({"program": number, "rows": rows})
        except Died as death:
            self._bury()
            return self._after(death, number, rows)
        made = program.made(reply, len(rows))
        if made is None:  # whoever sends this is not who we started
            self.close()
            return self._after(Died(CRASH, b""), number, rows)
        if reply.get("tired"):
            self._held.renew()
        return made

    def _load(self, number: int, program: _Program) -> None:
        worker = self._worker()
        if number in self._held.loaded or program.wrong is not None:
            return
        reply = worker.ask({"program": number, "source": program.source})
        try:
            if "wrong" in reply:
                program.wrong = _error(reply["wrong"])
                return
            program.lines = [(int(line), int(code)) for line, code in reply["lines"]]
        except NOT_OURS as exc:
            raise Died(CRASH, b"") from exc
        self._held.loaded.add(number)

    def _after(self, death: Died, number: int, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Refuse the row that is guilty of a death, and no other."""
        program = self._programs[number]
        if program.lines is None:
            refusal = self._refusal(death, program)
            if death.why != START:
                program.wrong = refusal  # it would be the same for every row
            return [refusal] * len(rows)
        if len(rows) == 1 or death.why == START:
            return [self._refusal(death, program)] * len(rows)
        guilty = death.row - 1
        if death.why == CPU and 0 <= guilty < len(rows):  # this clock is set anew for every row
            return [*self.run(number, rows[:guilty]), self._refusal(death, program)]
        return [each for row in rows for each in self._some(number, [row])]

    def _refusal(self, death: Died, program: _Program) -> RenderLimit:
        name, place = program.place(death.code_line)
        reason = {
            CPU: f"it takes more than {self.limits.row_cpu_s:g} s of the processor",
            MEMORY: f"it takes more memory than {self.limits.memory // MEBIBYTE} MiB",
            WALL: f"it takes more than {self.limits.wall_s:g} s",
            START: f"the process that renders it could not be started ({death.words or 'no reason given'})",
        }.get(death.why, "it brings down the process that renders it")
        return over_limit(name, reason, **place)

    def _worker(self) -> Worker:
        if self._held.worker is not None and not self._held.worker.is_ours:
            self._held.kill()
        if self._held.worker is None:
            try:
                self._held.worker = Worker(self.limits, clock=self._clock, command=self._command)
            except OSError as exc:
                raise Died(START, (exc.strerror or "").encode()) from exc
        return self._held.worker

    def _bury(self) -> None:
        self.deaths += 1
        self._held.renew()


class ConfinedBody:
    """A foreign template's body; renders what `CompiledBody` would, or refuses the row."""

    __slots__ = ("_confinement", "_number")

    def __init__(self, confinement: Confinement, number: int) -> None:
        """Be one of a confinement's programs; see `Confinement.body`."""
        self._confinement, self._number = confinement, number

    def render(self, values: Mapping[str, Any]) -> str:
        """Render one row's text; `render_many` is several times quicker a row.

        Raises:
            MissingInput, BadTemplate: as `CompiledBody.render`.
            RenderLimit: it took too much time, memory or text.
        """
        return str(_made(self.render_many([values])[0]))

    def render_many(self, rows: Sequence[Mapping[str, Any]]) -> list[str | Mistake]:
        """Render rows; each gives its text or the error that refuses it, in order."""
        return self._confinement.run(self._number, rows)


class ConfinedExpressions:
    """Named expressions of a foreign template; computes what `CompiledExpressions` would."""

    __slots__ = ("_confinement", "_number")

    def __init__(self, confinement: Confinement, number: int) -> None:
        """Be one of a confinement's programs; see `Confinement.expressions`."""
        self._confinement, self._number = confinement, number

    def compute(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Compute every expression for one row; result name → value.

        Raises:
            MissingInput, BadTemplate: as `CompiledExpressions.compute`.
            RenderLimit: it took too much time or memory.
        """
        return dict(_made(self.compute_many([values])[0]))

    def compute_many(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | Mistake]:
        """Compute rows; each gives its values or the error that refuses it, in order."""
        return self._confinement.run(self._number, rows)


def _made(found: Any) -> Any:
    if isinstance(found, Mistake):
        raise found
    return found


def _error(told: Mapping[str, Any]) -> Mistake:
    """Make an error again of what the process told; of no kind but those that rows are refused with."""
    kind = _KINDS.get(told["code"], BadTemplate)
    message, hint = str(told["message"])[:LONGEST], str(told["hint"])[:LONGEST]
    return kind(message, hint=hint, **{str(name): value for name, value in told["facts"].items()})


@dataclass(slots=True)
class _Program:
    """What is compiled in the process: a body or expressions.

    Attributes:
        lines: lines of the template (or numbers of entries) and of code; `None` = never compiled.
        wrong: why it cannot be compiled.
    """

    source: Mapping[str, Any]
    lines: list[tuple[int, int]] | None = None
    wrong: Mistake | None = None

    def made(self, reply: Mapping[str, Any], most: int) -> list[Any] | None:
        """What a reply says about the first rows of a request; `None` if it is of no shape of ours."""
        kind = dict if "entries" in self.source else str
        try:
            made, wrong = list(reply["made"]), {int(at): _error(told) for at, told in reply["wrong"]}
        except NOT_OURS:
            return None
        if not 0 < len(made) <= most or any(type(each) is not kind for each in made if each is not None):
            return None
        found = [wrong.get(at) if each is None else each for at, each in enumerate(made)]
        return None if None in found else found

    def place(self, code_line: int) -> tuple[str, dict[str, Any]]:
        """The template that a line of code stands for, and the facts `line` and `expression`."""
        name: str = self.source.get("name", "")
        found = [line for line, code in self.lines or () if code <= code_line]
        if not found:
            return name, {}
        if "entries" in self.source:
            return name, {"expression": self.source["entries"][found[-1] - 1][0]}
        titles = [f"{piece['key']}@{piece['version']}" for piece in self.source["pieces"]]
        name, line = where(found[-1], (name, *titles))
        return name, {"line": line}


class _Held:
    """The process, and what it has compiled; apart, so that it can be ended when nobody uses it."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.loaded: set[int] = set()

    def renew(self) -> None:
        """Go on with a fresh process; one that forks has made one already."""
        self.loaded.clear()
        if self.worker is not None and not (self.worker.forks and self.worker.lives):
            self.kill()

    def kill(self) -> None:
        worker, self.worker = self.worker, None
        self.loaded.clear()
        if worker is not None:
            worker.kill()
