"""Stop 6½: a call brought no answer; what now?

Pure: an error, the tries so far and the state of the lane go in, one of five decisions comes out.
This is weft's only layer of retries: providers and transports never repeat anything.
Refuses to know rows, prompts and the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from weft.errors import (
    BadRequest,
    ContentRefused,
    Disconnected,
    NotTheApi,
    Outage,
    Overloaded,
    PromptTooLong,
    RateLimited,
    StoreBusy,
    TimedOut,
    Unreachable,
    WeftError,
)

FIRST_WAIT_S = 1.0  # back-off starts here …
LONGEST_WAIT_S = 60.0  # … and never passes this without being asked to
FREE_RETRIES = 10  # repeats that a short run may make whatever their share
UNSURE_TRIES = 2  # a call that may have been billed is repeated once


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Send the same pack again after a while.

    Attributes:
        strained: the other side asked for less, so fewer calls should be in flight.
        lane: the whole lane waits, not only this pack.
    """

    wait_s: float
    strained: bool = False
    lane: bool = False


@dataclass(frozen=True, slots=True)
class Divide:
    """Ask for smaller packs; a single row fails."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Bring the run to rest; a person or time must act."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """Leave the rows waiting and go on with others; what becomes of those tells whose fault it is."""


Decision = Repeat | Divide | PutOff | Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """What has been tried with one pack.

    Attributes:
        failed: calls that the other side's illness has cost before this one, rate limits not counted.
        unsure: calls before this one that may have been billed.
        wait_s: the last back-off.
    """

    failed: int = 0
    unsure: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """How the other side has been lately.

    Attributes:
        silent_s: seconds without a single good reply.
        answered_since: whether any call was answered since these rows were first sent.
        whole: these rows are a pack as it was laid, and can be divided.
        put_off: packs put off since the last good reply.
        repeats, calls: repeats so far, and calls so far.
    """

    silent_s: float = 0.0
    answered_since: bool = False
    whole: bool = False
    put_off: int = 0
    repeats: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Limits of trying, from the settings of the same names."""

    attempts: int = 4
    retry_after_cap_s: float = 120.0
    patience_s: float = 600.0
    retry_share: float = 0.1
    circuit_open_s: float = 30.0


def decide(error: WeftError, tries: Tries, *, lane: Lane, patience: Patience, random: Random) -> Decision:
    """Say what becomes of a pack whose call failed with this error.

    Rate limits never divide a pack and are not counted as tries. Requests that the provider
    finds invalid, too long or improper are divided to isolate the row. Illness is waited out,
    within bounds; the rest stops the run.
    """
    if isinstance(error, BadRequest | PromptTooLong | ContentRefused):
        return Divide()
    if isinstance(error, RateLimited | Overloaded):
        return _limited(error, tries, lane, patience, random)
    if isinstance(error, TimedOut | Disconnected | NotTheApi):
        return _unsure(error, tries, lane, patience, random)
    if isinstance(error, Outage) and not isinstance(error, StoreBusy):
        return _ill(error, tries, lane, patience, random)
    return Pause()


def _limited(
    error: RateLimited | Overloaded, tries: Tries, lane: Lane, patience: Patience, random: Random
) -> Decision:
    asked = error.retry_after_s
    if asked is not None and asked > patience.retry_after_cap_s:
        return Pause()
    if lane.silent_s > patience.patience_s:
        return Pause()
    if asked is not None and asked > 0:
        return Repeat(wait_s=asked, strained=True, lane=True)
    return Repeat(wait_s=back_off(tries.wait_s, random), strained=True)


def _unsure(error: WeftError, tries: Tries, lane: Lane, patience: Patience, random: Random) -> Decision:
    if tries.unsure + 1 < UNSURE_TRIES:
        return Repeat(wait_s=_polite(back_off(tries.wait_s, random), lane, patience))
    if isinstance(error, NotTheApi):
        return Divide() if lane.answered_since else Pause()
    return Divide() if lane.whole else _exhausted(lane)


def _ill(error: Outage, tries: Tries, lane: Lane, patience: Patience, random: Random) -> Decision:
    if tries.failed + 1 >= patience.attempts:
        return _exhausted(lane)
    asked = error.retry_after_s
    if asked is not None and asked > patience.retry_after_cap_s:
        return Pause()
    wait = max(asked or 0.0, back_off(tries.wait_s, random))
    return Repeat(wait_s=_polite(wait, lane, patience))


def _exhausted(lane: Lane) -> Decision:
    """Others were answered: it is the rows. Nobody was: try others once, then it is the other side."""
    if lane.answered_since:
        return Divide()
    return Pause() if lane.put_off else PutOff()


def at_rest(error: WeftError, *, wall: float, patience: Patience) -> WeftError:
    """Word an error for a run that rests because of it: what was to happen by itself will not.

    Args:
        wall: seconds since the epoch, for the time from which a resumed run can succeed.
    """
    if not isinstance(error, Outage) or isinstance(error, StoreBusy):
        return error
    said, hint = (
        error.message,
        RESTING_HINTS.get(type(error), "resume the run when the other side is well again."),
    )
    asked = error.retry_after_s
    if asked is not None and asked > patience.retry_after_cap_s:
        said = f"{said.removesuffix('.')}, and asks for a wait of {asked:,.0f} s."
        hint = f"resume the run after {datetime.fromtimestamp(wall + asked, UTC):%Y-%m-%d %H:%M} UTC."
    return type(error)(said, hint=hint, billing=error.billing, **error.facts)


RESTING_HINTS: Mapping[type[Outage], str] = {
    Unreachable: "check the network, the base URL and that the server runs, then resume the run.",
    NotTheApi: "check the base URL and what stands between, a proxy or a login page, then resume the run.",
    TimedOut: "raise `timeout_s` or lower `rows_per_call`, then resume the run.",
    RateLimited: "resume the run later, with a lower concurrency or `--rpm`.",
}
"""The next step after each kind of outage that was not waited out."""


def _polite(wait_s: float, lane: Lane, patience: Patience) -> float:
    """Wait longer when repeats have become a large share of all calls."""
    if lane.repeats > FREE_RETRIES + patience.retry_share * lane.calls:
        return max(wait_s, patience.circuit_open_s)
    return wait_s


def back_off(last_s: float, random: Random) -> float:
    """Decorrelated jitter: between one second and three times the last wait, at most a minute.

    The rule is the one known from the AWS architecture notes on exponential back-off and jitter.
    """
    return min(LONGEST_WAIT_S, random.uniform(FIRST_WAIT_S, max(FIRST_WAIT_S, last_s * 3) + 0.5))
