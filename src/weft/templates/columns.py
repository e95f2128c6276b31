"""How a quick prompt names the columns of a table, and what is said where it does not.

A prompt writes a column without spaces and signs: `{{ Full_Name }}` for `Full Name`. Knows both
spellings and names columns in messages as they stand in the file. Refuses to know rows and files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from weft.schema import folded
from weft.templates.flaws import Flaw

SLOT = re.compile(r"\{\{-?\s*([^{}]+?)\s*-?\}\}")
MOST = 12  # columns that a message lists
NEAR = 0.6  # of 1: below, a name is another name


def writable(column: str) -> str:
    """A column as a prompt can name it.

    >>> writable("Full Name"), writable("a/b"), writable("mail.body")
    ('Full_Name', 'a_b', 'mail.body')
    """
    return re.sub(r"[^\w.]+", "_", column).strip("_") or "_"


def misspelt(prompt: str, columns: Sequence[str]) -> list[Flaw]:
    """Columns that a prompt names as they stand in the file where Jinja cannot read them so."""
    flaws = []
    for found in SLOT.finditer(prompt):
        column = next((each for each in columns if folded(each) == folded(found[1])), None)
        if column is not None and writable(found[1]) != found[1]:
            line = prompt.count("\n", 0, found.start()) + 1
            message = f"`{found[0]}` cannot be read; write {_told(column)}."
            flaws.append(Flaw("--prompt", line, message, "undefined_name"))
    return flaws


def nearest_column(name: str, columns: Sequence[str]) -> str:
    """End a sentence about a name that is no column: `; did you mean …?`, or the columns.

    >>> nearest_column("ful_name", ["Full Name"]), nearest_column("x", ["topic"])
    ('; did you mean `{{ Full_Name }}` for the column `Full Name`?', '; columns: `topic`.')
    """
    alike = {folded(writable(column)): column for column in reversed(columns)}
    near = get_close_matches(folded(name), list(alike), n=1, cutoff=NEAR)
    if near:
        column = alike[near[0]]
        return f"; did you mean {_told(column) if writable(column) != column else f'`{column}`'}?"
    listed = ", ".join(f"`{column}`" for column in columns[:MOST])
    more = f" and {len(columns) - MOST} more" if len(columns) > MOST else ""
    return f"; columns: {listed}{more}." if columns else "."


def _told(column: str) -> str:
    return f"`{{{{ {writable(column)} }}}}` for the column `{column}`"
