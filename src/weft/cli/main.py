"""The command line: finds the command, maps errors to exit codes.

Commands are files in `commands/`, listed by their docstrings and imported when they are asked for.
The last line of defence: whatever goes wrong ends as a sentence, never as a traceback.
Refuses to know what any command does.
"""

from __future__ import annotations

import os
import pkgutil
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from weft.cli import commands
from weft.cli.console import LEFT, Console
from weft.cli.flags import unmark_switches
from weft.errors import Mistake, WeftError
from weft.kit.secrecy import guard_log

BUG = 70  # EX_SOFTWARE of sysexits.h: an error in weft itself
PIPE_CLOSED = 141  # 128 + SIGPIPE
PANELS = {
    "Run tables": ("run", "estimate", "status", "resume", "export", "runs", "metrics"),
    "Templates, variants and code": ("templates", "variants", "generate"),
    "Serve programs, people and agents": ("serve", "worker", "mcp"),
    "Govern a team": ("team", "members", "workspaces", "tokens", "keys", "audit"),
    "Look after it": ("init", "doctor", "prices", "cache", "db", "mock-server"),
}
"""Heading of the help → its commands, both in its order; a new file that is not named here stands at its end."""
ORDER = tuple(name for names in PANELS.values() for name in names)

# The parser has its own error; Typer shows only its child.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def summaries() -> dict[str, str]:
    """Every command with the first line of its module's docstring, without importing any."""
    found = {}
    for module in pkgutil.iter_modules(commands.__path__):
        name = module.name.replace("_", "-")
        source = _source(f"{commands.__name__}.{module.name}")
        found[name] = source.removeprefix('"""').partition("\n")[0].removesuffix('"""')
    return dict(sorted(found.items(), key=lambda pair: (pair[0] not in ORDER, _rank(pair[0]))))


def _source(module: str) -> str:
    spec = find_spec(module)
    # Loaders are not asked for their class: `importlib.abc` would cost 7 ms of each start.
    get_source = getattr(spec and spec.loader, "get_source", None)
    return (get_source(module) or "") if get_source else ""


def _rank(name: str) -> int:
    return ORDER.index(name) if name in ORDER else 0


class _Commands(TyperGroup):
    """Shows summaries of all commands, and loads the one that is asked for."""

    def get_params(self, ctx: Any) -> Any:
        return unmark_switches(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name in self.commands:
            module = import_module(f"{commands.__name__}.{name.replace('-', '_')}")
            loaded = get_command(module.command)
            loaded.name = name
            self.commands[name] = loaded
        return super().resolve_command(ctx, args)


def build() -> typer.Typer:
    """The whole command line; its commands are only known by name and summary yet."""
    app = typer.Typer(
        cls=_Commands,
        name="weft",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="`weft COMMAND --help` explains each command.",
    )
    app.callback()(weft)
    panels = {name: panel for panel, names in PANELS.items() for name in names}
    for name, summary in summaries().items():
        app.command(name, help=summary, rich_help_panel=panels.get(name))(_not_loaded)
    return app


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - the parser calls it so
    if asked:
        Console().line(f"weft {import_module('weft').__version__}")
        raise typer.Exit


VERSION = typer.Option(
    False, "--version", help="Show the version and exit.", is_eager=True, callback=_tell_version
)


def weft(version: bool = VERSION) -> None:  # noqa: FBT001 - Typer reads flags from parameters
    """Run one prompt over every row of a table: correctly, cheaply and without losing anything."""
    del version


def _not_loaded() -> None:
    """Stand for a command until it is loaded."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return its exit code.

    0 all well · 1 some rows failed · 2 the asker changes something · 3 stopped on purpose ·
    4 the other side is ill · 5 the other side said no · 70 a bug in weft · 130 left at once.
    """
    asked = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    guard_log()
    console = Console(json="--json" in asked, debug="--debug" in asked)
    try:
        code = get_command(build())(args=asked, prog_name="weft", standalone_mode=False, obj=console)
    except WeftError as error:
        console.leave()
        console.fail(error)
        return error.exit_code
    except _UsageError as error:
        return _misused(console, error)
    except (KeyboardInterrupt, typer.Abort):
        console.leave()
        return LEFT
    except BrokenPipeError:
        os._exit(PIPE_CLOSED)  # whoever read our output has gone; a normal exit would write once more
    except Exception as error:  # noqa: BLE001 - the last line of defence
        console.leave()
        return _broken(console, error)
    return code if isinstance(code, int) else 0


def _misused(console: Console, error: Any) -> int:
    path = error.ctx.command_path if error.ctx else "weft"
    console.fail(Mistake(_sentence(error.format_message()), hint=f"`{path} --help` shows what can be given."))
    return Mistake.exit_code


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _broken(console: Console, error: Exception) -> int:
    if console.debug:
        console.warn("".join(traceback.format_exception(error)))
    hint = (
        ""
        if console.debug
        else "`--debug` (or WEFT_DEBUG=1) shows where; what is settled in the store is safe."
    )
    console.fail(WeftError(f"weft has a bug: {type(error).__name__}: {error}.", hint=hint))
    return BUG
