from __future__ import annotations

import io

import pytest

from weft.protocols import WriteOptions
from weft.tables.formats._guard import SUSPECT, guarded
from weft.tables.writing import write_rows

RUN = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    "%0A=1",
    "|calc",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    " =1+1",
    "   @x",
    "\u200b=1",
    "\ufeff=1",
    "\u00a0-x",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
    "+49 170 1234567",
    "-",
    "--1",
    "- none",
    "+",
    "-1 000",
    "=",
]
STAY = [
    "",
    " ",
    "a=1",
    "1",
    "-1",
    "+1.5",
    "-.5",
    "1e5",
    "-1E-7",
    "-12%",
    " -3",
    "'=1",
    "e-mail@x.org",
    "3-4",
    "\u200b",
]


@pytest.mark.parametrize("text", RUN)
def test_formula_gets_an_apostrophe(text: str) -> None:
    """P36, S24: what a spreadsheet would run is put behind an apostrophe, the rest of it unchanged."""
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", STAY)
def test_plain_cell_stays(text: str) -> None:
    """S24: numbers, negative ones too, and texts with signs inside stay as they are."""
    assert guarded(text) == text


@pytest.mark.parametrize("text", RUN)
def test_formula_is_met_by_the_first_look(text: str) -> None:
    """The fast look at the first character misses nothing that the close look would guard."""
    assert text[0] in SUSPECT


def test_export_guards_and_counts() -> None:
    """P36: header and cells are guarded by default, and the altered ones are counted."""
    stream = io.BytesIO()

    written = write_rows([["=1", "-1", "ok"], [-1, "@x", None]], stream, header=["+a", "b", "c"])

    assert stream.getvalue().decode() == "'+a,b,c\n'=1,-1,ok\n-1,'@x,\n"
    assert (written.rows, written.altered) == (2, 3)


def test_raw_export_alters_nothing() -> None:
    """S24: `raw` is explicit and writes every cell as it is."""
    stream = io.BytesIO()

    written = write_rows([["=1", True]], stream, header=["+a", "b"], options=WriteOptions(raw=True))

    assert (stream.getvalue(), written.altered) == (b"+a,b\n=1,true\n", 0)
