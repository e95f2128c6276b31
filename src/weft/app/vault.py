"""Seals the keys of providers, so that a store, its backup or an export of it gives none away.

Knows envelope encryption: each key is sealed under a data key of its own, and that under the master
key, by AES-256-GCM. What a key is for is sealed in as well, so that a document which is copied to
another workspace, name or host does not open. The only file that imports cryptography.
Pure: randomness is handed in. Refuses to know where master keys lie and where documents are kept.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from weft.errors import BrokenSeal, MissingExtra
from weft.kit.fingerprints import canonical

FORM = 1  # of what is written; another one is another way of sealing
KEY_BYTES = 32  # AES-256, for master keys and data keys alike
NONCE_BYTES = 12  # as NIST SP 800-38D has it; drawn anew for every sealing
ID_LENGTH = 16  # hexadecimal digits

Draw = Callable[[int], bytes]
"""Gives so many bytes that nobody can guess."""


@dataclass(frozen=True, slots=True)
class Master:
    """A master key; shows nothing but its id."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells master keys apart and gives nothing away: a part of a hash of 256 bits of chance."""
        return sha256(b"weft master key\n" + self.key).hexdigest()[:ID_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a kept key is for; a sealed document opens for exactly this.

    Attributes:
        workspace: whose it is.
        name: of the key in its workspace.
        provider: such as `openai`.
        place: host and port to which it may be sent.
    """

    workspace: str
    name: str
    provider: str
    place: str

    def told(self, part: str, master: str) -> bytes:
        """The data that is sealed in beside one part of an envelope."""
        return canonical({
            "form": FORM,
            "part": part,
            "master": master,
            "workspace": self.workspace,
            "name": self.name,
            "provider": self.provider,
            "place": self.place,
        })  # fmt: skip


def seal(text: str, binding: Binding, *, master: Master, draw: Draw) -> dict[str, Any]:
    """Seal a key; the same text looks different each time.

    Returns:
        Plain JSON that `unseal` opens: `form`, `master` (its id), `wrapped` (the data key) and `sealed`.

    Raises:
        MissingExtra: if the library is not installed.
    """
    data_key = draw(KEY_BYTES)
    return {
        "form": FORM,
        "master": master.id,
        "wrapped": _lock(master.key, data_key, binding.told("data key", master.id), draw),
        "sealed": _lock(data_key, text.encode(), binding.told("key", master.id), draw),
    }


def unseal(sealed: Mapping[str, Any], binding: Binding, *, masters: Sequence[Master]) -> str:
    """Open what `seal` made.

    Args:
        sealed: as it was kept.
        binding: what the key must be for.
        masters: those that are there; the one that sealed it is found by its id.

    Raises:
        BrokenSeal: if its master key is not among them, or anything about it was changed.
        MissingExtra: if the library is not installed.
    """
    name = binding.name
    master = next((each for each in masters if each.id == sealed.get("master")), None)
    if sealed.get("form") != FORM:
        raise BrokenSeal(
            f"The kept key `{name}` is sealed in a form that this weft does not know.",
            hint="it may have been sealed by a newer weft.",
            key=name,
        )
    if master is None:
        raise BrokenSeal(
            f"The master key `{str(sealed.get('master'))[:ID_LENGTH]}` that sealed the kept key `{name}` is not "
            "there.",
            hint="give the older master key behind the newest, or set the key anew.",
            key=name,
        )
    data_key = _unlock(master.key, sealed.get("wrapped"), binding.told("data key", master.id))
    text = _unlock(data_key, sealed.get("sealed"), binding.told("key", master.id)) if data_key else None
    if text is None:
        raise BrokenSeal(
            f"The kept key `{name}` does not open for `{binding.provider}` at `{binding.place}` in the workspace "
            f"`{binding.workspace}`: it was changed, or copied from somewhere else.",
            hint="set it anew with `weft keys set`.",
            key=name,
        )
    return text.decode()


def _lock(key: bytes, content: bytes, told: bytes, draw: Draw) -> str:
    nonce = draw(NONCE_BYTES)
    return b64encode(nonce + _cipher(key).encrypt(nonce, content, told)).decode()


def _unlock(key: bytes, locked: Any, told: bytes) -> bytes | None:
    """The content; `None` = it is not what was locked."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an optional extra

    cipher = _cipher(key)
    try:
        raw = b64decode(str(locked), validate=True)
        content: bytes = cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], told)
    except (InvalidTag, ValueError):
        return None
    return content


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an optional extra
    except ImportError as exc:
        raise MissingExtra(
            "Keeping keys needs the package `cryptography`, which is not installed.",
            hint='pip install "weft[team]"',
            extra="team",
            package="cryptography",
        ) from exc
    return AESGCM(key)
