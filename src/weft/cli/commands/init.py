"""Begin a project: settings, an example template and table.

Knows how to tell what was written. Refuses to know what a project needs: the desk does.
"""

from __future__ import annotations

from pathlib import Path

from weft.app.projects import ProjectsDesk
from weft.cli.console import Console
from weft.cli.flags import Flag, Flags, one_command


def init(console: Console, flags: Flags) -> int:
    """Write `weft.toml`, `templates/` with an example, an example table, and lines for `.gitignore`.

    Files that are there stay as they are.
    """
    folder = Path(flags["folder"] or ".")
    begun = ProjectsDesk().init(folder)
    if console.json:
        console.value({"folder": str(folder), "written": list(begun.written), "kept": list(begun.kept)})
        return 0
    for name in begun.written:
        console.line(f"wrote  {folder / name}", "green")
    for name in begun.kept:
        console.line(f"kept   {folder / name}")
    console.line()
    console.line("Next: weft run ticket_triage tickets.csv --out tickets.out.csv")
    return 0


command = one_command(
    "init",
    init,
    flags=[Flag(name="folder", help="Where to begin; by default here.", positional=True, metavar="FOLDER")],
)
