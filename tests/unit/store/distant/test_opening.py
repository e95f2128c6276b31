"""Opening a store on a server: what it must be, who may change it, what is said."""

from __future__ import annotations

import subprocess
import threading

import psycopg
import pytest
from tests.contracts.errands import Errand
from tests.contracts.servers import command, fresh_database, the_server
from tests.generated.postgres import programs

from weft import errors
from weft.documents import Deed, Document
from weft.kit.clocks import VirtualClock
from weft.store.distant.opening import (
    address_of,
    is_there,
    open_database,
    split_schema,
    upgrade_database,
)
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


def restore(dump, url):
    """Restore a dump as the how-to says."""
    subprocess.run([programs() / "pg_restore", "--no-owner", "--dbname", url, dump], check=True)


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


@pytest.mark.parametrize(
    ("url", "schema", "rest"),
    [
        ("postgresql://h/d", "weft", "postgresql://h/d"),
        ("postgresql://h/d?schema=weft_a", "weft_a", "postgresql://h/d"),
        ("postgresql://h/d?schema=user&sslmode=require", "user", "postgresql://h/d?sslmode=require"),
        ("postgresql://h/d?connect_timeout=3&schema=a_1", "a_1", "postgresql://h/d?connect_timeout=3"),
    ],
)
def test_address_may_name_a_schema(url, schema, rest):
    """The schema is taken out of the address, for PostgreSQL's own programs do not know it."""
    assert split_schema(url) == (rest, schema)
    address = address_of(url)
    assert address.schema == schema
    assert "schema" not in address.parameters
    assert address.application == ("weft" if schema == "weft" else f"weft/{schema}")


@pytest.mark.parametrize(
    "schema",
    ["", "Weft", "a-b", "1a", "a.b", 'a"b', "a%22b", "a'b", "a%20b", "pg_toast", "public", "information_schema",
     "a" * 49, "a&schema=b", "ä"],
)  # fmt: skip
def test_odd_schema_is_refused(schema):
    """S39: what stands in statements as it is must be a plain name."""
    with pytest.raises(errors.BadSetting, match="cannot be the schema of a store"):
        address_of(f"postgresql://h/d?schema={schema}")


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


# ── several in one database ──


async def test_stores_stand_side_by_side(tmp_path):
    """S33, S53: what is in one schema is not seen from another, and each is checked and backed up alone."""
    url = fresh_database()
    one, other = f"{url}&schema=user" if "?" in url else f"{url}?schema=user", engine.beside(url, "sales-eu")
    stores = [engine.open(each, clock=VirtualClock(), threads=False) for each in (url, one, other)]
    errand = await Errand.begin(stores[1])
    await errand.settled(0)
    await stores[1].log(Deed(at=1.0, actor="u1", act="create_run"))
    await stores[2].put(Document(kind="member", id="u1"))

    assert [len(await each.runs()) for each in stores] == [0, 1, 0]
    assert [len(await each.deeds()) for each in stores] == [0, 1, 0]
    assert [len(await each.documents("member")) for each in stores] == [0, 0, 1]
    assert [await each.check() for each in stores] == [[], [], []]
    assert await stores[1].audit() == []
    with pytest.raises(errors.UnknownName):
        await stores[0].run(errand.id)
    schemas = say(url, "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg%' ORDER BY 1").fetchall()
    assert schemas == [("information_schema",), ("public",), ("user",), ("weft",), ("weft_sales_eu",)]

    await stores[1].backup(tmp_path / "one.dump")
    empty = fresh_database()
    restore(tmp_path / "one.dump", empty)
    restored = engine.open(f"{empty}{'&' if '?' in empty else '?'}schema=user", clock=VirtualClock())
    assert len(await restored.runs()) == 1
    assert not is_there(empty)
    for each in (*stores, restored):
        await each.close()


def test_other_schema_in_use_is_no_hindrance(older):
    """P43: whether an older store is in use is asked for each schema; its message names the schema."""
    second = f"{older}{'&' if '?' in older else '?'}schema=weft_b"
    say(older, "CREATE SCHEMA weft_b")
    say(older, "CREATE TABLE weft_b.alembic_version (version_num varchar(32) PRIMARY KEY)")
    with psycopg.connect(older, application_name="weft"):
        close(open_database(second))
        with pytest.raises(errors.IncompatibleStore, match="is in use"):
            open_database(older)
    say(second.partition("schema=")[0].rstrip("?&"), "UPDATE weft_b.alembic_version SET version_num = '0000'")
    with (
        psycopg.connect(older, application_name="weft/weft_b"),
        pytest.raises(errors.IncompatibleStore, match=r"schema `weft_b`\) was made by an older weft"),
    ):
        open_database(second)


@pytest.mark.parametrize(
    ("name", "schema"),
    [("sales", "weft_sales"), ("sales-eu", "weft_sales_eu"), ("sales_eu", "weft_sales_eu__"), ("a--b", "weft_a_b__"),
     ("Sales", "weft_sales__"), ("x" * 41, "weft_xxxxxxxxxxxxxxxxxxxx__")],
)  # fmt: skip
def test_names_beside_each_other_differ(name, schema):
    """S33: every name gives a schema of its own."""
    found = split_schema(engine.beside("postgresql://h/d?sslmode=require", name))

    assert found[0] == "postgresql://h/d?sslmode=require"
    assert found[1] == schema if not schema.endswith("__") else found[1].startswith(schema)
