"""One sign-in under way: what binds the browser that began it to the answer that comes back.

Knows that state, nonce and verifier follow from one seed and the server's key, so that a cookie
holds none of them and nothing has to be kept for somebody who never comes back.
Pure: clock and chance are handed in. Refuses to know who signs in.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from weft.kit.clocks import Clock

LIFE_S = 600.0  # to type a password and find one's telephone
SLACK_S = 60.0  # by which the clocks of two machines may differ
LONGEST = 500  # characters of the address where somebody wants to go on
FRONT = "/"
OWN = ("/sign-in", "/sign-out")
_WRITTEN = re.compile(
    r"1\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{0,2700}={0,2})\.([A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A sign-in that somebody has begun.

    Attributes:
        at: when, seconds since the epoch.
        seed: 43 characters that nobody can guess.
        onward: the local address where they go on afterwards.
    """

    at: int
    seed: str
    onward: str = FRONT


class Errands:
    """Writes errands into cookies and reads them back; every process with the same key can."""

    def __init__(self, key: bytes, *, clock: Clock, draw: Callable[[], str]) -> None:
        """Take a key that is used for many things; what is used here is derived from it.

        Args:
            key: of 256 bits or more.
            clock: wall time.
            draw: gives 43 characters that nobody can guess.

        Raises:
            ValueError: if the key is shorter.
        """
        if len(key) < 32:
            raise ValueError("a key of at least 32 bytes is needed")
        self._key = hmac.digest(key, b"weft sign-in", sha256)
        self._clock = clock
        self._draw = draw

    def begin(self, onward: str) -> Errand:
        """A new errand; anything but a path of this server means its front page."""
        return Errand(at=int(self._clock.wall()), seed=self._draw(), onward=local_address(onward))

    def write(self, errand: Errand) -> str:
        """The value of a cookie."""
        onward = urlsafe_b64encode(errand.onward.encode()).decode()
        body = f"1.{errand.at}.{errand.seed}.{onward}"
        return f"{body}.{self._derived('cookie', body)}"

    def read(self, written: str) -> Errand | None:
        """The errand of a cookie; `None` = it is none of ours, or it has had its time."""
        found = _WRITTEN.fullmatch(written)
        if found is None or not _same(found[4], self._derived("cookie", written[: found.start(4) - 1])):
            return None
        at = int(found[1])
        if not at - SLACK_S <= self._clock.wall() < at + LIFE_S:
            return None
        return Errand(at=at, seed=found[2], onward=urlsafe_b64decode(found[3]).decode())

    def state(self, errand: Errand) -> str:
        """What the provider sends back with its answer."""
        return self._derived("state", errand.seed)

    def nonce(self, errand: Errand) -> str:
        """What the provider signs into its token."""
        return self._derived("nonce", errand.seed)

    def verifier(self, errand: Errand) -> str:
        """What shows the provider that who trades the code is who asked for it (PKCE)."""
        return self._derived("verifier", errand.seed)

    def is_state(self, errand: Errand, given: str) -> bool:
        """Whether an answer belongs to the errand."""
        return _same(given, self.state(errand))

    def _derived(self, what: str, text: str) -> str:
        digest = hmac.digest(self._key, f"{what}\0{text}".encode(), sha256)
        return urlsafe_b64encode(digest).decode().rstrip("=")


def local_address(given: str) -> str:
    """Where somebody may be sent on to: a path of this server, or else the front page.

    >>> local_address("/runs?state=paused"), local_address("//evil.example"), local_address("/sign-in")
    ('/runs?state=paused', '/', '/')
    """
    is_path = re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", given) is not None
    own = is_path and given.partition("?")[0].rstrip("/").startswith(OWN)
    return given if is_path and not own and len(given) <= LONGEST else FRONT


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
