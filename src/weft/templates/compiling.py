"""Compiled bodies by content, so that a run compiles its template once.

Knows what makes two bodies the same: key, text, escaping, first line, environment version and the
pieces that the body is composed of. A changed file is simply another content, for each template
that is composed of it and for no other; nobody has to clear anything. Refuses to know files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from weft.kit.caches import CacheStats, TtlLruCache
from weft.kit.clocks import Clock, SystemClock
from weft.templates.confining import Confinement
from weft.templates.environment import VERSION, CompiledBody, Escaping
from weft.templates.pieces import Piece
from weft.templates.worker_limits import RenderLimits

SIZE = 256  # bodies kept; one is some tens of kilobytes
CONFINED = 4  # processes kept for foreign templates; one is some 30 MB, and whoever uses one keeps it

_Key = tuple[str, str, Escaping, int, str, tuple[tuple[str, str, int, str], ...]]


class CompileCache:
    """At most `size` compiled bodies, the least recently used goes first; for any thread.

    Concurrent renders of a body compile it once, and the counts stay exact.
    """

    def __init__(
        self,
        size: int = SIZE,
        *,
        clock: Clock | None = None,
        limits: RenderLimits | None = None,
        confines_all: bool = False,
    ) -> None:
        """Begin empty.

        Args:
            clock: only for a test; entries never age.
            limits: what a row of a foreign template may take; by default those of the security study.
            confines_all: every template counts as foreign that is not weft's own.
        """
        self.confines_all = confines_all
        self._limits = limits
        self._confined: TtlLruCache[str, Confinement] = TtlLruCache(
            CONFINED, ttl_s=None, clock=clock or SystemClock()
        )
        self._bodies: TtlLruCache[_Key, CompiledBody] = TtlLruCache(
            size, ttl_s=None, clock=clock or SystemClock()
        )

    def body(
        self,
        text: str,
        *,
        name: str,
        escaping: Escaping = Escaping.TEXT,
        first_line: int = 1,
        pieces: Sequence[Piece] = (),
    ) -> CompiledBody:
        """Look a body up, or compile it.

        Args:
            text: a body that `read_body` found without flaws.
            name: the template's key; templates never share an entry.
            first_line: physical line of the body in its file, for messages.
            pieces: what the body is composed of; a change in any is another entry.
        """
        key = (
            name,
            _digest(text),
            escaping,
            first_line,
            VERSION,
            tuple((piece.ref, piece.title, piece.body_line, _digest(piece.body)) for piece in pieces),
        )
        return self._bodies.get_or_make(
            key,
            lambda: CompiledBody(text, name=name, escaping=escaping, first_line=first_line, pieces=pieces),
        )

    def confinement(self, digest: str) -> Confinement:
        """Look up the process of one foreign template, or prepare one; it starts with the first row.

        Args:
            digest: of the template; templates never share a process.
        """
        return self._confined.get_or_make(digest, lambda: Confinement(limits=self._limits))

    def stats(self) -> CacheStats:
        """Copy the counts: hits, misses, evictions, size."""
        return self._bodies.stats()

    def clear(self) -> None:
        """Forget all compiled bodies and set the counts to zero; processes in use stay until they are not."""
        self._bodies.clear()
        self._confined.clear()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
