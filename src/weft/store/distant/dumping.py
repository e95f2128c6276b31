"""A backup of a store on a server, made by PostgreSQL's own `pg_dump`.

Knows how it is called, and that a password must not stand among its arguments, where everybody on
the machine could read it. Refuses to make a dump of its own: nobody could restore it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weft.errors import UnwritableFile
from weft.store.distant.link import load_driver

PROGRAM = "pg_dump"
DUMP_S = 6 * 3600.0  # far beyond any store; a dump that hangs ends


def dump(parameters: Mapping[str, Any], path: Path, *, schema: str, place: str) -> None:
    """Write the tables of a store to a file that `pg_restore` reads, as they stood at one moment.

    Args:
        parameters: of the connection.
        path: written beside its place and moved there when it is whole.
        schema: the only one that is dumped.
        place: the database, for messages.

    Raises:
        UnwritableFile: if `pg_dump` is not there, or fails.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise UnwritableFile(
            f"A backup of {place} is made by `{PROGRAM}`, which is not installed here.",
            hint="install PostgreSQL's client programs, of the server's version or newer: `apt install postgresql-client`.",
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _touch(part)
        with _address(parameters) as address:
            done = subprocess.run(  # noqa: S603 - a fixed program, arguments of our own
                [
                    program,
                    "--format=custom",
                    f"--schema={schema}",
                    "--no-owner",
                    f"--file={part}",
                    f"--dbname={address}",
                ],
                check=False,
                capture_output=True,
                text=True,
                timeout=DUMP_S,
            )
        if done.returncode:
            said = next(iter(done.stderr.strip().splitlines()), "it did not say why")
            raise UnwritableFile(
                f"`{PROGRAM}` could not back up {place}: {said}",
                hint=f"`{PROGRAM}` must be of the server's version or newer.",
            )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _touch(part: Path) -> None:
    """Make the file that the program fills, readable by its owner only.

    Raises:
        UnwritableFile: if it cannot be made.
    """
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as exc:
        raise UnwritableFile(
            f"The folder `{part.parent}` of the backup cannot be written to: {exc.strerror or exc}.",
            hint="choose another place.",
            path=str(part.parent),
        ) from exc


@contextmanager
def _address(parameters: Mapping[str, Any]) -> Iterator[str]:
    """A connection string without the password, which goes into a file that only we can read."""
    plain = {name: value for name, value in parameters.items() if name not in ("password", "client_encoding")}
    password = parameters.get("password")
    make = load_driver().conninfo.make_conninfo
    if password is None:
        yield make(**plain)
        return
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        secret = Path(folder) / "pgpass"
        with os.fdopen(
            os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
            file.write(f"*:*:*:*:{escaped}\n")
        yield make(**plain, passfile=str(secret))
