"""Stop 3: do we know the answer already, or is someone asking the same?

Knows what makes two questions the same and keeps book of those in flight.
Refuses to know neighbours: a key never depends on packing, concurrency, budgets or credentials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weft.call import PackRow, RowEnd
from weft.ids import RowKey
from weft.kit.fingerprints import canonical, fingerprint
from weft.row import Value


def key_of(
    prompter: str, *, provider: str, model: str, options: Mapping[str, Any], salt: str = ""
) -> Callable[[Mapping[str, Value]], RowKey]:
    """Make the function that gives a row's key from its mapped values.

    In the key: the prompter's fingerprint (body or program, schema, checks), provider, model,
    options that change answers, the mapped values, and the run's salt when it wants fresh answers.
    Not in the key, and why:
        rows per call      packing must not change answers (law 2)
        concurrency, pace  change when, not what
        time-outs, tries   change whether, not what
        budget             changes how many, not what
        credentials        the same question whoever pays; workspaces are kept apart by the store
        endpoint           the same model at another address

    Args:
        prompter: fingerprint of the prompter.
        salt: empty, or a run's id where remembered answers must not be shared with other runs.
    """
    head = fingerprint("row", prompter, provider, model, dict(options), salt).encode()
    begun = hashlib.sha256(head)  # the head fills its first block, which is hashed once for all rows

    def row_key(values: Mapping[str, Value]) -> RowKey:
        # The head has a fixed length and canonical text ends where it ends: nothing can be confused.
        whole = begun.copy()
        whole.update(canonical(values))
        return RowKey(whole.digest())

    return row_key


class InFlight:
    """Book of the questions that are being asked, so that identical rows wait for one another.

    A question enters with its first row, its twins join it, and it leaves when its end is
    durable. Ends stay known until the next look into the store has begun after that, for a look
    that began earlier cannot have seen them.
    """

    def __init__(self) -> None:
        """Start with nothing in flight."""
        self._leaders: dict[RowKey, PackRow] = {}
        self._ends: dict[RowKey, RowEnd] = {}
        self._older_ends: dict[RowKey, RowEnd] = {}

    def __len__(self) -> int:
        return len(self._leaders)

    def look_begins(self) -> None:
        """Tell that waiting rows are about to be read from the store."""
        self._older_ends, self._ends = self._ends, {}

    def joins(self, key: RowKey, place: int) -> bool:
        """Let a row wait for an identical one; False if there is none in flight."""
        leader = self._leaders.get(key)
        if leader is None:
            return False
        leader.twins.append(place)
        return True

    def end_of(self, key: RowKey) -> RowEnd | None:
        """The end that an identical row has just come to, or `None`."""
        return self._ends.get(key) or self._older_ends.get(key)

    def enter(self, row: PackRow) -> None:
        """A question is about to be asked."""
        self._leaders[row.key] = row

    def forget(self, row: PackRow) -> None:
        """A question is put off: it waits in the store again, and so do its twins."""
        self._leaders.pop(row.key, None)

    def leave(self, ends: Iterable[RowEnd]) -> None:
        """Questions have their ends; call when they are decided and again when they are durable."""
        leaders, known = self._leaders, self._ends
        for end in ends:
            leaders.pop(end.key, None)
            known[end.key] = end
