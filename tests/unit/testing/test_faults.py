from __future__ import annotations

import pytest

from weft.errors import Billing, Outage, WeftError
from weft.testing.fault import Delivery, Fault
from weft.testing.faults import FAULTS

ONE_CALL = {f"F{n}" for n in range(1, 35)} | {"F36"}  # F35 is about bulk endpoints


def test_every_number_has_a_fault() -> None:
    """F1-F34, F36: each fault of a single call can be rehearsed under at least one name."""
    assert {fault.number for fault in FAULTS.values()} == ONE_CALL


def test_names_are_distinct() -> None:
    """No line of the table hides another."""
    assert all(name == fault.name for name, fault in FAULTS.items())
    assert len({fault.meaning for fault in FAULTS.values()}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_charge_and_billing_agree(fault: Fault) -> None:
    """I6: whoever books as the table says never books less than was charged."""
    if fault.charged:
        assert fault.billing in (Billing.BILLED, Billing.UNKNOWN)
    else:
        assert fault.billing in (Billing.VOID, Billing.UNKNOWN)


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS.values() if fault.error], ids=lambda fault: fault.name
)
def test_error_carries_its_facts(fault: Fault) -> None:
    """An asker without a wire learns kind, status, billing and the stated wait."""
    error = fault.as_error()

    assert isinstance(error, WeftError)
    assert (error.billing, error.facts["fault"]) == (fault.billing, fault.name)
    if isinstance(error, Outage):
        assert error.retry_after_s == fault.retry_after_s


def test_reply_is_no_error() -> None:
    """A fault that brings a reply has no error to raise."""
    with pytest.raises(ValueError, match="brings a reply"):
        FAULTS["fences"].as_error()


def test_turned_away_costs_nothing() -> None:
    """F1-F11: whatever comes with a status of its own is not charged."""
    assert not any(fault.charged for fault in FAULTS.values() if fault.status not in (0, 200))


def test_every_delivery_is_used() -> None:
    """Each way a reply goes wrong on the wire belongs to some fault."""
    assert {fault.delivery for fault in FAULTS.values()} == set(Delivery)
