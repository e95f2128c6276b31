"""Who keeps a run's line locked and does nothing: a process that froze in the middle of a transaction.

Knows that the server waits for it in vain, also where no time limit of the server's counts: between two
statements of one trip, in the middle of a COPY, or with an answer that nobody fetches. Refuses to end a
session that moves, one that works, one of another user or another store, or one while the run's owner
gives signs of life. Whoever thaws finds the line cut, connects anew and does the transaction again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from weft.ids import RunId
from weft.store.lines import Held

FROZEN_S = 3.0  # without a move, while the server waits; an honest process moves many times a second
END_MS = 5_000  # how long the end of a session is waited for; it takes some milliseconds

# A row's `xmax` is the transaction that locks it; as long as that one lasts it holds a lock on its own number.
_KEEPER = """
FROM runs AS r
JOIN pg_locks AS l ON l.locktype = 'transactionid' AND l.transactionid = r.xmax AND l.granted
JOIN pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_stat_progress_copy AS c ON c.pid = a.pid
WHERE r.id = $1::text AND r.owner = $2::text AND r.beats = $3::bigint AND r.epoch = $4::bigint
AND a.datname = current_database() AND a.usename = session_user
AND a.application_name = current_setting('application_name')
AND a.state IN ('active', 'idle in transaction', 'idle in transaction (aborted)')
AND a.wait_event_type = 'Client'
"""
_MARK = (
    "concat_ws(' ', a.pid, a.backend_start, a.xact_start, a.query_start, a.state_change, c.bytes_processed)"
)
KEEPER = f"SELECT {_MARK}, extract(epoch FROM clock_timestamp())::float8 {_KEEPER}"  # noqa: S608 - words of our own
END = f"SELECT pg_terminate_backend(a.pid, {END_MS}) {_KEEPER} AND {_MARK} = $5::text"


@dataclass(frozen=True, slots=True)
class Keeper:
    """A session that holds a run's line while the server waits for it.

    Attributes:
        mark: changes with everything that the session does.
        since: when it was first seen with this mark, in the server's seconds.
    """

    mark: str
    since: float


def look(
    ask: Callable[[str, Sequence[Any]], list[Any]], run: RunId, held: Held, *, before: Keeper | None
) -> Keeper | None:
    """See who keeps a run's line; end the session if it has not moved for `FROZEN_S`.

    Args:
        ask: puts a query to the server.
        run: whose line is wanted.
        held: its owner and his signs of life as they were seen last; nothing is ended if they changed.
        before: what the last look gave.

    Returns:
        The keeper who may be frozen, to be looked at again; `None` if there is none (any more).
    """
    facts = (run, *held)
    found = ask(KEEPER, facts)
    if not found:
        return None
    mark, now = found[0]
    if before is None:
        return Keeper(mark, now)
    if mark != before.mark:
        return None  # it moves
    if now - before.since < FROZEN_S:
        return before
    ended = ask(END, (*facts, mark))
    return look(ask, run, held, before=None) if ended and ended[0][0] else None
