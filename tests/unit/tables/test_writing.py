from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft.errors import UnknownName, UnwritableFile
from weft.ids import CallId
from weft.money import Usd
from weft.row import Outcome, RowState
from weft.tables.writing import META, Layout, check_writable, write_rows, write_table

ANSWERED = Outcome(
    place=0,
    line=2,
    cells={"id": "1", "text": "ä"},
    state=RowState.ANSWERED,
    answer={"tldr": "short", "ok": True},
    cost=Usd.of("0.0000125"),
    input_tokens=10,
    output_tokens=2,
    attempts=1,
    call=CallId("cabc"),
)
FAILED = Outcome(
    place=1,
    line=3,
    cells={"id": "2"},
    state=RowState.FAILED,
    cost=None,
    attempts=3,
    problem="It did not fit.",
)
LAYOUT = Layout(columns=("id", "text"), fields=("tldr", "ok"))


def test_answers_stand_beside_the_originals(tmp_path: Path) -> None:
    """W27: original columns, then one per answer field, rows in order; nothing where there is none."""
    path = tmp_path / "out.csv"

    written = write_table([ANSWERED, FAILED], path, layout=LAYOUT)

    assert path.read_text(encoding="utf-8") == "id,text,tldr,ok\n1,ä,short,true\n2,,,\n"
    assert (written.rows, written.altered, written.path) == (2, 0, path)


def test_facts_follow_the_answers() -> None:
    """W28: the meta columns say state, run, row, cost, tokens, call, attempts, recalled and problem."""
    layout = Layout(columns=("id",), fields=(), run="r1", meta=True)
    stream = io.BytesIO()

    write_table([ANSWERED, FAILED], stream, layout=layout)

    assert stream.getvalue().decode() == (
        "id,state,run,row,cost,tokens,call,attempts,recalled,problem\n"
        "1,answered,r1,0,0.0000125,12,cabc,1,false,\n"
        "2,failed,r1,1,,0,,3,false,It did not fit.\n"
    )


def test_clashing_names_get_a_prefix() -> None:
    """S25: the original keeps its name; a field of the same name and a fact are prefixed."""
    layout = Layout(columns=("id", "weft.id", "state"), fields=("id", "cost"), meta=True)

    assert layout.header[:5] == ("id", "weft.id", "state", "weft.weft.id", "cost")
    assert layout.header[5:] == tuple(
        {"state": "weft.state", "cost": "weft.cost"}.get(name, name) for name in META
    )
    assert len(set(layout.header)) == len(layout.header)


def test_json_lines_hold_the_same() -> None:
    """W29: the same content as one object per line, typed."""
    stream = io.BytesIO()

    write_table([ANSWERED], stream, layout=LAYOUT, form="jsonl")

    assert stream.getvalue().decode() == '{"id":"1","text":"ä","tldr":"short","ok":true}\n'


def dying() -> Iterator[list[str]]:
    """Records that break off."""
    yield from [["1"]] * 2000
    raise KeyboardInterrupt


def test_old_file_survives_a_broken_export(tmp_path: Path) -> None:
    """L22: an export that dies leaves the old file as it was and nothing beside it."""
    path = tmp_path / "out.csv"
    path.write_text("old")

    with pytest.raises(KeyboardInterrupt):
        write_rows(dying(), path, header=["a"])

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_killed_exports_go(tmp_path: Path) -> None:
    """L22: what a killed export left beside the file goes with the next one; living ones keep theirs."""
    dead, alive = tmp_path / ".out.csv.99999999-0.part", tmp_path / f".out.csv.{os.getppid()}-0.part"
    other = tmp_path / ".other.csv.99999999-0.part"
    for path in (dead, alive, other):
        path.touch()

    write_rows([["1"]], tmp_path / "out.csv", header=["a"])

    assert sorted(tmp_path.iterdir()) == sorted([alive, other, tmp_path / "out.csv"])


def test_new_file_appears_complete(tmp_path: Path) -> None:
    """L22: until the export is complete its name belongs to the old file."""
    path = tmp_path / "out.csv"
    path.write_text("old")
    seen = []

    def watching() -> Iterator[list[str]]:
        for number in range(2000):
            seen.append(path.read_text())
            yield [str(number)]

    write_rows(watching(), path, header=["a"])

    assert set(seen) == {"old"}
    assert len(path.read_text().splitlines()) == 2001


def test_rights_and_links_are_kept(tmp_path: Path) -> None:
    """A replaced file keeps its rights, a new one has those the system gives, a link stays a link."""
    path, link, new = tmp_path / "out.csv", tmp_path / "link.csv", tmp_path / "new.csv"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    (tmp_path / "plain").write_text("")

    write_rows([["1"]], link, header=["a"])
    write_rows([["1"]], new, header=["a"])

    assert link.is_symlink()
    assert path.read_text() == "a\n1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert new.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_device_is_written_in_place() -> None:
    """A device such as /dev/null is written and not replaced."""
    before = Path("/dev/null").stat().st_ino

    check_writable("/dev/null", "csv")
    write_rows([["1"]], "/dev/null", header=["a"], form="csv")

    assert Path("/dev/null").stat().st_ino == before


def test_place_is_checked_before_anything_is_asked(tmp_path: Path) -> None:
    """An export that cannot be written is refused beforehand, and the check leaves nothing behind."""
    check_writable(tmp_path / "out.csv")

    assert list(tmp_path.iterdir()) == []
    for path in (tmp_path / "missing" / "out.csv", tmp_path):
        with pytest.raises(UnwritableFile) as caught:
            check_writable(path, "csv")
        assert caught.value.hint
    with pytest.raises(UnknownName, match="names no table format"):
        check_writable(tmp_path / "out.doc")


def test_file_as_folder_is_refused(tmp_path: Path) -> None:
    """A path through a file is a clear error."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UnwritableFile, match="cannot be written: Not a directory"):
        check_writable(tmp_path / "file" / "out.csv")
