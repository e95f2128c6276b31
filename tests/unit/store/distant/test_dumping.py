"""Backups of a store on a server are those of `pg_dump`, and can be restored."""

from __future__ import annotations

import subprocess

import pytest
from tests.contracts.errands import Errand
from tests.contracts.servers import fresh_database
from tests.generated.postgres import programs

from weft import errors
from weft.documents import Deed
from weft.kit.clocks import VirtualClock
from weft.store.distant.dumping import _address, dump
from weft.store.engines.postgresql import store as engine


def restore(dump, url):
    """Restore a dump as the how-to says."""
    subprocess.run([programs() / "pg_restore", "--no-owner", "--dbname", url, dump], check=True)


async def test_backup_is_restored_whole(url, tmp_path):
    """A dump, restored into an empty database, is the same store."""
    store = engine.open(url, clock=VirtualClock())
    errand = await Errand.begin(store)
    await errand.settled(0, 1)
    await store.log(Deed(at=1.0, actor="u1", act="create_run"))
    expected = await errand.tally(), errand.outcomes()
    await store.backup(tmp_path / "weft.dump")
    await store.close()
    assert (tmp_path / "weft.dump").stat().st_mode & 0o077 == 0
    empty = fresh_database()

    restore(tmp_path / "weft.dump", empty)
    restored = engine.open(empty, clock=VirtualClock())
    errand.store = restored

    assert (await errand.tally(), errand.outcomes()) == expected
    assert await restored.audit() == []
    assert (await restored.log(Deed(at=2.0, actor="u1", act="cancel_run"))).number == 2
    assert await restored.check() == []
    assert [each.name for each in tmp_path.iterdir()] == ["weft.dump"]
    await errand.settled(2)  # its counters go on where they were
    await restored.close()


def test_missing_program_is_named(monkeypatch, tmp_path):
    """Without `pg_dump` the package to install is told."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(errors.UnwritableFile, match="`pg_dump`, which is not installed") as caught:
        dump({}, tmp_path / "x", schema="weft", place="`weft` at `db`")

    assert "postgresql-client" in caught.value.hint


def test_failed_dump_leaves_nothing(tmp_path):
    """What `pg_dump` says is told, and no half a file is left."""
    with pytest.raises(errors.UnwritableFile, match="could not back up"):
        dump({"host": "/nowhere", "dbname": "x"}, tmp_path / "x", schema="weft", place="`x` at `/nowhere`")

    assert list(tmp_path.iterdir()) == []


def test_password_is_no_argument():
    """S47: a password goes to `pg_dump` in a file that only we can read, and that is gone afterwards."""
    with _address({"host": "h", "user": "me", "password": "ge:he\\im"}) as address:
        path = address.partition("passfile=")[2]
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as pg_dump reads it
            assert file.read() == "*:*:*:*:ge\\:he\\\\im\n"
        assert "im" not in address.replace(path, "")

    with pytest.raises(FileNotFoundError):
        open(path, encoding="utf-8")  # noqa: PTH123, SIM115 - it is not there
