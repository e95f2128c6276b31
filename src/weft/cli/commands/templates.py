"""Find, try, compare, keep and share templates.

Knows how templates are told. Refuses to ask a model: rendering shows what one would be given.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from weft.app.gallery import Rendered, plain_template
from weft.app.requesting import RunRequest
from weft.app.templates import Listed
from weft.cli import shelving
from weft.cli.cards import ORIGINS, card_lines, difference_lines, drawn_card
from weft.cli.console import Console
from weft.cli.drawing import Fit
from weft.cli.flags import Flag, Flags, add_command, new_group
from weft.cli.shelving import desk
from weft.cli.wording import count
from weft.definitions import describe_field
from weft.errors import Mistake

COLUMNS = ("template", "version", "from", "inputs", "answers", "what it does")
FIT = Fit(
    spare=("inputs", "answers", "from", "version"),
    least={"inputs": 24, "answers": 24, "what it does": 36},
    wrapped="what it does",
)


def show_all(console: Console, flags: Flags) -> int:
    """List every template: weft's own, those in `templates/` and those for all your projects."""
    del flags
    found = desk().listed()
    if console.json:
        console.value([asdict(each) for each in found])
        return 0
    console.table(COLUMNS, [_cells(each) for each in found], fit=FIT)
    return 0


def _cells(each: Listed) -> tuple[str, ...]:
    place = ORIGINS.get(each.origin, each.origin).partition(",")[0]
    if each.error:
        said = f"cannot be used: `weft templates lint {each.key}` says why"
        return (each.key, each.version, place, "", "", said)
    said = f"deprecated: {each.deprecated}" if each.deprecated else each.description
    said = f"(a part of others) {said}" if each.part else said
    return (each.key, each.version, place, ", ".join(each.inputs), ", ".join(each.answers), said)


def show(console: Console, flags: Flags) -> int:
    """Show a template's inputs, answers and text."""
    template = desk().get(flags["template"])
    if console.json:
        console.value(plain_template(template))
        return 0
    console.line(f"{template.title}: {template.name}")
    console.line(template.description)
    console.line(f"From: {ORIGINS[template.origin.value]}")
    console.line(f"File: {template.path}")
    if template.pieces:
        console.line(f"Composed of: {', '.join(piece.title for piece in template.pieces)}")
    for title, schema in (("Inputs", template.inputs), ("Answers", template.answers)):
        if schema.fields:
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
    preview = desk().render(flags["template"], request, rows=flags["limit"])
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
    found = desk().lint(flags["template"])
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


def gallery(console: Console, flags: Flags) -> int:
    """Show templates as cards: what each is for, its inputs and answers, and a rendered row."""
    cards = desk().gallery(flags["template"] or (), tag=flags["tag"] or "")
    if console.json:
        console.value([{**asdict(card), "record": card.record.plain()} for card in cards])
        return 0
    for card in cards:
        console.block([*card_lines(card), ""], partial(drawn_card, card))
    if not cards:
        console.line("No template has this tag." if flags["tag"] else "There is no template.")
    return 0


def diff(console: Console, flags: Flags) -> int:
    """Show what differs between two versions: inputs, answers, the rest, and lines of texts.

    With one template only, its latest version is compared with the one before.
    """
    found = desk().diff(flags["before"], flags["after"] or "")
    if console.json:
        console.value(
            {
                **asdict(found),
                **{
                    name: [{**asdict(each), "kind": each.kind} for each in getattr(found, name)]
                    for name in ("inputs", "answers", "rest")
                },
                "is_empty": found.is_empty,
            }
        )
        return 0
    for line, style in difference_lines(found):
        console.line(line, style)
    return 0


TEMPLATE = Flag(
    name="template",
    help="Key of a template, with @version or @alias where one is meant, or the path of its file.",
    positional=True,
    required=True,
    metavar="TEMPLATE",
)

command = new_group("Find, try, compare, keep and share templates.")
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
add_command(
    command,
    "gallery",
    gallery,
    flags=[
        Flag(
            name="template",
            help="Only these; by default all.",
            kind=list[str],
            positional=True,
            metavar="[TEMPLATE]...",
        ),
        Flag(name="tag", help="Only those with this tag.", metavar="WORD"),
    ],
)
add_command(
    command,
    "diff",
    diff,
    flags=[
        Flag(
            name="before",
            help="The older one: review@1.0.0, review@production, or the path of a file.",
            positional=True,
            required=True,
            metavar="TEMPLATE",
        ),
        Flag(
            name="after",
            help="The newer one; by default the latest version.",
            positional=True,
            metavar="[TEMPLATE]",
        ),
    ],
)
add_command(command, "clone", shelving.clone, flags=shelving.CLONE)
add_command(command, "keep", shelving.keep, flags=shelving.KEEP)
add_command(command, "commit", shelving.commit, flags=shelving.COMMIT)
add_command(command, "alias", shelving.alias, flags=shelving.ALIAS)
add_command(command, "deprecate", shelving.deprecate, flags=shelving.DEPRECATE)
add_command(command, "export", shelving.export, flags=shelving.EXPORT)
add_command(command, "import", shelving.bring_in, flags=shelving.IMPORT)
add_command(command, "trust", shelving.trust, flags=shelving.TRUST)
