"""Runs on the wire: what is asked for, how it stands, its rows and their stories.

Knows that rows come with the request or from a table that was handed over. Refuses paths.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.estimates import MOST_ROWS
from weft.api.wire.settings import Dollars, SettingsAsked
from weft.api.wire.shapes import Asked, Reference, Sentence, Told, Word
from weft.api.wire.tables import TABLE, ReadingShape
from weft.api.wire.templates import TemplateShape, Version

RUN = r"^r[a-z0-9]{12}$"
Column = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Rows = Annotated[list[dict[str, Any]], Field(max_length=MOST_ROWS)]
State = Literal[
    "drafted", "held", "declined", "queued", "running", "paused", "finished", "stopped", "cancelled"
]
RowStates = Literal["waiting", "asked", "answered", "failed", "rejected", "skipped"]


class RunAsked(Asked):
    """A task and its rows; exactly one of `template`, `variants` and `prompt` says what is asked."""

    table: Annotated[str, StringConstraints(pattern=TABLE)] | None = Field(
        default=None, description="Id of a table that was handed over; instead of `rows`."
    )
    rows: Rows | None = Field(default=None, description="Column → value.")
    columns: list[Column] = Field(
        default_factory=list,
        max_length=2_000,
        description="Of the rows, also of those to come; empty = as they are.",
    )
    template: Reference | Literal[""] = ""
    variants: Word | Literal[""] = ""
    prompt: Annotated[str, StringConstraints(max_length=100_000)] = ""
    fields: list[Sentence] = Field(
        default_factory=list, max_length=200, examples=[["tldr: string = a summary"]]
    )
    mapping: list[Sentence] = Field(default_factory=list, max_length=200, examples=[["topic=Title"]])
    limit: int | None = Field(default=None, ge=0, le=10**9)
    fresh: bool = Field(default=False, description="Ask again where an answer is remembered.")
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    lane: Literal["usual", "patient"] = Field(
        default="usual",
        description="A patient run begins only while no usual one waits, and leaves half of the lanes free.",
    )
    other_fields: Literal["warn", "accept", "refuse"] = Field(
        default="warn",
        description="If its answers have other fields than the last run of the same template, or of the "
        "same name where it has a prompt of its own.",
    )
    start: bool = Field(default=True, description="False = it waits for more rows and for `start`.")
    settings: SettingsAsked = SettingsAsked()


class RowsAsked(Asked):
    """Rows for a run that has not started."""

    rows: Rows
    at: int | None = Field(
        default=None,
        ge=0,
        le=10**9,
        description="Place of the first, so that sending them again changes nothing; null = behind the last.",
    )


class ResumeAsked(Asked):
    """Another budget; what is left out stays."""

    budget_usd: Dollars | None = None
    budget_tokens: int | None = Field(default=None, ge=0, le=10**15)


class RunShape(Told):
    """How a run stands; every row is in exactly one of the six counts."""

    id: str
    name: str
    state: State
    reason: str = Field(description="Why it is paused or has ended, as a code; empty = nothing to tell.")
    message: str
    template: str
    model: str
    table: str
    columns: list[str] = Field(description="Of its rows, in the order of the table.")
    fields: list[str] = Field(description="Of its answers, in their order.")
    created_at: float = Field(description="Seconds since the epoch, UTC.")
    created_by: str = Field(description="Id of whoever handed it in; empty = begun on the command line.")
    created_by_name: str = Field(description="The same for people; empty = there is no more to tell.")
    lane: Literal["usual", "patient"]
    warnings: list[str] = Field(description="What was to be told when it was handed in.")
    total: int
    recalled: int
    answered: int
    failed: int
    rejected: int
    skipped: int
    waiting: int
    calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    spent_usd: str | None = Field(description="Exact dollars; null = the price is not known.")
    unsure_usd: str | None
    unknown_calls: int
    budget_usd: str | None
    budget_tokens: int | None
    elapsed_s: float
    rows_per_s: float | None
    success_rate: float | None
    first_start: float | None = Field(
        description="When a row was first asked about or recalled, seconds since the epoch; null = not yet."
    )
    last_completion: float | None = Field(
        description="When a row last came to an answer or failed, seconds since the epoch; null = not yet."
    )
    wish: Literal["", "pause", "cancel"] = Field(
        description="What whoever walks it was asked for and has not done yet; empty = nothing."
    )


class RunsPage(Told):
    """A page of the list of runs, the newest first."""

    runs: list[RunShape]
    next: str | None


class RowShape(Told):
    """How a row stands."""

    place: int
    line: int
    state: RowStates
    cells: dict[str, Any]
    answer: dict[str, Any] | None
    problem: str
    problem_code: str
    cost_usd: str | None
    input_tokens: int
    output_tokens: int
    attempts: int
    call: str | None
    recalled: bool
    notes: list[str]


class RowsPage(Told):
    """A page of a run's rows, in the order of the table."""

    rows: list[RowShape]
    next: str | None = Field(
        description="null = these were the last; a page that is filtered may have fewer rows."
    )


class RowCallShape(Told):
    """A call that carried a row."""

    id: str
    state: str
    attempt: int
    rows: int
    cost_usd: str | None = Field(description="Of the whole call.")
    input_tokens: int | None
    output_tokens: int | None
    model: str | None
    request_id: str | None
    status: int | None
    elapsed_s: float | None
    sent_at: float | None
    ended_at: float | None
    problem_code: str | None
    problem: str | None


class StoryShape(Told):
    """How a row stands, and every call that carried it, oldest first."""

    row: RowShape
    calls: list[RowCallShape]


class TaskShape(Told):
    """What was asked about every row, as the run keeps it."""

    template: TemplateShape | None = Field(
        description="Prompt and answer fields as they were; null = a pack of prompts. Its `path` is empty."
    )
    variants: str = Field(description="Name of the pack of prompts; empty = there is one prompt.")
    mapping: dict[str, str] = Field(description="Input, or key of a parameter → column.")
    reading: ReadingShape
    settings: dict[str, Any] = Field(description="Those that were handed in with it.")
    options: dict[str, Any] = Field(description="Decoding parameters, such as the temperature.")
    limit: int | None
    fresh: bool
    rows_per_call: int


class KeepAsked(Asked):
    """What a run's prompt is to be called as a template."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    name: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="For people; empty = the run's, or the key."
    )
    version: Version = Field(default="", description="Empty = 1.0.0.")
