"""A JSON record per row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.app.conftest import QUICK, ROWS

import weft
from weft.app.recording import prepare_folder, record_name
from weft.app.weft import open_weft
from weft.errors import UnwritableFile
from weft.run import Tally


@pytest.mark.parametrize(
    ("total", "name"), [(1, "row000"), (1000, "row007"), (1001, "row0007"), (10**6, "row000007")]
)
def test_number_is_padded_to_the_run(provider, total, name) -> None:
    """T44: at least three digits, more where the run has more rows, so that files sort."""
    run = replace(weft.run(ROWS, provider=provider, **QUICK).run, tally=Tally(total=total))

    assert record_name(run, 7 if total > 1 else 0).endswith(f"-quick-{name}.json")


def test_name_cannot_leave_the_folder(provider) -> None:
    """T55: whatever a template is called, a record's name has no path in it."""
    run = weft.run(ROWS, provider=provider, **QUICK).run
    run = replace(run, spec=replace(run.spec, template="../../etc/passwd 1.0.0"))

    assert "/" not in record_name(run, 0)
    assert ".." not in record_name(run, 0)


async def test_rejected_row_is_not_rendered(provider, folder: Path) -> None:
    """T54: the record of a rejected row has its cells and its problem, and nothing rendered."""
    rows = [{"body": "fine"}, {"body": None}]
    result = await weft.run_async(rows, provider=provider, **QUICK)
    async with open_weft() as house:
        written = list(house.runs.record(result.run, folder / "r"))

    records = [json.loads(each.path.read_text(encoding="utf-8")) for each in written]
    assert [each["state"] for each in records] == ["answered", "rejected"]
    assert records[0]["answer"] == {"tone": "calm"}
    assert records[1]["rendered"] is None
    assert records[1]["problem"]


def test_folder_that_is_a_file_is_refused(folder: Path) -> None:
    """A folder that cannot be made is a clear error."""
    (folder / "file").write_text("", encoding="utf-8")

    with pytest.raises(UnwritableFile, match="file"):
        prepare_folder(folder / "file" / "inner")
