"""The line to the server: many statements in one round trip, and a new line when the old one is cut.

Knows the driver, and is its only door. Refuses to know what is said, and never repeats anything by
itself: only who said it knows whether it may be said again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from weft.errors import MissingExtra
from weft.store.distant.arrays import Packed, encoded

PATIENCE_S = 30.0  # how long a server that restarts is waited for; as long as SQLite waits for a lock
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 1.0  # between two tries, doubled each time
CONNECT_S = 10  # until a host that says nothing is taken for absent
SETTINGS = {
    "client_min_messages": "warning",
    # A frozen process would keep a run's line locked: the server ends its transaction instead, if it froze
    # between two trips; see `frozen.py` for the others.
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
    "statement_timeout": "0",  # a server's own limit is meant for people's queries
    # Every query finds its rows by an index; a table without statistics must not mislead the planner.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""What every session of ours is set to, besides its schema; nothing here needs more than the rights of a user."""
DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_SILENT = logging.NullHandler()
PREPARED = 500  # statements that a session keeps planned; the store has about a hundred


def load_driver() -> Any:
    """Load psycopg.

    Raises:
        MissingExtra: if it is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415 - an optional package
    except ImportError as exc:
        raise MissingExtra(
            "A store in PostgreSQL needs the package `psycopg`.",
            hint='`pip install "weft[postgres]"` installs it.',
            extra="postgres",
        ) from exc
    # It would tell stderr of every line that was cut; whoever wants to know sets logging up.
    logging.getLogger(psycopg.__name__).addHandler(_SILENT)
    return psycopg


@dataclass(slots=True)
class Found:
    """What a statement gave back."""

    rows: list[Any]
    rowcount: int

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def fetchone(self) -> Any:
        """The first row; `None` if there is none."""
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[Any]:
        """Every row."""
        return self.rows


class Patience:
    """Waits between tries, longer each time, until it is worn out or the store closes."""

    def __init__(self, closing: threading.Event, *, for_s: float = PATIENCE_S) -> None:
        """Begin with all of it."""
        self._closing = closing
        self._left_s = for_s
        self._wait_s = FIRST_WAIT_S

    def wait(self, took_s: float = 0.0) -> bool:
        """Wait a little; `False` if it is not worth while to try again.

        Args:
            took_s: how long the last try took, as far as that is known.
        """
        self._left_s -= took_s
        if self._left_s <= 0 or self._closing.wait(min(self._wait_s, self._left_s)):
            return False
        self._left_s -= self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        return True


class Link:
    """One connection, made when it is needed and made anew when it was cut.

    Attributes:
        driver: the module `psycopg`.
    """

    def __init__(
        self, parameters: Mapping[str, Any], *, schema: str = "weft", reads_only: bool = False
    ) -> None:
        """Connect at the first statement.

        Args:
            parameters: of the connection, as libpq names them.
            schema: where the tables are; a plain name, for it stands in statements.
            reads_only: refuse to write.
        """
        self.driver = load_driver()
        self._settings = SETTINGS | {"search_path": f'"{schema}"'}
        self._settings |= {"default_transaction_read_only": "on"} if reads_only else {}
        # Readers too: a copy of the server may lag behind what was just written.
        self._parameters = {"target_session_attrs": "read-write", **parameters}
        self._connection: Any = None

    @property
    def is_cut(self) -> bool:
        """Whether the next statement needs a new connection."""
        return self._connection is None or bool(self._connection.broken or self._connection.closed)

    def cursor(self) -> Link:
        """The link itself: it has one conversation at a time."""
        return self

    def execute(self, text: str, parameters: Sequence[Any] = ()) -> Found:
        """Say one statement."""
        cursor = self._open().execute(text, parameters, binary=True)
        return _found(cursor)

    def run(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Found]:
        """Say several statements in one round trip; the first that fails stops the rest."""
        connection = self._open()
        if len(statements) == 1:
            return [self.execute(*statements[0])]
        with connection.pipeline():
            cursors = [connection.execute(text, given, binary=True) for text, given in statements]
        return [_found(cursor) for cursor in cursors]

    def copy(self, text: str, packed: bytes) -> None:
        """Say a COPY statement and hand over its rows."""
        with self._open().cursor().copy(text) as copy:
            copy.write(packed)

    def took_s(self, exc: Exception) -> float:
        """How long a try took that failed: only a host that says nothing takes long."""
        return float(CONNECT_S) if isinstance(exc, self.driver.errors.ConnectionTimeout) else 0.0

    def roll_back(self) -> None:
        """End a transaction that failed; a line that is cut has ended it already."""
        if self.is_cut:
            return
        try:
            self._connection.execute("ROLLBACK")
        except self.driver.Error:
            self.cut()

    def cut(self) -> None:
        """Let go of the connection; the next statement makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self.driver.Error):
                connection.close()

    close = cut

    def _open(self) -> Any:
        if self.is_cut:
            self.cut()
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Any:
        connection = self.driver.connect(
            **self._parameters,
            autocommit=True,
            prepare_threshold=0,
            cursor_factory=self.driver.RawCursor,
        )
        try:
            connection.prepared_max = PREPARED
            for kind, dump in _dumpers(self.driver).items():
                connection.adapters.register_dumper(kind, dump)
            asked = ", ".join(
                f"set_config('{name}', '{value}', false)" for name, value in self._settings.items()
            )
            connection.execute(f"SELECT {asked}")
            connection.execute(DURABLE)
        except BaseException:
            connection.close()
            raise
        return connection


def _found(cursor: Any) -> Found:
    return Found(cursor.fetchall() if cursor.description else [], cursor.rowcount)


def _dumpers(driver: Any) -> dict[type, Any]:
    """How parameters are handed over: without a type of their own, for the statement names it.

    So a number and NULL in the same place do not make two statements to plan.
    """
    text, binary = driver.pq.Format.TEXT, driver.pq.Format.BINARY

    class Plain(driver.adapt.Dumper):  # type: ignore[misc]  # the driver is loaded late
        """A number as its digits."""

        format, oid = text, 0

        def dump(self, obj: Any) -> bytes:
            """Write it out."""
            return repr(obj).encode()

    class Whole(Plain):
        """A whole number, also an enumerated one."""

        def dump(self, obj: Any) -> bytes:
            """Write it out."""
            return b"%d" % obj

    class Words(driver.adapt.Dumper):  # type: ignore[misc]  # likewise
        """A text that every PostgreSQL takes."""

        format, oid = text, 0

        def dump(self, obj: Any) -> bytes:
            """Encode it."""
            return encoded(obj)

    class Raw(driver.adapt.Dumper):  # type: ignore[misc]  # likewise
        """Bytes as they are."""

        format, oid = binary, 0

        def dump(self, obj: Any) -> Any:
            """Hand it over."""
            return obj

    return {int: Whole, float: Plain, str: Words, bytes: Raw, bytearray: Raw, Packed: Raw}
