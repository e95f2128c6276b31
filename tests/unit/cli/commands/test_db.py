"""`weft db`: bringing a store up to date, checking it, backing it up."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.contracts.servers import fresh_database

from weft.store.tables import REVISION


def test_sound_store_is_told(weft, ask) -> None:
    """P43: after a run nothing is wrong, and the tables are the newest."""
    weft("run", "topic_review", "topics.csv", *ask)

    checked, upgraded = weft("db", "check"), weft("db", "upgrade")

    assert (checked.code, upgraded.code) == (0, 0)
    assert "all costs add up" in checked.out
    assert f"is up to date (revision {REVISION})" in upgraded.out


def test_wrong_books_are_an_exit_code(weft, ask, folder) -> None:
    """I6: a store whose money does not add up is told with both sides, and ends with 2."""
    weft("run", "topic_review", "topics.csv", *ask)
    with closing(sqlite3.connect(folder / ".weft" / "weft.db")) as store:
        store.execute("UPDATE runs SET spent = 5")
        store.commit()

    said = weft("db", "check", "--json")
    plain = weft("db", "check")

    assert (said.code, plain.code) == (2, 2)
    assert said.json["sound"] is False
    assert "booked are $0.000000005" in " ".join(said.json["problems"])
    assert "found; nothing was changed." in plain.out


def test_each_workspace_has_a_store_to_look_after(weft, ask, folder) -> None:
    """L16: who copies the store of `home` is told of the others, and each can be named."""
    weft("run", "topic_review", "topics.csv", *ask)
    weft("workspaces", "add", "support")
    weft("workspaces", "add", "unused")
    (folder / ".weft" / "weft.db.workspaces" / "support").mkdir(parents=True)
    own = "sqlite:///.weft/weft.db.workspaces/support/weft.db"
    weft("run", "topic_review", "topics.csv", *ask, "--store", own)

    told = weft("db", "backup", "home.db")
    copied = weft("db", "backup", "support.db", "--workspace", "support")
    checked = weft("db", "check", "--workspace", "support", "--json")
    unused = weft("db", "backup", "unused.db", "--workspace", "unused")
    unknown = weft("db", "upgrade", "--workspace", "nobody")

    assert (told.code, copied.code, checked.code, unused.code, unknown.code) == (0, 0, 0, 2, 2)
    assert "--workspace support" in told.err
    assert "unused" not in told.err
    assert "workspaces/support/weft.db to support.db" in copied.out
    assert checked.json["sound"] is True
    assert "has no store yet" in unused.err
    assert weft("status", "--store", "support.db", "--json").json["run"]["answered"] == 5


def test_damage_comes_before_the_books(weft, folder) -> None:
    """L16: a file that is no store is an error with its name."""
    said = weft("db", "check", "--store", "sqlite:///topics.csv")

    assert said.code == 2
    assert "is no weft store" in said.err


def test_backup_is_a_store(weft, ask) -> None:
    """L16: the copy is sound, holds the run, and replaces nothing."""
    weft("run", "topic_review", "topics.csv", *ask)
    said = weft("db", "backup", "copy.db", "--json")

    again = weft("db", "backup", "copy.db")

    assert said.code == 0
    assert said.json["bytes"] > 0
    assert weft("status", "--store", "copy.db", "--json").json["run"]["answered"] == 5
    assert weft("db", "check", "--store", "copy.db").code == 0
    assert again.code == 2
    assert "replaces nothing" in again.err
    assert weft("db", "backup", "no/such/folder.db").code == 2


def test_absent_store_is_not_made(weft, folder) -> None:
    """Looking after a store makes none."""
    for command in (("check",), ("backup", "copy.db"), ("upgrade",)):
        said = weft("db", *command)

        assert said.code == 2
        assert "There is no run yet" in said.err
    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_store_on_a_server_is_looked_after(weft, ask) -> None:
    """The same commands serve a store in PostgreSQL; its password is shown by none of them."""
    url = fresh_database()
    known = url.replace("weft@", "weft:geheim@")

    absent, made = weft("db", "check", "--store", known), weft("db", "upgrade", "--store", known)
    doctor = weft("doctor", "--store", known)
    ran = weft("run", "topic_review", "topics.csv", *ask, "--store", known)
    checked, status = weft("db", "check", "--store", known), weft("status", "--store", known)

    assert (absent.code, made.code, doctor.code, ran.code, checked.code) == (2, 0, 0, 0, 0)
    assert f"is ready (revision {REVISION})" in made.out
    assert "is sound" in doctor.out
    assert f"--store '{url}'" in status.out
    for said in (absent, made, doctor, ran, checked, status):
        assert "geheim" not in said.out + said.err


def test_other_spelling_of_the_scheme_is_known(weft) -> None:
    """`postgres://` is what many tools write; an unknown scheme is refused without its password."""
    url = fresh_database().replace("postgresql://", "postgres://")

    said = weft("db", "upgrade", "--store", url)
    wrong = weft("db", "upgrade", "--store", "mysql://me:geheim@h/d")

    assert said.code == 0, said.err
    assert wrong.code == 2
    assert "postgresql://" in wrong.err
    assert "geheim" not in wrong.err
