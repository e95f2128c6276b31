"""Text without quotes is cut at its delimiters; it must read as if the `csv` module had read it."""

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.protocols import ReadOptions
from weft.row import Row
from weft.tables.reading import open_table

CELLS = st.text(st.sampled_from("ab é;\t'\x0b\x85\u2028 "), max_size=4)
LATE = st.sampled_from(["", 'x,"a\n\nb"\n', '"",y\n\n', "p,q\r\n\r\nr,s\r\n"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2) | st.just([]), max_size=8), LATE, st.booleans())
def test_text_without_quotes_reads_as_with_the_csv_module(tmp_path_factory, records, late, ended):
    """Records, their places and lines are the same, before and behind the first quote."""
    text = "one,two\n" + "".join(",".join(record) + "\n" for record in records) + late
    text = text if ended else text.removesuffix("\n")
    path = tmp_path_factory.mktemp("calm") / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")

    reader, lines, expected = csv.reader(io.StringIO(text, newline=""), strict=True), 1, []
    for record in reader:
        if record:
            expected.append((lines, record))
        lines = reader.line_num + 1

    found = list(open_table(path, ReadOptions(delimiter=",", encoding="utf-8")).rows())
    read = [(row.line, list(row.cells.values())) for row in found if isinstance(row, Row)]
    assert read == [(line, record) for line, record in expected[1:] if len(record) == 2]
    assert [row.place for row in found] == list(range(len(expected) - 1))
