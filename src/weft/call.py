"""One conversation with a model: Pack, Prompt, RawReply, Reply, Usage, Call and its moves.

Knows what is sent and what comes back. Refuses to know how it travels, what it costs by rule
and where it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from weft.errors import ImpossibleMove
from weft.ids import CallId, Label, RowKey, RunId
from weft.money import Usd
from weft.row import RowState


def tokens_of_bytes(count: int) -> int:
    """Estimate the tokens of so many UTF-8 bytes: a token per 3.5 bytes, rounded up.

    English text has about 4 bytes a token in byte-pair tokenizers (OpenAI's and Anthropic's own
    rules of thumb); JSON with short keys is denser. Never above the bytes, as no tokenizer is.
    """
    return (2 * count + 6) // 7


@dataclass(slots=True)  # not frozen, for the same reason as `Row`
class Part:
    """One row's share of a prompt, rendered once; nobody changes it.

    Attributes:
        text: JSON text of the row's data, as it will stand in the prompt.
        input_tokens: estimated tokens of `text`, never above its UTF-8 bytes.
        group: only rows of one group share a call; a prompter that has several system texts puts
            each row into the group of its own.
    """

    text: str
    input_tokens: int
    group: str = ""


@dataclass(slots=True)
class PackRow:
    """A row on its way through the engine: what is needed to ask about it and to settle it.

    Mutable and private to one run: `attempts` and `complaint` change as calls carry it.

    Attributes:
        place: 0-based order in the table.
        line: physical line, for messages.
        key: identity of the question.
        values: mapped, typed inputs.
        part: the row's share of the prompt.
        attempts: calls that have carried it and were answered so far.
        alone: those of them that carried nothing else.
        complaint: what was wrong with its last answer, shown to the model when asked again.
        twins: places of identical rows that wait for this one.
    """

    place: int
    line: int
    key: RowKey
    values: Mapping[str, Any]
    part: Part
    attempts: int = 0
    alone: int = 0
    complaint: str = ""
    twins: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pack:
    """Labelled rows that share one call. `rows` and `labels` run in parallel."""

    rows: tuple[PackRow, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is sent to a model.

    Attributes:
        system: the task; the same text for every pack of a run, so that providers can cache it.
        user: the rows of this pack.
        schema: JSON Schema of the whole reply, an object with the one key `rows`; the same object
            for every pack of a run, so that providers may convert it once.
        schema_name: a short identifier for it.
        max_output_tokens: upper limit of the reply, reasoning included.
        rows: number of rows in `user`.
    """

    system: str
    user: str
    schema: Mapping[str, Any]
    schema_name: str
    max_output_tokens: int
    rows: int = 1

    @property
    def input_tokens_limit(self) -> int:
        """An upper bound of the input tokens: UTF-8 bytes, and 64 for each of two messages.

        True for every byte-level tokenizer; the schema travels in the request too and is added
        by the prompter's `overhead_tokens`.
        """
        return len(self.system.encode()) + len(self.user.encode()) + 2 * MESSAGE_TOKENS


MESSAGE_TOKENS = 64  # generous share of a chat frame per message, see the pricing notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Decoding parameters; all of them change answers, so all are part of the row key.

    Attributes:
        temperature: 0 by default, so that answers can be remembered; `None` leaves it out.
        top_p, seed, reasoning_effort: left out where `None`.
    """

    temperature: float | None = 0.0
    top_p: float | None = None
    seed: int | None = None
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReply:
    """What came over the wire, unread: made durable before anybody parses it.

    Attributes:
        status: HTTP status; 200 for providers without a wire.
        headers: lower-case names; only those that matter (rate, retry, request id, type).
        body: the bytes, decompressed.
        elapsed_s: seconds from sending to the last byte.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a provider counted for one call; `None` means it did not say.

    Attributes:
        input_tokens: all input, the cached ones included.
        output_tokens: all output, reasoning included.
        cached_input_tokens: the part of `input_tokens` served from the provider's cache.
        cache_write_tokens: the part of `input_tokens` written into it, where that costs extra.
        reasoning_tokens: the part of `output_tokens` that is not in the text.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def is_known(self) -> bool:
        """Whether both counts were stated and make sense."""
        return (self.input_tokens or 0) > 0 and self.output_tokens is not None and self.output_tokens >= 0


class Finish(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    REFUSED = "refused"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that was read: the model's text and what the envelope said about it.

    Attributes:
        model: the model that answered, as the provider names it; empty where it does not say.
        request_id: the provider's name for the call; empty where it does not say.
    """

    text: str
    usage: Usage
    finish: Finish
    model: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceHint:
    """What a provider's headers say about the rate that is left; `None` = not said.

    Attributes:
        reset_s: seconds until the named remainder is full again.
    """

    requests_left: int | None = None
    tokens_left: int | None = None
    reset_s: float | None = None


class CallState(StrEnum):
    """Where a call is in the ledger."""

    RESERVED = "reserved"
    """Its upper bound is set aside; nothing has left."""
    SENT = "sent"
    """Written down before the first byte left."""
    ANSWERED = "answered"
    """The raw reply is durable; from here the money is safe."""
    SETTLED = "settled"
    """Rows, remembered answers and the exact cost are written."""
    VOID = "void"
    """Surely not billed; the reservation is released."""
    UNKNOWN = "unknown"
    """May be billed; the reservation counts as spent."""


CALL_MOVES: Mapping[CallState, frozenset[CallState]] = {
    CallState.RESERVED: frozenset({CallState.SENT, CallState.VOID}),
    CallState.SENT: frozenset({CallState.ANSWERED, CallState.VOID, CallState.UNKNOWN}),
    CallState.ANSWERED: frozenset({CallState.SETTLED}),
    CallState.SETTLED: frozenset(),
    CallState.VOID: frozenset(),
    CallState.UNKNOWN: frozenset({CallState.ANSWERED}),
}
"""Allowed moves. `unknown → answered` is the late reply of a process that was thought dead."""


def move_call(state: CallState, to: CallState) -> CallState:
    """Return `to` if a call may go there from `state`.

    Raises:
        ImpossibleMove: if the table of moves does not allow it.
    """
    if to not in CALL_MOVES[state]:
        raise ImpossibleMove(f"A call cannot go from `{state}` to `{to}`.", found=state, asked=to)
    return to


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The ledger's line about one call.

    Attributes:
        places: the rows it carries, in pack order.
        labels: their labels, in the same order.
        reserved: upper bound of its cost; `None` where the price is unknown.
        reserved_tokens: upper bound of its input and output tokens.
        attempt: 1 for the first try of this pack, counting on with every repeat.
    """

    id: CallId
    run: RunId
    places: tuple[int, ...]
    labels: tuple[Label, ...]
    reserved: Usd | None
    reserved_tokens: int
    attempt: int = 1
    state: CallState = CallState.RESERVED


@dataclass(slots=True)
class RowEnd:
    """How one row of a call ends: written by *settle*, together with its remembered answer.

    Not frozen, because one is made for every row and freezing costs three times as much.

    Attributes:
        state: `answered`, `failed` or `rejected`.
        answer: canonical JSON of the checked answer; `None` unless answered.
        problem, problem_code: as in Outcome.
        notes: repairs and soft complaints.
        twins: places of identical rows that end the same way, at no cost.
        remember: keep the answer for later runs under `key`.
    """

    place: int
    key: RowKey
    state: RowState
    answer: bytes | bytearray | None = None
    problem: str = ""
    problem_code: str = ""
    notes: tuple[str, ...] = ()
    twins: tuple[int, ...] = ()
    remember: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The fourth transaction of a call: what it cost and how its rows ended.

    Attributes:
        ends: rows that end with this call.
        returned: places that go back to be asked again.
        cost: exact cost by the stated usage, or the reservation where none was stated;
            `None` = unknown price. Shared over `ends` and `returned` so that the sum is exact.
        estimated: the provider stated no usable usage, so the reservation was booked.
        problem: why rows were returned or failed, for the call's own record; empty if all is well.
    """

    call: Call
    epoch: int
    usage: Usage
    cost: Usd | None
    ends: tuple[RowEnd, ...]
    returned: tuple[int, ...] = ()
    estimated: bool = False
    problem: str = ""
    model: str = ""
    request_id: str = ""
