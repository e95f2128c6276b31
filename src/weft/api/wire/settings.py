"""Settings on the wire: what each is, and what it may be.

Knows which settings a request may choose for itself. Refuses those that name files and the
store: they belong to who started the server, who also lists the addresses that may be chosen.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Told

Dollars = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")]


LIFTED = frozenset(
    {
        "rpm",
        "tpm",
        "budget_usd",
        "budget_tokens",
        "max_failed_share",
        "temperature",
        "top_p",
        "seed",
        "reasoning_effort",
    }
)
"""Settings that may be without a value; null means so. Any other null means: as the server has it."""


class SettingShape(Told):
    """One setting as the server has it."""

    name: str
    value: Any
    default: Any
    help: str
    is_given: bool = Field(description="Whether somebody chose it; else it is the default.")
    least: float | None
    most: float | None
    choices: list[str] = Field(description="Words that it may be; empty = no such list.")


class SettingsShape(Told):
    """Every setting."""

    settings: list[SettingShape]


class SettingsAsked(Asked):
    """Settings over those of the server, for one request; what is left out stays as it is.

    Null takes a limit away: of pace, budget and decoding. Elsewhere it means the same as leaving it out.
    """

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    base_url: Annotated[str, StringConstraints(max_length=2_000)] | None = Field(
        default=None, description="One of those that the server lists in `allowed_base_urls`."
    )
    key_name: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_-]{0,63})?$")] | None = Field(
        default=None, description="Name of the kept key to send; empty = the one for the server."
    )
    structured: Literal["strict", "json", "none"] | None = None
    rows_per_call: int | None = Field(default=None, ge=1, le=50)
    input_tokens_per_call: int | None = Field(default=None, ge=1, le=10_000_000)
    output_tokens_per_call: int | None = Field(default=None, ge=1, le=1_000_000)
    concurrency: int | None = Field(default=None, ge=1, le=1_000)
    rpm: int | None = Field(default=None, ge=1, le=10_000_000)
    tpm: int | None = Field(default=None, ge=1, le=10_000_000_000)
    budget_usd: Dollars | None = None
    budget_tokens: int | None = Field(default=None, ge=0, le=10**15)
    until_budget: bool | None = None
    max_failed_share: float | None = Field(default=None, ge=0, le=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = Field(default=None, ge=0, le=2**53 - 1)
    reasoning_effort: Annotated[str, StringConstraints(max_length=40)] | None = None
    reasoning_tokens: int | None = Field(default=None, ge=0, le=1_000_000)
    strict_model: bool | None = None

    def given(self) -> dict[str, Any]:
        """Those that were asked for; a null takes a limit away, where there may be none."""
        found = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in found.items() if value is not None or name in LIFTED}
