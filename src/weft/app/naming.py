"""Names that people give tables, and what is wrong with a table told by them.

Knows which names are refused, that no sentence shows where a table lies, and at which place of a request
a complaint belongs: an option of the address, or a line, row or column of the body. Refuses to know
tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from weft.app.keeping import KeptTable
from weft.errors import ImpossibleMove, UnknownName, UnreadableTable, WeftError
from weft.tables.choosing import choose_format

LONGEST_NAME = 200  # characters


def check_name(name: str) -> None:
    """Refuse a name that names no format, or that nobody could read.

    Raises:
        UnreadableTable: then.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or set(name) & {"/", "\\"}:
        raise _bad_name(
            "This is no name for a table.", "give a file name such as `emails.csv`, without folders."
        )
    try:
        choose_format(PurePath(name))
    except UnknownName as exc:
        raise _bad_name(exc.message, exc.hint) from exc


def _bad_name(message: str, hint: str) -> UnreadableTable:
    return UnreadableTable(message, hint=hint, problems=[{"path": "query.name", "message": message}])


def told_by_name(error: WeftError, kept: KeptTable) -> WeftError:
    """Make the same error by the name that people know, with the place of what is wrong."""
    facts = {key: value for key, value in error.facts.items() if key != "path"}
    message = renamed(error.message, kept)
    problems = facts.pop("problems", None) or [{"path": _place(facts), "message": message}]
    return type(error)(message, hint=error.hint, **facts, problems=problems)


def _place(facts: Mapping[str, object]) -> str:
    """Where in a request something is wrong: an option, or a line, row and column of the body."""
    if "known" in facts:  # the only thing of a table that is named is a sheet
        return "query.sheet"
    if "setting" in facts:
        return f"query.{facts['setting']}"
    parts = [f"{name}.{facts[name]}" for name in ("line", "row", "column") if name in facts]
    return ".".join(["body", *parts])


def renamed(sentence: str, kept: KeptTable) -> str:
    """Put a table's name in the place of its path."""
    return sentence.replace(str(kept.path), kept.name).replace(kept.path.name, kept.name)


def check_same(standing: KeptTable, name: str, digest: str) -> KeptTable:
    """Give the table that a key stands for, if it is the one that came again.

    Raises:
        ImpossibleMove: if it is another one.
    """
    if (standing.name, standing.digest) != (name, digest):
        raise ImpossibleMove(
            f"The key stands for `{standing.name}`, and this is another table.", hint="take a new key."
        )
    return standing
