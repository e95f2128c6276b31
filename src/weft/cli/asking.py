"""Flags that say what is asked about which rows, and how they become a request.

Knows every flag that `run` and `estimate` share, in the groups in which the help shows them.
Refuses to know what happens with a request.
"""

from __future__ import annotations

from weft.app.configuring import NAMES
from weft.app.exporting import ExportRequest
from weft.app.requesting import RunRequest
from weft.cli.console import Console
from weft.cli.flags import TABLES, TEAM, Flag, Flags, setting_flags
from weft.errors import Mistake
from weft.protocols import ReadOptions

TASK, TABLE, ANSWERS = "What is asked", "The table", "Where the answers go"
STDOUT = "-"

WHAT = (
    Flag(
        name="first",
        help="Key or path of a template; leave it out with --prompt.",
        positional=True,
        metavar="TEMPLATE",
    ),
    Flag(
        name="second", help="The table: CSV, TSV, JSONL, XLSX or Parquet.", positional=True, metavar="TABLE"
    ),
    Flag(
        name="variants",
        help="A pack of prompts, instead of a template: each row gets the one that fits it.",
        metavar="PACK",
        panel=TASK,
    ),
    Flag(
        name="prompt",
        help="A quick prompt with {{ column }} in it, instead of a template.",
        metavar="TEXT",
        panel=TASK,
    ),
    Flag(
        name="fields",
        help='An answer field of the quick prompt, such as "tone: enum[calm,angry] = how it sounds"; repeat it for more.',
        kind=list[str],
        spelling=("--field",),
        metavar="FIELD",
        panel=TASK,
    ),
    Flag(
        name="mapping",
        help="Which column feeds an input, where the names differ; also COLUMN=ignore. May be repeated.",
        kind=list[str],
        spelling=("--map",),
        metavar="INPUT=COLUMN",
        panel=TASK,
    ),
    Flag(name="limit", help="Only the first so many rows.", kind=int, metavar="ROWS", panel=TABLE),
    Flag(name="encoding", help="Encoding of a text table, such as latin-1.", metavar="NAME", panel=TABLE),
    Flag(name="delimiter", help="Character between cells.", metavar="CHARACTER", panel=TABLE),
    Flag(name="sheet", help="Sheet of a workbook.", metavar="NAME", panel=TABLE),
    Flag(
        name="ragged",
        help="Records with too few or too many cells: reject or pad.",
        metavar="HOW",
        panel=TABLE,
    ),
    Flag(
        name="fresh",
        help="Ask again where an answer is remembered.",
        kind=bool,
        default=False,
        spelling=("--no-cache",),
        panel=TASK,
    ),
)
"""What is asked about which rows."""

EXPORT = (
    Flag(
        name="out",
        help="File to write; its ending chooses the format. - writes to stdout.",
        spelling=("--out", "-o"),
        metavar="PATH",
        panel=ANSWERS,
    ),
    Flag(
        name="form",
        help="Format, where the ending does not tell.",
        spelling=("--format",),
        metavar="NAME",
        panel=ANSWERS,
    ),
    Flag(
        name="meta",
        help="Append columns: state, run, cost, tokens, call, attempts, recalled, problem.",
        kind=bool,
        default=False,
        panel=ANSWERS,
    ),
    Flag(
        name="raw",
        help="Leave cells alone that a spreadsheet would run as formulas.",
        kind=bool,
        default=False,
        panel=ANSWERS,
    ),
)
"""How a file is written."""
RECORDS = Flag(
    name="output_dir",
    help="Also write a JSON record per row below this folder.",
    metavar="FOLDER",
    panel=ANSWERS,
)

_GROUPS = {
    "Model": ("model", "base_url", "key_name", "private_networks", "allowed_base_urls", "structured", "temperature", "top_p", "seed", "reasoning_effort", "reasoning_tokens", "strict_model", "prices"),
    "Budget": ("budget_usd", "budget_tokens", "until_budget", "max_failed_share"),
    "Pace": ("rows_per_call", "concurrency", "rpm", "tpm", "input_tokens_per_call", "output_tokens_per_call"),
    "Store": ("store", "min_free_mb"),
}  # fmt: skip
_REST = "When things go wrong"
SETTINGS = (
    *(flag for panel, names in _GROUPS.items() for flag in setting_flags(*names, panel=panel)),
    *setting_flags(
        *(
            name
            for name in NAMES
            if name not in (*TABLES, *TEAM) and not any(name in names for names in _GROUPS.values())
        ),
        panel=_REST,
    ),
)
"""Every setting as a flag."""


def settings_in(flags: Flags) -> dict[str, object]:
    """The settings among some flags; `None` = not given."""
    given = {name: flags[name] for name in NAMES if name in flags}
    # A switch that was not used is off by default: only one that was used wins over other layers.
    return {name: value for name, value in given.items() if value is not None}


def request_of(flags: Flags, name: str = "") -> RunRequest:
    """What is asked about which rows.

    Raises:
        Mistake: if template and table are not both there, or the table is no file.
    """
    template, table = _what(flags)
    if table == STDOUT:
        raise Mistake(
            "A table cannot come from standard input; it is read from a file.",
            hint=f"save it into a file first, such as rows.csv, and name that instead of `{table}`.",
        )
    read = {each: flags[each] for each in ("encoding", "delimiter", "sheet", "ragged") if flags.get(each)}
    return RunRequest(
        table=table,
        template=template,
        variants=flags["variants"] or "",
        prompt=flags["prompt"] or "",
        fields=tuple(flags["fields"] or ()),
        mapping=tuple(flags["mapping"] or ()),
        read=ReadOptions(**read),
        limit=flags["limit"],
        fresh=flags["fresh"],
        name=name,
    )


def _what(flags: Flags) -> tuple[str, str]:
    first, second, prompt = flags["first"], flags["second"], flags["prompt"]
    if prompt is not None or flags["variants"] is not None:
        instead = "a prompt" if prompt is not None else "a pack of variants"
        if second is not None:
            raise Mistake(
                f"Both the template `{first}` and {instead} were given.", hint="leave one of them out."
            )
        if first is None:
            how = '--prompt "…" --field "…"' if prompt is not None else f"--variants {flags['variants']}"
            raise Mistake("No table was named.", hint=f"write `weft run TABLE {how}`.")
        return "", first
    if first is None:
        raise Mistake(
            "Neither a template nor a table was named.",
            hint="write `weft run TEMPLATE TABLE`; `weft templates list` shows all templates.",
        )
    if second is None:
        raise Mistake(
            f"Only `{first}` was named; a run needs a template and a table.",
            hint=f'write `weft run TEMPLATE {first}`, or `weft run {first} --prompt "…" --field "…"`.',
        )
    return first, second


def export_of(console: Console, flags: Flags, *, partial: bool = False) -> ExportRequest | None:
    """Where the answers go; `None` = nowhere.

    Raises:
        Mistake: if rows and JSON would both go to stdout.
    """
    out = flags["out"]
    if out is None:
        return None
    if out == STDOUT and console.json:
        raise Mistake("`--json` and `--out -` both write to stdout.", hint="write the rows into a file.")
    return ExportRequest(
        target=console.stream if out == STDOUT else out,
        form=flags["form"] or "",
        meta=flags["meta"],
        raw=flags["raw"],
        partial=partial,
    )
