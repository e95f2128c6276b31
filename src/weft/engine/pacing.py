"""Stop 5: when may the next call go? Requests and tokens per minute, pauses, width, circuit.

Pure: small state machines over monotonic seconds that are handed in. In no window of 60 s do
admitted requests or tokens pass their limit (law 7). Refuses to know who asks, and why.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

WINDOW_S = 60.0  # limits are stated per minute
CATCH_UP_S = 0.5  # lateness that may be made up for by going quicker; a loop is late by milliseconds


@dataclass(slots=True)
class Pacer:
    """Spaces calls evenly and keeps every window of 60 s under both limits.

    Even spacing comes first, because providers measure over shorter spans than a minute.

    Attributes:
        rpm, tpm: requests and tokens per minute; `None` = not limited.
        paused_until: nothing goes before this second, because the other side has asked for a pause.
    """

    rpm: int | None = None
    tpm: int | None = None
    paused_until: float = 0.0
    _free_at: float = 0.0
    _gone: deque[tuple[float, int]] = field(default_factory=deque)
    _tokens: int = 0

    def ready_at(self, now: float, tokens: int) -> float:
        """The earliest second at which a call of so many tokens may go; `now` if at once."""
        at = max(now, self.paused_until)
        if self.rpm is None and self.tpm is None:
            return at
        self._forget(now)
        if self.rpm is not None:
            at = max(at, self._free_at)
            if len(self._gone) >= self.rpm:
                at = max(at, self._gone[len(self._gone) - self.rpm][0] + WINDOW_S)
        if self.tpm is not None:
            at = max(at, self._room_at(min(tokens, self.tpm), now))
        return at

    def admit(self, now: float, tokens: int) -> None:
        """Note that a call goes now. A call larger than `tpm` takes a whole window."""
        if self.rpm is None and self.tpm is None:
            return
        tokens = tokens if self.tpm is None else min(tokens, self.tpm)
        self._gone.append((now, tokens))
        self._tokens += tokens
        if self.rpm is not None:
            self._free_at = max(self._free_at, now - CATCH_UP_S) + WINDOW_S / self.rpm

    def pause(self, until: float) -> bool:
        """Let nothing go before a second; whether it is later than what was known."""
        is_later = until > self.paused_until
        self.paused_until = max(self.paused_until, until)
        return is_later

    def _room_at(self, tokens: int, now: float) -> float:
        assert self.tpm is not None  # only called with a limit
        excess = self._tokens + tokens - self.tpm
        at = now
        for gone_at, gone in self._gone:
            if excess <= 0:
                break
            excess -= gone
            at = gone_at + WINDOW_S
        return at

    def _forget(self, now: float) -> None:
        while self._gone and self._gone[0][0] + WINDOW_S <= now:
            self._tokens -= self._gone.popleft()[1]


class Paces:
    """The pacers of this process: runs that ask at one account share requests, tokens and pauses."""

    def __init__(self) -> None:
        """Nobody asks yet."""
        self._pacers: dict[str, Pacer] = {}
        self._stated: dict[str, Counter[tuple[int | None, int | None]]] = {}
        self._shares: Mapping[str, int] = {}

    @property
    def busy(self) -> set[str]:
        """Accounts at which somebody asks."""
        return {account for account, stated in self._stated.items() if +stated}

    def divide(self, shares: Mapping[str, int]) -> None:
        """Leave room for other processes: of every stated limit this one keeps its share.

        Args:
            shares: account → how many processes ask there, this one included.
        """
        self._shares = dict(shares)
        for account in self._pacers:
            self._tighten(account)

    @contextmanager
    def shared(self, account: str, *, rpm: int | None, tpm: int | None) -> Iterator[Pacer]:
        """Ask at an account until the end of the block, at the strictest pace that anybody states there.

        Args:
            account: tells apart whom the other side counts for; a pacer outlives its runs, because
                the other side's minute does.
            rpm, tpm: as this run states them; `None` = it states none.
        """
        pacer = self._pacers.setdefault(account, Pacer())
        stated = self._stated.setdefault(account, Counter())
        stated[rpm, tpm] += 1
        self._tighten(account)
        try:
            yield pacer
        finally:
            stated[rpm, tpm] -= 1
            self._tighten(account)

    def _tighten(self, account: str) -> None:
        pacer, alive = self._pacers[account], +self._stated[account]
        share = self._shares.get(account, 1)
        pacer.rpm = _least([rpm for rpm, _ in alive], share)
        pacer.tpm = _least([tpm for _, tpm in alive], share)


def _least(limits: Iterable[int | None], share: int) -> int | None:
    least = min((each for each in limits if each is not None), default=None)
    return None if least is None else max(1, least // share)


@dataclass(slots=True)
class Width:
    """How many calls may be in flight: halves when the other side is short of breath, grows back.

    Additive increase, multiplicative decrease, as TCP does it.

    Attributes:
        most: the configured concurrency.
    """

    most: int
    _now: float = 0.0
    _halved_at: float = float("-inf")

    def __post_init__(self) -> None:
        self._now = float(self.most)

    @property
    def calls(self) -> int:
        """Calls that may be in flight at this moment, at least one."""
        return max(1, int(self._now))

    def succeeded(self) -> None:
        """Grow by one call for every full round of successes."""
        if self._now < self.most:
            self._now = min(float(self.most), self._now + 1.0 / self._now)

    def strained(self, now: float) -> None:
        """Halve, at most once a second: one burst of complaints is one message."""
        if now - self._halved_at >= 1.0:
            self._now = max(1.0, self._now / 2)
            self._halved_at = now

    def only_one(self) -> None:
        """Fall to a single call, to try whether the other side is back."""
        self._now = 1.0


@dataclass(slots=True)
class Circuit:
    """Opens after failures in a row, so that an ill server is left alone for a while.

    Attributes:
        failures: failures in a row that open it.
        open_s: seconds it stays open.
    """

    failures: int
    open_s: float
    _in_a_row: int = 0

    def succeeded(self) -> None:
        """A call came back: the row of failures ends."""
        self._in_a_row = 0

    def failed(self) -> float:
        """A call failed; return the seconds for which nothing should be sent, or 0.0."""
        self._in_a_row += 1
        if self._in_a_row < self.failures:
            return 0.0
        self._in_a_row = 0
        return self.open_s
