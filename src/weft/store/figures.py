"""Figures of runs: what they were about and how they went, without the text of any template.

Knows that a run's spec holds whole templates, so that three words are taken out of it by the
database itself, page by page. Refuses to know what the figures are for, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement

from weft.ids import RunId
from weft.run import RunFigures, RunState
from weft.store.lines import RunLine
from weft.store.reading import Reader
from weft.store.sql import Sql, number
from weft.store.tables import runs
from weft.store.tallying import count_rows, tally_of

PAGE = 1_000  # runs read at once
EVER = 1e15  # seconds since the epoch; later than any run


class _Word(ColumnElement[str]):
    """One word of a run's spec, which is kept as JSON."""

    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.name = name


@compiles(_Word)
def _write_word(element: _Word, compiler: Any, **_: Any) -> str:
    del compiler
    return f"json_extract(runs.spec, '$.{element.name}')"


@compiles(_Word, "postgresql")
def _write_word_there(element: _Word, compiler: Any, **_: Any) -> str:
    del compiler
    return f"(runs.spec::json ->> '{element.name}')"


FIGURES = Sql(
    select(
        _Word("template"),
        _Word("provider"),
        _Word("model"),
        runs.c.created_at,
        *(runs.c[name] for name in RunLine.__slots__),
    )
    .where(
        runs.c.seq > bindparam("after"),
        runs.c.created_at >= bindparam("since"),
        runs.c.created_at < bindparam("until"),
    )
    .order_by(runs.c.seq)
    .limit(bindparam("limit"))
    .offset(number(0)),
    "after", "since", "until", "limit",
)  # fmt: skip


class FiguresPart:
    """The store's figures; see `weft.protocols.RunStore.figures`."""

    _reader: Reader

    def figures(self, *, since: float | None = None, until: float | None = None) -> Iterator[RunFigures]:
        """Stream the figures of runs in the order in which they were created; memory does not grow."""
        window = (-EVER if since is None else since, EVER if until is None else until)
        after = 0
        while found := self._reader.fetch(FIGURES, (after, *window, PAGE)):
            for each in found:
                line = RunLine.read(each[4:])
                after = line.seq
                yield _figures(self._reader, each, line)


def _figures(reader: Reader, found: tuple[Any, ...], line: RunLine) -> RunFigures:
    template, provider, model, created_at, *_ = found
    return RunFigures(
        id=RunId(line.id),
        template=template or "",
        provider=provider or "",
        model=model or "",
        state=RunState(line.state),
        created_at=created_at,
        elapsed_s=line.elapsed_s,
        tally=tally_of(line, count_rows(reader.fetch, line)),
    )
