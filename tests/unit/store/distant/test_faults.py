"""What a server says, in our words."""

from __future__ import annotations

import psycopg
import pytest

from weft import errors
from weft.store.distant.faults import Place, needs_new_line, passes, translate

PLACE = Place("weft", "db.example", "me")


def stated(code):
    """A complaint with a code."""
    return psycopg.errors.lookup(code)("The server said so.\nDETAIL: no more")


@pytest.mark.parametrize(
    "code", ["08006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P03", "25006", "25P03"]
)
def test_passing_faults_are_busy(code):
    """L8: whatever passes by waiting is an outage, with the first line of what was said."""
    found = translate(stated(code), PLACE, psycopg)

    assert passes(stated(code), psycopg)
    assert isinstance(found, errors.StoreBusy)
    assert found.message == "The database `weft` at `db.example` does not answer: The server said so."


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("53100", errors.DiskFull),
        ("58030", errors.DiskFull),
        ("XX001", errors.IncompatibleStore),
        ("42501", errors.UnwritableFile),
        ("42P01", errors.IncompatibleStore),
    ],
)
def test_lasting_faults_say_who_must_act(code, kind):
    """L5, L16: a full disk, damage, missing rights and missing tables are no outages."""
    assert not passes(stated(code), psycopg)
    assert isinstance(translate(stated(code), PLACE, psycopg), kind)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('FATAL:  password authentication failed for user "me"', "did not accept the password of user `me`"),
        ("fe_sendauth: no password supplied", "did not accept the password"),
        ('FATAL:  no pg_hba.conf entry for host "::1", user "me"', "lets user `me` not into"),
        ('FATAL:  database "weft" does not exist', "There is no database `weft`"),
        ('FATAL:  role "me" does not exist', "There is no user `me`"),
        ('could not translate host name "db.example" to address', "`db.example` is not known"),
    ],
)
def test_refused_connections_are_mistakes(words, expected):
    """S47: who is refused hears why and what to do, and nobody waits for it to pass."""
    exc = psycopg.OperationalError(words)
    found = translate(exc, PLACE, psycopg)

    assert not passes(exc, psycopg)
    assert isinstance(found, errors.BadSetting)
    assert expected in found.message
    assert found.hint


def test_missing_database_comes_with_its_command():
    """The command that makes the database can be copied."""
    found = translate(psycopg.OperationalError('database "weft" does not exist'), PLACE, psycopg)

    assert found.hint == "make it with: createdb --host db.example --username me weft"


def test_mistakes_of_the_program_stay_what_they_are():
    """A syntax error is ours, and anything else is no complaint of the driver."""
    assert translate(stated("42601"), PLACE, psycopg) is None
    assert translate(ValueError("x"), PLACE, psycopg) is None
    assert not passes(ValueError("x"), psycopg)


def test_copy_of_a_server_needs_a_new_line():
    """After a fail-over the old server takes no writes; only another connection finds the new one."""
    assert needs_new_line(stated("25006"))
    assert not needs_new_line(stated("40001"))
