from __future__ import annotations

from typing import Any

import pytest

from weft.call import Prompt, RawReply, Reply
from weft.ids import CallId
from weft.testing.contracts import BrokenPromise, check_provider
from weft.testing.scripted import ScriptedProvider


def answer(_content: Any) -> dict[str, str]:
    """A fitting answer to the contract's question."""
    return {"about": "it", "kind": "other"}


class Impure(ScriptedProvider):
    """Reads a reply differently each time."""

    reads = 0

    def read(self, raw: RawReply) -> Reply:
        """Read and count."""
        reply = super().read(raw)
        self.reads += 1
        return Reply(text=reply.text, usage=reply.usage, finish=reply.finish, request_id=str(self.reads))


class Gullible(ScriptedProvider):
    """Stumbles over what is no reply."""

    def read(self, raw: RawReply) -> Reply:
        """Read with a foreign error."""
        if raw.body == b"{}":
            raise KeyError("text")
        return super().read(raw)


class Shouting(ScriptedProvider):
    """Hands headers on as they came."""

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        """Ask with capital headers."""
        raw = await super().ask(prompt, call, timeout_s)
        return RawReply(status=200, headers={"Content-Type": "x"}, body=raw.body)


class Forgetful(ScriptedProvider):
    """Has lost its name."""

    def __init__(self) -> None:
        super().__init__(answer)
        self.name = ""


@pytest.mark.parametrize(
    ("provider", "sentence"),
    [
        (Impure(answer), "`read` is pure"),
        (Gullible(answer), "typed error"),
        (Shouting(answer), "lower case"),
        (Forgetful(), "has a name"),
        (ScriptedProvider(answer, script=['{"rows": []}']), "`aaaaaa` is answered"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, ScriptedProvider) else "",
)
async def test_broken_promise_is_named(provider: ScriptedProvider, sentence: str) -> None:
    """A provider that breaks its socket's promise hears which one."""
    with pytest.raises(BrokenPromise, match=sentence):
        await check_provider(provider)


async def test_kept_promises_give_the_reply() -> None:
    """A good provider passes, and its reply comes back."""
    assert "aaaaaa" in (await check_provider(ScriptedProvider(answer))).text
