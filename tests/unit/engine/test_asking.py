from __future__ import annotations

import pytest

from weft import errors
from weft.call import Call, Prompt, RawReply
from weft.engine.asking import ask
from weft.errors import Billing, Disconnected, DiskFull
from weft.ids import CallId, Label, RunId
from weft.money import Usd

CALL = Call(
    id=CallId("c1"),
    run=RunId("r1"),
    places=(0,),
    labels=(Label("aaaaaa"),),
    reserved=Usd(9),
    reserved_tokens=9,
)
PROMPT = Prompt(system="s", user="u", schema={}, schema_name="s", max_output_tokens=9)
RAW = RawReply(status=200, headers={}, body=b"{}")


class Ledger:
    """A book of calls that may refuse one kind of line."""

    def __init__(self, *, refuses=""):
        self.lines = []
        self._refuses = refuses

    async def _write(self, line):
        if line == self._refuses:
            raise DiskFull("The disk is full.")
        self.lines.append(line)

    async def answered(self, _call, _raw):
        await self._write("answered")

    async def void(self, _call, _error):
        await self._write("void")

    async def unknown(self, _call, _error):
        await self._write("unknown")


class Line:
    """A provider that answers, or raises one error."""

    def __init__(self, error=None):
        self._error = error

    async def ask(self, _prompt, _call, _timeout_s):
        if self._error is not None:
            raise self._error
        return RAW


async def asked(ledger, error=None, landed=lambda: None):
    return await ask(Line(error), ledger, CALL, prompt=PROMPT, timeout_s=1.0, landed=landed)


async def test_a_reply_is_noted_before_it_is_returned():
    """I3: whoever has a raw reply in hand may rely on its being durable."""
    ledger = Ledger()

    assert await asked(ledger) is RAW
    assert ledger.lines == ["answered"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.RateLimited("slow down"), "void"),
        (errors.TimedOut("lost"), "unknown"),
        (errors.ContentRefused("no"), "unknown"),
    ],
    ids=["not billed", "perhaps billed", "billed"],
)
async def test_a_loss_is_noted_as_the_provider_says(error, line):
    """P11: what surely cost nothing is released; whatever may have cost counts as spent."""
    ledger = Ledger()

    with pytest.raises(type(error)):
        await asked(ledger, error)

    assert ledger.lines == [line]


@pytest.mark.parametrize(
    ("refuses", "error"),
    [("answered", None), ("unknown", errors.TimedOut("lost")), ("void", errors.RateLimited("slow down"))],
)
async def test_what_the_ledger_cannot_note_may_be_billed(refuses, error):
    """P11, I6: a full disk says nothing about money, so the reservation is not given back."""
    with pytest.raises(DiskFull) as caught:
        await asked(Ledger(refuses=refuses), error)

    assert caught.value.billing is Billing.UNKNOWN


async def test_a_call_lands_before_it_is_written_down():
    """B33: the place on the wire is free as soon as the reply is there."""
    ledger, landed = Ledger(), []
    await asked(ledger, landed=lambda: landed.append(list(ledger.lines)))

    assert landed == [[]]
    assert ledger.lines == ["answered"]


async def test_a_failed_call_holds_its_place():
    """F1: whoever asked decides what becomes of the lane before another call may take the place."""
    landed = []
    with pytest.raises(Disconnected):
        await asked(Ledger(), Disconnected("gone"), landed=lambda: landed.append(1))

    assert not landed
