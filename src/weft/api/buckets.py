"""Token buckets: how many requests somebody may still send, as a pure state machine.

Knows that a bucket holds a minute's worth, is filled evenly, and is forgotten when it is full or when
too many are kept. The time is handed in. Refuses to know requests and who sends them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

WINDOW_S = 60.0  # a bucket holds as many requests as may be sent in this time
MOST = 10_000  # buckets that are kept; each is some 200 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What is left of a bucket after a request.

    Attributes:
        policy: which kind of bucket.
        limit: requests that it holds. window_s: seconds in which it fills from empty.
        remaining: whole requests that could be sent now.
        reset_s: whole seconds until it is full.
        retry_after_s: whole seconds until there is room for one request; 0 = this one was let through.
    """

    policy: str
    limit: int
    window_s: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether the request is one too many."""
        return self.retry_after_s > 0


class Buckets:
    """One bucket for each who sends requests, at most so many of them."""

    def __init__(self, policy: str, limit: int, *, window_s: float = WINDOW_S, most: int = MOST) -> None:
        """Fill every bucket.

        Args:
            policy: what this kind of bucket is called.
            limit: requests that a bucket holds, above 0.
            window_s: in which an empty one is full again.
            most: buckets; beyond it, the one that was not used for longest counts as full again.
        """
        self.policy = policy
        self.limit = limit
        self._window_s = window_s
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who → tokens, and when

    def take(self, who: str, now: float) -> Quota:
        """Take one request out of somebody's bucket, if there is one.

        Args:
            now: monotonic seconds.
        """
        tokens = self._tokens(who, now)
        is_spent = tokens < 1
        if not is_spent:
            tokens -= 1
        self._keep(who, tokens, now)
        return self._quota(tokens, is_spent=is_spent)

    def give_back(self, who: str, now: float) -> None:
        """Put back what was taken for a request that counts elsewhere."""
        self._keep(who, min(self.limit, self._tokens(who, now) + 1), now)

    def __len__(self) -> int:
        """How many buckets are kept; full ones need not be."""
        return len(self._left)

    def _tokens(self, who: str, now: float) -> float:
        tokens, at = self._left.get(who, (float(self.limit), now))
        return min(self.limit, tokens + max(0.0, now - at) * self.limit / self._window_s)

    def _keep(self, who: str, tokens: float, now: float) -> None:
        self._left.pop(who, None)
        if tokens < self.limit:
            self._left[who] = (tokens, now)
        while len(self._left) > self._most:
            self._left.popitem(last=False)

    def _quota(self, tokens: float, *, is_spent: bool) -> Quota:
        per_token_s = self._window_s / self.limit
        return Quota(
            policy=self.policy,
            limit=self.limit,
            window_s=math.ceil(self._window_s),
            remaining=int(tokens),
            reset_s=math.ceil((self.limit - tokens) * per_token_s),
            retry_after_s=max(1, math.ceil((1 - tokens) * per_token_s)) if is_spent else 0,
        )
