"""List, show, render and lint templates.

Knows how templates are told. Refuses to ask a model: rendering shows what one would be given.
"""

from __future__ import annotations

from dataclasses import asdict

from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.templates import Listed, Rendered, TemplatesDesk, plain_template
from weft.app.weft import Weft
from weft.cli.console import Console
from weft.cli.drawing import Fit
from weft.cli.flags import Flag, Flags, add_command, new_group
from weft.cli.wording import count
from weft.definitions import describe_field
from weft.errors import Mistake

COLUMNS = ("template", "version", "from", "inputs", "answers", "what it does")
FIT = Fit(
    spare=("inputs", "answers", "from", "version"),
    least={"inputs": 24, "answers": 24, "what it does": 36},
    wrapped="what it does",
)


def _desk() -> TemplatesDesk:
    return Weft(look_around()).templates


def show_all(console: Console, flags: Flags) -> int:
    """List every template: weft's own and those in `templates/`."""
    del flags
    found = _desk().listed()
    if console.json:
        console.value([asdict(each) for each in found])
        return 0
    console.table(COLUMNS, [_cells(each) for each in found], fit=FIT)
    return 0


def _cells(each: Listed) -> tuple[str, ...]:
    if each.error:
        return (each.key, "", "yours", "", "", f"cannot be used: `weft templates lint {each.key}` says why")
    place = "weft" if each.is_builtin else "yours"
    return (each.key, each.version, place, ", ".join(each.inputs), ", ".join(each.answers), each.description)


def show(console: Console, flags: Flags) -> int:
    """Show a template's inputs, answers and text."""
    template = _desk().get(flags["template"])
    if console.json:
        console.value(plain_template(template))
        return 0
    console.line(f"{template.title}: {template.name}")
    console.line(template.description)
    console.line(f"File: {template.path}")
    for title, schema in (("Inputs", template.inputs), ("Answers", template.answers)):
        console.line(f"{title}:")
        for field in schema:
            console.line(f"  - {describe_field(field)}")
    console.line()
    _tell_text(console, template.text)
    return 0


def render(console: Console, flags: Flags) -> int:
    """Render a template's own samples, or the first rows of a table, without asking a model.

    The exit code is 1 if some rows would be rejected.
    """
    request = None
    if flags["table"]:
        request = RunRequest(
            table=flags["table"], template=flags["template"], mapping=tuple(flags["mapping"] or ())
        )
    if flags["limit"] < 0:
        raise Mistake(f"{flags['rows']} rows cannot be rendered.", hint="give 0 or more.")
    preview = _desk().render(flags["template"], request, rows=flags["limit"])
    bad = any(each.problem for each in preview.rows)
    if console.json:
        console.value({"system": preview.system, "rows": [asdict(each) for each in preview.rows]})
        return int(bad)
    console.line("System text of every call:", "bold")
    _tell_text(console, preview.system)
    for each in preview.rows:
        _tell_row(console, each)
    return int(bad)


def _tell_text(console: Console, text: str) -> None:
    """Show a text as it is, such as a rendered prompt; the console makes each line safe."""
    for line in text.splitlines():
        console.line(line.expandtabs(4))


def _tell_row(console: Console, row: Rendered) -> None:
    line = f" (line {row.line})" if row.line else ""
    console.line()
    console.line(f"Row {row.place + 1}{line}:", "bold")
    if row.problem:
        console.line(f"  would be rejected: {row.problem}", "yellow")
        return
    _tell_text(console, row.text)
    console.line(f"  as it is sent: {row.data}")


def lint(console: Console, flags: Flags) -> int:
    """Check a template: every problem with its place, or else advice. Exit code 2 for problems."""
    found = _desk().lint(flags["template"])
    problems = [each for each in found if each["severity"] == "problem"]
    if console.json:
        console.value(found)
        return Mistake.exit_code if problems else 0
    for each in found:
        line = f", line {each['line']}" if each["line"] else ""
        style = "red" if each["severity"] == "problem" else "yellow"
        console.line(f"{each['severity']}: {each['path'] or 'file'}{line}: {each['message']}", style)
    told = (
        count(len(problems), "problem") if problems else count(len(found), "piece", "pieces") + " of advice"
    )
    console.line(f"{flags['template']}: {told if found else 'nothing to complain about'}.")
    return Mistake.exit_code if problems else 0


TEMPLATE = Flag(
    name="template",
    help="Key of a template, or the path of its file.",
    positional=True,
    required=True,
    metavar="TEMPLATE",
)

command = new_group("List, show, render and lint templates.")
add_command(command, "list", show_all, flags=())
add_command(command, "show", show, flags=[TEMPLATE])
add_command(
    command,
    "render",
    render,
    flags=[
        TEMPLATE,
        Flag(
            name="table",
            help="A table whose first rows are rendered; by default the template's own samples.",
            positional=True,
            metavar="[TABLE]",
        ),
        Flag(
            name="mapping",
            help="Which column feeds an input. May be repeated.",
            kind=list[str],
            spelling=("--map",),
            metavar="INPUT=COLUMN",
        ),
        Flag(
            name="limit",
            help="Only the first so many rows. [3]",
            kind=int,
            default=3,
            spelling=("--limit", "--rows"),
            metavar="ROWS",
        ),
    ],
)
add_command(command, "lint", lint, flags=[TEMPLATE])
