"""Generate modules of code from specs, and say which files are still fresh.

Knows how modules, checks and choices are told. Refuses to write files itself.
"""

from __future__ import annotations

import shlex

from weft.app.modules import Made, ModulesRequest, plain_made
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.console import Console
from weft.cli.flags import Flag, Flags, one_command
from weft.cli.wording import count

OUTPUT = "What is written"
STANDINGS = {
    "fresh": "fresh",
    "stale": "stale: its spec, its variant or a template has changed",
    "edited": "edited: it was changed by hand, or was not generated",
    "missing": "missing",
}


def generate(console: Console, flags: Flags) -> int:
    """Generate modules of Python from specs: YAML files, or tables with a module a row.

    A spec that names no variant leaves the choice to the selector. The code is checked before it is
    written: syntax, forbidden constructs, ruff, mypy, import, smoke test. Files that are fresh are left
    alone. With `--check` nothing is written, and the exit code is 1 if a file is not fresh.
    """
    request = ModulesRequest(
        specs=flags["specs"],
        out=flags["out"] or ".",
        variant=flags["variant"] or "",
        proves=not flags["no_prove"],
        overwrites=flags["force"],
    )
    desk = Weft(look_around()).modules
    found = desk.check(request) if flags["check"] else desk.generate(request)
    if console.json:
        console.value([plain_made(each) for each in found])
    for each in found:
        _tell(console, each, checks=flags["check"], reports=flags["report"])
    errors = [each.error for each in found if each.error is not None]
    if errors:
        return errors[0].exit_code
    if flags["check"]:
        return _judge(console, found, flags)
    return 0


def _judge(console: Console, found: list[Made], flags: Flags) -> int:
    """Tell what to do about files that are not fresh; 1 if there are any."""
    wrong = [each for each in found if each.standing is None or each.standing.value != "fresh"]
    if not wrong:
        return 0
    edited = any(each.standing is not None and each.standing.value == "edited" for each in wrong)
    command = ["weft", "generate"]
    command += [path for path in flags["specs"] if any(_is_of(each, path) for each in wrong)]
    command += ["--out", flags["out"]] if flags["out"] else []
    command += ["--variant", flags["variant"]] if flags["variant"] else []
    command += ["--force"] if edited else []
    console.hint(f"`{shlex.join(command)}` makes {'it' if len(wrong) == 1 else 'them'} anew.")
    return 1


def _is_of(made: Made, path: str) -> bool:
    """Whether a module is of a file: its spec is the file, or a line of it."""
    return made.spec == path or made.spec.rpartition(":")[0] == path


def _tell(console: Console, made: Made, *, checks: bool, reports: bool) -> None:
    if console.json:
        return
    if made.error is not None:
        console.fail(made.error)
        return
    standing = made.standing.value if made.standing is not None else ""
    done = STANDINGS[standing] if checks else "written" if made.written else "unchanged"
    also = f" with {', '.join(made.also)}" if made.also else ""
    console.line(f"{made.path}: {done} ({made.variant}{also})")
    if made.rationale:
        for line in made.rationale.splitlines():
            console.note(f"    {line}")
    for each in made.skipped:
        console.warn(f"{made.path} was not fully checked; {each}")
    if reports:
        for rule in made.rules:
            console.line(f"  {'passed' if rule.passed else 'BREACHED'}  {rule.name}: {rule.sentence}")
            for breach in rule.breaches:
                console.line(
                    f"      line {breach.line}: {breach.message}"
                    if breach.line
                    else f"      {breach.message}"
                )
    breached = [rule for rule in made.rules if not rule.passed]
    if breached and not reports:
        console.warn(f"{made.path} breaches {count(len(breached), 'rule')}; `--report` tells which.")


command = one_command(
    "generate",
    generate,
    flags=[
        Flag(
            name="specs",
            help="Specs in YAML, or tables.",
            kind=list[str],
            positional=True,
            required=True,
            metavar="SPEC…",
        ),
        Flag(
            name="out", help="Folder of the files; by default the current one.", metavar="DIR", panel=OUTPUT
        ),
        Flag(name="variant", help="Use this variant, whatever the specs say.", metavar="NAME"),
        Flag(
            name="check",
            help="Write nothing; exit with 1 if a file is stale, edited or missing.",
            kind=bool,
            default=False,
            panel=OUTPUT,
        ),
        Flag(
            name="report",
            help="Show the compliance report of every module.",
            kind=bool,
            default=False,
            panel="What is shown",
        ),
        Flag(
            name="no_prove",
            help="Write the code without checking it.",
            kind=bool,
            default=False,
            panel=OUTPUT,
        ),
        Flag(
            name="force",
            help="Overwrite files that were changed by hand.",
            kind=bool,
            default=False,
            panel=OUTPUT,
        ),
    ],
)
