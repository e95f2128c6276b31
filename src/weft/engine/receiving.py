"""Stop 7 for one reply: open the envelope, then give every row its answer or a complaint.

Knows which errors of an envelope concern the rows, which the other side, and whether the model
that answered is the one that was asked. Refuses to know money and what becomes of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.call import Pack, PackRow, RawReply, Reply, Usage
from weft.engine.trip import Trip
from weft.engine.unpacking import Unanswered, Unpacked, unpack_reply
from weft.errors import BadReply, Outage, Refusal, WeftError, WrongModel


@dataclass(frozen=True, slots=True)
class Received:
    """What a raw reply brought.

    Attributes:
        usage: tokens that the provider stated, also beside an error.
        odd: an error that concerns the other side, not the rows: they wait as they are.
        model, request_id: as the provider names them; empty where it does not say.
    """

    unpacked: Unpacked
    usage: Usage
    odd: WeftError | None = None
    model: str = ""
    request_id: str = ""

    @property
    def problem(self) -> str:
        """What was wrong, for the call's own record; empty if nothing."""
        first = self.unpacked.unanswered
        return self.unpacked.problem or (first[0].complaint if first else "")


def receive(trip: Trip, raw: RawReply, pack: Pack) -> Received:
    """Read a raw reply for the rows of a pack; total: whatever came, it says so."""
    try:
        reply = trip.provider.read(raw)
    except (BadReply, Refusal, Outage) as error:
        stated = error.facts.get("usage")
        usage = Usage(**stated) if isinstance(stated, dict) else Usage()
        return Received(_nothing(pack.rows, error), usage, error if isinstance(error, Outage) else None)
    if trip.settings.strict_model and not _same_model(trip.provider.model, reply.model):
        wrong = WrongModel(
            f"`{reply.model}` answered instead of `{trip.provider.model}`.",
            hint="name the exact model, or leave --strict-model out.",
        )
        return _received(reply, _nothing(pack.rows, wrong), wrong)
    return _received(reply, unpack_reply(reply, pack, trip.prompter))


def _received(reply: Reply, unpacked: Unpacked, odd: WeftError | None = None) -> Received:
    return Received(unpacked, reply.usage, odd, reply.model, reply.request_id)


def _nothing(rows: Sequence[PackRow], error: WeftError) -> Unpacked:
    return Unpacked((), tuple([Unanswered(row, error.code, error.message) for row in rows]), error.message)


def _same_model(asked: str, answered_by: str) -> bool:
    """Whether a reply's model is the one asked for, dated or prefixed forms included."""
    found = answered_by.removeprefix("models/")
    return not found or found == asked or found.startswith(f"{asked}-")
