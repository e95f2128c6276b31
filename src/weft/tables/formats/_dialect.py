"""Which character separates the cells of a text table: a bounded vote, pure.

Every candidate parses the same sample once and is judged by how many records are as wide as the
header. Time grows with the sample alone, whatever stands in it; the standard library's sniffer
takes minutes for hostile files. Refuses to know files and encodings.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from weft.tables.formats._text import last_break

SAMPLE = 1 << 16  # characters that vote
DELIMITERS = ",;\t|"  # in the order that breaks a tie
_EVEN = 0.9  # share of records as wide as the header from which a few ragged ones do not matter
_DECLARED = re.compile(r"sep=([^\"\r\n])(?:\r\n?|\n)")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart.

    Attributes:
        lead: lines before the header that belong to no record: 1 for Excel's `sep=;`.
    """

    delimiter: str = ","
    quote: str = '"'
    lead: int = 0


def vote(sample: str, *, whole: bool) -> Dialect:
    """Choose delimiter and quote by the beginning of a table.

    A file without any candidate in its header has one column. Single quotes are considered only
    where there is no double quote at all, and chosen only if they fit strictly better.

    Args:
        sample: text of which the first `SAMPLE` characters count.
        whole: the sample is the whole file; otherwise its last line may be cut and is left out.
    """
    declared = _DECLARED.match(sample)
    if declared:
        return Dialect(declared[1], lead=1)
    if len(sample) > SAMPLE:
        sample, whole = sample[:SAMPLE], False
    if not whole:
        sample = sample[: last_break(sample)] or sample
    best, fit = _best(sample, '"')
    if '"' not in sample and "'" in sample:
        other, other_fit = _best(sample, "'")
        if other_fit[0] > fit[0]:
            return Dialect(other, "'")
    return Dialect(best)


def _best(sample: str, quote: str) -> tuple[str, tuple[float, int]]:
    fits = {delimiter: _fit(sample, delimiter, quote) for delimiter in DELIMITERS if delimiter in sample}
    best = max(fits, key=lambda delimiter: fits[delimiter], default=",")
    return best, fits.get(best, (0.0, 1))


def _fit(sample: str, delimiter: str, quote: str) -> tuple[float, int]:
    """The share of records as wide as the header, then that width; (0, 1) if it splits nothing."""
    widths = []
    try:
        for record in csv.reader(
            io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote, strict=True
        ):
            if record:
                widths.append(len(record))  # noqa: PERF401 - what was read before an error counts
    except csv.Error:
        pass  # a quote that is still open where the sample ends, or a broken record
    if not widths or widths[0] == 1:
        return (0.0, 1)
    share = widths.count(widths[0]) / len(widths)
    return (1.0 if share >= _EVEN else share, widths[0])
