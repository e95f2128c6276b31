"""When faults come: by chance, in bursts, by script, or wherever a certain text stands.

Knows rates and seeded draws. Refuses to know what a fault does.
Real trouble comes in company: an outage or a storm of rate limits hits everybody for a while, so
bursts have a length in seconds of the clock that is handed in.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random

from weft.errors import BadSetting, UnknownName
from weft.kit.clocks import Clock
from weft.testing.fault import Fault
from weft.testing.faults import FAULTS

PLAIN = "ok"  # in a script: this call goes well


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """A fault that befalls every call for a while.

    Attributes:
        fault: its name.
        chance: probability that a call outside any burst begins this one.
        lasts_s: seconds until it is over.
    """

    fault: str
    chance: float
    lasts_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often faults come.

    Attributes:
        rates: name → probability per call; together at most 1.
        bursts: correlated faults.
        script: names for the first calls, in order; `ok` = that call goes well.
        markers: text → name: every call whose rows hold the text gets the fault, as a row that
            trips a filter does.
        at_most: faults by chance and burst, after which all is well; `None` = no end.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    bursts: tuple[Burst, ...] = ()
    script: tuple[str, ...] = ()
    markers: Mapping[str, str] = field(default_factory=dict)
    at_most: int | None = None

    def __post_init__(self) -> None:
        named = [*self.rates, *(burst.fault for burst in self.bursts), *self.markers.values()]
        for name in [*named, *(step for step in self.script if step != PLAIN)]:
            fault_named(name)
        if not sum(self.rates.values()) <= 1 + 1e-9 or min(self.rates.values(), default=0.0) < 0:  # or NaN
            raise BadSetting(
                f"The fault rates add up to {sum(self.rates.values()):g}.",
                hint="each is a probability per call, and together they are at most 1.",
                setting="fault",
            )
        for burst in self.bursts:
            if not (0 <= burst.chance <= 1 and 0 < burst.lasts_s < inf):
                raise BadSetting(
                    f"An outage by `{burst.fault}` cannot begin with a chance of {burst.chance:g} and last "
                    f"{burst.lasts_s:g} s.",
                    hint="the chance is a probability per call, and an outage ends at some time.",
                    setting="fault",
                )

    @classmethod
    def read(cls, texts: Sequence[str], *, markers: Mapping[str, str] | None = None) -> FaultRates:
        """Read rates as a command line gives them: `timeout=0.01`, or a burst `unavailable=0.001@20s`.

        Args:
            texts: in any order; a name may stand once as a rate and once as a burst.
            markers: handed through.

        Raises:
            BadSetting: if a text is not in this form or the rates pass 1.
            UnknownName: if there is no such fault.
        """
        rates, bursts = {}, []
        for text in texts:
            name, _, rate = text.partition("=")
            chance, at, lasts = rate.partition("@")
            try:
                if at:
                    lasts_s = float(lasts.removesuffix("s"))
                    bursts.append(Burst(fault=name.strip(), chance=float(chance), lasts_s=lasts_s))
                else:
                    rates[name.strip()] = float(chance)
            except ValueError as exc:
                raise BadSetting(
                    f"{text!r} is no fault rate.",
                    hint="write it like `timeout=0.01`, or `unavailable=0.001@20s` for an outage of 20 seconds.",
                    setting="fault",
                ) from exc
        return cls(rates=rates, bursts=tuple(bursts), markers=markers or {})


def fault_named(name: str) -> Fault:
    """Find a fault.

    Raises:
        UnknownName: if there is none; names the nearest.
    """
    found = FAULTS.get(name)
    if found is None:
        raise UnknownName.among("fault", name, list(FAULTS))
    return found


class FaultPlan:
    """Draws what befalls the next call.

    Attributes:
        counts: fault name → how often it came.
    """

    def __init__(self, rates: FaultRates, *, random: Random, clock: Clock) -> None:
        """Start with the script of `rates`, if it has one."""
        self.counts: Counter[str] = Counter()
        self._rates = rates
        self._random = random
        self._clock = clock
        self._script: deque[str | Fault] = deque(rates.script)
        self._by_chance = [(FAULTS[name], rate) for name, rate in rates.rates.items()]
        self._burst: Fault | None = None
        self._burst_ends = 0.0
        self._drawn = 0

    def add(self, *steps: str | Fault) -> None:
        """Script the next calls after those that are scripted already.

        Args:
            steps: names, `ok` for a call that goes well, or faults of your own.

        Raises:
            UnknownName: if there is no such fault.
        """
        for step in steps:
            if isinstance(step, str) and step != PLAIN:
                fault_named(step)
        self._script.extend(steps)

    def next(self, user: str = "") -> Fault | None:
        """Draw for one call; `None` = it goes well.

        Args:
            user: the text with the rows, for markers.
        """
        fault = self._next(user)
        if fault:
            self.counts[fault.name] += 1
        return fault

    def _next(self, user: str) -> Fault | None:
        if self._script:
            step = self._script.popleft()
            return step if isinstance(step, Fault) else FAULTS.get(step)
        for text, name in self._rates.markers.items():
            if text in user:
                return FAULTS[name]
        if not (self._by_chance or self._rates.bursts) or self._drawn == self._rates.at_most:
            return None
        fault = self._in_burst() or self._drawn_by_chance()
        self._drawn += fault is not None
        return fault

    def _in_burst(self) -> Fault | None:
        now = self._clock.monotonic()
        if self._burst and now < self._burst_ends:
            return self._burst
        self._burst = None
        for burst in self._rates.bursts:
            if self._random.random() < burst.chance:
                self._burst, self._burst_ends = FAULTS[burst.fault], now + burst.lasts_s
                break
        return self._burst

    def _drawn_by_chance(self) -> Fault | None:
        at = self._random.random()
        for fault, rate in self._by_chance:
            at -= rate
            if at < 0:
                return fault
        return None
