"""Excel workbooks, one sheet at a time, streamed through openpyxl.

Cells keep their types; dates become ISO 8601 text, formulas their last computed value. The
declared size of a sheet is not believed, and an archive that would unpack to a size beyond all
measure is refused.
How one is written is in `_sheet.py`. Reading needs the extra `xlsx`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from weft.errors import UnknownName, UnreadableTable, WeftError
from weft.protocols import ReadOptions, WriteOptions
from weft.row import BrokenRow, Row, Value
from weft.schema import Problem
from weft.tables.formats._archives import check_archive
from weft.tables.formats._columns import name_columns, quoted
from weft.tables.formats._extras import missing
from weft.tables.formats._files import check_readable, digest_of
from weft.tables.formats._guard import as_text
from weft.tables.formats._sheet import ROW_LIMIT, XlsxWriter
from weft.tables.plain import plain

LOOKED_AT = 1_000  # rows among which formulas without a value are looked for, some 20 ms
_SPELLED = re.compile("_x([0-9A-Fa-f]{4})_")


def _openpyxl() -> Any:
    try:
        import defusedxml  # noqa: F401, PLC0415 - openpyxl reads XML through it where it is installed
        import openpyxl  # noqa: PLC0415 - an optional extra, loaded where it is needed
    except ImportError as exc:
        raise missing("xlsx", exc) from exc
    return openpyxl


@dataclass(frozen=True, slots=True, kw_only=True)
class XlsxTable:
    """One sheet of a workbook; a `Table`.

    Attributes:
        sheet: its name.
    """

    file: Path
    sheet: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    format: str = "xlsx"

    @property
    def path(self) -> str:
        """The file as it was given."""
        return str(self.file)

    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        return digest_of(self.file)

    def rows(self) -> Iterator[Row | BrokenRow]:
        """Read from the start; lines are the sheet's row numbers, empty rows are no records.

        Raises:
            UnreadableTable: at the row from which the sheet cannot be read.
        """
        width = len(self.columns)
        with _workbook(self.file) as book:
            for place, (line, record) in enumerate(_records(book[self.sheet]), start=-1):
                if place < 0:
                    continue  # the header
                cells = dict(zip(self.columns, record[:width] + [None] * (width - len(record)), strict=True))
                if len(record) > width:
                    lost = quoted(", ".join("" if cell is None else str(cell) for cell in record[width:]))
                    message = (
                        f"The record has {len(record)} cells, the header has {width}. "
                        f"Beyond the last column: {lost}."
                    )
                    yield BrokenRow(place, line, cells, Problem("", message, "ragged"))
                else:
                    yield Row(place, line, cells)


def _records(sheet: Any) -> Iterator[tuple[int, list[Value]]]:
    """Row number and cells of every row that is not empty, without the empty cells at its end."""
    sheet.reset_dimensions()
    for line, found in enumerate(sheet.iter_rows(values_only=True), start=1):
        if line > ROW_LIMIT:
            raise UnreadableTable(
                f"The sheet has a cell below row {ROW_LIMIT:,}.", hint="the file is damaged: save it again."
            )
        record = [_value(value) for value in found]
        while record and record[-1] is None:
            record.pop()
        if record:
            yield line, record


def _value(value: Any) -> Value:
    if value.__class__ is str:
        return _SPELLED.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second or value.microsecond):
        return value.date().isoformat()  # Excel keeps a date as its midnight
    return plain(value)


def _uncomputed(path: Path, sheet: str) -> str:
    """Name a formula whose value the workbook does not hold, as programs write them; empty if none was found.

    Only a program that computes can tell the value, so such a cell is read as an empty one.
    """
    with _workbook(path) as values, _workbook(path, formulas=True) as formulas:
        sheets = [book[sheet] for book in (values, formulas)]
        for each in sheets:
            each.reset_dimensions()
        pairs = zip(*(each.iter_rows(max_row=LOOKED_AT) for each in sheets), strict=False)
        for line, (computed, written) in enumerate(pairs, start=1):
            for number, (value, formula) in enumerate(zip(computed, written, strict=False)):
                if formula.data_type == "f" and value.value is None:
                    return f"{_letters(number)}{line}"
    return ""


def _letters(number: int) -> str:
    """A column as spreadsheets name it, counted from 0."""
    lead, last = divmod(number, 26)
    return (_letters(lead - 1) if lead else "") + chr(ord("A") + last)


@contextmanager
def _workbook(path: Path, *, formulas: bool = False) -> Iterator[Any]:
    openpyxl = _openpyxl()
    check_archive(path)
    try:
        with path.open("rb") as stream:  # openpyxl would leave a damaged file open
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about styles and extensions, of no interest here
                book = openpyxl.load_workbook(
                    stream, read_only=True, data_only=not formulas, keep_links=False
                )
            yield book
    except WeftError:
        raise
    except Exception as exc:  # a damaged workbook makes openpyxl raise almost anything
        raise UnreadableTable(
            f"`{path}` cannot be read as an Excel workbook: {_reason(exc)}.",
            hint="open it in a spreadsheet program and save it again, or export it as CSV.",
            path=str(path),
        ) from exc


def _reason(exc: BaseException) -> str:
    """The first line of the error at the root; openpyxl wraps it in general words."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return str(exc).strip().partition("\n")[0].rstrip(".") or type(exc).__name__


@dataclass(frozen=True, slots=True)
class XlsxFormat:
    """The drop-in `xlsx`; a `TableFormat`."""

    suffixes: tuple[str, ...] = (".xlsx",)
    reads: tuple[str, ...] = ("sheet",)

    def open(self, path: Path, options: ReadOptions) -> XlsxTable:
        """Find the sheet and its header: its first row that is not empty."""
        check_readable(path)
        with _workbook(path) as book:
            names = [sheet.title for sheet in book.worksheets]
            if options.sheet and options.sheet not in names:
                raise UnknownName.among("sheet", options.sheet, names)
            if not names:
                raise UnreadableTable(
                    f"`{path}` has no sheet with cells.", hint="save it again.", path=str(path)
                )
            sheet = options.sheet or names[0]
            header = next(_records(book[sheet]), None)
        if header is None:
            raise UnreadableTable(
                f"The sheet `{sheet}` of `{path}` is empty.",
                hint=f"choose another with --sheet; there are {', '.join(f'`{name}`' for name in names)}.",
                path=str(path),
            )
        columns, notes = name_columns([as_text(value) for value in header[1]], f"`{path}`")
        if len(names) > 1 and not options.sheet:
            notes = (f"The workbook has {len(names)} sheets; `{sheet}` is read.", *notes)
        if cell := _uncomputed(path, sheet):
            told = f"The formula in `{cell}` has no stored value and is read as empty, as others may be; "
            notes = (*notes, told + "open the workbook in a spreadsheet program and save it there.")
        return XlsxTable(file=path, sheet=sheet, columns=columns, notes=notes)

    def writer(self, stream: BinaryIO, columns: Sequence[str], *, options: WriteOptions) -> XlsxWriter:  # noqa: ARG002 - text never runs in a workbook
        """Begin a workbook."""
        return XlsxWriter(stream, columns)


format = XlsxFormat()  # noqa: A001 - the name by which drop-ins are found
