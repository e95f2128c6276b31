"""What runs tell while they are walked, for any number of readers.

Knows one log per run, of which the last so many are kept, and the streams that are open.
Refuses to know how a message is written (`streaming.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from weft.api.streaming import EventLog, Streams
from weft.ids import RunId

MOST_LOGS = 64  # runs whose events can be told again; each log is at most about a megabyte


class News:
    """The logs of runs, and who listens.

    Attributes:
        streams: counts them.
    """

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.streams = Streams()
        self._logs: OrderedDict[RunId, EventLog] = OrderedDict()

    def log(self, run: RunId) -> EventLog:
        """The log of a run; begun where there is none."""
        log = self._logs.setdefault(run, EventLog())
        self._logs.move_to_end(run)
        while len(self._logs) > MOST_LOGS:
            self._logs.popitem(last=False)
        return log

    def listeners(self, run: RunId) -> Sequence[EventLog]:
        """Who hears a run's events."""
        return (self.log(run),)
