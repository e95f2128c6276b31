"""What a store says when it cannot do as asked: sentences with the next step.

Knows the errors that several of the store's files raise, and makes texts fit for a database.
Refuses to know any driver: its complaints are translated where it is opened (`engines/`).
"""

from __future__ import annotations

from weft.errors import RunBusy, UnknownName
from weft.ids import RunId


def no_such_run(run: str) -> UnknownName:
    """The run is not in this store."""
    return UnknownName(
        f"There is no run `{run}` in this store.", hint="`weft runs` lists the runs of the store.", name=run
    )


def taken_over(run: RunId, *, epoch: int, now: int) -> RunBusy:
    """The caller's epoch is over: another process works on the run."""
    return RunBusy(
        f"Run `{run}` is held by another process now (epoch {now}, this one had {epoch}).",
        hint="nothing is lost: the other process goes on with it.",
        run=run,
        epoch=now,
    )


def storable(text: str) -> str:
    r"""Make a text fit for every database: lone surrogates and NUL are written as escapes.

    >>> print(storable("a\x00b"))
    a\x00b
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
