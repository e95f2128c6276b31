"""The provider `local`: the built-in small model, so that the house runs without a key.

It is no language model and needs no network: see `_local_model.py` for what it can and cannot do.
Replies travel through the same durable form as everybody else's, and cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.call import Finish, Options, PaceHint, Prompt, RawReply, Reply, Usage
from weft.errors import NotTheApi
from weft.ids import CallId
from weft.kit import plain_json
from weft.money import Price, Usd
from weft.protocols import Limits, ProviderKind, ProviderRequest
from weft.providers._envelopes import inside, open_envelope, text_of, usage_of
from weft.providers._local_model import LocalModel
from weft.providers._local_reading import rows_of

CHARACTERS_PER_TOKEN = 4  # the usual rule of thumb; nothing is billed by it
DEFAULT_MODEL = "nearest-1"  # raise the number when answers change: remembered ones depend on it


class Local:
    """Answers on this machine, from the prompt alone; the same prompt gives the same answers."""

    name = "local"

    def __init__(self, request: ProviderRequest) -> None:
        """Take model and options as asked; there is one model only, and it ignores the options."""
        self.model = request.model or DEFAULT_MODEL
        self.price: Price | None = Price(input=Usd(0), output=Usd(0), source="built in")
        self.limits = Limits()
        self.options: Options = request.options
        self._model: LocalModel | None = None
        self._known: tuple[str, Mapping[str, Any]] | None = None

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        """Answer every row of the prompt, at once and without waiting."""
        del call, timeout_s
        model = self._prepared(prompt)
        rows = [model.answer(label, content) for label, content in rows_of(prompt.user)]
        text = plain_json.dump({"rows": rows}).decode()
        finish = Finish.STOP
        if _tokens(text) > prompt.max_output_tokens:
            text, finish = text[: prompt.max_output_tokens * CHARACTERS_PER_TOKEN], Finish.LENGTH
        reply = {
            "model": f"{self.name}/{self.model}",
            "text": text,
            "finish": finish,
            "usage": {"input": _tokens(prompt.system) + _tokens(prompt.user), "output": _tokens(text)},
        }
        return RawReply(status=200, headers={"content-type": "application/json"}, body=plain_json.dump(reply))

    def read(self, raw: RawReply) -> Reply:
        """Read what `ask` wrote.

        Raises:
            NotTheApi: if it is something else.
        """
        envelope = open_envelope(raw)
        text, finish = text_of(envelope.get("text")), text_of(envelope.get("finish"))
        if not text or finish not in set(Finish):
            raise NotTheApi("The reply was not written by the local model.", status=raw.status)
        return Reply(text=text, usage=_usage(envelope), finish=Finish(finish), model=self.model)

    def pace(self, raw: RawReply) -> PaceHint | None:
        """Nothing limits the rate."""
        del raw
        return None

    async def close(self) -> None:
        """Nothing is held."""

    def _prepared(self, prompt: Prompt) -> LocalModel:
        known = self._known
        if self._model is None or known is None or known[1] is not prompt.schema or known[0] != prompt.system:
            self._model = LocalModel(prompt.system, prompt.schema)
            self._known = (prompt.system, prompt.schema)
        return self._model


def _usage(envelope: Mapping[str, Any]) -> Usage:
    stated = envelope.get("usage")
    return usage_of(inside(stated, "input"), inside(stated, "output"))


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


provider = ProviderKind(
    name="local",
    build=Local,
    default_model=DEFAULT_MODEL,
    needs_wire=False,
    takes_base_url=False,
    help="Built in, free, no key: nearest options and central words. Not a language model.",
)
