"""Opening a store on a server: what it must be, who may change it, what is said."""

from __future__ import annotations

import threading

import psycopg
import pytest
from tests.contracts.servers import command, fresh_database, the_server

from weft import errors
from weft.kit.clocks import VirtualClock
from weft.store.distant.opening import address_of, is_there, open_database, upgrade_database
from weft.store.engines.postgresql import store as engine
from weft.store.tables import REVISION


def close(database):
    """Let go of both connections."""
    database.reader.close()
    database.writer.close()


def say(url, sql):
    """Say one statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql)


# ── addresses ──


def test_address_names_place_and_hides_password():
    """S47: a database is named by its host and name; its password is shown nowhere."""
    address = address_of("postgresql://me:geheim@db.example:5433/weft?sslmode=require")

    assert str(address.place) == "`weft` at `db.example`"
    assert (address.parameters["password"], address.parameters["port"]) == ("geheim", "5433")
    assert "geheim" not in repr(address)


def test_address_may_set_its_own_limits():
    """What the URL says about the connection wins; only the application's name is ours."""
    parameters = address_of("postgresql://h/d?connect_timeout=3&application_name=x").parameters

    assert (parameters["connect_timeout"], parameters["application_name"]) == ("3", "weft")


def test_broken_address_is_not_repeated():
    """S47: a URL that cannot be read may hold a password, so the message shows nothing of it."""
    with pytest.raises(errors.BadSetting) as caught:
        address_of("postgresql://me:ge@heim@h/d?nonsense=1")

    assert "heim" not in str(caught.value)
    assert "%XX" in caught.value.hint


# ── opening ──


def test_new_store_gets_its_own_schema():
    """An empty database becomes a store; what else is in the database stays apart from it."""
    url = fresh_database()
    say(url, "CREATE TABLE runs (mine int)")
    assert not is_there(url)

    close(open_database(url))

    assert is_there(url)
    assert say(url, "SELECT count(*) FROM weft.runs").fetchone() == (0,)
    assert say(url, "SELECT count(*) FROM public.runs").fetchone() == (0,)


def test_many_may_open_a_new_store_at_once():
    """Processes that all find an empty database make one store."""
    url = fresh_database()
    failed, start = [], threading.Barrier(3)

    def open_one():
        start.wait()
        try:
            close(open_database(url))
        except Exception as exc:  # noqa: BLE001 - looked at below
            failed.append(exc)

    threads = [threading.Thread(target=open_one) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert failed == []
    assert say(url, "SELECT version_num FROM weft.alembic_version").fetchall() == [(f"{REVISION:04}",)]


def test_newer_store_is_refused(url):
    """P43: a store of a newer weft is not touched."""
    say(url, "UPDATE weft.alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(errors.IncompatibleStore, match="newer weft \\(revision 9999"):
            open_database(url)
        with pytest.raises(errors.IncompatibleStore):
            upgrade_database(url)
    finally:
        say(url, f"UPDATE weft.alembic_version SET version_num = '{REVISION:04}'")  # noqa: S608 - of the test


@pytest.fixture
def older():
    """A database whose store has no step taken yet."""
    url = fresh_database()
    say(url, "CREATE SCHEMA weft; CREATE TABLE weft.alembic_version (version_num varchar(32) PRIMARY KEY)")
    return url


def test_older_store_is_brought_up_to_date_if_unused(older):
    """P43: nobody else is at it, so opening takes the steps that lack."""
    close(open_database(older))

    assert upgrade_database(older) == (REVISION, REVISION)


def test_older_store_in_use_waits_for_the_command(older):
    """P43: others may still write the old tables; `weft db upgrade` is for a person to decide."""
    with psycopg.connect(older, application_name="weft"):
        with pytest.raises(errors.IncompatibleStore, match="is in use") as caught:
            open_database(older)

        assert "`weft db upgrade`" in caught.value.hint
        assert upgrade_database(older) == (0, REVISION)


def test_database_without_unicode_is_refused():
    """A store must hold every text."""
    command("CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0")

    with pytest.raises(errors.IncompatibleStore, match="UTF-8"):
        open_database(the_server().dsn("latin"))


def test_missing_database_comes_with_its_command():
    """The command that makes the database is told, for this host and user."""
    with pytest.raises(errors.BadSetting, match="There is no database `nothing`") as caught:
        open_database(the_server().dsn("nothing"))

    assert caught.value.hint.startswith("make it with: createdb --host")


def test_missing_rights_are_named():
    """A user who may not make the schema hears what the owner must grant."""
    url = fresh_database()
    command("DROP ROLE IF EXISTS guest")
    command("CREATE ROLE guest LOGIN")

    with pytest.raises(errors.UnwritableFile) as caught:
        open_database(url.replace("weft@", "guest@"))

    assert "GRANT CREATE ON DATABASE" in caught.value.hint


def test_absent_server_is_named():
    """Nobody answers: that is an outage, said at once."""
    with pytest.raises(errors.StoreBusy, match="`weft` at `/nowhere` does not answer"):
        engine.open("postgresql:///weft?host=/nowhere", clock=VirtualClock())


# ── looking after it ──


async def test_damage_is_told(url):
    """L16: a table that cannot be read is a sentence of `check`, not a traceback."""
    store = engine.open(url, clock=VirtualClock())
    say(url, "ALTER TABLE weft.replies RENAME TO hidden")
    try:
        assert "replies" in (await store.check())[0]
    finally:
        say(url, "ALTER TABLE weft.hidden RENAME TO replies")
    assert await store.check() == []
    await store.close()


def test_reading_words_may_be_looked_at(url):
    """The views for people with a SQL shell show texts, not bytes."""
    assert say(url, "SELECT cells, answer FROM weft.rows_in_words").fetchall() == []
    assert say(url, "SELECT usd FROM weft.calls_in_words").fetchall() == []
