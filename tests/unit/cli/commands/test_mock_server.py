"""`weft mock-server`: its flags become options, and values that make no sense are refused at once."""

from __future__ import annotations

import pytest

from weft.cli.commands.mock_server import _options
from weft.testing.fault_plans import Burst


def test_faults_are_read() -> None:
    """`--fault` takes rates and outages, as often as it is given."""
    options = _options({"faults": ["timeout=0.01", "unavailable=0.001@20s"], "seed": 7})

    assert options.faults.rates == {"timeout": 0.01}
    assert options.faults.bursts == (Burst(fault="unavailable", chance=0.001, lasts_s=20),)
    assert options.seed == 7


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--port", "99999"], "`--port` is 99999; expected 0 to 65,535."),
        (["--latency-ms", "-5"], "`--latency-ms` is -5"),
        (["--latency-ms", "nan"], "`--latency-ms` is nan"),
        (["--jitter-ms", "-1"], "`--jitter-ms` is -1"),
        (["--rpm", "0"], "`--rpm` is 0"),
        (["--tpm", "-1"], "`--tpm` is -1"),
        (["--context-tokens", "0"], "`--context-tokens` is 0"),
        (["--fault", "timeout"], "is no fault rate"),
        (["--fault", "timeout=nan"], "add up to nan"),
        (["--fault", "timeout=0.1@-5s"], "cannot begin with a chance"),
        (["--fault", "timeuot=0.1"], "There is no fault `timeuot`."),
    ],
)
def test_senseless_values_are_refused(weft, flags: list[str], told: str) -> None:
    """A value out of range is a mistake of the asker, said before anything listens."""
    said = weft("mock-server", *flags)

    assert said.code == 2
    assert told in said.err
