"""From the name of a model to a provider that can be asked: `openai/gpt-4o-mini` → Provider.

Knows how models are named, which key goes with which server, and which options win.
Refuses to keep a key, and to open a connection: a provider does that on its first call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from weft.app.opening import Surroundings
from weft.call import Options
from weft.errors import BadSetting, MissingCredential, UnknownName
from weft.kit.registries import Registry
from weft.protocols import (
    Credential,
    ModelFacts,
    Provider,
    ProviderKind,
    ProviderRequest,
    Structured,
    Transport,
)
from weft.providers._addresses import belongs_to, host_of
from weft.providers._wired import FOREIGN_KEY
from weft.settings import Settings


class KeptKeys(Protocol):
    """Keys that are kept sealed."""

    def find(self, kind: ProviderKind, *, base_url: str = "", name: str = "") -> Credential | None:
        """Open the key for a provider at an address; `None` if none is kept for it."""


PROVIDERS: Registry[ProviderKind] = Registry("weft.providers", "provider", what="provider")
"""Every provider; drop a file into `providers/` to add one."""

COMPATIBLE = "openai"  # whose language other servers speak
DECODING = ("temperature", "top_p", "seed", "reasoning_effort")
"""Settings that change answers; a template may bring its own, what the asker gives wins."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """Who is asked."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def read_model(text: str, base_url: str = "") -> ModelName:
    """Read who is asked.

    `openai/gpt-4o-mini` names both; `local` alone asks the provider's usual model; with a base
    URL the provider may be left out, and is then one that other servers are compatible with.

    Raises:
        BadSetting: if nobody is named.
        UnknownName: if there is no such provider; with the nearest ones.
    """
    text = text.strip()
    if not text:
        raise BadSetting(
            "No model was named.",
            hint="name one with `--model openai/gpt-4o-mini`, or go on without a key: `--model local`.",
            setting="model",
        )
    provider, slash, model = text.partition("/")
    if provider in PROVIDERS:
        return ModelName(provider, model or PROVIDERS.get(provider).default_model)
    if base_url:
        return ModelName(COMPATIBLE, text)
    if slash:
        raise UnknownName.among("provider", provider, PROVIDERS.names())
    raise UnknownName(
        f"`{text}` names no provider.",
        hint=f"write provider/model, such as `openai/{text}`; providers: {', '.join(PROVIDERS.names())}.",
        name=text,
        known=PROVIDERS.names(),
    )


def merge_options(settings: Settings, given: Collection[str], template: Mapping[str, Any]) -> Options:
    """Decoding parameters: the asker's where given, else the template's, else the settings' defaults.

    Args:
        given: names of settings that were given somewhere, and are no defaults.
        template: options of a template, by the names of `Options`.
    """
    chosen = {name: getattr(settings, name) for name in DECODING}
    chosen |= {name: value for name, value in template.items() if name in DECODING and name not in given}
    return Options(**chosen)


def build_provider(
    name: ModelName,
    surroundings: Surroundings,
    *,
    facts: ModelFacts | None,
    options: Options,
    wire: Callable[[], Transport],
    key: Credential | None,
) -> Provider:
    """Build the provider for a model.

    Args:
        facts: what is known about the model; `None` = nothing.
        wire: makes the transport for providers that need one.
        key: as `choose_key` has chosen it; `None` = none.

    Raises:
        MissingCredential: if it needs a key and there is none.
        KeyHostMismatch: if the key belongs to another server.
        BadSetting: if the base URL may not be used.
    """
    kind = PROVIDERS.get(name.provider)
    settings = surroundings.settings
    if settings.base_url and not kind.takes_base_url:
        raise BadSetting(
            f"`{kind.name}` is asked without a server, so a base URL means nothing.",
            hint="leave `--base-url` out.",
        )
    return kind.build(
        ProviderRequest(
            model=name.model,
            key=key,
            base_url=settings.base_url,
            options=options,
            facts=facts,
            transport=wire() if kind.needs_wire else None,
            structured=Structured(settings.structured) if settings.structured else None,
            private_networks=settings.private_networks,
        )
    )


def key_of(kind: ProviderKind, environment: Mapping[str, str], *, base_url: str = "") -> Credential | None:
    """The key for a provider at an address; `None` if no variable holds one.

    A provider's own variables count for its own host only: a base URL in somebody's `weft.toml`
    cannot draw the key to another server.
    """
    for variable in key_variables(kind, base_url=base_url):
        if text := environment.get(variable, "").strip():
            return Credential(text=text, variable=variable)
    return None


def key_variables(kind: ProviderKind, *, base_url: str = "") -> tuple[str, ...]:
    """The variables in which a key for an address is looked for, the best name first."""
    is_official = not base_url or (bool(kind.official_url) and belongs_to(base_url, kind.official_url))
    return kind.key_variables if is_official else (FOREIGN_KEY,)


def choose_key(
    kind: ProviderKind, surroundings: Surroundings, *, kept: KeptKeys, asks: bool = True
) -> Credential | None:
    """Choose the key with which a provider is asked; `None` where there is none.

    The kept key that `key_name` names wins, then a variable of this process, then the kept key that
    is bound to the server. A workspace of a team has no variables, only kept keys.

    Args:
        kind: whom it is for.
        surroundings: settings and variables.
        kept: the keys that are kept.
        asks: it will be asked; an estimate asks nobody and so needs no key.

    Raises:
        MissingCredential: if a workspace of a team has none for the provider's own server.
        UnknownName, KeyHostMismatch, BadSetting, BrokenSeal: if the kept one cannot be used.
    """
    settings = surroundings.settings
    if not kind.key_variables:
        return None
    if not asks:
        variable = key_variables(kind, base_url=settings.base_url)[0]
        return Credential(text="not-needed-for-an-estimate", variable=variable)
    if settings.key_name:
        return kept.find(kind, base_url=settings.base_url, name=settings.key_name)
    if not surroundings.apart:
        found = key_of(kind, surroundings.environment, base_url=settings.base_url)
        if found is not None:
            return found
    found = kept.find(kind, base_url=settings.base_url)
    if found is None and surroundings.apart and not settings.base_url:
        raise MissingCredential(
            f"No key for `{kind.name}` at `{host_of(kind.official_url)}` is kept in `{surroundings.workspace}`.",
            hint=f"an administrator of the workspace sets it: `PUT /api/v1/keys/{kind.name}`.",
            variable=kind.key_variables[0],
        )
    return found
