"""Every table, column and index of the store, each with one line of why.

Knows names, types and the numbers that states are stored as. SQLAlchemy Core, no ORM.
Refuses to know who writes and when. A change here needs a step in `migrations/versions`
and the next `REVISION`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.sqlite import INTEGER

from weft.call import CallState
from weft.row import RowState

REVISION = 3  # number of the newest step in `migrations/versions`; also SQLite's `user_version`
APPLICATION_ID = 0x77656674  # "weft" in ASCII; SQLite's `application_id`, so that a stranger's file is known

ROW_CODES = {
    RowState.WAITING: 0,
    RowState.ASKED: 1,  # never stored: a row is asked while an open call carries it
    RowState.ANSWERED: 2,
    RowState.FAILED: 3,
    RowState.REJECTED: 4,
    RowState.SKIPPED: 5,
}
"""Row states as they are stored; small numbers, for there are millions of them."""

CALL_CODES = {
    CallState.RESERVED: 0,
    CallState.SENT: 1,
    CallState.ANSWERED: 2,
    CallState.SETTLED: 3,
    CallState.VOID: 4,
    CallState.UNKNOWN: 5,
}
"""Call states as they are stored; open calls are those below 3."""

CALL_STATES = {code: state for state, code in CALL_CODES.items()}

SPOTS_PER_RUN = 1 << 32  # a run's rows lie side by side: spot = runs.seq * 2^32 + place

WORD = Text().with_variant(Text(collation="C"), "postgresql")  # sorted alike by every database
BIG = BigInteger().with_variant(INTEGER(), "sqlite")  # SQLite finds a row fastest by a plain INTEGER

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("seq", BIG, primary_key=True),  # small number that stands for the id in other tables
    Column("id", Text, nullable=False, unique=True),  # RunId
    Column("name", Text, nullable=False),  # what people call it
    Column("spec", Text, nullable=False),  # RunSpec as JSON
    Column("state", Text, nullable=False),  # RunState in words, there are few runs
    Column("created_at", Float, nullable=False),  # seconds since the epoch
    Column("budget_usd", BigInteger),  # nano-dollars; NULL = no limit
    Column("budget_tokens", BigInteger),  # NULL = no limit
    Column("spent", BigInteger),  # nano-dollars of settled and unknown calls; NULL = price unknown
    Column("unsure", BigInteger, nullable=False),  # share of `spent` in unknown calls
    Column("reserved", BigInteger, nullable=False),  # nano-dollars of open calls
    Column("spent_tokens", BigInteger, nullable=False),  # against the token budget; unknown calls in full
    Column("reserved_tokens", BigInteger, nullable=False),  # of open calls
    Column("calls", BigInteger, nullable=False),  # calls that were sent
    Column("unknown_calls", BigInteger, nullable=False),  # calls that may have been billed
    Column("input_tokens", BigInteger, nullable=False),  # as stated by providers
    Column("output_tokens", BigInteger, nullable=False),  # as stated by providers
    Column("cached_input_tokens", BigInteger, nullable=False),  # share of `input_tokens`
    Column("epoch", BigInteger, nullable=False),  # raised by every take-over
    Column("owner", Text, nullable=False),  # who works on it; empty = nobody
    Column("beats", BigInteger, nullable=False),  # counts the owner's signs of life
    Column("elapsed_s", Float, nullable=False),  # seconds of work over all lives
    Column("reason", Text, nullable=False),  # why it is paused, stopped or cancelled: a code
    Column("message", Text, nullable=False),  # the same as a sentence
    Column("counted", Text),  # JSON counts of row states while nothing moves; NULL = count again
    Column("changed", BigInteger, nullable=False, server_default="0"),  # counts what was told of it
    Column("wish", Text, nullable=False, server_default=""),  # what its owner is asked for; empty = nothing
    Column("first_start", Float),  # wall seconds: when a row was first asked about or recalled
    Column("last_completion", Float),  # wall seconds: when a row last came to its end
)

cells = Table(
    "cells",
    metadata,
    # Apart from `rows` because they never change: a row that ends rewrites 100 bytes, not its text.
    Column("spot", BIG, primary_key=True, autoincrement=False),
    Column("line", BigInteger, nullable=False),  # physical line of the source, for messages
    Column("cells", LargeBinary, nullable=False),  # JSON array in the order of the run's columns
)

rows = Table(
    "rows",
    metadata,
    Column("spot", BIG, primary_key=True, autoincrement=False),
    Column("key", LargeBinary),  # RowKey; NULL = rejected before it had one
    Column("state", SmallInteger, nullable=False),  # ROW_CODES
    Column("answer", LargeBinary),  # canonical JSON; NULL unless answered
    Column("problem", Text, nullable=False),  # one sentence; empty = none
    Column("problem_code", Text, nullable=False),  # stable code; empty = none
    Column("notes", Text),  # JSON array of sentences; NULL = none
    Column("cost", BigInteger),  # nano-dollars, share of every call that carried it; NULL = unknown
    Column("input_tokens", BigInteger, nullable=False),  # likewise its share
    Column("output_tokens", BigInteger, nullable=False),  # likewise its share
    Column("attempts", Integer, nullable=False),  # answered calls that carried it
    Column("call", BigInteger),  # calls.seq of the last call that carried it
    Column("recalled", SmallInteger, nullable=False),  # 1 = answered from memory or by a twin
)

calls = Table(
    "calls",
    metadata,
    Column("seq", BIG, primary_key=True),  # order of reservation
    Column("id", Text, nullable=False, unique=True),  # CallId; unique, so that every write may be repeated
    Column("run", BigInteger, nullable=False),  # runs.seq
    Column("places", Text, nullable=False),  # JSON array of places, in pack order
    Column("labels", Text, nullable=False),  # JSON array of labels, likewise
    Column("reserved", BigInteger),  # upper bound in nano-dollars; NULL = price unknown
    Column("reserved_tokens", BigInteger, nullable=False),  # upper bound, input and output
    Column("attempt", Integer, nullable=False),  # 1 = first try of this pack
    Column("state", SmallInteger, nullable=False),  # CALL_CODES
    Column("reserved_at", Float, nullable=False),  # wall seconds, for people; never compared
    Column("sent_at", Float),
    Column("answered_at", Float),
    Column("ended_at", Float),  # settled, void or unknown
    Column("cost", BigInteger),  # exact, or the reservation of an unknown call; NULL = none or unknown price
    Column("estimated", SmallInteger, nullable=False),  # 1 = no usage was stated, the reservation is booked
    Column("input_tokens", BigInteger),  # as stated; NULL = not stated
    Column("output_tokens", BigInteger),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("model", Text, nullable=False),  # as the provider named it
    Column("request_id", Text, nullable=False),  # the provider's name for the call
    Column("problem_code", Text, nullable=False),  # why it is void or unknown; empty = all well
    Column("problem", Text, nullable=False),  # the same as a sentence
)
Index("calls_by_run", calls.c.run, calls.c.seq)  # the calls of a run, oldest first
OPEN_CALLS = text("state < 3")
Index(  # what a crash left open, found without reading a million settled calls
    "calls_open", calls.c.run, calls.c.seq, sqlite_where=OPEN_CALLS, postgresql_where=OPEN_CALLS
)

replies = Table(
    "replies",
    metadata,
    # Apart from `calls`, which change four times: a body is written once and read after a crash.
    Column("call", BIG, primary_key=True, autoincrement=False),  # calls.seq
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),  # JSON mapping
    Column("elapsed_s", Float, nullable=False),
    Column("packed", SmallInteger, nullable=False),  # 1 = body is compressed by zlib
    Column("body", LargeBinary, nullable=False),  # as it came, unread
)

answers = Table(
    "answers",
    metadata,
    # Where the answer to a question lies. It is not copied here: keys come at random, so every new
    # entry dirties a page, and eight times as many entries of this size share one.
    Column("short", LargeBinary, primary_key=True),  # first 8 bytes of the RowKey; the row has all of it
    Column("spot", BigInteger, nullable=False),  # rows.spot that was answered
    Column("checksum", BigInteger, nullable=False),  # CRC-32 over key and answer; a flipped bit is a miss
    Column("created_at", BigInteger, nullable=False),  # whole seconds since the epoch, for `older than`
    sqlite_with_rowid=False,  # found by key only
)

counts = Table(
    "counts",
    metadata,
    Column("name", Text, primary_key=True),  # `hits` and `damaged` of the remembered answers
    Column("amount", BigInteger, nullable=False),
)

shelves = Table(
    "shelves",
    metadata,
    # Documents of rooms upstairs; a new kind of them needs no new table.
    Column("kind", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    Column("state", Text, nullable=False),  # by which it is looked for; empty = none
    Column("due_at", Float),  # seconds since the epoch; NULL = never
    Column(
        "version", BigInteger, nullable=False
    ),  # counts its changes, so that nobody overwrites unseen ones
    Column("changed_at", Float, nullable=False),  # seconds since the epoch
    Column("content", Text, nullable=False),  # JSON object
)
Index("shelves_by_state", shelves.c.kind, shelves.c.state, shelves.c.id)  # those in one state, in order
DUE = text("due_at IS NOT NULL")
Index(  # what falls due, found without reading what never does
    "shelves_by_due", shelves.c.kind, shelves.c.due_at, sqlite_where=DUE, postgresql_where=DUE
)

deeds = Table(
    "deeds",
    metadata,
    # Lines are added and never changed; the database itself refuses more.
    Column("number", BIG, primary_key=True, autoincrement=False),  # from 1 without gaps
    Column("at", Float, nullable=False),  # seconds since the epoch
    Column("actor", Text, nullable=False),  # id of a principal; empty = nobody known
    Column("act", Text, nullable=False),
    Column("thing", Text, nullable=False),
    Column("workspace", Text, nullable=False),  # empty = the server itself
    Column("outcome", Text, nullable=False),  # `done`, `denied` or a code
    Column("facts", Text, nullable=False),  # JSON object
    Column("previous", Text, nullable=False),  # digest of the line before; empty = the first
    Column("digest", Text, nullable=False),  # SHA-256, hex, over all of the above
)
Index("deeds_by_workspace", deeds.c.workspace, deeds.c.number)  # those of one workspace, in order

changes = Table(
    "changes",
    metadata,
    # Which rows stand differently: one line for all that a transaction changed, kept for a while only.
    Column("mark", BIG, primary_key=True, autoincrement=False),  # runs.seq * 2^32 + number, as for spots
    Column("places", Text, nullable=False),  # such as `0-19,25`
)
