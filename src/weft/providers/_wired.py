"""What all providers on a wire do alike: send once, sort the faults, keep the key to itself.

Knows how a body is put together from parts that stay the same for a run and parts that do not.
Refuses to know any provider's dialect: a subclass writes the parts and reads the envelope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from weft.call import Options, PaceHint, Prompt, RawReply
from weft.errors import BadSetting, KeyHostMismatch, MissingCredential, NotAuthorised, WeftError
from weft.ids import CallId
from weft.kit import plain_json
from weft.kit.secrecy import forms_of
from weft.money import Price
from weft.protocols import Credential, Limits, ModelFacts, ProviderRequest, Structured, Transport
from weft.providers._addresses import belongs_to, check_base_url, host_of, place_of
from weft.providers._faults import FaultBook, fault_of
from weft.providers._waits import pace_of

TELLING = 16  # characters; a shorter key may be a word, such as `ollama`, that answers may hold
_KEY_SIGN = "[key]"  # stands where a key was
_KEY_LIKE = re.compile(r"\b(?:sk-|rk-|AIza)[A-Za-z0-9_*.-]{6,}")

FOREIGN_KEY = "WEFT_API_KEY"
"""The variable with the key for a server given by a base URL."""


class WiredProvider:
    """A provider behind an HTTP API. Subclasses say where, with which words, and read replies."""

    name: str
    official_url: ClassVar[str]
    key_variables: ClassVar[tuple[str, ...]]
    book: ClassVar[FaultBook]

    def __init__(self, request: ProviderRequest) -> None:
        """Take what was asked for.

        Raises:
            MissingCredential: if the official server is meant and there is no key.
            BadSetting: if the base URL may not be used.
            KeyHostMismatch: if a key would go to a host that it is not bound to.
        """
        if request.transport is None:
            raise BadSetting(f"`{self.name}` is asked over the network, and no transport was given.")
        self.model = request.model
        self.options: Options = request.options
        self.facts = request.facts or ModelFacts(provider=self.name, model=request.model)
        self.price: Price | None = self.facts.price
        self.limits: Limits = self.facts.limits
        self.structured = request.structured or self.facts.structured
        self.base_url = check_base_url(
            request.base_url or self.official_url, private=request.private_networks
        )
        self.is_official = belongs_to(self.base_url, self.official_url)
        # A model that is not in the price file is newer than it, and new models of the official
        # servers refuse decoding parameters; other servers serve models that take them.
        self.takes_temperature = self.facts.temperature if request.facts else not self.is_official
        self._transport: Transport = request.transport
        self._key = self._admitted_key(request)
        self._key_forms = tuple(forms_of(self._key)) if len(self._key) >= TELLING else ()
        self._headers = {
            "content-type": "application/json",
            "user-agent": "weft",
            **self._credential_headers(self._key),
        }
        self._url = self._endpoint()
        self._before, self._between, self._after = b"", b"", b""
        self._known_schema: Mapping[str, Any] | None = None
        self._known_system = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r}, base_url={self.base_url!r})"

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        """Send one prompt once; return the raw reply of a call that succeeded.

        Raises:
            Outage, Refusal: by the reply's status and body; no key is in their words or facts.
        """
        headers = {**self._headers, "x-client-request-id": call}
        try:
            raw = await self._transport.post(
                self._url, headers=headers, body=self.body(prompt), timeout_s=timeout_s
            )
        except WeftError as error:
            _scrub_error(error, self._scrub)
            raise
        raw = self._without_key(raw)
        fault = fault_of(raw, provider=self.name, book=self.book, scrub=self._scrub)
        if fault is not None:
            if isinstance(fault, NotAuthorised) and not self._key:
                fault.hint = f"no key was sent to `{host_of(self.base_url)}`; set `{FOREIGN_KEY}`."
                fault.message = fault.message.replace("refused the key", "wants a key", 1)
            raise fault
        return raw

    def body(self, prompt: Prompt) -> bytes:
        """Write the request; everything but the rows and the limit is kept from the last time."""
        if prompt.schema is not self._known_schema or prompt.system != self._known_system:
            self._before, self._between, self._after = self._frame(prompt)
            self._known_schema, self._known_system = prompt.schema, prompt.system
        user = plain_json.dump(prompt.user)
        return b"%b%b%b%d%b" % (self._before, user, self._between, prompt.max_output_tokens, self._after)

    def pace(self, raw: RawReply) -> PaceHint | None:
        """What the rate headers say is left; `None` if nothing."""
        return pace_of(raw.headers)

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""
        await self._transport.close()

    def _endpoint(self) -> str:
        """Where calls go."""
        raise NotImplementedError

    def _credential_headers(self, key: str) -> dict[str, str]:
        """How the key travels; nothing where there is none."""
        raise NotImplementedError

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        """The request with `USER` in the place of the rows and `LIMIT` in that of the limit."""
        raise NotImplementedError

    def _frame(self, prompt: Prompt) -> tuple[bytes, bytes, bytes]:
        """Cut the request at the rows and at the limit; both stand in it exactly once."""
        text = plain_json.dump(self._request(prompt))
        before, _, rest = text.partition(_USER_TEXT)
        between, _, after = rest.partition(_LIMIT_TEXT)
        return before, between, after

    def _admitted_key(self, request: ProviderRequest) -> str:
        key = request.key
        if key is None or not key.text.strip():
            if self.is_official:
                raise MissingCredential(
                    f"There is no key for `{self.name}`: the variable `{self.key_variables[0]}` is not set.",
                    hint=f"set `{self.key_variables[0]}`, or go on without a key: `--model local`.",
                    variable=self.key_variables[0],
                )
            return ""
        self._check_host(key)
        text = key.text.strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise BadSetting(
                f"The key in `{key.variable}` holds characters that no key has.",
                hint="copy it again, without quotes, blanks and line ends.",
                setting=key.variable,
            )
        return text

    def _check_host(self, key: Credential) -> None:
        """Refuse to send a key to a host that it is not bound to (S45).

        Raises:
            KeyHostMismatch: naming both hosts.
        """
        if key.place:
            if key.place != place_of(self.base_url):
                raise KeyHostMismatch(
                    f"The kept key `{key.variable}` is bound to `{key.place}` and is not sent to "
                    f"`{place_of(self.base_url)}`.",
                    hint="keep a key for that server too: `weft keys set NAME --base-url URL`.",
                    key=key.variable,
                )
        elif not self.is_official and key.variable in self.key_variables:
            raise KeyHostMismatch(
                f"The key in `{key.variable}` belongs to `{host_of(self.official_url)}` and is not sent to "
                f"`{host_of(self.base_url)}`.",
                hint=f"put the key for that server into `{FOREIGN_KEY}`.",
                key=key.variable,
            )

    def _without_key(self, raw: RawReply) -> RawReply:
        """A reply that does not hold the key, which a server may echo: replies are kept as they came."""
        forms = [form for form in self._key_forms if form.encode() in raw.body]
        if forms:
            body = raw.body
            for form in forms:
                body = body.replace(form.encode(), _KEY_SIGN.encode())
            raw = replace(raw, body=body)
        if any(form in value for value in raw.headers.values() for form in self._key_forms):
            raw = replace(raw, headers={name: self._scrub(value) for name, value in raw.headers.items()})
        return raw

    def _scrub(self, text: str) -> str:
        for form in self._key_forms or filter(None, (self._key,)):
            text = text.replace(form, _KEY_SIGN)
        return _KEY_LIKE.sub(_KEY_SIGN, text)

    @property
    def wants_schema(self) -> bool:
        """Whether the provider is given the answer's schema."""
        return self.structured is Structured.STRICT


USER = "weft-user-8f1c4e"
"""Stands for the rows while the constant parts of a request are written."""
LIMIT = "weft-limit-8f1c4e"
"""Stands for the output limit likewise."""
_USER_TEXT = plain_json.dump(USER)
_LIMIT_TEXT = plain_json.dump(LIMIT)


def _scrub_error(error: WeftError, scrub: Any) -> None:
    """Take keys out of an error of the wire: a broken body may echo what was sent."""
    error.message = scrub(error.message)
    for name, value in error.facts.items():
        if isinstance(value, str):
            error.facts[name] = scrub(value)
