"""Who may come in at the local server: its key, a code that is good once, and sealed cookies.

Knows how long each of them is good for. A cookie is sealed with the key, so that it outlives a
restart of the server and nothing about it is kept; a new key makes every cookie worthless.
Pure: the clock and the randomness are handed in. Refuses to know requests.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from weft.kit.clocks import Clock
from weft.kit.secrecy import LIVE

IDLE_S = 12 * 3_600.0  # a cookie that nobody has used for so long is worthless
LIFE_S = 7 * 86_400.0  # and so is any cookie after so long
RENEW_S = 60.0  # a cookie is sealed anew at most so often
_COOKIE = re.compile(r"1\.([0-9]{1,12})\.([0-9]{1,12})\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Session:
    """One person's visit.

    Attributes:
        name: tells visits apart; nobody can guess it.
        born: when it began, seconds since the epoch. seen: when it was last sealed.
    """

    name: str
    born: int
    seen: int


class Sessions:
    """Lets in who has the key, and who has a cookie that was sealed with it."""

    def __init__(self, key: str, *, clock: Clock, draw: Callable[[], str]) -> None:
        """Guard with this key.

        Args:
            key: at least 192 bits that nobody can guess.
            draw: gives codes and names of sessions that nobody can guess.
        """
        self._key = key.encode()
        self._clock = clock
        self._draw = draw
        self._code: str | None = None

    def new_code(self) -> str:
        """Make a code that opens one session; an earlier one that was not used is worthless."""
        self._code = self._draw()
        LIVE.add(self._code)
        return self._code

    def open(self, code: str) -> Session | None:
        """Trade a code for a session; `None` = it is none, or it was used."""
        if self._code is None or not _same(code, self._code):
            return None
        self._code = None
        now = int(self._clock.wall())
        return Session(self._draw(), now, now)

    def has_key(self, given: str) -> bool:
        """Whether this is the key; takes as long for a wrong one as for the right one."""
        return _same(given, self._key.decode())

    def seal(self, session: Session) -> str:
        """Write a session as the value of a cookie."""
        body = f"1.{session.born}.{session.seen}.{session.name}"
        return f"{body}.{self._mark(body)}"

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; `None` = it is none of ours, or it has had its time."""
        found = _COOKIE.fullmatch(cookie)
        if found is None or not _same(found[4], self._mark(cookie[: found.start(4) - 1])):
            return None
        session = Session(found[3], int(found[1]), int(found[2]))
        now = self._clock.wall()
        fresh = session.seen - RENEW_S <= now < session.seen + IDLE_S
        return session if fresh and now < session.born + LIFE_S else None

    def renewed(self, session: Session) -> Session | None:
        """The same session as seen just now; `None` where that is not worth a new cookie."""
        now = int(self._clock.wall())
        return Session(session.name, session.born, now) if now - session.seen >= RENEW_S else None

    def _mark(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
