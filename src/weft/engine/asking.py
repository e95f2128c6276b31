"""Stop 6: one call, one time-out, one raw reply.

Notes the call as *answered* before anybody parses the reply. Once a reply is here it is written
down even if the run is being stopped: a store finishes every write that was begun, and between a
reply and the beginning of its write nothing waits.
Refuses to know rows: it sees a prompt and a reply, and repeats nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from weft.call import Call, Prompt, RawReply
from weft.errors import Billing, Cancelled, Disconnected, WeftError
from weft.protocols import CallLedger, Provider

T = TypeVar("T")


async def ask(
    provider: Provider,
    ledger: CallLedger,
    call: Call,
    *,
    prompt: Prompt,
    timeout_s: float,
    landed: Callable[[], None],
) -> RawReply:
    """Send a call that is noted as *sent*, and return its raw reply once that is durable.

    Args:
        landed: called when a reply has come; after an error the caller says what is to become of the lane.

    Raises:
        Outage, Refusal: as the provider says; the ledger has noted the call as void or unknown.
        WeftError: as the ledger says, with its billing unknown: what it could not write down may
            have been paid for, and the call stays *sent* until the next life counts it as spent.
        Cancelled: if the run was stopped while the reply was awaited; noted as unknown.
    """
    try:
        raw = await provider.ask(prompt, call.id, timeout_s)
    except WeftError as error:
        await _written(note_loss(ledger, call, error))
        raise
    except asyncio.CancelledError:
        lost = Disconnected("The run was stopped while the reply was awaited.", hint="resume the run.")
        await uninterrupted(ledger.unknown(call, lost))
        raise
    landed()
    await _written(ledger.answered(call, raw))
    return raw


async def note_loss(ledger: CallLedger, call: Call, error: WeftError) -> None:
    """Book a call that brought no reply: free of charge, or perhaps billed."""
    if error.billing is Billing.VOID:
        await ledger.void(call, error)
    else:
        await ledger.unknown(call, error)


async def _written(step: Coroutine[Any, Any, None]) -> None:
    """Wait for the ledger; a provider's word about billing is not the ledger's to give."""
    try:
        await step
    except WeftError as error:
        error.billing = Billing.UNKNOWN
        raise


async def uninterrupted(step: Coroutine[Any, Any, T]) -> T:
    """Finish a step that must not be lost, even while the task around it is being cancelled.

    The cancellation goes on afterwards.
    """
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise


def stopped() -> Cancelled:
    """The error of a run that a person has stopped."""
    return Cancelled("The run was stopped.", hint="resume it with `weft resume`.")
