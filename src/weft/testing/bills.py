"""What a pretended provider really charged, call by call, exact to the nano-dollar.

Knows tokens, prices and which row contents were paid for. Refuses to know what the asker recorded:
a bill is the other side's book, and audits compare the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from weft.call import Usage
from weft.money import Price, Usd

CHARACTERS_PER_TOKEN = 4  # the usual rule of thumb; never above the UTF-8 bytes
FRAME_TOKENS = 8  # what a chat format adds around the texts of one call


def count_tokens(*texts: str) -> int:
    """Count tokens by the rule of thumb, rounded up for each text."""
    return sum(-(-len(text) // CHARACTERS_PER_TOKEN) for text in texts)


@dataclass(frozen=True, slots=True)
class BilledCall:
    """One call that was charged.

    Attributes:
        call: the asker's name for the call, or the server's own request id.
        usage: what was really counted, whatever the reply said.
        cost: nano-dollars; zero where no price was given.
        digests: hashes of the row contents the call carried, in order.
        fault: the fault that befell it; empty for a good call.
    """

    call: str
    usage: Usage
    cost: Usd
    digests: tuple[int, ...] = ()
    fault: str = ""


class Bill:
    """Adds up charged calls and remembers which contents were paid for, and how often."""

    def __init__(self, price: Price | None = None, *, path: Path | None = None) -> None:
        """Start an empty bill.

        Args:
            price: per million tokens; `None` charges nothing and still counts.
            path: a file that gets one JSON line per charged call before `charge` returns,
                so that the bill outlives any process; kept and appended to if it exists.
        """
        self.price = price
        self.usd = Usd(0)
        self.input_tokens = 0
        self.output_tokens = 0
        self.calls = 0
        self.rows: Counter[int] = Counter()
        self._file = path.open("ab", buffering=0) if path else None

    def charge(self, call: str, usage: Usage, *, digests: Sequence[int] = (), fault: str = "") -> BilledCall:
        """Charge one call and return its line."""
        spent_in, spent_out = usage.input_tokens or 0, usage.output_tokens or 0
        cost = self.price.cost(spent_in, spent_out, usage.cached_input_tokens) if self.price else Usd(0)
        self.calls += 1
        self.usd += cost
        self.input_tokens += spent_in
        self.output_tokens += spent_out
        self.rows.update(digests)
        line = BilledCall(call, usage, cost, tuple(digests), fault)
        if self._file:
            self._file.write(orjson.dumps(as_plain(line)) + b"\n")
        return line

    def totals(self, *, every_row: bool = False) -> dict[str, Any]:
        """Sum up as plain JSON values; amounts in nano-dollars beside the readable one.

        Args:
            every_row: list how often each content was paid for, not only those paid again.
        """
        again = {f"{digest:016x}": n for digest, n in self.rows.items() if every_row or n > 1}
        return {
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": format(self.usd.dollars, "f"),
            "usd_nanos": int(self.usd),
            "rows": sum(self.rows.values()),
            "distinct_rows": len(self.rows),
            "rows_by_digest" if every_row else "rows_paid_again": again,
        }

    def reset(self) -> None:
        """Forget everything charged so far; the file keeps its lines."""
        self.usd = Usd(0)
        self.input_tokens = self.output_tokens = self.calls = 0
        self.rows.clear()

    def close(self) -> None:
        """Close the file; harmless when repeated."""
        if self._file:
            self._file.close()


class Billed:
    """What a pretended provider shows of its bill."""

    def __init__(self, price: Price | None) -> None:
        """Start with nothing charged; `None` = the price is unknown."""
        self._book = Bill(price)
        self._bill: list[BilledCall] = []

    @property
    def bill(self) -> list[BilledCall]:
        """Every charged call in order, those included whose reply never arrived."""
        return self._bill

    @property
    def billed_usd(self) -> Usd:
        """The sum of the bill; zero where the price is unknown."""
        return self._book.usd

    @property
    def billed_rows(self) -> Mapping[int, int]:
        """Row content (its digest) → how often it was paid for."""
        return self._book.rows

    def charge(self, call: str, usage: Usage, *, digests: Sequence[int] = (), fault: str = "") -> None:
        """Write one call on the bill."""
        self._bill.append(self._book.charge(call, usage, digests=digests, fault=fault))


def as_plain(line: BilledCall) -> dict[str, Any]:
    """Write a charged call as plain JSON values, the format of bill files."""
    return {
        "call": line.call,
        "input_tokens": line.usage.input_tokens,
        "output_tokens": line.usage.output_tokens,
        "usd_nanos": int(line.cost),
        "rows": [f"{digest:016x}" for digest in line.digests],
        "fault": line.fault,
    }


def read_bill(path: Path) -> list[BilledCall]:
    """Read a bill file back; a last line that a crash cut off is left out."""
    lines = []
    for text in path.read_bytes().split(b"\n")[:-1]:
        plain = orjson.loads(text)
        usage = Usage(input_tokens=plain["input_tokens"], output_tokens=plain["output_tokens"])
        digests = tuple(int(digest, 16) for digest in plain["rows"])
        lines.append(BilledCall(plain["call"], usage, Usd(plain["usd_nanos"]), digests, plain["fault"]))
    return lines
