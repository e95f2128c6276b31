"""Which key goes where: a provider's own key to its own host, `WEFT_API_KEY` to any other.

Knows the names of variables. Refuses to read the environment itself: it is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping

from weft.protocols import Credential, ProviderKind
from weft.providers._addresses import belongs_to

FOREIGN_KEY = "WEFT_API_KEY"
"""The variable with the key for a server given by a base URL."""


def key_for(kind: ProviderKind, environ: Mapping[str, str], *, base_url: str = "") -> Credential | None:
    """Choose the key for a provider at an address; `None` if no variable holds one.

    A provider's own variables count only for its own host: a base URL in somebody's `weft.toml`
    cannot draw the key to another server. Whether a key is needed at all is the provider's
    business, which says so when it is built.
    """
    is_official = not base_url or (bool(kind.official_url) and belongs_to(base_url, kind.official_url))
    for variable in kind.key_variables if is_official else (FOREIGN_KEY,):
        if environ.get(variable, "").strip():
            return Credential(environ[variable].strip(), variable)
    return None
