"""Free space: looked at rarely, refused in time."""

from __future__ import annotations

import pytest

from weft.errors import DiskFull
from weft.kit.clocks import VirtualClock
from weft.store.space import FreeSpace


class Disk:
    """A disk that counts how often it is looked at."""

    def __init__(self, free_mb):
        self.free_mb = free_mb
        self.looks = 0

    def look(self):
        """Free space now."""
        self.looks += 1
        return self.free_mb


def test_disk_is_looked_at_once_a_second():
    """A thousand reservations in a second cost one look."""
    disk, clock = Disk(1000.0), VirtualClock()
    space = FreeSpace(disk.look, clock, least_mb=256)
    for _ in range(1000):
        space.check()
    clock.advance(1.0)
    space.check()

    assert disk.looks == 2


def test_too_little_space_is_refused():
    """L5: below the limit nothing is reserved, and it is looked at anew each time until there is room."""
    disk = Disk(255.0)
    space = FreeSpace(disk.look, VirtualClock(), least_mb=256)
    with pytest.raises(DiskFull, match="255 MB"):
        space.check()
    disk.free_mb = 256.0
    space.check()

    assert disk.looks == 2


@pytest.mark.parametrize(("free_mb", "least_mb"), [(None, 256), (1.0, 0)])
def test_no_limit_and_no_disk_pass(free_mb, least_mb):
    """Without a limit, or without a disk, there is always room."""
    disk = Disk(free_mb)

    FreeSpace(disk.look, VirtualClock(), least_mb=least_mb).check()

    assert disk.looks <= 1
