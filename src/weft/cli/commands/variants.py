"""List, show, choose and explain variants, and tell what became of choices.

Knows how a choice is told. Refuses to write code: `weft generate` does, with the same choice.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from weft.app.choices import plain_selection, plain_variant
from weft.app.opening import look_around
from weft.app.variants import (
    CODE,
    ChoiceRequest,
    VariantsDesk,
    requirements_of,
)
from weft.app.weft import Weft
from weft.cli.choosing import tell_choice, tell_explained, tell_learnt, tell_usage
from weft.cli.console import Console
from weft.cli.drawing import Fit
from weft.cli.flags import Flag, Flags, add_command, new_group
from weft.definitions import describe_field, describe_type
from weft.errors import Mistake
from weft.schema import Field

LISTED = ("variant", "kinds", "operations", "complexity", "needs", "what it is for")
LIST_FIT = Fit(spare=("needs", "complexity"), least={"what it is for": 36}, wrapped="what it is for")


def _desk() -> VariantsDesk:
    return Weft(look_around()).variants


def show_all(console: Console, flags: Flags) -> int:
    """List the variants of every pack, and how many of them make each kind."""
    packs = [each for each in _desk().packs() if flags["pack"] in (None, each.name)]
    kind = flags["kind"]
    if console.json:
        told = [
            {
                "pack": pack.name,
                "description": pack.description,
                "output": pack.output,
                "kinds": pack.counts(),
                "variants": [plain_variant(v) for v in pack.variants.values() if kind in (None, *v.kinds)],
            }
            for pack in packs
        ]
        console.value(told)
        return 0
    for place, pack in enumerate(packs):
        if place:
            console.line()
        console.line(f"{pack.name}: {pack.description}", "bold")
        rows = [
            (
                each.name if each.is_builtin else f"{each.name} (yours)",
                ", ".join(each.kinds),
                _span(each.at_least, each.at_most),
                "●" * each.complexity,
                ", ".join(each.prerequisites),
                each.description,
            )
            for each in sorted(pack.variants.values(), key=lambda v: (v.complexity, v.name))
            if kind in (None, *each.kinds)
        ]
        console.table(LISTED, rows, fit=LIST_FIT)
        console.line(", ".join(f"{name} {number}" for name, number in pack.counts().items()))
    return 0


def _span(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else f"{least} to {most}"


def _described(field: Field) -> str:
    """A field in one line, with what holds where nothing is said."""
    if field.required:
        return describe_field(field)
    default = field.default
    said = "on" if default is True else "off" if default is False else "" if default is None else str(default)
    shape = f"{describe_type(field)}, {f'{said} if not said' if said else 'may be left out'}"
    meaning = field.description or field.label
    return f"`{field.name}` ({shape})" + (f": {' '.join(meaning.split())}" if meaning else "")


def show(console: Console, flags: Flags) -> int:
    """Show everything that is known about a variant."""
    variant = _desk().get(flags["variant"], pack=flags["pack"] or CODE)
    if console.json:
        console.value(plain_variant(variant))
        return 0
    console.line(f"{variant.name} {variant.version}", "bold")
    console.line(variant.description)
    told = {
        "Makes": variant.kinds,
        "Made for": (f"{_span(variant.at_least, variant.at_most)} operations",),
        "Serves": variant.serves,
        "Features": variant.features,
        "Needs fulfilled": variant.needs,
        "Own terms": variant.terms,
        "Goes well with": variant.mixins,
        "Patterns": variant.patterns,
        "Requires": variant.prerequisites,
        "Targets": tuple(f"{key} {value:g}" for key, value in variant.performance.items()),
        "Extends": (variant.extends,) if variant.extends else (),
    }
    for title, words in told.items():
        if words:
            console.line(f"{title}: {', '.join(words)}")
    for title, lines in (
        ("Recommended for", variant.recommended_for),
        ("Settings", tuple(map(_described, variant.settings))),
        (
            "Switches",
            tuple(f"{s.name} ({'on' if s.default else 'off'}): {s.description}" for s in variant.switches),
        ),
        *(
            (f"An operation `{k}` takes", tuple(map(_described, v)))
            for k, v in variant.operations_take.items()
        ),
    ):
        if lines:
            console.line(f"{title}:")
            for each in lines:
                console.line(f"  - {each}")
    console.line(f"Folder: {variant.folder}")
    return 0


def select(console: Console, flags: Flags) -> int:
    """Choose a variant for a spec, or for what the flags say.

    The exit code is 1 if two variants fit about equally and nobody is chosen. In a project the choice
    is noted; `weft variants usage` shows the log.
    """
    desk = _desk()
    found = desk.select(_asked(desk, flags), _how(flags))
    if console.json:
        console.value(
            {
                **plain_selection(found.selection),
                "id": found.id,
                "template": found.template,
                "rationale": found.said,
            }
        )
    else:
        tell_choice(console, found)
    return 0 if found.selection.variant is not None else 1


def explain(console: Console, flags: Flags) -> int:
    """Choose as `select` does and tell everything behind it; notes nothing."""
    desk = _desk()
    found = desk.explain(_asked(desk, flags), _how(flags))
    if console.json:
        console.value(
            {
                **plain_selection(found.selection),
                "rationale": found.said,
                "reasons": [asdict(each) for each in found.reasons],
                "changes": [asdict(each) for each in found.changes],
                "other_weights": dict(found.others),
            }
        )
        return 0
    tell_explained(console, found)
    return 0


def usage(console: Console, flags: Flags) -> int:
    """Show how variants were chosen in this project, and what became of the choices."""
    desk = _desk()
    for each in flags["settle"] or ():
        choice, _, outcome = each.partition("=")
        desk.settle(choice.strip(), outcome.strip())
    learnt = asdict(desk.learn()) if flags["learn"] else None
    found = desk.usage()
    if console.json:
        console.value({**asdict(found), "learnt": learnt})
        return 0
    if not found.variants:
        console.line("No choice is noted yet; `weft variants select` and `weft generate` note theirs.")
    else:
        tell_usage(console, found)
    if learnt is not None:
        tell_learnt(console, learnt)
    return 0


# ── flags ────────────────────────────────────────────────────────────────────────────────────────


def _asked(desk: VariantsDesk, flags: Flags) -> Any:
    given = any(flags[name] for name in ("kind", "operations", "features", "text", "needs", "name"))
    if flags["spec"]:
        if given:
            raise Mistake("A spec and flags that say the same were given.", hint="give either.")
        return desk.read(flags["spec"])
    if not flags["kind"]:
        raise Mistake(
            "It is not said what is to be made.", hint="give a spec, or `--kind effect` with what it does."
        )
    names = ("kind", "operations", "features", "needs", "name", "available")
    return requirements_of({"description": flags["text"], **{name: flags[name] for name in names}})


def _how(flags: Flags) -> ChoiceRequest:
    return ChoiceRequest(
        pack=flags["pack"] or CODE,
        override=flags.get("override") or "",
        between=tuple(filter(None, (flags.get("between") or "").split(","))),
        experiment=flags.get("experiment") or "",
        weights=flags["weights"] or "",
    )


PACK = Flag(name="pack", help=f"Pack of variants. [{CODE}]", metavar="NAME")
SAID, HOW = "What is required", "How it is chosen"
ASKED = (
    Flag(
        name="spec",
        help="A spec in YAML; only what matters for the choice is read.",
        positional=True,
        metavar="[SPEC]",
    ),
    Flag(
        name="kind",
        help="Kind of module: effect, compute, reducer or orchestrator.",
        metavar="KIND",
        panel=SAID,
    ),
    Flag(
        name="operations",
        help="What it does, such as db.read:fetch_orders, db.read or fetch_orders; repeat it for more.",
        kind=list[str],
        spelling=("--operation",),
        metavar="[KIND:]NAME",
        panel=SAID,
    ),
    Flag(
        name="features",
        help="A feature or any tag; repeat it for more.",
        kind=list[str],
        spelling=("--feature",),
        metavar="NAME",
        panel=SAID,
    ),
    Flag(name="text", help="What it is for, in words.", metavar="TEXT", panel=SAID),
    Flag(
        name="needs",
        help="A duty: slo, audit, compensate or persist; repeat it for more.",
        kind=list[str],
        spelling=("--need",),
        metavar="NAME",
        panel=SAID,
    ),
    Flag(name="name", help="Name of the module; its words count.", metavar="NAME", panel=SAID),
    Flag(
        name="available",
        help="A package or service at hand, such as asyncpg; without it nothing is excluded. Repeat it for more.",
        kind=list[str],
        spelling=("--available",),
        metavar="NAME",
        panel=SAID,
    ),
    Flag(name="override", help="The variant that you have decided for.", metavar="NAME", panel=HOW),
    Flag(name="weights", help="Weights to choose by: v1, v2 or learnt.", metavar="NAME", panel=HOW),
    PACK,
)
TRIAL = (
    Flag(
        name="between",
        help="Assign one of these for a trial, such as standard,production.",
        metavar="NAMES",
        panel=HOW,
    ),
    Flag(name="experiment", help="Name of the trial.", metavar="NAME", panel=HOW),
)

command = new_group("List, show, choose and explain variants of modules and prompts.")
add_command(
    command,
    "list",
    show_all,
    flags=[Flag(name="kind", help="Only variants that make this kind.", metavar="KIND"), PACK],
)
add_command(
    command,
    "show",
    show,
    flags=[
        Flag(name="variant", help="Name of a variant.", positional=True, required=True, metavar="VARIANT"),
        PACK,
    ],
)
add_command(command, "select", select, flags=[*ASKED, *TRIAL])
add_command(command, "explain", explain, flags=ASKED)
add_command(
    command,
    "usage",
    usage,
    flags=[
        Flag(
            name="settle",
            help="Note what became of a choice: passed, failed, kept or dropped. May be repeated.",
            kind=list[str],
            metavar="ID=OUTCOME",
        ),
        Flag(
            name="learn",
            help="Learn weights from the log; they are used only if they win on cases held out.",
            kind=bool,
            default=False,
        ),
    ],
)
