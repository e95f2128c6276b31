"""Check that everything is there that a run needs.

Knows how findings are told. Refuses to mend anything, and never shows a key.
"""

from __future__ import annotations

import asyncio

from weft.app.checkup import Finding, Health
from weft.app.opening import look_past_faults
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flags, one_command, setting_flags
from weft.errors import Mistake

MARKS = {
    Health.GOOD: ("✓", "green"),
    Health.NOTED: ("·", ""),
    Health.DOUBTFUL: ("!", "yellow"),
    Health.BAD: ("✗", "red"),
}


def doctor(console: Console, flags: Flags) -> int:
    """Look over Python, SQLite, settings, store, disk, keys and formats.

    The exit code is 2 if a run would fail. Keys are never shown, only which variables are set.
    """
    findings = asyncio.run(_look(flags))
    healthy = not any(each.health is Health.BAD for each in findings)
    if console.json:
        plain = [
            {"what": f.what, "health": f.health.value, "message": f.message, "hint": f.hint} for f in findings
        ]
        console.value({"healthy": healthy, "findings": plain})
    for each in findings:
        _tell(console, each)
    return 0 if healthy else Mistake.exit_code


async def _look(flags: Flags) -> list[Finding]:
    surroundings, fault = look_past_faults(settings_in(flags))
    async with Weft(surroundings) as house:
        return await house.checkup.look(fault)


def _tell(console: Console, finding: Finding) -> None:
    mark, style = MARKS[finding.health]
    console.line(f"{mark} {finding.what}: {finding.message}", style)
    if finding.hint and finding.health is not Health.GOOD:
        console.line(f"    {finding.hint}")


command = one_command("doctor", doctor, flags=setting_flags(*STORE))
