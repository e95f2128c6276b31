"""A real PostgreSQL server for tests and benchmarks: in a temporary directory, on a Unix socket.

Knows where `initdb` may lie, that the server refuses to run as root, and how to leave nothing behind:
the server stops when the process that started it does, however that ends.
Refuses to use a server that is already there, and to skip: without a server it says what to install.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

USERS = ("postgres", "nobody")  # who runs the server when we are root, the first that exists
NEED = "No PostgreSQL server program was found. hint: sh .ci/postgres, or install the package `postgresql`."
# The server ends when its standard input does, that is with the process that started it.
GUARD = '"$@" & server=$!; read -r _; kill -INT "$server" 2>/dev/null; wait "$server"'
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class NoServer(Exception):
    """No server can be started here; the sentence says what to do."""


def programs() -> Path:
    """Find the folder of the server's programs, the newest version first.

    Raises:
        NoServer: if `initdb` is neither on the path nor where Debian puts it.
    """
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: version_of(each.parent.name))
    for folder in reversed(folders):
        if (folder / "initdb").exists():
            return folder
    raise NoServer(NEED)


def version_of(name: str) -> int:
    """Order folders such as `9.6` and `15`."""
    return int(name.partition(".")[0]) if name.partition(".")[0].isdigit() else 0


def server_user() -> str | None:
    """Name whom the server runs as: None is ourselves, since only root needs another."""
    if os.getuid() != 0:
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NoServer("PostgreSQL refuses to run as root. hint: add a user `postgres`.")


@dataclass
class Server:
    """One server: `start`, `stop` and `restart` as often as you like, `remove` at the end.

    Args:
        durable: keep what was committed through a crash; slower, for tests that kill.
    """

    durable: bool = False
    folder: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._programs = programs()
        self._user = server_user()
        self.folder = Path(tempfile.mkdtemp(prefix="weft-pg-"))
        try:
            if self._user is not None:
                shutil.chown(self.folder, self._user)
            run = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=weft"]
            self._call("initdb", *run, f"--pgdata={self.folder / 'data'}")
        except BaseException:
            self.remove()
            raise

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            user=self._user,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
        )
        if done.returncode:
            raise NoServer(f"`{program}` failed: {done.stderr.strip() or done.stdout.strip()}")

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            NoServer: if it ends at once; with the end of its log.
        """
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=200"]
        settings += [] if self.durable else FAST
        options = [part for each in settings for part in ("-c", each)]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                extra_groups=[] if self._user else None,
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            self._wait()
        except NoServer:
            raise NoServer(f"The server did not start: {self.log()[-800:]}") from None

    def _wait(self) -> None:
        # `pg_isready` asks once; psql's own waiting is by connecting, so ask until the server answers.
        for _ in range(600):
            with contextlib.suppress(NoServer):
                return self._call("pg_isready", "--quiet", f"--host={self.folder}", "--timeout=1")
            if self._process is None or self._process.poll() is not None:
                break
        raise NoServer(self.log())

    def stop(self) -> None:
        """Stop the server; open connections are cut."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(30)
            self._process = None

    def log(self) -> str:
        """Return what the server has said."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def remove(self) -> None:
        """Stop the server and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database: str = "postgres") -> str:
        """Return the address of a database of this server."""
        return f"postgresql://weft@/{database}?host={self.folder}"

    async def create_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"t{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(self.dsn())
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.dsn(name)


@contextlib.contextmanager
def running_server(*, durable: bool = False) -> Iterator[Server]:
    """Run a server of one's own for a while."""
    server = Server(durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for all tests of this process."""
    try:
        server = Server()
        server.start()
    except NoServer as exc:
        pytest.fail(str(exc), pytrace=False)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
async def postgres(postgres_server: Server) -> str:
    """The address of an empty database for one test."""
    return await postgres_server.create_database()
