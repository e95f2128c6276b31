"""What a drop-in promises, as checks that anybody can run over their own.

Knows the sockets of `protocols.py` and asks an implementation to keep each promise once.
Refuses to know pytest: a broken promise is a plain AssertionError with a sentence.
"""

from __future__ import annotations

from typing import Any

from weft.call import Options, PaceHint, Prompt, RawReply, Reply, Usage
from weft.errors import BadReply, ContentRefused, NotTheApi
from weft.ids import CallId
from weft.money import Price
from weft.protocols import Limits, Provider
from weft.testing.frames import read_frame

GARBAGE: tuple[bytes, ...] = (
    b"",
    b"{}",
    b"null",
    b"[]",
    b"<!DOCTYPE html><html></html>",
    b'{"choices": [{"message": ',
    b"\xff\xfe\x00",
    b"[" * 10_000,
)
"""Bodies that no provider may take for a reply, nor stumble over."""

QUESTION = Prompt(
    system="Say in a few words what each row is about. Answer every row under its id, as JSON.",
    user='[{"id":"aaaaaa","data":{"text":"A tree that keeps itself balanced."}},'
    '{"id":"bbbbbb","data":{"text":"A queue that never waits."}}]',
    schema={
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string"},
                        "about": {"type": "string", "maxLength": 80},
                        "kind": {"type": "string", "enum": ["tree", "queue", "other"]},
                    },
                    "required": ["id", "about", "kind"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["rows"],
        "additionalProperties": False,
    },
    schema_name="contract",
    max_output_tokens=500,
    rows=2,
)
"""Two framed rows with a small schema: enough to ask any provider."""


class BrokenPromise(AssertionError):
    """An implementation does not keep what its socket promises."""


def promise(kept: object, sentence: str) -> None:
    """Raise the sentence unless it holds.

    Raises:
        BrokenPromise: if `kept` is falsy.
    """
    if not kept:
        raise BrokenPromise(sentence)


async def check_provider(
    provider: Provider, *, question: Prompt = QUESTION, timeout_s: float = 30.0
) -> Reply:
    """Ask a provider once and check everything its socket promises; return the reply.

    The provider is closed at the end. A real one costs one small call: point it at a mock server.

    Args:
        provider: the one to check.
        question: another prompt in the same frame, where two rows are not to its taste.
        timeout_s: seconds given to the call.

    Raises:
        BrokenPromise: with the first promise that is not kept.
        WeftError: if the provider cannot be asked at all.
    """
    _check_passport(provider)
    options = provider.options
    raw = await provider.ask(question, CallId("c" + "0" * 16), timeout_s)
    _check_raw(raw)
    reply = provider.read(raw)
    _check_reply(reply, question)
    again = provider.read(RawReply(status=raw.status, headers=dict(raw.headers), body=bytes(raw.body)))
    promise(again == reply, "`read` is pure: the stored reply reads the same after a crash.")
    promise(isinstance(provider.pace(raw), PaceHint | None), "`pace` says a PaceHint or nothing.")
    promise(provider.options == options, "Asking does not change the options: they are part of the row key.")
    for body in GARBAGE:
        _check_garbage(provider, body)
    await provider.close()
    await provider.close()
    return reply


def _check_passport(provider: Provider) -> None:
    promise(provider.name, "A provider has a name.")
    promise(provider.model, "A provider names its model.")
    promise(isinstance(provider.price, Price | None), "A price is a Price; an unknown one is None.")
    promise(isinstance(provider.limits, Limits), "`limits` is a Limits.")
    promise(isinstance(provider.options, Options), "`options` is an Options.")


def _check_raw(raw: RawReply) -> None:
    promise(isinstance(raw, RawReply), "`ask` returns a RawReply.")
    promise(isinstance(raw.body, bytes), "The body of a raw reply is bytes.")
    promise(200 <= raw.status < 300, "`ask` returns only replies of calls that succeeded.")
    promise(all(name == name.lower() for name in raw.headers), "Header names are in lower case.")
    promise(raw.elapsed_s >= 0, "`elapsed_s` is not negative.")


def _check_reply(reply: Reply, question: Prompt) -> None:
    promise(reply.text, "A reply holds text; a reply without any is an error.")
    for row in read_frame(question.user):
        promise(row.label in reply.text, f"The row `{row.label}` is answered under its label.")
    usage: Usage = reply.usage
    for name in ("input_tokens", "output_tokens"):
        count: Any = getattr(usage, name)
        promise(count is None or count >= 0, f"`{name}` is a count, or None where it was not stated.")
    promise(usage.cached_input_tokens <= (usage.input_tokens or 0), "Cached tokens are part of the input.")
    promise(usage.reasoning_tokens <= (usage.output_tokens or 0), "Reasoning is part of the output.")


def _check_garbage(provider: Provider, body: bytes) -> None:
    raw = RawReply(status=200, headers={"content-type": "application/json"}, body=body)
    try:
        provider.read(raw)
    except (BadReply, ContentRefused, NotTheApi):
        return
    except Exception as exc:
        raise BrokenPromise(f"`read` meets {body[:40]!r} with {exc!r} instead of a typed error.") from exc
    raise BrokenPromise(f"`read` takes {body[:40]!r} for a reply.")
