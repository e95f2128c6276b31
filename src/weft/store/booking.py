"""What each move of a call books: reservation, spending, what is unsure, every row's share.

Knows the law: the costs of a run's rows add up to the costs of its calls, to the nano-dollar,
and to what the run has spent. Every operation is harmless when repeated with the same call.
Refuses to know queues, transactions and what an answer means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from weft.call import Call, CallState, RowEnd, Settlement, move_call
from weft.errors import BudgetExceeded, ImpossibleMove, UnknownPrice, WeftError
from weft.ids import RowKey
from weft.kit import plain_json
from weft.money import Usd, split_fairly
from weft.store.answers import pointers
from weft.store.book import ANSWER_ROW, END_ROW, KEEP_REPLY, REMEMBER, SHARE_ROW, Book
from weft.store.faults import storable
from weft.store.lines import CallLine, RunLine
from weft.store.runs import owned
from weft.store.sql import blob
from weft.store.tables import CALL_CODES, ROW_CODES


def reserve(book: Book, *, call: Call, epoch: int, now: float, leaving: bool = False) -> None:
    """Insert the call and set its upper bound aside.

    Args:
        leaving: its first byte is about to leave, so it enters as sent.
    """
    run = owned(book, call.run, epoch)
    if _overdraws(run, call) and book.call(call.id) is None:
        raise _over_budget(run, call)
    reserved = None if call.reserved is None else int(call.reserved)
    state, sent_at = (CallState.SENT, now) if leaving else (CallState.RESERVED, None)
    seq = book.insert_call(
        (
            call.id, run.seq, orjson.dumps(call.places).decode(), orjson.dumps(call.labels).decode(),
            reserved, call.reserved_tokens, call.attempt, CALL_CODES[state], now, sent_at,
        )
    )  # fmt: skip
    if seq is None:  # it is there: a repetition
        if leaving:
            mark_sent(book, call=call, now=now)
        return
    line = CallLine(seq, call.id, run.seq, call.places, reserved, call.reserved_tokens, state, sent_at)
    book.new_call(line)
    run.reserved += reserved or 0
    run.reserved_tokens += call.reserved_tokens
    if leaving:
        _count_sent(book, run, line)
    book.touch(run)


def mark_sent(book: Book, *, call: Call, now: float) -> None:
    """Note that the first byte is about to leave."""
    line = _line(book, call)
    if line.state in (CallState.SENT, CallState.ANSWERED, CallState.SETTLED, CallState.UNKNOWN):
        return
    line.state = move_call(line.state, CallState.SENT)
    line.sent_at = now
    book.touch(line)
    _count_sent(book, book.run(call.run), line)


def mark_answered(book: Book, *, call: Call, reply: tuple[Any, ...], now: float) -> None:
    """Keep the raw reply; take back what was booked if the call was given up."""
    line = _line(book, call)
    if line.state in (CallState.ANSWERED, CallState.SETTLED):
        return
    was_unknown = line.state is CallState.UNKNOWN
    line.state = move_call(line.state, CallState.ANSWERED)
    line.answered_at = now
    if was_unknown:
        run = book.run(call.run)
        _book_unknown(book, line, run, sign=-1)
        book.tell(run, line.places)
        line.cost = line.ended_at = None
        line.problem = line.problem_code = ""
    book.later[KEEP_REPLY].append((line.seq, *reply))
    book.touch(line)


def settle(book: Book, *, settlement: Settlement, now: float) -> None:
    """Book the exact cost, end the rows, remember the answers."""
    call, usage = settlement.call, settlement.usage
    line = _line(book, call)
    if line.state is CallState.SETTLED:
        return
    line.state = move_call(line.state, CallState.SETTLED)
    run = book.run(call.run)
    cost = None if settlement.cost is None else int(settlement.cost)
    line.ended_at, line.cost, line.estimated = now, cost, int(settlement.estimated)
    line.input_tokens, line.output_tokens = usage.input_tokens, usage.output_tokens
    line.cached_input_tokens, line.reasoning_tokens = usage.cached_input_tokens, usage.reasoning_tokens
    line.model, line.request_id = storable(settlement.model), storable(settlement.request_id)
    line.problem = storable(settlement.problem)
    tokens_in, tokens_out = usage.input_tokens or 0, usage.output_tokens or 0
    _release(run, line)
    run.spent = _plus(run.spent, cost)
    run.spent_tokens += tokens_in + tokens_out if usage.is_known else line.reserved_tokens
    run.input_tokens += tokens_in
    run.output_tokens += tokens_out
    run.cached_input_tokens += usage.cached_input_tokens
    run.counted = None
    book.touch(line)
    _end_rows(book, settlement, line, run)
    book.tell(run, line.places)
    book.tell(run, [place for end in settlement.ends if end.twins for place in end.twins])


def void(book: Book, *, call: Call, error: WeftError, now: float) -> None:
    """Release the reservation of a call that was surely not billed."""
    line = _line(book, call)
    if line.state is CallState.VOID:
        return
    was_sent = line.state is not CallState.RESERVED
    line.state = move_call(line.state, CallState.VOID)
    _close(line, error, now)
    run = book.run(call.run)
    _release(run, line)
    book.touch(line)
    book.tell(run, line.places if was_sent else ())


def unknown(book: Book, *, call: Call, error: WeftError, now: float) -> None:
    """Book the reservation of a call that may have been billed."""
    line = _line(book, call)
    if line.state is CallState.UNKNOWN:
        return
    line.state = move_call(line.state, CallState.UNKNOWN)
    _close(line, error, now)
    line.cost = line.reserved
    run = book.run(call.run)
    _book_unknown(book, line, run, sign=1)
    book.touch(line)
    book.tell(run, line.places)


# ── their steps ──────────────────────────────────────────────────────────────────────────────────


def _line(book: Book, call: Call) -> CallLine:
    """Read a call's line, its run's first: where others write too, that takes the run for this transaction."""
    book.run(call.run)
    line = book.call(call.id)
    if line is None:
        raise ImpossibleMove(f"Call `{call.id}` was never reserved.", call=call.id)
    return line


def _count_sent(book: Book, run: RunLine, line: CallLine) -> None:
    run.calls += 1
    if run.first_start is None:
        run.first_start = line.sent_at
    book.tell(run, line.places)


def _close(line: CallLine, error: WeftError, now: float) -> None:
    line.ended_at = now
    broken = error.facts.get("excerpt")  # of a body that never became whole, for whoever looks into it
    said = f"{error.message} It began with: {broken}" if broken else error.message
    line.problem_code, line.problem = error.code, storable(said)


def _plus(amount: int | None, more: int | None) -> int | None:
    return None if amount is None or more is None else amount + more


def _overdraws(run: RunLine, call: Call) -> bool:
    if run.budget_usd is not None:
        if call.reserved is None or run.spent is None:
            return True
        if run.spent + run.reserved + call.reserved > run.budget_usd:
            return True
    tokens = run.budget_tokens
    return tokens is not None and run.spent_tokens + run.reserved_tokens + call.reserved_tokens > tokens


def _over_budget(run: RunLine, call: Call) -> WeftError:
    if run.budget_usd is not None and (call.reserved is None or run.spent is None):
        return UnknownPrice(
            f"Run `{run.id}` has a budget in USD, and the price of its calls is not known.",
            hint="state the price in a file named by the setting `prices`, or use a token budget.",
        )
    hint = "raise the budget and resume the run; what is settled stays settled."
    if run.budget_usd is not None and call.reserved is not None and run.spent is not None:
        spent, reserved, limit = Usd(run.spent), Usd(run.reserved), Usd(run.budget_usd)
        if spent + reserved + call.reserved > limit:
            return BudgetExceeded(
                f"The next call may cost up to {call.reserved}, but of the budget of {limit} "
                f"{spent} is spent and {reserved} reserved.",
                hint=hint, limit=int(limit), spent=int(spent), reserved=int(reserved), asked=int(call.reserved),
            )  # fmt: skip
    return BudgetExceeded(
        f"The next call may use up to {call.reserved_tokens:,} tokens, but of the budget of "
        f"{run.budget_tokens:,} tokens {run.spent_tokens:,} are spent and {run.reserved_tokens:,} reserved.",
        hint=hint, limit=run.budget_tokens, spent=run.spent_tokens,
        reserved=run.reserved_tokens, asked=call.reserved_tokens,
    )  # fmt: skip


def _release(run: RunLine, line: CallLine) -> None:
    run.reserved -= line.reserved or 0
    run.reserved_tokens -= line.reserved_tokens


def _book_unknown(book: Book, line: CallLine, run: RunLine, *, sign: int) -> None:
    """Turn a reservation into unsure spending (1), or back again (-1)."""
    cost = None if line.reserved is None else sign * line.reserved
    run.reserved -= cost or 0
    run.reserved_tokens -= sign * line.reserved_tokens
    run.spent = _plus(run.spent, cost)
    run.unsure += cost or 0
    run.spent_tokens += sign * line.reserved_tokens
    run.unknown_calls += sign
    shares = _split(line.reserved, len(line.places))
    book.later[SHARE_ROW] += [
        (None if share is None else sign * share, 0, 0, 0, line.seq, run.base + place)
        for share, place in zip(shares, line.places, strict=True)
    ]
    book.touch(run)


def _split(amount: int | None, parts: int) -> list[int] | list[None]:
    return [None] * parts if amount is None else split_fairly(amount, parts)


def _end_rows(book: Book, settlement: Settlement, line: CallLine, run: RunLine) -> None:
    """Share the call over its rows and end those that end; a zombie's only get their shares."""
    ends, usage = settlement.ends, settlement.usage
    places = [end.place for end in ends]
    places += settlement.returned or (() if places else line.places)
    shares = list(
        zip(
            _split(line.cost, len(places)),
            split_fairly(usage.input_tokens or 0, len(places)),
            split_fairly(usage.output_tokens or 0, len(places)),
            strict=True,
        )
    )
    is_zombie = settlement.epoch != run.epoch
    ended = 0 if is_zombie else len(ends)
    tries, by = (0, None) if is_zombie else (1, line.seq)
    book.later[SHARE_ROW] += [
        (*share, tries, by, run.base + place)
        for share, place in zip(shares[ended:], places[ended:], strict=True)
    ]
    if ended:
        run.last_completion = line.ended_at
        known = _end(book, ends, shares, seq=line.seq, base=run.base)
        book.later[REMEMBER] += pointers(known, int(line.ended_at or 0.0))


_Share = tuple[int | None, int, int]


def _end(
    book: Book, ends: Sequence[RowEnd], shares: Sequence[_Share], *, seq: int, base: int
) -> list[tuple[RowKey, bytearray, int]]:
    """End rows, and return what is to be remembered: key, answer and spot."""
    plain, known = book.later[ANSWER_ROW], []
    ended = {row[-1] for row in book.later[END_ROW]}  # in this transaction already: the first end counts
    for end, (cost, read, written) in zip(ends, shares, strict=False):
        at = base + end.place
        answer = None if end.answer is None else blob(end.answer)
        if answer is None or end.notes or end.twins or end.problem or at in ended:
            _end_with_words(book, end, (cost, read, written), seq=seq, base=base)
        else:
            plain.append((at, answer, cost, read, written, seq))
        if answer is not None and end.remember:
            known.append((end.key, answer, at))
    return known


def _end_with_words(book: Book, end: RowEnd, share: _Share, *, seq: int, base: int) -> None:
    """End a row of which there is more to be said than its answer, and its twins."""
    how = (
        ROW_CODES[end.state],
        None if end.answer is None else blob(end.answer),
        storable(end.problem) if end.problem else "",
        end.problem_code,
        plain_json.dump(end.notes).decode() if end.notes else "",
    )
    ends = book.later[END_ROW]
    ends.append((*how, *share, 1, seq, 0, base + end.place))
    if end.twins:  # an answer that is shared was recalled, a failure was not
        recalled = int(end.answer is not None)
        ends += [(*how, 0, 0, 0, 0, seq, recalled, base + twin) for twin in end.twins]
