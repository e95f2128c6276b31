"""Writes an Excel workbook with one sheet, row by row, straight into its stream.

Text stays text, so that nothing in it can run; no types are guessed and nothing is styled. Memory does
not grow with the table, and the first bytes leave with the first rows. Refuses to know where records
come from, and to read (`xlsx.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import BinaryIO

from weft.errors import UnwritableFile
from weft.row import Value
from weft.tables.formats._guard import as_text, encodable
from weft.tables.formats._zipping import ZipStream

ROW_LIMIT = 1_048_576  # rows of a sheet, the header included, by the format's definition
TEXT_LIMIT = 32_767  # characters of a cell, likewise
EXACT_LIMIT = 1 << 53  # whole numbers beyond it would lose digits: Excel knows only floats
BLOCK = 128  # rows per write

# Characters that XML cannot hold or would change, written as Excel does: _x000D_.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ODD = re.compile("[&<>\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x")  # what needs a closer look
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Rows" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


class XlsxWriter:
    """A `TableWriter` with one sheet, called Rows.

    Attributes:
        altered: cells with a lone surrogate (written as `?`).
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[str]) -> None:
        self.altered = 0
        self._columns = tuple(columns)
        self._letters = [_letters(number) for number in range(len(columns))]
        self._archive = ZipStream(stream)
        for name, text in _PARTS.items():
            self._archive.begin(name)
            self._archive.write((_XML + text).encode())
        self._archive.begin("xl/worksheets/sheet1.xml")
        self._archive.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
        self._rows = -1  # without the header
        self.write([columns])

    def write(self, records: Iterable[Sequence[Value]]) -> int:
        """Write records; return how many.

        Raises:
            UnwritableFile: if they do not fit a sheet: too many rows, or too long a text.
        """
        before = self._rows
        rows = map(self._row, records)
        while block := list(islice(rows, BLOCK)):
            self._archive.write("".join(block).encode())
        return self._rows - before

    def close(self) -> None:
        """Complete the workbook."""
        self._archive.write(b"</sheetData></worksheet>")
        self._archive.close()

    def _row(self, record: Sequence[Value]) -> str:
        self._rows += 1
        number = self._rows + 1
        if number > ROW_LIMIT:
            raise UnwritableFile(
                f"An Excel sheet holds {ROW_LIMIT:,} rows, the table has more.", hint="export CSV or Parquet."
            )
        cells = [
            self._cell(letters, number, value)
            for letters, value in zip(self._letters, record, strict=True)
            if value is not None
        ]
        return f'<row r="{number}">{"".join(cells)}</row>'

    def _cell(self, letters: str, number: int, value: Value) -> str:
        kind = value.__class__
        if kind is str and len(value) <= TEXT_LIMIT and not _ODD.search(value):  # the common case, quickly
            return f'<c r="{letters}{number}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'
        if kind is bool:
            return f'<c r="{letters}{number}" t="b"><v>{value:d}</v></c>'
        if (kind is int and abs(value) <= EXACT_LIMIT) or (kind is float and math.isfinite(value)):
            return f'<c r="{letters}{number}"><v>{value!r}</v></c>'
        text = self._text(as_text(value), letters)
        return f'<c r="{letters}{number}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'

    def _text(self, text: str, letters: str) -> str:
        safe = text if text.isascii() else encodable(text)
        self.altered += safe != text
        if len(safe) > TEXT_LIMIT:
            raise UnwritableFile(
                f"Row {self._rows} has {len(safe):,} characters in `{self._columns[self._letters.index(letters)]}`, "
                f"an Excel cell holds {TEXT_LIMIT:,}.",
                hint="export CSV, JSON Lines or Parquet.",
                row=self._rows,
            )
        return escape(_UNSPEAKABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", safe), quote=False)


def _letters(number: int) -> str:
    """The letters of a column, counted from 0.

    >>> _letters(0), _letters(25), _letters(26), _letters(701), _letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text
