"""`weft audit`: reading the log of deeds, and looking whether it is whole."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.rights import Principal


@pytest.fixture
def logged(folder):
    """A store with three deeds, as a server leaves them."""

    async def write():
        ada = Principal(id="u-ada", workspace="sales")
        async with Weft(look_around(start=folder, environment={})) as house:
            await house.audit.record(ada, "create_run", thing="runs")
            await house.audit.record(ada, "create_run", thing="runs", outcome="invalid_request")
            await house.audit.record(Principal(id=""), "sign_in", outcome="not_proven")

    asyncio.run(write())
    return folder


def tamper(folder, statement):
    """Change the log behind weft's back."""
    with closing(sqlite3.connect(folder / ".weft" / "weft.db")) as store:
        store.executescript(
            f"DROP TRIGGER deeds_stay_on_update; DROP TRIGGER deeds_stay_on_delete; {statement}"
        )
        store.commit()


@pytest.mark.usefixtures("logged")
def test_deeds_are_listed_newest_first(weft) -> None:
    """S43: who did what, when, where and how it went stands in one line each."""
    said = weft("audit", "list")
    told = weft("audit", "list", "--json").json

    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == ["Deed", "3", "2", "1"]
    assert "invalid_request" in lines[2]
    assert "u-ada" in lines[3]
    assert [each["number"] for each in told["deeds"]] == [3, 2, 1]
    assert told["next"] is None


@pytest.mark.usefixtures("logged")
def test_deeds_are_filtered_and_paged(weft) -> None:
    """Whose, what, where and how it went narrow the list; a long one says how it goes on."""

    def numbers(*flags):
        return [each["number"] for each in weft("audit", "list", "--json", *flags).json["deeds"]]

    assert numbers("--actor", "u-ada") == [2, 1]
    assert numbers("--act", "sign_in") == [3]
    assert numbers("--workspace", "sales", "--outcome", "done") == [1]
    assert numbers("--before", "3", "--limit", "1") == [2]
    assert "--before 3" in weft("audit", "list", "--limit", "1").err
    assert weft("audit", "list", "--limit", "0").code == 2


def test_store_without_deeds_says_so(weft, ask) -> None:
    """On one's own machine nothing is logged, and looking makes no store."""
    assert "No such deed" in weft("audit", "list").out
    assert weft("audit", "verify").code == 2
    weft("run", "topic_review", "topics.csv", *ask)

    said = weft("audit", "verify")

    assert (said.code, "no deed is written down yet" in said.out) == (0, True)


def test_whole_log_gives_a_note(weft, logged) -> None:
    """S43: the last number and digest can be noted, and are asked about later."""
    note = weft("audit", "verify", "--json").json["note"]

    assert note.startswith("3:")
    assert f"The log is whole: 3 deeds. Note: {note}" in weft("audit", "verify").out
    assert weft("audit", "verify", "--noted", note).code == 0
    other = weft("audit", "verify", "--noted", f"2:{'0' * 64}")
    assert (other.code, "Deed 2 is not the one that was noted" in other.out) == (1, True)
    assert weft("audit", "verify", "--noted", "nonsense").code == 2


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE deeds SET actor = 'u-eve' WHERE number = 2", "Deed 2 was changed"),
        ("DELETE FROM deeds WHERE number = 2", "Deed 2 is missing."),
        ("DELETE FROM deeds WHERE number = 3", "Deed 3 is missing."),
    ],
)
def test_broken_log_is_an_exit_code(weft, logged, statement, said) -> None:
    """S43: a deed that was changed or taken away is named, and the exit code is 1."""
    tamper(logged, statement)

    found, told = weft("audit", "verify"), weft("audit", "verify", "--json")

    assert (found.code, told.code, told.json["whole"]) == (1, 1, False)
    assert said in found.out
    assert weft("db", "check").code == 2
