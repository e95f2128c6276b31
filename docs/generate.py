"""Write docs/reference anew from the code: `make docs`.

Knows how each kind of thing that weft has is listed: settings, errors, events, commands, templates,
formats and providers. Refuses to hold facts of its own: every sentence comes from the code, so the
pages cannot say anything else. A test compares the pages with what this writes.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from typer.main import get_command

from weft import errors, events
from weft.app.configuring import BOUNDS
from weft.cli.main import summaries
from weft.definitions import describe_type
from weft.errors import Billing, WeftError
from weft.events import Event
from weft.kit.registries import Registry
from weft.protocols import ModelFacts, ProviderKind
from weft.providers._pricing import load_prices
from weft.remote import plain
from weft.remote.results import Result
from weft.schema import Schema
from weft.settings import Settings
from weft.templates.library import TemplateLibrary

REFERENCE = Path(__file__).resolve().parent / "reference"
NOTE = "<!-- Written by `make docs` from the code; change it there. -->"
BILLED = {Billing.VOID: "no", Billing.UNKNOWN: "perhaps", Billing.BILLED: "yes"}


def page(title: str, *parts: str) -> str:
    """Put a page together: title, note for editors, parts with an empty line between them."""
    return "\n\n".join([f"# {title}", NOTE, *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a table; bars inside cells are escaped and line ends become spaces."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """Make any text fit for a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def first_paragraph(thing: object) -> str:
    """The first paragraph of a docstring as one line."""
    return cell((inspect.getdoc(thing) or "").partition("\n\n")[0])


def shown(value: Any) -> str:
    """A default or a value as people write it."""
    if value is None or value == "":
        return "–"
    return f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


def kind(annotation: Any) -> str:
    """A type as people say it."""
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no"}
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return " or ".join(names.get(part, part) for part in re.split(r"\s*\|\s*", text) if part != "None")


# ── settings, errors, events ─────────────────────────────────────────────────────────────────────


def settings_page() -> str:
    """Every knob with its names, default and bounds."""
    hints = get_type_hints(Settings)
    rows = []
    for each in fields(Settings):
        low, high = BOUNDS.get(each.name, (None, None))
        bounds = f"{low:,} to {high:,}" if low is not None else kind(hints[each.name])
        rows.append((f"`{each.name}`", each.metadata["help"], shown(each.default), bounds))
    return page(
        "Settings",
        "Each setting can be given in three places. The later one wins: `weft.toml` (found in the current folder or the "
        "nearest one above), the environment (`WEFT_` and the name in capitals, such as `WEFT_ROWS_PER_CALL`), a flag "
        "(two dashes and the name, such as `--rows-per-call`). `weft doctor` shows which value holds and where it came from.",
        "Keys of providers are no settings: they are read from the environment, see [providers](providers.md).",
        table(("setting", "what it does", "default", "value"), rows),
    )


def errors_page() -> str:
    """The tree of errors, branch by branch."""
    parts = [
        (
            "Every error that weft raises is a `WeftError`: a sentence, a hint with the next step, a stable `code`, "
            "and facts as plain values. Errors are sorted by who must act; the branch is the exit code of the command."
        ),
        "*Billed* tells whether the provider charges for the call behind the error.",
    ]
    for branch in children(errors, WeftError):
        code = f"exit code {branch.exit_code}" if branch.exit_code > 1 else "handled by the engine"
        rows = [
            (f"`{each.__name__}`", f"`{each('').code}`", first_paragraph(each), BILLED[each.billing])
            for each in children(errors, branch)
        ]
        parts += [
            f"## {branch.__name__}: {code}",
            first_paragraph(branch),
            table(("error", "code", "means", "billed"), rows),
        ]
    return page("Errors", *parts)


def children(module: ModuleType, parent: type[Any]) -> list[type[Any]]:
    """The direct children of a class that a module defines, in the order of the file."""
    return [each for each in vars(module).values() if isinstance(each, type) and parent in each.__bases__]


def events_page() -> str:
    """Every event with its fields."""
    parts = [inspect.cleandoc(events.__doc__ or ""), "Every event names its `run`."]
    for each in children(events, Event):
        rows = [(f"`{name}`", f"`{hint}`", said) for name, hint, said in attributes(each) if name != "run"]
        parts += [f"## {each.__name__}", first_paragraph(each), table(("field", "type", "meaning"), rows)]
    return page("Events", *parts)


def attributes(thing: type) -> Iterator[tuple[str, str, str]]:
    """Name, type and documented meaning of each field of a dataclass."""
    assert is_dataclass(thing), "events are dataclasses"
    said = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", inspect.getdoc(thing) or "", re.MULTILINE))
    for each in fields(thing):
        yield each.name, str(each.type), said.get(each.name, "")


# ── commands ─────────────────────────────────────────────────────────────────────────────────────


def commands_page() -> str:
    """Every command with its arguments and flags."""
    parts = [
        "What a command prints for people, `--json` prints as one JSON value for programs.",
        exit_codes(),
    ]
    for name in summaries():
        module = import_module(f"weft.cli.commands.{name.replace('-', '_')}")
        parts += list(command_parts(f"weft {name}", get_command(module.command)))
    return page("Commands", *parts)


def exit_codes() -> str:
    """The exit codes as the command line's own docstring tells them."""
    text = inspect.getdoc(import_module("weft.cli.main").main) or ""
    codes = re.findall(r"(\d+) ([^·.]+?)\s*(?:·|\.$|\.\n|$)", text.partition("\n\n")[2])
    return table(("exit code", "means"), [(f"`{code}`", meaning) for code, meaning in codes])


def command_parts(path: str, command: Any, level: int = 2) -> Iterator[str]:
    """Heading, help and parameters of a command, then of the commands below it."""
    yield f"{'#' * level} `{path}`"
    yield inspect.cleandoc(command.help or "").replace("\b\n", "")
    rows = [
        (spelled(each), re.sub(r"\s*\\\[.*\]$", "", each.help or "").replace("\\[", "["), default(each))
        for each in command.params
        if each.name != "help"
    ]
    if rows:
        yield table(("argument or flag", "what it does", "default"), rows)
    for name, below in getattr(command, "commands", {}).items():
        yield from command_parts(f"{path} {name}", below, level + 1)


def spelled(parameter: Any) -> str:
    """How a parameter is written."""
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    return ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))


def default(parameter: Any) -> str:
    """A parameter's default, a dash where there is none."""
    if parameter.required:
        return "required"
    return "–" if parameter.default in (None, False, (), []) else shown(parameter.default)


# ── drop-ins ─────────────────────────────────────────────────────────────────────────────────────


def said_by(package: str, name: str) -> str:
    """The docstring of a drop-in's file, read without importing it: extras may be missing."""
    path = Path(str(import_module(package).__path__[0])) / f"{name}.py"
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def drop_ins(package: str, constant: str) -> list[tuple[str, str]]:
    """Name and docstring of every drop-in in a folder."""
    return [(name, said_by(package, name)) for name in Registry[Any](package, constant).names()]


def drop_in_parts(package: str, constant: str) -> list[str]:
    """A heading and the own words of every drop-in."""
    return [part for name, said in drop_ins(package, constant) for part in (f"## {name}", said)]


def providers_page() -> str:
    """Every provider: who it is, where its key comes from, and its known models and prices."""
    book = load_prices()
    lead = (
        "`--model provider/model` names who is asked. Prices are US dollars per million tokens as read on the date; "
        "`weft prices` shows them with your own file (setting `prices`) on top. The price of a model that is not listed "
        "is unknown, never zero."
    )
    parts = [lead]
    known = Registry[ProviderKind]("weft.providers", "provider")
    for name in known.names():
        kind_of = known.get(name)
        facts = [
            ("asked at", kind_of.official_url or "this machine"),
            ("key from", ", ".join(f"`{each}`" for each in kind_of.key_variables) or "no key needed"),
            ("other servers", "yes, by `--base-url`" if kind_of.takes_base_url else "no"),
            ("by default", f"`{name}/{kind_of.default_model}`"),
        ]
        models = [model_row(each) for each in book.models() if each.provider == name and each.price]
        head = ("model", "input", "cached input", "output", "price read on")
        parts += [f"## {name}", kind_of.help, table(("", ""), facts), table(head, models) if models else ""]
    return page("Providers", *parts)


def model_row(facts: ModelFacts) -> tuple[str, ...]:
    """One model with its prices in dollars per million tokens."""
    price = facts.price
    assert price is not None, "only models with a price are listed"
    cached = "–" if price.cached_input is None else str(price.cached_input)
    return (f"`{facts.model}`", str(price.input), cached, str(price.output), price.as_of)


def formats_page() -> str:
    """Every table format in its own words."""
    lead = "A table's format is told by the ending of its name."
    return page("Table formats", lead, *drop_in_parts("weft.tables.formats", "format"))


def templates_page() -> str:
    """Every template that comes with weft: what it needs and what it answers."""
    library = TemplateLibrary()
    parts = ["`weft run <template> <table>` uses one; `weft templates show <template>` prints it."]
    for template in map(library.get, library.keys()):
        parts += [
            f"## {template.key} {template.version}",
            template.description,
            field_table("input", template.inputs),
            field_table("answer", template.answers),
        ]
    return page("Templates", *parts)


def field_table(head: str, schema: Schema) -> str:
    """Fields with their types and descriptions."""
    rows = [
        (f"`{each.name}`", describe_type(each) + ("" if each.required else ", optional"), each.description)
        for each in schema
    ]
    return table((head, "type", "what it is"), rows)


# ── the client ───────────────────────────────────────────────────────────────────────────────────


def client_page() -> str:
    """Every method of the client that asks a server."""
    parts = [
        "`weft.AsyncClient` has the same methods for code with an event loop: `await` or `async for`.",
    ]
    for name, thing in CLIENT.items():
        rows = [
            (f"`{name}.{method}{signature(each)}`", first_paragraph(each))
            for method, each in vars(thing).items()
            if inspect.isfunction(each) and not method.startswith("_")
        ]
        parts += [f"## {name}", first_paragraph(thing), table(("method", "what it does"), rows)]
    return page("The client", *parts)


def signature(method: Callable[..., Any]) -> str:
    """The parameters of a method without itself and without its types."""
    found = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in inspect.signature(method).parameters.values()
    ]
    return str(inspect.Signature(found[1:]))


CLIENT = {
    "client": plain.Client,
    "client.runs": plain.PlainRuns,
    "client.tables": plain.PlainTables,
    "client.templates": plain.PlainTemplates,
    "client.prices": plain.PlainPrices,
    "result": Result,
}
"""What a script calls it → its class."""


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "errors.md": errors_page,
    "client.md": client_page,
    "events.md": events_page,
    "formats.md": formats_page,
    "providers.md": providers_page,
    "settings.md": settings_page,
    "templates.md": templates_page,
}


def main() -> None:
    """Write every page that has changed."""
    REFERENCE.mkdir(exist_ok=True)
    for name, write in PAGES.items():
        path, text = REFERENCE / name, write()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
