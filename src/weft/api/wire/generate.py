"""Modules of code on the wire: specs as text in, code as text out.

Knows that a spec comes as YAML. Refuses to know files: the caller keeps what it is given.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Told, Word


class SpecAsked(Asked):
    """One spec."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")] = Field(
        default="spec.yaml", description="For messages, and for the header of the code."
    )
    text: Annotated[str, StringConstraints(max_length=200_000)] = Field(description="The spec, in YAML.")


class ModulesAsked(Asked):
    """Specs to generate modules from."""

    specs: list[SpecAsked] = Field(min_length=1, max_length=20)
    variant: Word | Literal[""] = Field(
        default="", description="For all of them; empty = what each says, or the selector."
    )
    prove: bool = Field(
        default=True, description="Check the code before it is handed over; this takes seconds."
    )


class ErrorShape(Told):
    """Why there is no module."""

    code: str
    message: str
    hint: str
    facts: dict[str, Any]


class ModuleShape(Told):
    """What became of one spec."""

    spec: str
    file_name: str
    text: str = Field(description="The code; empty where there is an error.")
    variant: str
    also: list[str]
    confidence: float | None
    rationale: str
    compliance: list[dict[str, Any]]
    skipped: list[str]
    error: ErrorShape | None


class ModulesShape(Told):
    """What became of each spec, in their order."""

    modules: list[ModuleShape]
