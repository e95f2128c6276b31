"""What must hold for all tables: no row is lost, no cell is changed, nothing hangs or falls over."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.errors import BadMapping, MissingColumn, UnreadableTable
from weft.protocols import ReadOptions, WriteOptions
from weft.row import BrokenRow, Row
from weft.schema import Field
from weft.tables.formats._columns import name_columns
from weft.tables.formats._dialect import DELIMITERS, vote
from weft.tables.formats._guard import guarded
from weft.tables.mapping import parse_mapping
from weft.tables.reading import open_table
from weft.tables.writing import META, Layout, write_rows

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.text(
    alphabet="\r\n\"',;|\t= é", max_size=8
)
NAMES = st.lists(
    st.text(alphabet="abcXYZ é,\"'\n", min_size=1, max_size=6).filter(str.strip),
    min_size=1,
    max_size=4,
    unique=True,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A header and records as wide as it."""
    header = draw(NAMES)
    return header, draw(st.lists(st.lists(CELL, min_size=len(header), max_size=len(header)), max_size=6))


def reread(data: bytes, name: str = "t.csv", **options: str) -> list[Row | BrokenRow]:
    """The rows of a file with these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        return list(open_table(path, ReadOptions(**options)).rows())


@given(tables())
@example((["a"], [[""], ["\r"]]))
@example((["a", "b"], [["x\ry", "\n"], ['"', "'"]]))
@settings(max_examples=150)
def test_text_tables_round_trip(table: tuple[list[str], list[list[str]]]) -> None:
    """I8: what is written raw is read again, row by row and character by character."""
    header, records = table
    for name in ("csv", "tsv"):
        stream = io.BytesIO()
        write_rows(records, stream, header=header, form=name, options=WriteOptions(raw=True))

        rows = reread(stream.getvalue(), f"t.{name}", delimiter="," if name == "csv" else "")

        assert [list(row.cells.values()) for row in rows] == records
        assert all(tuple(row.cells) == tuple(header) for row in rows)


@given(tables())
@settings(max_examples=100)
def test_lines_point_at_records(table: tuple[list[str], list[list[str]]]) -> None:
    """P05: the line of every row is one more than the line ends before it; CR LF is one."""
    header, records = table
    expected = []
    for count in range(len(records)):
        before = io.BytesIO()
        write_rows(records[:count], before, header=header, options=WriteOptions(raw=True))
        text = before.getvalue().decode().replace("\r\n", "\n").replace("\r", "\n")
        expected.append(text.count("\n") + 1)
    whole = io.BytesIO()
    write_rows(records, whole, header=header, options=WriteOptions(raw=True))

    assert [row.line for row in reread(whole.getvalue(), delimiter=",")] == expected


@given(st.binary(max_size=200) | st.text(alphabet='a,;"\n\r\t\x00é', max_size=80).map(str.encode))
@example(b'a,"b\n1,2')
@example(b"\xff\xfea\x00,")
@settings(max_examples=400)
def test_any_bytes_give_rows_or_a_sentence(data: bytes) -> None:
    """Whatever stands in a file: rows in order, or `UnreadableTable`; never another error."""
    for name in ("t.csv", "t.jsonl"):
        try:
            rows = reread(data, name)
        except UnreadableTable as exc:
            told = exc.message
            assert told.endswith(".")
        else:
            assert [row.place for row in rows] == list(range(len(rows)))
            assert [row.line for row in rows] == sorted({row.line for row in rows})


@given(CELL)
@example(" =1")
@example("-1")
def test_guard_only_ever_adds_an_apostrophe(text: str) -> None:
    """S24: a guarded cell is the cell or the cell behind one apostrophe; twice guarded is once guarded."""
    safe = guarded(text)

    assert safe in (text, "'" + text)
    assert guarded(safe) == safe
    assert text.lstrip()[:1] not in {"=", "@"} or safe != text


@given(st.lists(st.text(alphabet="ab_2 ", max_size=5), min_size=1, max_size=8))
def test_column_names_are_distinct(header: list[str]) -> None:
    """S18: as many names as columns, all distinct, none empty; names that were fine stay."""
    names, notes = name_columns(header, "the table")

    assert len(set(names)) == len(header)
    assert all(name.strip() for name in names)
    assert len(notes) == sum(name != old for name, old in zip(names, header, strict=True))
    assert not header[0].strip() or names[0] == header[0]


@given(st.text(alphabet="ab,;|\t\"'\n", max_size=200), st.booleans())
def test_vote_always_answers(sample: str, whole: bool) -> None:
    """S19: any sample has an answer, and it is one of the candidates."""
    assert vote(sample, whole=whole).delimiter in DELIMITERS


@given(NAMES, NAMES)
def test_export_header_is_distinct(columns: list[str], fields: list[str]) -> None:
    """S25: original names stand first and unchanged; every name stands once."""
    layout = Layout(columns=tuple(columns), fields=tuple(fields), meta=True)

    assert layout.header[: len(columns)] == tuple(columns)
    assert len(set(layout.header)) == len(layout.header) == len(columns) + len(fields) + len(META)


@given(
    NAMES,
    st.lists(st.sampled_from(["a", "b", "c", "id"]), min_size=1, unique=True),
    st.lists(CELL, max_size=3),
)
def test_mapping_is_complete_or_refused(columns: list[str], inputs: list[str], texts: list[str]) -> None:
    """T24: every required input has a column of its own, or there is one error that names the rest."""
    try:
        mapping = parse_mapping(texts, columns=columns, inputs=[Field(name=name) for name in inputs])
    except MissingColumn as exc:
        missing = exc.facts["columns"]
        assert set(missing) <= set(inputs)
    except BadMapping:
        assert texts
    else:
        assert list(mapping.sources) == inputs
        assert len(set(mapping.sources.values())) == len(inputs)
        assert set(mapping.sources.values()) <= set(columns)
