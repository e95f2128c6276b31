"""The only place that prints: lines, tables, errors, JSON and the live meter.

Results go to stdout, everything about the way there to stderr, so that output can be piped.
Every text is made safe before it is shown. With `--json`, stdout holds exactly one JSON value.
Refuses to know runs and templates: it is told what to show.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from getpass import getpass
from typing import IO, Any, BinaryIO

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.constrain import Constrain
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from weft.cli.drawing import WHOLE, Fit, drawn_table
from weft.cli.escaping import shown
from weft.errors import WeftError
from weft.kit.secrecy import LIVE

LEFT = 130  # exit code of a command that was left at once: 128 + SIGINT, as shells have it
WIDE = 1_000_000  # columns where nothing is a terminal: lines are never wrapped
ROOMY = 110  # columns in which a long bar and all figures have room
SECRET_BYTES = 65_536  # of a line with a secret
REFRESH_PER_SECOND = 8  # smooth for the eye, below 1 % of a core


class Console:
    """Shows things to one person or program.

    Attributes:
        json: only one JSON value goes to stdout, and no progress is told.
        quiet: nothing but results and errors is shown.
        verbose: everything is told that happens.
        debug: a bug shows its traceback.
    """

    def __init__(self, *, json: bool = False, debug: bool = False) -> None:
        """Look at the streams as they are now."""
        self.json = json
        self.quiet = json
        self.verbose = False
        self.debug = debug
        self._out = _open(sys.stdout)
        self._err = _open(sys.stderr)
        self._meter: Meter | None = None

    def attune(self, *, json: bool, quiet: bool, verbose: bool, debug: bool) -> None:
        """Take on what the command line asks for."""
        self.json = json
        self.quiet = quiet or json
        self.verbose = verbose and not json
        self.debug = debug

    @property
    def is_live(self) -> bool:
        """Whether a person watches, so that a moving meter makes sense."""
        return self._err.is_terminal and not self._err.is_dumb_terminal and not self.quiet

    @property
    def can_ask(self) -> bool:
        """Whether a person can be asked."""
        return self._err.is_terminal and sys.stdin.isatty() and not self.json

    def line(self, text: str = "", style: str = "") -> None:
        """Show one line of a result on stdout; nothing with `--json`."""
        if not self.json:
            self._out.print(Text(shown(text), style=style), soft_wrap=True)

    def note(self, text: str, style: str = "") -> None:
        """Tell one line about the way there, on stderr; nothing when quiet."""
        if not self.quiet:
            self._err.print(Text(shown(LIVE.hide_known(text)), style=style), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Tell what deserves attention, on stderr, also when quiet; line by line."""
        first, *rest = LIVE.hide(text).splitlines() or [""]
        self._err.print(Text.assemble(("warning: ", "bold yellow"), shown(first)), soft_wrap=True)
        for each in rest:
            self._err.print(Text(shown(each)), soft_wrap=True)

    def fail(self, error: WeftError) -> None:
        """Show an error: a sentence and what to do next; with `--json` as a JSON value on stdout."""
        if self.json:
            self.value({"error": plain_error(error)})
            return
        first, *rest = LIVE.hide(error.message).splitlines() or [""]
        self._err.print(Text.assemble(("error: ", "bold red"), shown(first)), soft_wrap=True)
        for each in rest:
            self._err.print(Text(shown(each)), soft_wrap=True)
        for problem in _problems(error):
            self._err.print(Text(f"  - {shown(LIVE.hide(problem))}"), soft_wrap=True)
        if error.hint:
            self.hint(error.hint)

    def hint(self, text: str) -> None:
        """Tell the next step, on stderr; nothing with `--json`."""
        if not self.json:
            self._err.print(
                Text.assemble(("hint: ", "bold cyan"), shown(LIVE.hide_known(text))), soft_wrap=True
            )

    @property
    def stream(self) -> BinaryIO:
        """Stdout for bytes of a table; nothing else may be shown there then."""
        return sys.stdout.buffer

    def value(self, value: Any) -> None:
        """Write one JSON value on stdout."""
        text = json.dumps(value, indent=2, ensure_ascii=not _is_utf8(sys.stdout), default=str)
        self._out.file.write(text + "\n")
        self._out.file.flush()

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        right: Sequence[str] = (),
        fit: Fit = WHOLE,
    ) -> None:
        """Show a table on stdout: drawn to fit on a terminal, aligned text with every cell elsewhere.

        Args:
            columns: headings. right: those whose cells stand at the right.
            fit: what gives way on a narrow terminal.
        """
        if self.json:
            return
        cells = [[shown(str(cell)) for cell in row] for row in rows]
        if self._out.is_terminal:
            self._out.print(drawn_table(columns, cells, right=right, fit=fit, width=self._out.width))
            return
        widths = [max(len(line[at]) for line in [list(columns), *cells]) for at in range(len(columns))]
        for line in [list(columns), *cells]:
            padded = [
                cell.rjust(width) if column in right else cell.ljust(width)
                for cell, width, column in zip(line, widths, columns, strict=True)
            ]
            self.line("  ".join(padded).rstrip())

    def block(self, lines: Sequence[str], draw: Callable[[], RenderableType], *, aside: bool = False) -> None:
        """Show a block that is drawn on a terminal and told line by line elsewhere.

        Args:
            aside: on stderr; nothing when quiet.
        """
        console, stream = (self._err, sys.stderr) if aside else (self._out, sys.stdout)
        if not console.is_terminal or not _is_utf8(stream):
            for each in lines:
                (self.note if aside else self.line)(each)
        elif not (self.quiet if aside else self.json):
            console.print(draw())

    def confirm(self, question: str) -> bool:
        """Ask a person; no answer means no."""
        self._err.print(Text(f"{shown(question)} [y/N] "), end="")
        try:
            return input().strip().lower() in {"y", "yes"}
        except EOFError:
            return False

    def meter(self) -> Meter:
        """Start a live line at the bottom of the terminal; close it when done."""
        self._meter = Meter(self._err)
        return self._meter

    def leave(self) -> None:
        """Take the meter away and give the cursor back; harmless when repeated."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None


class _Live(Progress):
    """Leaves room at the right: a terminal writes `^C` there, and a full line would break."""

    def __init__(self, *columns: ProgressColumn, console: RichConsole) -> None:
        self._around = console
        super().__init__(*columns, console=console, transient=True, refresh_per_second=REFRESH_PER_SECOND)

    def get_renderables(self) -> Iterable[RenderableType]:
        for each in super().get_renderables():
            yield Constrain(each, self._around.width - 4)


class Meter:
    """A live line: rows done, calls, money and the time that is left."""

    def __init__(self, console: RichConsole) -> None:
        """Draw an empty bar."""
        columns: tuple[ProgressColumn, ...] = (
            SpinnerColumn(),
            TextColumn("{task.fields[doing]}"),
            BarColumn(bar_width=30 if console.width >= ROOMY else 10),
            TextColumn("{task.fields[facts]}"),
        )
        self._progress = _Live(*columns, console=console)
        self._task: TaskID = self._progress.add_task("", total=None, doing="Reading", facts="")
        self._progress.start()

    def show(self, *, done: int, total: int | None, doing: str, facts: str) -> None:
        """Move the bar; `total` is `None` while it is not known."""
        self._progress.update(
            self._task,
            completed=done,
            total=total,
            doing=shown(doing).replace("[", "\\["),
            facts=shown(facts),
        )

    def close(self) -> None:
        """Take the line away."""
        self._progress.stop()


def read_secret(question: str) -> str:
    """Read one line that nobody shall see: from a pipe, or typed without an echo; empty = nothing came."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(SECRET_BYTES).strip()
    try:
        return getpass(f"{shown(question)}: ", stream=sys.stderr).strip()
    except EOFError:
        return ""


def plain_error(error: WeftError) -> dict[str, Any]:
    """Write an error as plain JSON: code, message, hint, facts, exit code; secrets in it are hidden."""
    return {
        "code": error.code,
        "message": LIVE.hide(error.message),
        "hint": LIVE.hide(error.hint),
        "exit_code": error.exit_code,
        "facts": _hidden(dict(error.facts)),
    }


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return LIVE.hide(value)
    if isinstance(value, Mapping):
        return {name: _hidden(each) for name, each in value.items()}
    return [_hidden(each) for each in value] if isinstance(value, list | tuple) else value


def _problems(error: WeftError) -> list[str]:
    found = error.facts.get("problems")
    if not isinstance(found, list | tuple):
        return []
    texts = [str(each.get("message", each)) if isinstance(each, Mapping) else str(each) for each in found]
    return [each for each in texts if each not in error.message]


def _open(stream: IO[str]) -> RichConsole:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a terminal without UTF-8 gets escapes, not a traceback
    console = RichConsole(file=stream, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def _is_utf8(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", "") or "").lower().replace("-", "") == "utf8"
