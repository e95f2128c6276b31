"""Do the books add up? The laws of the ledger, asked of a whole store.

Knows what must be equal in every store that was only written by weft: the costs of a run's rows, of
its calls and what the run has spent, what is reserved, the counts that are kept, and that nothing is
left of what is gone. Refuses to mend: what does not add up is told, with both sides.

Every run is looked at by one query, so that one that is at work shows one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import BigInteger, Select, and_, bindparam, case, func, or_, select
from sqlalchemy import cast as as_type
from sqlalchemy.sql.elements import ColumnElement, literal_column

from weft.money import Usd
from weft.store.reading import Reader
from weft.store.sql import Sql, number
from weft.store.tables import SPOTS_PER_RUN, answers, calls, cells, replies, rows, runs

_ROWS = (
    select(
        *(func.count(case((rows.c.state == number(code), number(1)))).label(f"n{code}") for code in range(6)),
        func.coalesce(func.sum(rows.c.cost), number(0)).label("cost"),
        func.count(case((rows.c.cost.is_(None), number(1)))).label("unpriced"),
        func.count(case((and_(rows.c.state == number(2), rows.c.answer.is_(None)), number(1)))).label(
            "unanswered"
        ),
        func.coalesce(func.sum(rows.c.recalled), number(0)).label("recalled"),
    )
    .where(rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end"))
    .subquery("held")
)


def _sum_where(column: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, column))), number(0))


_CALLS = (
    select(
        _sum_where(calls.c.cost, calls.c.state >= number(3)).label("cost"),
        _sum_where(calls.c.cost, calls.c.state == number(5)).label("unsure"),
        _sum_where(calls.c.reserved, calls.c.state < number(3)).label("reserved"),
        func.count(case((calls.c.state == number(5), number(1)))).label("unknown"),
        func.count(calls.c.sent_at).label("sent"),
    )
    .where(calls.c.run == bindparam("at"))
    .subquery("made")
)
_BOOKED = ("spent", "unsure", "reserved", "calls", "unknown_calls", "counted")
ONE_RUN = Sql(
    select(*_ROWS.c, *_CALLS.c, *(runs.c[name] for name in _BOOKED))
    .select_from(_ROWS, _CALLS, runs)
    .where(runs.c.seq == bindparam("seq")),
    "first", "end", "at", "seq",
)  # fmt: skip
ALL_RUNS = Sql(select(runs.c.seq, runs.c.id).order_by(runs.c.seq))

_RUN_OF_ROW = as_type(literal_column(f"rows.spot / {SPOTS_PER_RUN}"), BigInteger)


def _orphans(table: Any, other: Any, *, by: Any) -> Select[Any]:
    """Count what points to something that is not there."""
    key = next(iter(other.primary_key.columns))
    return select(func.count()).select_from(table.outerjoin(other, key == by)).where(key.is_(None))


ORPHANS = {
    "rows have no cells": Sql(_orphans(rows, cells, by=rows.c.spot)),
    "cells have no row": Sql(_orphans(cells, rows, by=cells.c.spot)),
    "rows belong to no run": Sql(_orphans(rows, runs, by=_RUN_OF_ROW)),
    "calls belong to no run": Sql(_orphans(calls, runs, by=calls.c.run)),
    "replies belong to no call": Sql(_orphans(replies, calls, by=replies.c.call)),
    "remembered answers point to no row": Sql(_orphans(answers, rows, by=answers.c.spot)),
    "rows name a call that is not there": Sql(
        _orphans(rows, calls, by=rows.c.call).where(rows.c.call.is_not(None))
    ),
    "answered calls have no reply": Sql(
        _orphans(calls, replies, by=calls.c.seq).where(
            or_(calls.c.state == number(2), calls.c.state == number(3))
        )
    ),
}
"""What there must be none of, in words."""


def audit(reader: Reader) -> list[str]:
    """Look over every run and every table; sentences, empty = all adds up. Reads the whole store."""
    found = [f"{count:,} {what}." for what, sql in ORPHANS.items() if (count := reader.fetch(sql)[0][0])]
    for seq, run in reader.fetch(ALL_RUNS):
        found += [f"Run `{run}`: {complaint}" for complaint in _complaints(reader, seq)]
    return found


def _complaints(reader: Reader, seq: int) -> Iterator[str]:
    base = seq * SPOTS_PER_RUN
    found = reader.fetch(ONE_RUN, (base, base + SPOTS_PER_RUN, seq, seq))
    for line in found:
        codes, (in_rows, unpriced, unanswered, recalled) = list(line[:6]), line[6:10]
        (in_calls, unsure, reserved, unknown, sent), booked = line[10:15], line[15:]
        spent, booked_unsure, booked_reserved, booked_sent, booked_unknown, counted = booked
        if spent is not None:
            if unpriced:
                yield f"{unpriced:,} rows have no cost, but its price is known."
            if not int(in_rows) == int(in_calls) == spent:
                yield f"its rows cost {Usd(int(in_rows))}, its calls {Usd(int(in_calls))}, booked are {Usd(spent)}."
        if int(unsure) != booked_unsure:
            yield f"unknown calls cost {Usd(int(unsure))}, booked are {Usd(booked_unsure)}."
        if int(reserved) != booked_reserved:
            yield f"open calls reserve {Usd(int(reserved))}, booked are {Usd(booked_reserved)}."
        if (sent, unknown) != (booked_sent, booked_unknown):
            yield f"{sent:,} calls were sent and {unknown:,} are unknown, booked are {booked_sent:,} and {booked_unknown:,}."
        if unanswered:
            yield f"{unanswered:,} answered rows have no answer."
        if counted is not None and orjson.loads(counted) != [codes, int(recalled)]:
            yield f"the counts kept with it are {counted}, its rows are {[codes, int(recalled)]}."
