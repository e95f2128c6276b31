"""Every error weft raises, one tree, sorted by who must act next.

    WeftError                     code · message · hint · facts
    ├─ Mistake                    the asker changes something                exit 2
    ├─ Halt                       the run stopped on purpose                 exit 3
    ├─ Outage                     wait; the other side is ill                exit 4
    ├─ Refusal                    the other side said no; do not retry       exit 5
    └─ BadReply                   the model answered in the wrong shape; mending decides

A message is one sentence: what happened, where, what was expected. The hint is the next step.
Facts are plain JSON values, for they travel to the ledger and over the wire.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import StrEnum
from typing import ClassVar


class Billing(StrEnum):
    """Whether the provider charges for a call that went wrong."""

    VOID = "void"
    """Surely not billed: the reservation is released."""
    UNKNOWN = "unknown"
    """May be billed: the reservation is kept as spent and the call is listed."""
    BILLED = "billed"
    """Billed: the usage of the reply, or the whole reservation where it states none."""


def code_of(kind: type[WeftError]) -> str:
    """Return the stable name of a kind of error, for example `missing_column`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


class WeftError(Exception):
    """The root: a sentence, a hint what to do next, and the facts behind it."""

    exit_code: ClassVar[int] = 1
    billing: Billing = Billing.VOID

    def __init__(self, message: str, *, hint: str = "", **facts: object) -> None:
        """Keep the sentence, the hint and the facts.

        Args:
            message: one sentence with its place (file, line, row, field).
            hint: what to do next, or empty where nothing can be done.
            facts: plain JSON values (text, numbers, lists); readable as `error.facts`.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts
        billing = facts.pop("billing", None)
        if billing is not None:
            self.billing = Billing(str(billing))

    @property
    def code(self) -> str:
        """The stable name of this kind of error, see `code_of`."""
        return code_of(type(self))

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


# ── the asker changes something ──────────────────────────────────────────────────────────────────


class Mistake(WeftError):
    """Something that was asked for cannot be done as asked; the asker changes it."""

    exit_code = 2


class UnreadableTable(Mistake):
    """A table cannot be read: missing, empty, not in its format, or broken at a line."""


class UnwritableFile(Mistake):
    """An output file cannot be written at its path."""


class MissingColumn(Mistake):
    """Inputs have no column in the table; `columns` names all of them."""


class BadMapping(Mistake):
    """A column mapping names an unknown column or input, or one of them twice."""


class BadTemplate(Mistake):
    """A template file is wrong; `problems` lists every problem with its path and line."""


class BadVariant(Mistake):
    """A variant's or a pack's file is wrong; `problems` lists every problem with path and line."""


class BadSpec(Mistake):
    """A spec for generated code is wrong; `problems` lists every problem with path and line."""


class BadSource(Mistake):
    """Generated code did not pass a check; `problems` lists check, template, line and inputs of each."""


class RenderLimit(Mistake):
    """A row takes more time, memory or text than a template may; `line` says where, 0 = not known."""


class BadRequirements(Mistake):
    """Requirements that a variant is to be chosen for cannot be understood."""


class BrokenLog(Mistake):
    """A line of the usage log of variants cannot be understood, or an outcome is none."""


class NoVariantFits(Mistake):
    """No variant of a pack can do what is required; `excluded` says why for each."""


class Undecided(Mistake):
    """Two variants fit about equally; `candidates` names both, and a person chooses."""


class MissingInput(Mistake):
    """A row lacks a value that the template needs."""


class BadSchema(Mistake):
    """A schema or field definition cannot be understood."""


class BadSetting(Mistake):
    """A setting from a flag, an environment variable or `weft.toml` has no usable value."""


class UnknownName(Mistake):
    """A name is not known; `nearest` holds the closest known ones."""

    @classmethod
    def among(cls, what: str, name: str, known: list[str], *, hint: str = "") -> UnknownName:
        """Say which known names are nearest to an unknown one.

        Args:
            what: the kind of thing in the singular, such as `template`.
            known: every known name, in any order.
            hint: the next step where no name is near; by default all names are listed.
        """
        nearest = get_close_matches(name, known, n=3, cutoff=0.65)
        if nearest:
            hint = "did you mean " + " or ".join(f"`{n}`" for n in nearest) + "?"
        elif not hint:
            hint = f"known: {', '.join(sorted(known)) or 'none'}."
        return cls(
            f"There is no {what} `{name}`.", hint=hint, name=name, nearest=nearest, known=sorted(known)
        )


class MissingCredential(Mistake):
    """A provider needs a key that is neither kept nor in the environment."""


class KeyHostMismatch(Mistake):
    """A key is bound to another host and port than those that are asked; it was not sent."""


class BrokenSeal(Mistake):
    """A kept key does not open: its master key is not there, or it was changed or moved."""


class MissingExtra(Mistake):
    """A feature needs an optional package that is not installed."""


class UnknownPrice(Mistake):
    """A budget in USD was set for a model whose price is not known."""


class IncompatibleStore(Mistake):
    """The store was made by a newer weft, or is no weft store; nothing was changed."""


class ChangedSpec(Mistake):
    """A run cannot be resumed because what it was asked for has changed; `changed` lists what."""


class RunBusy(Mistake):
    """The run is not at rest: a living process holds it, or its rows still wait."""


class ImpossibleMove(Mistake):
    """A state was asked to move where its table of moves does not allow it."""


class ChangedMeanwhile(Mistake):
    """Somebody else has changed it since it was read."""


class UnsafeForTeam(Mistake):
    """A server for a team would start with what is safe for one person only; `problems` lists all of it."""


class NotAllowed(Mistake):
    """Whoever asks may not do this here; the permission that it needs is named."""


class NotProven(Mistake):
    """Nobody has shown who they are: a sign-in, a token or a code is not to be believed."""


class NotAdmitted(Mistake):
    """Somebody is not let in: they are no member, or the sign-in was not begun where it ends."""


# ── the run stopped on purpose ───────────────────────────────────────────────────────────────────


class Halt(WeftError):
    """The run stopped on purpose; everything settled stays settled."""

    exit_code = 3


class BudgetExceeded(Halt):
    """The next call, or the projection before the first, would pass the budget."""


class Cancelled(Halt):
    """A person stopped the run."""


class TooManyFailures(Halt):
    """So many rows failed that going on would waste money."""


class DiskFull(Halt):
    """The store cannot write; answers in hand are kept, nothing more is asked."""


# ── the other side is ill ────────────────────────────────────────────────────────────────────────


class Outage(WeftError):
    """The other side is ill; the same pack is sent again later."""

    exit_code = 4

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the other side asked to wait; `None` where it did not say or made no sense."""
        value = self.facts.get("retry_after_s")
        return float(value) if isinstance(value, int | float) else None


class RateLimited(Outage):
    """Too many requests or tokens; the lane waits, the pack is kept whole."""


class Overloaded(Outage):
    """The provider has no capacity for anybody just now."""


class TimedOut(Outage):
    """No complete reply before the deadline; it may have been billed."""

    billing = Billing.UNKNOWN


class Disconnected(Outage):
    """The connection broke after the request was sent; it may have been billed."""

    billing = Billing.UNKNOWN


class Unreachable(Outage):
    """No connection could be made."""


class ServerFailed(Outage):
    """The provider answered with a server error."""


class NotTheApi(Outage):
    """Something other than the provider's API answered: a proxy or a login page."""

    billing = Billing.UNKNOWN


class StoreBusy(Outage):
    """The database stayed locked longer than the busy time-out."""


# ── the other side said no ───────────────────────────────────────────────────────────────────────


class Refusal(WeftError):
    """The other side said no; asking the same again is pointless."""

    exit_code = 5


class NotAuthorised(Refusal):
    """The key was refused."""


class QuotaSpent(Refusal):
    """The account has no credit or has reached its spending limit."""


class UnknownModel(Refusal):
    """The provider does not know the model, or it was retired."""


class BadRequest(Refusal):
    """The provider refused the request as invalid; mending isolates the row."""


class PromptTooLong(Refusal):
    """The prompt does not fit the model; mending makes smaller packs."""


class ContentRefused(Refusal):
    """The provider's filter or the model declined the content; mending isolates the row."""

    billing = Billing.BILLED


# ── the model answered in the wrong shape ────────────────────────────────────────────────────────


class BadReply(WeftError):
    """The reply cannot be used as it is; it was billed, and mending decides."""

    billing = Billing.BILLED


class NotJson(BadReply):
    """The reply is not JSON, even without its packaging."""


class WrongShape(BadReply):
    """The reply, or the answer of one row, does not fit the schema; `complaints` lists why."""


class MissingLabels(BadReply):
    """Rows of the pack are not in the reply."""


class DuplicateLabels(BadReply):
    """The reply holds several answers for one row."""


class Truncated(BadReply):
    """The reply was cut off at the output limit."""


class EmptyReply(BadReply):
    """The reply holds no text at all."""


class WrongModel(BadReply):
    """Another model answered than was asked, and the run is strict about it."""
