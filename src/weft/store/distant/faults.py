"""What a server complains about, as sentences of ours, and which complaints pass by waiting.

Knows PostgreSQL's codes (SQLSTATE) and the words with which it refuses a connection, for which it
states no code. Refuses to show a password: places are named by host and database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from weft.errors import BadSetting, DiskFull, IncompatibleStore, StoreBusy, UnwritableFile, WeftError

PASSING = (
    "08",  # the connection broke
    "40",  # serialisation failure, deadlock: the other one was faster
    "53300",  # too many connections
    "55P03",  # a lock was not had in time
    "57014",  # somebody cancelled the statement
    "57P0",  # the server stops, has crashed, starts
    "25006",  # read-only: it has become a copy of another server
    "25P03",  # we were idle in a transaction for too long: frozen
    "25P04",
)
"""Beginnings of codes of what passes when it is tried again."""
_CUTTING = ("25006",)  # passes only on another connection
_FULL = ("53100", "58030")  # disk full, input/output error
_DAMAGED = ("XX001", "XX002")
_GONE = ("3F000", "42P01", "42703")  # schema, table, column


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, for people; without a password.

    Attributes:
        host: of the server, or the folder of its socket.
        schema: where in it the store is; empty = the usual one.
    """

    name: str
    host: str
    user: str
    schema: str = ""

    def __str__(self) -> str:
        where = f"`{self.name}` at `{self.host}`"
        return f"{where} (schema `{self.schema}`)" if self.schema else where


def code_of(exc: BaseException) -> str:
    """The server's code of a complaint; empty where it states none."""
    return str(getattr(exc, "sqlstate", None) or "")


def needs_new_line(exc: Exception) -> bool:
    """Whether a complaint passes on another connection only."""
    return code_of(exc).startswith(_CUTTING)


def passes(exc: Exception, driver: Any) -> bool:
    """Whether what failed may be tried again as it is."""
    if not isinstance(exc, driver.Error):
        return False
    code = code_of(exc)
    if not code:  # a connection that broke or was not made; a server that says no says why
        return isinstance(exc, driver.OperationalError) and _refusal(str(exc)) is None
    return code.startswith(PASSING)


def translate(exc: Exception, place: Place, driver: Any) -> WeftError | None:
    """Give a complaint as one of ours; `None` where it is a mistake of this program."""
    if not isinstance(exc, driver.Error):
        return None
    code, words = code_of(exc), first_line(exc)
    if passes(exc, driver):
        return StoreBusy(
            f"The database {place} does not answer: {words}.",
            hint="nothing is lost; see that the server runs, and go on with the same command.",
        )
    return _stated(code, words, place) if code else _refused(str(exc), place)


def _stated(code: str, words: str, place: Place) -> WeftError | None:
    """A complaint with a code, which does not pass."""
    if code.startswith(_FULL):
        return DiskFull(f"The server of {place} cannot write: {words}.", hint="free some space on its disk.")
    if code.startswith(_DAMAGED):
        return IncompatibleStore(
            f"The database {place} is damaged: {words}.", hint="stop, keep a copy, restore a backup."
        )
    if code == "42501":
        return UnwritableFile(
            f"User `{place.user}` may not use the store in {place}: {words}.",
            hint=f'let the owner run: GRANT CREATE ON DATABASE "{place.name}" TO "{place.user}".',
        )
    if code.startswith(_GONE):
        return IncompatibleStore(
            f"The store in {place} is not as weft made it: {words}.",
            hint="`weft db upgrade` brings it up to date.",
        )
    return None


def first_line(exc: Exception) -> str:
    """The complaint's first line; what follows are details."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    said = lines[0] if lines else type(exc).__name__
    return said.removesuffix(".")


_REFUSALS = {
    "password": re.compile(r"password authentication failed|no password supplied|fe_sendauth", re.IGNORECASE),
    "rule": re.compile(r"no pg_hba\.conf entry|authentication failed", re.IGNORECASE),
    "database": re.compile(r'database "[^"]*" does not exist', re.IGNORECASE),
    "user": re.compile(r'role "[^"]*" (does not exist|is not permitted to log in)', re.IGNORECASE),
    "host": re.compile(
        r"could not translate host name|failed to resolve host|Name or service not known", re.IGNORECASE
    ),
}
"""How a server says no to a connection; libpq hands these out as words alone."""


def _refusal(words: str) -> str | None:
    return next((name for name, pattern in _REFUSALS.items() if pattern.search(words)), None)


def _refused(words: str, place: Place) -> WeftError | None:
    kind = _refusal(words)
    if kind is None:
        return None
    message, hint = {
        "password": (
            f"The server at `{place.host}` did not accept the password of user `{place.user}`.",
            "write it into `~/.pgpass` or PGPASSWORD; in the URL a special character is written as %XX.",
        ),
        "rule": (
            f"The server at `{place.host}` lets user `{place.user}` not into database `{place.name}`.",
            "its `pg_hba.conf` says who may come from where.",
        ),
        "database": (
            f"There is no database `{place.name}` at `{place.host}`.",
            f"make it with: createdb --host {place.host} --username {place.user} {place.name}",
        ),
        "user": (
            f"There is no user `{place.user}` who may log in at `{place.host}`.",
            f"make one with: createuser --host {place.host} --pwprompt {place.user}",
        ),
        "host": (f"The host `{place.host}` is not known here.", "look at the address of the store."),
    }[kind]
    return BadSetting(message, hint=hint, setting="store")
