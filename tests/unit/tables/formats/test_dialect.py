from __future__ import annotations

import pytest

from weft.errors import UnreadableTable
from weft.tables.formats._dialect import SAMPLE, Dialect, vote
from weft.tables.reading import open_table

VOTES = {
    "a,b\n1,2\n": Dialect(","),
    "a;b\n1,5;2,5\n": Dialect(";"),
    "id;first, last;city\n1;Ann, Lee;Rome\n": Dialect(";"),
    "a\tb\n1\t2\n": Dialect("\t"),
    "a|b\n1|2\n": Dialect("|"),
    'a,b\n"x;y;z",2\n"u;v;w",3\n': Dialect(","),
    "just text\nhello, world\n": Dialect(","),
    "a,b\n'x,y',2\n'v,w',3\n": Dialect(",", "'"),
    "a,b\nit's,2\nwe're,3\n": Dialect(","),
    "a,b,c\n1,2,3\n1,2\n" + "1,2,3\n" * 20: Dialect(","),
    "sep=|\na|b\n": Dialect("|", lead=1),
    "": Dialect(","),
}


@pytest.mark.parametrize("sample", VOTES)
def test_vote_finds_the_dialect(sample: str) -> None:
    """The delimiter is the one by which most records are as wide as the header."""
    assert vote(sample, whole=True) == VOTES[sample]


def test_vote_ignores_a_cut_record() -> None:
    """A record that the sample cuts off does not speak against its delimiter."""
    assert vote('a;b,c;d\n1;"2', whole=False) == Dialect(";")


def test_vote_reads_a_bounded_sample() -> None:
    """S19: what stands beyond the first 64 kB has no vote."""
    sample = "a,b\n" + "1,2\n" * (SAMPLE // 4)

    assert vote(sample + "1;2;3\n" * 100_000, whole=True) == vote(sample, whole=True)


def test_hostile_quotes_are_answered(tmp_path) -> None:
    """S19: a million of `,"a`, which keeps the standard sniffer busy for minutes, is a plain error."""
    path = tmp_path / "t.csv"
    path.write_text(',"a' * 1_000_000)

    with pytest.raises(UnreadableTable, match="Line 1"):
        open_table(path)
