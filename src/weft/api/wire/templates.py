"""Templates on the wire: the list, one with its text, cards, previews, differences and changes.

Knows which facts of a template are told. Refuses to know paths as names: a template is asked for
by its key.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Reference, Sentence, Told, Word

MOST_ROWS = 50  # rows of one preview
Version = Annotated[
    str, StringConstraints(pattern=r"^(|[0-9]{1,9}\.[0-9]{1,9}(\.[0-9]{1,9})?(-[0-9A-Za-z.-]{1,64})?)$")
]


class ListedShape(Told):
    """One line of the list of templates."""

    key: str
    version: str
    description: str
    inputs: list[str]
    answers: list[str]
    is_builtin: bool
    origin: str
    tags: list[str]
    deprecated: str
    part: bool
    error: str = Field(description="Why it cannot be used; empty if it can.")


class TemplatesPage(Told):
    """A page of the list of templates, by key."""

    templates: list[ListedShape]
    next: str | None


class FieldShape(Told):
    """A field of a template's inputs or answers."""

    name: str
    type: str
    required: bool
    description: str


class TemplateShape(Told):
    """A template with its text."""

    key: str
    name: str
    version: str
    description: str
    path: str
    origin: str
    digest: str
    inputs: list[FieldShape]
    answers: list[FieldShape]
    computed: dict[str, str]
    export: list[str]
    part: bool
    composed_of: list[str]
    text: str


class RenderedShape(Told):
    """What one row would look like to a model."""

    place: int
    line: int
    text: str
    data: str
    problem: str = Field(description="Why the row would not be asked; empty if it would.")


class PreviewShape(Told):
    """What a model would be given; nobody was asked."""

    system: str
    rows: list[RenderedShape]


class CardShape(Told):
    """A template as a card, with its versions, aliases and what is known about it."""

    key: str
    version: str
    origin: str
    record: dict[str, Any] = Field(
        description="Commit, tags, deprecation, where it comes from; what is known."
    )
    versions: list[str]
    aliases: dict[str, str]
    name: str
    description: str
    inputs: list[FieldShape]
    answers: list[FieldShape]
    composed_of: list[str]
    part: bool
    preview: RenderedShape | None
    preview_from: str
    error: str


class FlawShape(Told):
    """A problem with a template, or advice about it."""

    path: str
    line: int
    message: str
    code: str
    severity: Literal["problem", "advice"]


class FlawsShape(Told):
    """Everything that is to be said about a template."""

    flaws: list[FlawShape]


class ChangeShape(Told):
    """One thing that differs."""

    path: str
    before: str
    after: str
    kind: Literal["added", "removed", "changed"]


class DifferenceShape(Told):
    """What differs between two versions."""

    before: str
    after: str
    inputs: list[ChangeShape]
    answers: list[ChangeShape]
    rest: list[ChangeShape]
    system: list[str]
    body: list[str]
    pieces: list[str]
    is_empty: bool


class ShelvedShape(Told):
    """A version as it stands after a change."""

    key: str
    version: str
    title: str
    path: str
    record: dict[str, Any]
    aliases: list[str]
    notes: list[str]


class ShelvedList(Told):
    """Versions as they stand after a change."""

    templates: list[ShelvedShape]


class PreviewAsked(Asked):
    """Rows to render; none = the template's own samples."""

    rows: list[dict[str, Any]] | None = Field(default=None, max_length=MOST_ROWS)
    mapping: list[Sentence] = Field(default_factory=list, max_length=200, examples=[["topic=Title"]])
    limit: int = Field(default=3, ge=0, le=MOST_ROWS)


class CloneAsked(Asked):
    """Where a template is copied to."""

    key: Annotated[str, StringConstraints(pattern=r"^(|[a-z0-9][a-z0-9_-]{0,63})$")] = Field(
        default="", description="Empty = the same key."
    )
    version: Version = Field(default="", description="Empty = the next free minor version.")
    user: bool = Field(
        default=False, description="Into the folder for all projects instead of the project's."
    )


class CommitAsked(Asked):
    """Why a version becomes immutable."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"\S")]
    author: Annotated[str, StringConstraints(max_length=200)] = ""
    tags: list[Word] = Field(default_factory=list, max_length=20)


class AliasAsked(Asked):
    """Which version an alias means."""

    version: Version = Field(default="", description="Empty = the latest.")


class DeprecationAsked(Asked):
    """Why a template should not be used any more."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"\S")]
    replacement: Reference | Literal[""] = ""
