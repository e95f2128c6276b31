"""Command lines as people see them: found in texts, and read by the parser without being run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from weft.cli.main import build

BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(weft [^`\n]+)`")
ENDS = {"|", ">", "&&", ";", "&"}


def lines_in(page: str) -> Iterator[str]:
    """Every `weft …` line in the code of a Markdown page; those with an ellipsis are no whole lines."""
    for block in BLOCK.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            if (found := line.removeprefix("$ ")).startswith("weft "):
                yield found
    yield from (found for found in INLINE.findall(BLOCK.sub("", page)) if "…" not in found)


def hinted_in(text: str) -> list[str]:
    """Every `weft …` line that a message shows, in backticks or behind “Next: ”."""
    return [*INLINE.findall(text), *re.findall(r"^Next: (weft .+)$", text, re.MULTILINE)]


def check_line(line: str) -> None:
    """Let the parser read a line as if it had been pasted; raises what the parser raises."""
    words = shlex.split(line, comments=True)
    end = next((at for at, word in enumerate(words) if word in ENDS), len(words))
    _descend(get_command(build()), words[0], words[1:end], None)


def _descend(command: Any, name: str, words: list[str], above: Any) -> None:
    context = command.make_context(name, words, parent=above, resilient_parsing=words in ([], ["--version"]))
    rest = [*getattr(context, "_protected_args", ()), *context.args]
    if hasattr(command, "resolve_command") and rest:
        found, below, more = command.resolve_command(context, rest)
        _descend(below, found, more, context)
