"""What an identity provider says about itself, read strictly: its addresses and how it signs.

Knows what must stand there before a browser is sent to it or a code is traded.
Pure. Refuses to know how the text came here, and to believe an address without TLS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.errors import NotTheApi
from weft.identity.registration import Registration

PATH = "/.well-known/openid-configuration"
CHALLENGE = "S256"
DEFAULT_WAYS = ("client_secret_basic",)  # where a provider says nothing, says OpenID Connect Discovery
WAYS = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A provider as it describes itself.

    Attributes:
        authorize: where browsers are sent. token: where codes are traded. keys: where its keys lie.
        algorithms: with which it signs, as far as they are believed; in our order.
        way: how weft shows its secret; `none` = it has none.
        names_itself: every answer to a browser says `iss`, and must say it.
    """

    authorize: str
    token: str
    keys: str
    algorithms: tuple[str, ...]
    way: str
    names_itself: bool = False


def read_description(told: Any, registration: Registration, *, believed: Sequence[str]) -> Described:
    """Read the document that a provider describes itself with.

    Args:
        told: plain JSON.
        registration: what weft is there.
        believed: the algorithms whose signatures are believed.

    Raises:
        NotTheApi: naming what is missing or does not fit.
    """
    if not isinstance(told, Mapping):
        raise _unfit("is no description of a provider")
    if told.get("issuer") != registration.issuer:
        raise _unfit("names another issuer than the one that `oidc_issuer` names")
    if "code" not in _texts(told, "response_types_supported"):
        raise _unfit("does not offer codes (`response_types_supported`)")
    challenges = _texts(told, "code_challenge_methods_supported")
    if challenges and CHALLENGE not in challenges:  # some that take it do not say so
        raise _unfit(f"does not offer `{CHALLENGE}` (`code_challenge_methods_supported`)")
    offered = _texts(told, "id_token_signing_alg_values_supported")
    algorithms = tuple(each for each in believed if each in offered)
    if not algorithms:
        raise _unfit(f"signs with none of {', '.join(believed)} (`id_token_signing_alg_values_supported`)")
    return Described(
        authorize=_address(told, "authorization_endpoint", registration),
        token=_address(told, "token_endpoint", registration),
        keys=_address(told, "jwks_uri", registration),
        algorithms=algorithms,
        way=_way(told, registration),
        names_itself=told.get("authorization_response_iss_parameter_supported") is True,
    )


def _way(told: Mapping[str, Any], registration: Registration) -> str:
    if registration.secret is None:
        return "none"
    offered = _texts(told, "token_endpoint_auth_methods_supported") or DEFAULT_WAYS
    way = next((each for each in WAYS if each in offered), None)
    if way is None:
        raise _unfit(f"takes a secret in neither of {', '.join(WAYS)}")
    return way


def _address(told: Mapping[str, Any], name: str, registration: Registration) -> str:
    found = told.get(name)
    if not registration.may_ask(found) or "#" in str(found):
        raise _unfit(f"has no address with https:// as `{name}`")
    return str(found)


def _texts(told: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = told.get(name)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


def _unfit(what: str) -> NotTheApi:
    return NotTheApi(
        f"The identity provider's description of itself {what}.",
        hint="look whether `oidc_issuer` is the address that the provider calls `issuer`.",
    )
