"""Every socket of the house on one page.

What can be plugged in, and what it promises. Rooms above take these words in their hands;
rooms below never hear who uses them. Implementations live in drop-in folders (see `kit.registries`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from weft.call import Call, Options, PaceHint, PackRow, Part, Prompt, RawReply, Reply, Settlement, Usage
from weft.documents import Deed, Document
from weft.errors import Mistake, WeftError
from weft.events import Event
from weft.ids import CallId, Label, RowKey, RunId
from weft.money import Price
from weft.row import BrokenRow, Checked, Outcome, Row, RowState, Value
from weft.run import Run, RunFigures, RunState, Wish
from weft.schema import Schema

# ── prompts ──────────────────────────────────────────────────────────────────────────────────────


class Prompter(Protocol):
    """Turns rows into a prompt and knows what a good answer is.

    Every method is pure: the same arguments give the same result in every process.

    Attributes:
        fingerprint: identity of everything here that changes a prompt or an answer.
        inputs: the values a row must bring.
        answers: the fields an answer has, in order.
        overhead_tokens: upper bound of the input tokens that come with every call besides the
            texts of the prompt: the schema.
        row_output_tokens: expected output tokens of one row's answer, its label included.
        row_output_limit: upper bound that the prompt sets aside for it.
        is_confined: rows are rendered in another process, which may have to be waited for: its
            methods are then called in a thread.
    """

    fingerprint: str
    inputs: Schema
    answers: Schema
    overhead_tokens: int
    row_output_tokens: int
    row_output_limit: int
    is_confined: bool

    def values(self, cells: Mapping[str, Value]) -> Checked:
        """Map, coerce, default, validate and compute the inputs of one row."""

    def values_of(self, rows: Sequence[Mapping[str, Value]]) -> list[Checked]:
        """Do as `values` does for the cells of many rows, in order; quicker than one by one."""

    def part(self, values: Mapping[str, Value]) -> Part:
        """Render one row's share of a prompt.

        Raises:
            Mistake: if the template cannot be rendered for these values.
        """

    def parts(self, rows: Sequence[Mapping[str, Value]]) -> list[Part | Mistake]:
        """Do as `part` does for many rows, in order; a row's refusal stands in its place."""

    def prompt(self, rows: Sequence[tuple[Label, Part, str]]) -> Prompt:
        """Assemble one call from labelled parts, all of one group.

        The third of each is a complaint about the row's last answer, or empty.
        """

    def answer(self, found: Mapping[str, Value], values: Mapping[str, Value]) -> Checked:
        """Check one row's answer, which comes without its label.

        Against the schema and the checks beyond it; applies declared coercions and
        postprocessors, and orders the fields.
        """

    def answers_of(
        self, found: Sequence[Mapping[str, Value]], rows: Sequence[Mapping[str, Value]]
    ) -> list[Checked]:
        """Do as `answer` does for the answers of many rows, in order; `found` is given away."""


# ── models ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model can carry, and how fast; `None` = not known.

    Attributes:
        context_tokens: input and output of one call.
        output_tokens: output of one call.
        call_s: seconds that one call usually takes.
    """

    context_tokens: int | None = None
    output_tokens: int | None = None
    call_s: float | None = None


class Structured(StrEnum):
    """How firmly a provider is held to the answer's shape."""

    STRICT = "strict"
    """The provider is given the schema and promises to keep to it."""
    JSON = "json"
    """The provider promises JSON of some shape; the prompt says which."""
    NONE = "none"
    """Nothing is promised; the prompt alone asks for JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known about one model before it is asked.

    Attributes:
        price: `None` where it is not known; never zero for a model that costs money.
        reasoning: it thinks before it answers, and bills the thoughts as output.
        temperature: it takes decoding parameters; some reasoning models refuse them.
        structured: the firmest form it keeps to.
    """

    provider: str
    model: str
    price: Price | None = None
    limits: Limits = Limits()
    reasoning: bool = False
    temperature: bool = True
    structured: Structured = Structured.STRICT


@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's key and the variable it came from; shows the key nowhere but in `text`.

    Attributes:
        text: the key itself; put it into a request header and nowhere else.
        variable: the environment variable, such as `OPENAI_API_KEY`, which decides to which host
            the key may be sent; or the name of a kept key.
        place: host and port to which a kept key is bound; empty = it came from a variable.
    """

    text: str = field(repr=False)
    variable: str
    place: str = ""


class Transport(Protocol):
    """The wire: one POST, one whole reply. Retries nothing, follows no redirect."""

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float) -> RawReply:
        """Send one request and read the whole reply, whatever its status.

        Raises:
            Unreachable: no connection; surely not billed.
            TimedOut, Disconnected: after the request may have left; perhaps billed.
            NotTheApi: the reply is larger than any answer can be.
        """

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""


class Provider(Protocol):
    """A model that can be asked.

    Attributes:
        name: the provider, such as `openai`.
        model: the model as the provider names it.
        price: `None` where it is not known; free models have a price of zero.
        options: decoding parameters that every call carries.
    """

    name: str
    model: str
    price: Price | None
    limits: Limits
    options: Options

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        """Send one prompt once; return the raw reply of a call that succeeded.

        Raises:
            Outage, Refusal: by the reply's status and body, with `retry_after_s` in the facts
                where it was stated, and `billing` set.
        """

    def read(self, raw: RawReply) -> Reply:
        """Read the envelope of a raw reply; pure, so that it can be repeated after a crash.

        Raises:
            BadReply, ContentRefused, NotTheApi: if there is no usable text in it.
                `usage` in the facts (a mapping of Usage's fields) where the envelope states it.
        """

    def pace(self, raw: RawReply) -> PaceHint | None:
        """What the headers say about the rate that is left; `None` if nothing."""

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """What is needed to build a provider for one model.

    Attributes:
        key: `None` where none was found; providers that need one refuse then.
        base_url: address of another server that speaks the same language; empty = the official one.
        facts: `None` where nothing is known about the model.
        transport: the wire; `None` only for providers that need none.
        structured: the form to ask for; `None` = the firmest that the model keeps to.
        private_networks: the base URL may lead into a private network.
    """

    model: str
    key: Credential | None = None
    base_url: str = ""
    options: Options = Options()
    facts: ModelFacts | None = None
    transport: Transport | None = None
    structured: Structured | None = None
    private_networks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKind:
    """What a drop-in of the room `providers` is: a provider's passport and how to build one.

    Attributes:
        key_variables: environment variables with the key, the best name first; empty = no key.
        default_model: asked where only the provider is named.
        official_url: the provider's own address; empty where it has none.
        needs_wire: it is asked over the network, so a transport must be handed in.
        takes_base_url: other servers speak the same language.
        help: one sentence for people who choose.
    """

    name: str
    build: Callable[[ProviderRequest], Provider]
    default_model: str
    official_url: str = ""
    key_variables: tuple[str, ...] = ()
    needs_wire: bool = True
    takes_base_url: bool = True
    help: str = ""


# ── memory ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class NewRow:
    """A row as it enters the store. `cells` is a JSON array in the order of the run's columns."""

    place: int
    line: int
    cells: bytes | bytearray
    key: RowKey | None
    state: RowState = RowState.WAITING
    problem: str = ""
    problem_code: str = ""


@dataclass(slots=True)
class WaitingRow:
    """A row that waits to be asked.

    Attributes:
        attempts: answered calls that carried it in earlier lives of the run.
        remembered: an answer that became known since the run began; canonical JSON, or `None`.
    """

    place: int
    line: int
    cells: bytes
    key: RowKey
    attempts: int = 0
    remembered: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call that an earlier life left between *reserved* and *settled*.

    Attributes:
        raw: the durable reply; `None` unless it was answered.
    """

    call: Call
    raw: RawReply | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands, as far as somebody must know who might take it up; cheap to read.

    Attributes:
        owner: who works on it; empty = nobody.
        beats: counts the owner's signs of life.
    """

    run: RunId
    state: RunState
    reason: str
    owner: str
    beats: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Grid:
    """How every row of a run stands, in one letter each; see `weft.row.LETTERS`.

    Attributes:
        cursor: whatever changes later has a higher number.
        codes: the letter of the row at each place.
    """

    cursor: int
    codes: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that stand differently than at a cursor.

    Attributes:
        cursor: where to go on; changes behind it are not in here.
        codes: place → letter as it is now.
        is_last: nothing was behind `cursor` by then.
        is_reset: what happened since is not known any more: look at the whole grid again.
    """

    cursor: int
    codes: Mapping[int, str] = field(default_factory=dict)
    is_last: bool = True
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class Glance:
    """One row as a table shows it.

    Attributes:
        code: how it stands, as in `Grid.codes`.
        started_at: when it was asked about, seconds since the epoch; `None` = not yet, or never.
        ended_at: when it came to its end; likewise.
    """

    outcome: Outcome
    code: str
    started_at: float | None
    ended_at: float | None


ExportRow = tuple[
    int, int, bytes, str, bytes | None, str, str, int | None, int, int, int, str | None, int, str | None
]
"""A row as it lies in the store: place, line, cells (JSON array), state, answer (JSON) or `None`,
problem, problem code, cost in nano-dollars or `None`, input tokens, output tokens, attempts,
call or `None`, recalled (0 or 1), notes (JSON array) or `None`."""
AnswerRow = tuple[int, bytes, bytes | None]
"""What a table of cells and answers needs of a row: place, cells (JSON array), answer (JSON) or `None`."""


class RunStore(Protocol):
    """Keeps runs and their rows. Every method is one transaction and may be repeated."""

    async def create_run(self, run: Run) -> None:
        """Write a new run down; its rows follow by `add_rows`."""

    async def run(self, run: RunId, *, counted: bool = True) -> Run:
        """Read a run with its tally.

        Args:
            run: which one.
            counted: `False` leaves the counts of its rows at zero, unless they are kept with the
                run, which spares to look at them.

        Raises:
            UnknownName: if there is none.
        """

    async def runs(self, *, limit: int = 50, counted: bool = True) -> list[Run]:
        """Read the newest runs first, with their tallies; `counted` as for `run`."""

    def figures(self, *, since: float | None = None, until: float | None = None) -> Iterator[RunFigures]:
        """Stream the figures of runs in the order in which they were created; memory does not grow.

        Args:
            since: only runs created at this time or later, seconds since the epoch; `None` = all.
            until: only runs created before this time; `None` = all.
        """

    async def save_run(self, run: Run) -> None:
        """Write name, budget, state, reason, message and elapsed time of a run.

        It is not live, or its epoch is this one.
        """

    async def move_run(
        self, run: RunId, to: RunState, *, epoch: int, reason: str = "", message: str = ""
    ) -> None:
        """Move a run's state by the table of moves.

        Raises:
            ImpossibleMove: if the table does not allow it.
            RunBusy: if a later epoch owns the run.
        """

    async def take_over(
        self, run: RunId, *, owner: str, stale_after_s: float, told: Callable[[str], None] | None = None
    ) -> int:
        """Become the owner; return the new epoch.

        Args:
            run: which one.
            owner: a name that no other process has.
            stale_after_s: seconds without a heartbeat after which an owner is taken for dead.
            told: hears once who holds the run, when a wait begins.

        Raises:
            RunBusy: if another owner's heartbeat has moved within `stale_after_s`.
        """

    async def unfinished(self, *, reason: str) -> list[Standing]:
        """Runs that are drafted, queued, running or paused for no reason or for this one, oldest first."""

    async def claim(self, run: RunId, *, owner: str, over: Standing | None = None) -> int:
        """Become the owner at once, or not at all; return the new epoch.

        Args:
            run: which one.
            owner: a name that no other process has.
            over: another owner as it was seen, which has given no sign of life since; `None` = nobody.

        Raises:
            RunBusy: if somebody else owns it; nothing is changed.
        """

    async def wish(self, run: RunId, wish: Wish) -> bool:
        """Ask whoever is at work on a run for something; whether there is somebody who may hear it.

        Where nobody is, nothing is written. `Wish.NONE` takes a wish back. A run that comes to rest
        has no wish any more.

        Raises:
            UnknownName: if there is no such run.
        """

    async def beat(self, run: RunId, *, epoch: int, elapsed_s: float) -> Wish:
        """Show that the owner lives, and book the run's working time so far; hear what is wished of it.

        Raises:
            RunBusy: if a later epoch owns the run.
        """

    async def let_go(self, run: RunId, *, epoch: int) -> None:
        """Give the ownership up, so that the next owner need not wait."""

    async def add_rows(self, run: RunId, rows: Sequence[NewRow]) -> None:
        """Insert rows; rows that are there already stay as they are."""

    async def waiting(self, run: RunId, *, after: int, limit: int) -> list[WaitingRow]:
        """Read up to `limit` waiting rows with a place above `after`, in order.

        Each comes with the answer that is remembered under its key by now.
        """

    async def end_rows(self, run: RunId, ends: Sequence[Any], *, epoch: int, recalled: bool = False) -> None:
        """End rows outside any call: recalled (`RowEnd`s with answers) or rejected."""

    async def skip_waiting(self, run: RunId, *, epoch: int, code: str, problem: str) -> int:
        """End all waiting rows as `skipped`; return how many."""

    async def reopen(
        self, run: RunId, states: Sequence[RowState], *, epoch: int, place: int | None = None
    ) -> int:
        """Move rows of these states (or the one at `place`) back to `waiting`; return how many."""

    def outcomes(self, run: RunId, *, after: int = -1, states: Sequence[RowState] = ()) -> Iterator[Outcome]:
        """Stream outcomes in the order of the table; memory does not grow with the run."""

    def export_rows(
        self, run: RunId, *, after: int = -1, states: Sequence[RowState] = ()
    ) -> Iterator[ExportRow]:
        """Stream rows as plain tuples in the order of `ExportRow`: the fast way of `outcomes`."""

    def answer_rows(self, run: RunId, *, after: int = -1) -> Iterator[AnswerRow]:
        """Stream rows without the facts about them, in half the time of `export_rows`."""

    async def calls(self, run: RunId, *, place: int | None = None) -> list[Mapping[str, Any]]:
        """The calls of a run, or those that carried one row, oldest first, as plain values."""

    async def grid(self, run: RunId) -> Grid:
        """How every row of a run stands; rows that move meanwhile are among the changes behind its cursor.

        Raises:
            UnknownName: if there is no such run.
        """

    async def changes(self, run: RunId, *, since: int) -> Changes:
        """Up to 2,000 rows that stand differently than at a cursor, those that changed first.

        Whoever has a grid and follows the changes behind its cursor to the last has the grid as it is
        now, whoever writes meanwhile. A cursor is given out inside the transaction that changes the rows.

        Raises:
            UnknownName: if there is no such run.
        """

    async def glances(self, run: RunId, places: Sequence[int]) -> list[Glance]:
        """Rows at up to 200 places, in the order of the table; places without a row are left out.

        Raises:
            UnknownName: if there is no such run.
        """


class AnswerCache(Protocol):
    """Remembers checked answers by key, across runs."""

    async def recall(self, run: RunId, *, epoch: int) -> int:
        """Answer every waiting row of a run whose key is remembered; return how many.

        A damaged entry counts as unknown and is forgotten.
        """

    async def known(self, keys: Sequence[RowKey]) -> set[RowKey]:
        """Those of these keys that are remembered; for projections."""

    async def cache_stats(self) -> Mapping[str, Any]:
        """`entries`, `bytes`, `latest` (seconds since the epoch or `None`), `hits`, `damaged`."""

    async def clear_cache(self, *, older_than: float | None = None) -> int:
        """Forget all answers, or those older than a time; return how many. Runs keep theirs."""


class CallLedger(Protocol):
    """The book of calls: four transactions, each durable when its method returns.

    A write that was begun is finished, even if whoever waits for it is cancelled.
    """

    async def reserve(self, call: Call, *, epoch: int, leaving: bool = False) -> None:
        """Tx1: write the call with its upper bound, if the run's budget still holds it.

        Args:
            leaving: Tx2 in the same commit, for a call whose first byte leaves as soon as this
                returns; otherwise `sent` must come before that.

        Raises:
            BudgetExceeded: if it does not; nothing is written.
            RunBusy: if a later epoch owns the run; nothing is written.
        """

    async def sent(self, call: Call) -> None:
        """Tx2: written before the first byte leaves."""

    async def answered(self, call: Call, raw: RawReply) -> None:
        """Tx3: keep the raw reply, before anybody parses it."""

    async def settle(self, settlement: Settlement) -> None:
        """Tx4: exact cost, ends of rows and twins, remembered answers; reservation released.

        A settlement of an old epoch books the money and changes no row.
        """

    async def void(self, call: Call, error: WeftError) -> None:
        """Surely not billed: release the reservation, keep the line."""

    async def unknown(self, call: Call, error: WeftError) -> None:
        """Perhaps billed: the reservation counts as spent and is shared over the rows."""

    async def open_calls(self, run: RunId) -> list[OpenCall]:
        """Calls that an earlier life left open, oldest first."""


class Shelf(Protocol):
    """Keeps JSON documents for rooms upstairs. Every method is one transaction."""

    async def put(self, document: Document, *, expecting: int | None = None) -> Document:
        """Keep a document in place of the one that stands there; return it as it is kept.

        Args:
            document: its `version` and `changed_at` are not looked at.
            expecting: the version that must stand there, 0 = none at all; `None` = whatever it is.

        Raises:
            ChangedMeanwhile: if another version stands there; nothing is written.
        """

    async def document(self, kind: str, document: str) -> Document | None:
        """Read one by its id; `None` if there is none."""

    async def documents(
        self,
        kind: str,
        *,
        state: str | None = None,
        due_before: float | None = None,
        after: str = "",
        limit: int = 1000,
    ) -> list[Document]:
        """Read up to `limit` documents of a kind with an id above `after`, in the order of their ids.

        Args:
            kind: which shelf.
            state: only those in it; `None` = all.
            due_before: only those that fall due before this time; `None` = all.
            after: an id; empty = from the first.
            limit: the most of them.
        """

    async def remove(self, kind: str, document: str, *, expecting: int | None = None) -> bool:
        """Take a document away; whether there was one.

        Raises:
            ChangedMeanwhile: as for `put`.
        """


class DeedLog(Protocol):
    """Writes down what was done; nothing in it can be changed without a trace."""

    async def log(self, deed: Deed) -> Deed:
        """Add a deed behind the last; return it with number, previous and digest."""

    async def deeds(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        workspace: str | None = None,
        limit: int = 1000,
    ) -> list[Deed]:
        """Read up to `limit` deeds with a number above `after`, oldest first.

        Args:
            after: a number; not looked at where `before` is given.
            before: a number, and those below it are read, the newest first; `None` = oldest first.
            workspace: only those there; `None` = all.
            limit: the most of them.
        """

    async def verify_deeds(self) -> list[str]:
        """Look for deeds that were changed, removed or put in; sentences, empty = none."""


class Store(RunStore, AnswerCache, CallLedger, Shelf, DeedLog, Protocol):
    """The small promises in one place."""

    async def check(self) -> list[str]:
        """Look the whole store over for damage; sentences, empty = sound."""

    async def audit(self) -> list[str]:
        """Look whether the books of every run add up; sentences, empty = they do."""

    async def backup(self, path: Path) -> None:
        """Copy the whole store to a file as it stands at one moment, while others may write.

        Raises:
            UnwritableFile: if it cannot be written.
        """

    async def close(self) -> None:
        """Finish what is written and let go; harmless when repeated."""


# ── walking and listening ────────────────────────────────────────────────────────────────────────


class Executor(Protocol):
    """Where packs are walked: in this process, or on many machines."""

    async def walk_all(
        self,
        packs: AsyncIterator[tuple[PackRow, ...]],
        walk: Callable[[tuple[PackRow, ...]], Awaitable[None]],
        *,
        width: int,
    ) -> None:
        """Walk every pack, at most `width` at once.

        The first error stops taking new packs, lets the others come to rest and is raised.
        """


class Listener(Protocol):
    """Hears what happens, in order, on the engine's own thread; must return at once."""

    def hear(self, event: Event) -> None:
        """Take note of one event."""


# ── tables ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a table is to be read; empty or `None` = find out.

    Attributes:
        encoding: such as `latin-1`; never guessed silently.
        delimiter: one character.
        sheet: name of an XLSX sheet.
        ragged: what becomes of records with too few or too many cells: `reject` or `pad`.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    ragged: str = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How an export is to be written.

    Attributes:
        raw: write cells that a spreadsheet would run as formulas unguarded.
        delimiter: one character between the cells of a CSV file; empty = a comma.
    """

    raw: bool = False
    delimiter: str = ""


class Table(Protocol):
    """Rows that can be read as often as one likes; nothing of them is kept in memory.

    Attributes:
        path: where the rows come from, as it was given; a word for rows in memory.
        format: name of the format, such as `csv`.
        columns: distinct names in order.
        notes: sentences about what was found or repaired on opening: a byte-order mark, a
            delimiter, renamed columns.
    """

    @property
    def path(self) -> str: ...  # noqa: D102 - see the class
    @property
    def format(self) -> str: ...  # noqa: D102 - see the class
    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102 - see the class
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102 - see the class

    def rows(self) -> Iterator[Row | BrokenRow]:
        """Read from the start; places count from 0 over good and broken records alike.

        Raises:
            UnreadableTable: if the rest of the table cannot be read from some line on.
        """

    def digest(self) -> str:
        """SHA-256, hex: of the file's bytes, or of the canonical content of rows in memory."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A spot in a file from which a table can be read on; a record starts there.

    Attributes:
        place: of that record.
        line: likewise; 0 where there are none.
        offset: byte of the file, or whatever else the format jumps to.
        skip: characters or records behind it that belong to earlier rows.
        held: bytes that the decoder has not yet made text of, at most eight.
        flags: the decoder's own state.
    """

    place: int
    line: int
    offset: int
    skip: int = 0
    held: bytes = b""
    flags: int = 0


@dataclass(slots=True)
class Span:
    """Records that follow each other.

    Attributes:
        mark: where to read on from, to get them again; `None` = only from an earlier mark.
        rows: how many records there are, broken ones too.
        records: the sound ones, values in the order of the columns.
    """

    mark: Mark | None
    rows: int
    records: list[Sequence[Value]]


class MarkedTable(Table, Protocol):
    """A table that can be read on from the middle."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `TableFormat.reopen` needs to open it again without looking at the file; plain JSON."""

    def spans(self) -> Iterator[Span]:
        """Read from the start as `rows` does; each span is small, and they leave nothing out.

        Raises:
            UnreadableTable: as for `rows`.
        """

    def rows_from(self, mark: Mark) -> Iterator[Row | BrokenRow]:
        """What `rows` would give from the marked record on.

        Raises:
            UnreadableTable: as for `rows`.
        """


class TableWriter(Protocol):
    """Takes records in order and writes them in one format.

    Attributes:
        altered: cells that could not be written as they are: guarded against formulas or with
            characters that have no encoding.
    """

    altered: int

    def write(self, records: Iterable[Sequence[Value]]) -> int:
        """Write records as wide as the header; return how many. May be called again."""

    def close(self) -> None:
        """Write what is still held back; the stream stays open."""


class MarkedFormat(Protocol):
    """What a format has besides, if its tables are `MarkedTable`s."""

    def reopen(self, path: Path, recipe: Mapping[str, Any]) -> MarkedTable:
        """Open a file that was opened before; what the recipe says is believed."""


class TableFormat(Protocol):
    """A drop-in of `tables/formats`: one way to keep a table in a file.

    A format whose tables can be read on from the middle has `reopen`, too: see `MarkedFormat`.

    Attributes:
        suffixes: file name endings that mean this format, with their dots, in lower case.
        reads: the names in `ReadOptions` that mean something to it; another one is refused.
    """

    suffixes: tuple[str, ...]
    reads: tuple[str, ...]

    def open(self, path: Path, options: ReadOptions) -> Table:
        """Look at the beginning of a file: encoding, dialect, columns.

        Raises:
            UnreadableTable: if it is no table of this format.
            MissingExtra: if the format needs a package that is not installed.
        """

    def writer(self, stream: BinaryIO, columns: Sequence[str], *, options: WriteOptions) -> TableWriter:
        """Begin a file with its header on an open stream.

        Raises:
            MissingExtra: if the format needs a package that is not installed.
        """


__all__ = [
    "AnswerCache",
    "AnswerRow",
    "CallLedger",
    "Changes",
    "Credential",
    "DeedLog",
    "Executor",
    "ExportRow",
    "Glance",
    "Grid",
    "Limits",
    "Listener",
    "Mark",
    "MarkedFormat",
    "MarkedTable",
    "ModelFacts",
    "NewRow",
    "OpenCall",
    "Prompter",
    "Provider",
    "ProviderKind",
    "ProviderRequest",
    "ReadOptions",
    "RunStore",
    "Shelf",
    "Standing",
    "Store",
    "Structured",
    "Table",
    "TableFormat",
    "TableWriter",
    "Transport",
    "Usage",
    "WaitingRow",
    "WriteOptions",
]
