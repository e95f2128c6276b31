"""Write a run's rows and answers into a file.

Knows its flags. Refuses to know formats, and to write a run that is not done unless told to.
"""

from __future__ import annotations

import asyncio

from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.cli.asking import EXPORT, RECORDS, export_of, settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, one_command, setting_flags
from weft.cli.walking import write_records_of
from weft.cli.wording import count
from weft.errors import Mistake


def export(console: Console, flags: Flags) -> int:
    """Write a run's rows in the order of its table: the table's columns, then the answers.

    The newest run, or one by its id or name. A run that is not done is refused without --partial.
    """
    return asyncio.run(_export(console, flags))


async def _export(console: Console, flags: Flags) -> int:
    request = export_of(console, flags, partial=flags["partial"])
    if request is None and not flags["output_dir"]:
        raise Mistake(
            "Nowhere to write to was named.", hint="give `--out FILE`, `--out -` or `--output-dir FOLDER`."
        )
    async with Weft(look_around(settings_in(flags))) as house:
        run = await house.runs.get(flags["run"])
        written = None if request is None else house.runs.export(run, request)
        records = write_records_of(console, house, run=run, folder=flags["output_dir"])
    path = None if written is None or written.path is None else str(written.path)
    if console.json:
        console.value(
            {"run": run.id, "output": path, "rows": written.rows if written else 0, "records": records}
        )
        return 0
    if written is not None and path:
        console.line(f"Output: {path} ({count(written.rows, 'row')})")
    if written is not None and written.altered:
        console.note(
            f"{count(written.altered, 'cell')} altered so that no spreadsheet runs them; `--raw` leaves them alone."
        )
    if flags["output_dir"]:
        console.note(f"Records: {flags['output_dir']} ({count(records, 'file')})")
    return 0


command = one_command(
    "export",
    export,
    flags=[
        Flag(
            name="run",
            help="Id of the run, the beginning of it, or its name; by default the newest one.",
            positional=True,
            metavar="[RUN]",
        ),
        Flag(
            name="partial",
            help="Also a run that is not done; rows that wait get empty answers.",
            kind=bool,
            default=False,
        ),
        *EXPORT,
        RECORDS,
        *setting_flags(*STORE),
    ],
)
