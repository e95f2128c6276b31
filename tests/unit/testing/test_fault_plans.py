from __future__ import annotations

from random import Random

import pytest

from weft.errors import BadSetting, UnknownName
from weft.kit.clocks import VirtualClock
from weft.testing.fault import Fault
from weft.testing.fault_plans import Burst, FaultPlan, FaultRates, fault_named
from weft.testing.faults import FAULTS


def plan_of(rates: FaultRates, *, seed: int = 0, clock: VirtualClock | None = None) -> FaultPlan:
    """A plan with its own seed and clock."""
    return FaultPlan(rates, random=Random(seed), clock=clock or VirtualClock(auto=False))


def names(plan: FaultPlan, count: int) -> list[str]:
    """The next draws by name; empty = all is well."""
    return [fault.name if (fault := plan.next()) else "" for _ in range(count)]


def test_seed_decides_every_draw() -> None:
    """The same seed draws the same faults, another one others."""
    rates = FaultRates(rates={"timeout": 0.3, "fences": 0.3})

    assert names(plan_of(rates), 50) == names(plan_of(rates), 50)
    assert names(plan_of(rates), 50) != names(plan_of(rates, seed=1), 50)


def test_rates_are_met() -> None:
    """A fault of ten per cent comes about once in ten calls, and is counted."""
    plan = plan_of(FaultRates(rates={"timeout": 0.1, "html": 0.05}))

    drawn = names(plan, 4_000)

    assert 320 < drawn.count("timeout") < 480
    assert plan.counts["html"] == drawn.count("html")


def test_burst_hits_everybody_for_its_time() -> None:
    """An outage befalls every call until its seconds are over on the clock."""
    clock = VirtualClock(auto=False)
    plan = plan_of(FaultRates(bursts=(Burst(fault="unavailable", chance=1.0, lasts_s=10.0),)), clock=clock)
    first = names(plan, 3)
    clock.advance(9.9)
    still = names(plan, 1)

    assert first == ["unavailable"] * 3
    assert still == ["unavailable"]


def test_burst_ends_with_the_clock() -> None:
    """After its seconds an outage is over; another has to be drawn."""
    clock = VirtualClock(auto=False)
    plan = plan_of(FaultRates(bursts=(Burst(fault="unavailable", chance=0.01, lasts_s=10.0),)), clock=clock)
    while plan.next() is None:
        pass
    clock.advance(10.0)

    assert names(plan, 5) == [""] * 5


def test_script_comes_first() -> None:
    """Scripted calls go as written, `ok` goes well, then chance takes over."""
    plan = plan_of(FaultRates(rates={"html": 1.0}, script=("reset", "ok")))
    plan.add("nul")

    assert names(plan, 5) == ["reset", "", "nul", "html", "html"]


def test_script_takes_faults_of_ones_own() -> None:
    """A fault that the table does not know is scripted by itself, between those that it knows."""
    own = Fault(name="own", number="F1", meaning="Not in the table.", status=429)
    plan = plan_of(FaultRates())
    plan.add("ok", own, "empty")

    drawn = [plan.next() for _ in range(3)]

    assert drawn == [None, own, FAULTS["empty"]]
    assert plan.counts == {"own": 1, "empty": 1}


def test_marker_spoils_its_row_only() -> None:
    """F8: every call that carries the marked text gets the fault, no other one."""
    plan = plan_of(FaultRates(markers={"POISON": "bad_request"}))

    drawn = [plan.next("good"), plan.next("some POISON here"), plan.next("POISON")]

    assert [fault.name if fault else "" for fault in drawn] == ["", "bad_request", "bad_request"]


def test_trouble_ends_after_its_share() -> None:
    """I12: with `at_most` a provider answers eventually, whatever its rates."""
    assert names(plan_of(FaultRates(rates={"timeout": 1.0}, at_most=2)), 4) == ["timeout", "timeout", "", ""]


def test_rates_are_read_from_a_command_line() -> None:
    """A rate and a burst, as `--fault` takes them."""
    rates = FaultRates.read(["timeout=0.01", "unavailable=0.001@20s", "reset = .5"])

    assert rates.rates == {"timeout": 0.01, "reset": 0.5}
    assert rates.bursts == (Burst(fault="unavailable", chance=0.001, lasts_s=20.0),)


@pytest.mark.parametrize(
    "text", ["timeout", "timeout=often", "timeout=0.1@long", "timeout=1.5", "timeout=-1"]
)
def test_bad_rate_is_a_bad_setting(text: str) -> None:
    """What is no probability is refused with the right form as a hint."""
    with pytest.raises(BadSetting):
        FaultRates.read([text])


def test_unknown_fault_names_the_nearest() -> None:
    """A slip of the pen is met with the right name, wherever a name is given."""
    with pytest.raises(UnknownName) as caught:
        FaultRates.read(["time_out=0.1"])

    assert "`timeout`" in caught.value.hint
    with pytest.raises(UnknownName):
        FaultRates(markers={"x": "nonsense"})
    with pytest.raises(UnknownName):
        plan_of(FaultRates()).add("nonsense")
    assert fault_named("html").number == "F17"
