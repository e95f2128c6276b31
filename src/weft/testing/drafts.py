"""A reply that is not sent yet: what the model says and what its envelope claims.

Knows rows, text, finish, stated and real usage. Refuses to know any provider's format: a dialect
of the mock server or the plain envelope below writes it down. Faults change drafts (`mutations.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from weft.call import Finish, RawReply, Reply, Usage
from weft.errors import ContentRefused, EmptyReply, NotTheApi


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a model is about to reply.

    Attributes:
        rows: labelled answers, `{"id": label, …}` each; a single answer without label if not framed.
        is_framed: the reply is `{"rows": […]}` and not the only answer itself.
        text: the model's text where it is no longer just the rows; `None` = write the rows as JSON.
        stated: usage in the envelope; `None` leaves it out.
        billed: usage that is really charged; `None` = as counted.
        refusal: the model's words where it declines; empty otherwise.
        has_choice: the envelope holds a choice at all.
        request_id: the provider's name for the call.
        body: what stands in the place of the whole envelope, such as a login page; `None` = nothing.
        content_type: of the whole reply.
        kept_share: how much of the envelope is sent; 1 = all of it.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    is_framed: bool = True
    text: str | None = None
    finish: Finish = Finish.STOP
    stated: Usage | None = None
    billed: Usage | None = None
    model: str = ""
    refusal: str = ""
    has_choice: bool = True
    request_id: str = ""
    body: bytes | None = None
    content_type: str = "application/json"
    kept_share: float = 1.0

    def write(self) -> str:
        """The model's text as it stands."""
        if self.text is None:
            found: Any = {"rows": self.rows} if self.is_framed else (self.rows[0] if self.rows else {})
            self.text = orjson.dumps(found).decode()
        return self.text

    def wrap(self, envelope: bytes) -> bytes:
        """What is sent of an envelope: usually all of it."""
        if self.body is not None:
            return self.body
        return envelope if self.kept_share >= 1 else envelope[: int(len(envelope) * self.kept_share)]


def draft_of(reply: Reply) -> Draft:
    """Turn a good reply into a draft again; rows are found where its text is in the usual frame."""
    draft = Draft(
        text=reply.text,
        finish=reply.finish,
        stated=reply.usage,
        model=reply.model,
        request_id=reply.request_id,
    )
    try:
        found = orjson.loads(reply.text)
    except ValueError:
        return draft
    if isinstance(found, dict) and isinstance(found.get("rows"), list):
        draft.rows = [each for each in found["rows"] if isinstance(each, dict)]
        draft.text = None
    return draft


# ── the plain envelope ───────────────────────────────────────────────────────────────────────────

ENVELOPE = "weft-testing-1"


def seal(draft: Draft, *, elapsed_s: float = 0.0) -> RawReply:
    """Write a draft as a raw reply in the plain envelope of the fakes."""
    usage = draft.stated
    plain = {
        "envelope": ENVELOPE,
        "text": draft.write(),
        "finish": draft.finish.value,
        "usage": None if usage is None else asdict(usage),
        "model": draft.model,
        "request_id": draft.request_id,
        "refusal": draft.refusal,
        "has_choice": draft.has_choice,
    }
    headers = {"content-type": draft.content_type, "x-request-id": draft.request_id}
    return RawReply(status=200, headers=headers, body=draft.wrap(orjson.dumps(plain)), elapsed_s=elapsed_s)


def is_sealed(raw: RawReply) -> bool:
    """Whether a raw reply is in the plain envelope."""
    return raw.body.startswith(b'{"envelope":"' + ENVELOPE.encode())


def unseal(raw: RawReply) -> Reply:
    """Read a raw reply in the plain envelope; pure, so that it can be repeated after a crash.

    Raises:
        NotTheApi: if it is something else, such as a login page, or was cut off.
        ContentRefused: if the model declined.
        EmptyReply: if there is no text.
    """
    try:
        plain = orjson.loads(raw.body)
        usage = Usage(**(plain["usage"] or {}))
        finish, text = Finish(plain["finish"]), str(plain["text"])
    except (ValueError, KeyError, TypeError) as exc:
        raise NotTheApi(
            "The reply is not in the format of the scripted provider.", status=raw.status
        ) from exc
    facts = asdict(usage)
    if plain["refusal"] or finish is Finish.REFUSED:
        said = plain["refusal"] or text or "no reason given"
        raise ContentRefused(f"The model declined: {said}", usage=facts)
    if not plain["has_choice"] or not text:
        raise EmptyReply("The reply holds no text.", usage=facts)
    return Reply(text=text, usage=usage, finish=finish, model=plain["model"], request_id=plain["request_id"])
