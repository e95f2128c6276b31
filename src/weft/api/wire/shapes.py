"""What all shapes of the wire have in common, and the problem details of every refusal.

Knows that what is asked is taken strictly: no unknown field, no text where a number belongs.
Refuses to know any subject.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

REFERENCE = r"^[a-z0-9][a-z0-9_-]{0,63}(@[0-9A-Za-z][0-9A-Za-z._-]{0,99})?$"
WORD = r"^[a-z][a-z0-9_-]{0,63}$"

Reference = Annotated[str, StringConstraints(pattern=REFERENCE)]
"""A template's key, with a version or an alias where one is meant; never a path."""
Word = Annotated[str, StringConstraints(pattern=WORD)]
Sentence = Annotated[str, StringConstraints(max_length=2_000)]


class Asked(BaseModel):
    """Something that is asked for: every field is known and has its own type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def take_whole_numbers(cls, given: Any) -> Any:
        """Take `3.0` for the whole number that it is in JSON; cells of rows stay as they are."""
        if not isinstance(given, dict):
            return given
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in given.items()
        }


class Told(BaseModel):
    """Something that is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ComplaintShape(Told):
    """One thing that is wrong with a request."""

    path: str = Field(description="Where, such as `body.rows.0`; empty = the request as a whole.")
    message: str


class ProblemShape(Told):
    """Why a request is refused, as problem details (RFC 9457)."""

    type: str = Field(description="`urn:weft:problem:` and the code.")
    title: str
    status: int
    detail: str = Field(description="What happened, in one sentence.")
    code: str = Field(description="A stable name, such as `unknown_name`.")
    hint: str = Field(description="What to do next; empty where nothing can be done.")
    problems: list[ComplaintShape]
