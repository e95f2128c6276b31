"""Flags as values, and commands made from them.

Knows how a flag is written and explained; flags of settings take both from `Settings` itself, so
that a new setting is one line there. Refuses to know what a command does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from weft.cli.console import Console
from weft.settings import Settings

Flags = Mapping[str, Any]
"""What was given: flag or argument name → value; `None` = not given."""
Body = Callable[[Console, Flags], int]
"""What a command does; returns the exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag or positional argument of a command.

    Attributes:
        name: in Python's spelling; `--rows-per-call` is `rows_per_call`.
        kind: `str`, `int`, `bool` or `list[str]` for a flag that may be repeated.
        spelling: how it is written where that is not `--name`.
        metavar: word for the value in the help.
        panel: heading under which the help lists it.
        variable: environment variable that gives it as well; settings need none, the desk reads theirs.
        positional: an argument without dashes.
    """

    name: str
    help: str
    kind: Any = str
    default: Any = None
    spelling: tuple[str, ...] = ()
    metavar: str = ""
    panel: str = ""
    variable: str = ""
    positional: bool = False
    required: bool = False

    def parameter(self) -> inspect.Parameter:
        """The same as a parameter, in the form that Typer reads."""
        default = ... if self.required else self.default
        # Typer takes what stands in brackets for markup.
        extra: dict[str, Any] = {"help": self.help.replace("[", "\\["), "rich_help_panel": self.panel or None}
        if self.metavar:
            extra["metavar"] = self.metavar
        if self.positional:
            declared = typer.Argument(default, show_default=False, **extra)
        else:
            spelling = self.spelling or (f"--{self.name.replace('_', '-')}",)
            if self.variable:
                extra |= {"envvar": self.variable, "show_envvar": False}
            declared = typer.Option(default, *spelling, show_default=False, **extra)
        kind = self.kind if self.required or self.default is not None else self.kind | None
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=declared, annotation=kind)


PANEL_OUTPUT = "What is shown"
SHOWN = (
    Flag(
        name="json",
        help="Write one JSON value to stdout and nothing else.",
        kind=bool,
        default=False,
        panel=PANEL_OUTPUT,
    ),
    Flag(
        name="quiet",
        help="Show results and errors only.",
        kind=bool,
        default=False,
        spelling=("--quiet", "-q"),
        panel=PANEL_OUTPUT,
    ),
    Flag(
        name="verbose",
        help="Tell everything that happens.",
        kind=bool,
        default=False,
        spelling=("--verbose", "-v"),
        panel=PANEL_OUTPUT,
    ),
    Flag(
        name="debug",
        help="Show the traceback of a bug in weft.",
        kind=bool,
        default=False,
        variable="WEFT_DEBUG",
        panel=PANEL_OUTPUT,
    ),
)
"""Flags of every command."""
STORE = ("store",)
"""The setting of every command that looks into the store."""
TABLES = ("table_mb", "table_rows", "table_columns", "table_cell_kb", "tables_mb")
"""Settings of what a server takes in, which mean nothing to a command that reads a file itself."""
TEAM = (
    "public_url",
    "trusted_proxies",
    "oidc_issuer",
    "oidc_client_id",
    "oidc_rehearsal",
    "allowed_base_urls",
    "server_rpm",
)
"""Settings of a server for a team, which mean nothing to a command that asks a model itself."""


def setting_flags(*names: str, panel: str = "Settings") -> tuple[Flag, ...]:
    """Flags for settings, explained as `Settings` explains them.

    Their values stay text: the desk reads and checks them in the same way as `weft.toml`.
    """
    found = {each.name: each for each in fields(Settings)}
    return tuple(
        _setting_flag(name, found[name].default, str(found[name].metadata["help"]), panel) for name in names
    )


def _setting_flag(name: str, default: Any, sentence: str, panel: str) -> Flag:
    shown = (
        ""
        if default in (None, "", False)
        else f" [{default:,}]"
        if isinstance(default, int)
        else f" [{default}]"
    )
    if isinstance(default, bool):
        return Flag(
            name=name,
            help=sentence,
            kind=bool,
            spelling=(f"--{name.replace('_', '-')}/--no-{name.replace('_', '-')}",),
            panel=panel,
        )
    return Flag(name=name, help=sentence + shown, metavar=_value_word(name), panel=panel)


def _value_word(name: str) -> str:
    """What a setting's value is called in the help."""
    return next((word for part, word in _VALUE_WORDS.items() if f"_{part}_" in f"_{name}_"), "NUMBER")


_VALUE_WORDS = {
    "model": "PROVIDER/NAME",
    "url": "URL",
    "urls": "URLS",
    "issuer": "URL",
    "proxies": "ADDRESSES",
    "client_id": "NAME",
    "name": "NAME",
    "store": "PATH",
    "prices": "PATH",
    "structured": "HOW",
    "effort": "HOW",
    "usd": "DOLLARS",
    "share": "SHARE",
    "s": "SECONDS",
    "mb": "MEGABYTES",
    "rows_per": "ROWS",
    "tokens": "TOKENS",
}
"""Part of a setting's name → word for its value; any other setting is a number."""


def add_command(app: typer.Typer, name: str, body: Body, *, flags: Sequence[Flag]) -> None:
    """Make a command of a function, its help from the function's docstring.

    Args:
        flags: its own flags and arguments in the order of the help; those of every command follow.
    """
    declared = [*flags, *SHOWN]

    def call(ctx: typer.Context, **given: Any) -> int:
        console = ctx.obj if isinstance(ctx.obj, Console) else Console()
        console.attune(**{flag.name: given.pop(flag.name) for flag in SHOWN})
        return body(console, given)

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *[flag.parameter() for flag in declared]]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__doc__ = body.__doc__
    app.command(name, cls=_Command, help=_unwrapped(inspect.getdoc(body) or ""))(call)


class _Command(TyperCommand):
    """A command whose switches show no word for a value in the help."""

    def get_params(self, ctx: Any) -> Any:
        return unmark_switches(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _join_opposites(self.params)
        super().format_help(ctx, formatter)


class _Group(TyperGroup):
    """Several commands whose switches show no word for a value in the help."""

    def get_params(self, ctx: Any) -> Any:
        return unmark_switches(super().get_params(ctx))


def _join_opposites(parameters: Any) -> None:
    """Write `--[no-]x` in place of `--x` and `--no-x`, whose own column would take a third of the width."""
    for each in parameters:
        if getattr(each, "secondary_opts", ()):
            each.opts = [f"--[no-]{each.opts[0].removeprefix('--')}"]
            each.secondary_opts = []


def unmark_switches(parameters: Any) -> Any:
    """Take the word for a value from every switch, those of the parser itself included."""
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters


def _unwrapped(text: str) -> str:
    """Each paragraph on one line, so that a terminal of any width breaks it well."""
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))


def new_group(sentence: str) -> typer.Typer:
    """Make an app for several commands, with its help."""
    return typer.Typer(cls=_Group, help=sentence, add_completion=False, pretty_exceptions_enable=False)


def one_command(name: str, body: Body, *, flags: Sequence[Flag] = ()) -> typer.Typer:
    """Make an app of a single command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    add_command(app, name, body, flags=flags)
    return app
