from random import Random

import pytest

from weft import errors
from weft.engine.retrying import (
    Divide,
    Lane,
    Patience,
    Pause,
    PutOff,
    Repeat,
    Tries,
    at_rest,
    back_off,
    decide,
)


def decided(error, *, tries=None, lane=None, patience=None):
    return decide(
        error,
        tries or Tries(),
        lane=lane or Lane(),
        patience=patience or Patience(),
        random=Random(3),
    )


@pytest.mark.parametrize("stated", [0.5, 1, 20, 120])
def test_a_stated_wait_is_kept_to(stated):
    """F1, P39: a rate limit pauses the whole lane for the time that was asked for; the pack stays whole."""
    decision = decided(errors.RateLimited("slow down", retry_after_s=stated))

    assert decision == Repeat(wait_s=stated, strained=True, lane=True)


@pytest.mark.parametrize("stated", [120.5, 121, 1e9])
def test_a_wait_beyond_the_cap_pauses_the_run(stated):
    """F1, F4: nobody sits through an absurd wait; the run pauses and can be resumed."""
    assert decided(errors.RateLimited("slow down", retry_after_s=stated)) == Pause()


def test_a_limit_without_a_time_backs_off():
    """F2, F6, B21: without a stated time the wait grows with jitter up to a minute."""
    decision = decided(errors.Overloaded("busy"), tries=Tries(wait_s=50.0))

    assert isinstance(decision, Repeat)
    assert 1.0 <= decision.wait_s <= 60.0
    assert decision.strained
    assert not decision.lane


def test_rate_limits_are_no_tries_but_end_with_patience():
    """I12: a lane that gives no answer for the whole patience brings the run to rest."""
    error = errors.RateLimited("slow down", retry_after_s=5)

    assert isinstance(decided(error, tries=Tries(failed=99)), Repeat)
    assert decided(error, lane=Lane(silent_s=601)) == Pause()


@pytest.mark.parametrize(
    "kind", [errors.ServerFailed, errors.Unreachable], ids=["server failed", "unreachable"]
)
def test_illness_is_tried_four_times(kind):
    """F5, F12: after four tries others are asked first; if nobody is answered the run pauses, else it is the rows."""
    error = kind("ill")

    assert isinstance(decided(error, tries=Tries(failed=2)), Repeat)
    assert decided(error, tries=Tries(failed=3)) == PutOff()
    assert decided(error, tries=Tries(failed=3), lane=Lane(put_off=1)) == Pause()
    assert decided(error, tries=Tries(failed=3), lane=Lane(answered_since=True)) == Divide()


@pytest.mark.parametrize("kind", [errors.TimedOut, errors.Disconnected], ids=["time-out", "disconnect"])
def test_a_call_that_may_be_billed_is_repeated_once(kind):
    """F13, F14: what may have been paid for is sent again once, later in smaller packs, and last of all."""
    error = kind("lost")

    assert isinstance(decided(error), Repeat)
    assert decided(error, tries=Tries(unsure=1), lane=Lane(whole=True)) == Divide()
    assert decided(error, tries=Tries(unsure=1), lane=Lane(answered_since=True)) == Divide()
    assert decided(error, tries=Tries(unsure=1)) == PutOff()
    assert decided(error, tries=Tries(unsure=1), lane=Lane(put_off=1)) == Pause()


def test_a_login_page_is_asked_once_more():
    """F17: where something else answers, it does so to everybody: one more try, then the run rests."""
    error = errors.NotTheApi("Something else answered.")

    assert isinstance(decided(error), Repeat)
    assert decided(error, tries=Tries(unsure=1), lane=Lane(whole=True)) == Pause()


@pytest.mark.parametrize(
    "kind",
    [errors.BadRequest, errors.PromptTooLong, errors.ContentRefused],
    ids=["bad request", "too long", "refused"],
)
def test_what_is_in_a_pack_divides_it(kind):
    """F8, F11, F27: an invalid, too long or improper request is divided to find the row."""
    assert decided(kind("no")) == Divide()


@pytest.mark.parametrize(
    "kind",
    [errors.NotAuthorised, errors.QuotaSpent, errors.UnknownModel, errors.StoreBusy],
    ids=["key", "credit", "model", "store"],
)
def test_what_a_person_must_mend_pauses_at_once(kind):
    """F3, F9, F10, L7: a refused key, spent credit, an unknown model end the asking without another call."""
    assert decided(kind("no")) == Pause()


def test_many_repeats_slow_the_run_down():
    """I13: when repeats pass a tenth of all calls, each waits as long as an open circuit."""
    decision = decided(errors.ServerFailed("ill"), lane=Lane(repeats=40, calls=100))

    assert isinstance(decision, Repeat)
    assert decision.wait_s == 30.0


def test_back_off_stays_within_its_bounds():
    """B21: jitter lies between one second and a minute, whatever came before."""
    random = Random(1)
    waits = [back_off(last, random) for last in (0.0, 1.0, 5.0, 30.0, 60.0) for _ in range(200)]

    assert min(waits) >= 1.0
    assert max(waits) <= 60.0
    assert len({round(wait, 3) for wait in waits}) > 100


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errors.ServerFailed("It failed.", hint="the call is repeated later by itself."), "resume the run"),
        (errors.TimedOut("Nothing came.", hint="the call is repeated by itself."), "raise `timeout_s`"),
        (errors.Unreachable("No connection."), "check the network"),
        (errors.NotTheApi("Something else answered."), "login page"),
        (errors.RateLimited("Slow down."), "--rpm"),
        (errors.RateLimited("Slow down.", retry_after_s=3600), "after 2023-11-14 23:13 UTC"),
    ],
    ids=["ill", "time-out", "unreachable", "portal", "no patience left", "long wait"],
)
def test_a_resting_run_says_the_next_step(error, says):
    """F1, F5, F12, F13, I17: a run that rests promises no repeat by itself, but says what to do, and when."""
    told = at_rest(error, wall=1_700_000_000.0, patience=Patience())

    assert says in told.hint
    assert (told.code, told.billing, told.facts) == (error.code, error.billing, error.facts)


def test_a_long_wait_is_told_in_seconds():
    """F1: how long the provider wants to be left alone stands in the sentence."""
    told = at_rest(errors.RateLimited("Slow down.", retry_after_s=3600), wall=0.0, patience=Patience())

    assert told.message == "Slow down, and asks for a wait of 3,600 s."


def test_what_is_no_outage_is_told_as_it_is():
    """F3, F9, F10, L7: a refusal or a busy store has its own next step already."""
    for error in (errors.QuotaSpent("No credit.", hint="add credit."), errors.StoreBusy("Locked.")):
        assert at_rest(error, wall=0.0, patience=Patience()) is error
