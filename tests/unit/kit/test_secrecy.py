from __future__ import annotations

import json
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from io import StringIO
from time import process_time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.kit.secrecy import HIDDEN, LEAST, MOST, SHAPES, Secrets, guard_log

KEY = 'pl/nted"k+y é-0123456789'


@pytest.fixture
def log() -> Iterator[tuple[Secrets, logging.Logger, StringIO]]:
    """A guarded log, its secrets, and what was written."""
    before = logging.getLogRecordFactory()
    secrets, written = Secrets(), StringIO()
    logger, handler = logging.getLogger("weft.probe"), logging.StreamHandler(written)
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    guard_log(secrets)
    yield secrets, logger, written
    logger.removeHandler(handler)
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        quote(KEY, safe="").lower(),
        quote_plus(KEY),
        json.dumps(KEY),
        json.dumps({"key": KEY}, ensure_ascii=False),
        repr(KEY),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        b64encode(KEY.encode()).decode(),
        b64encode(f"user:{KEY}:more".encode()).decode(),
        b64encode(f"u:{KEY}".encode()).decode(),
        urlsafe_b64encode(f"us:{KEY}?".encode()).decode(),
    ],
)
def test_known_secret_is_hidden_in_every_form(form: str) -> None:
    """S47: as it is, escaped for URLs and JSON, in base64 at any place, and in hexadecimal."""
    secrets = Secrets()
    secrets.add(KEY)

    hidden = secrets.hide_known(f"before {form} after")

    assert HIDDEN in hidden
    assert form not in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")


@settings(max_examples=150, deadline=None)
@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=LEAST, max_size=40),
    before=st.binary(max_size=4),
    after=st.binary(max_size=4),
)
def test_nothing_of_base64_remains_that_tells(secret: str, before: bytes, after: bytes) -> None:
    """Whatever stands around it, what is left of a coded secret is a few characters at its ends."""
    secrets = Secrets()
    secrets.add(secret)
    coded = b64encode(before + secret.encode() + after).decode()

    left = secrets.hide_known(coded).replace(HIDDEN, "")

    assert len(left) <= 4 + (len(before) + len(after)) * 4 // 3 + 4


def test_short_texts_are_no_secrets() -> None:
    """A password of a few letters would blot out words; it is not taken."""
    secrets = Secrets()
    secrets.add("test", "", "  a  ")

    assert secrets.hide("this is a test") == "this is a test"


def test_oldest_is_forgotten() -> None:
    """So many secrets are known at once, and one that is told again stays."""
    secrets = Secrets()
    secrets.add("secret-first")
    secrets.add(*(f"secret-{number:05}" for number in range(MOST - 1)))
    secrets.add("secret-first")
    secrets.add("secret-last-one")

    assert secrets.hide_known("secret-first secret-00000") == f"{HIDDEN} secret-00000"


def test_own_secrets_outlast_any_number_of_others() -> None:
    """S47: who keeps a thousand keys does not make the log forget the server's own secrets."""
    secrets = Secrets()
    secrets.add_named({"WEFT_MASTER_KEY": "planted-master"})
    secrets.add("planted-client-secret", lasts=True)
    secrets.add(*(f"secret-{number:05}" for number in range(2 * MOST)))

    assert secrets.hide_known("planted-master planted-client-secret") == f"{HIDDEN} {HIDDEN}"


def test_long_secrets_make_nobody_wait() -> None:
    """S37, S47: with many keys as long as a key may be, the next line of the log takes milliseconds, not minutes."""
    secrets = Secrets()
    secrets.add("planted-first", *(f"{number:05}" + "x+/é" * 1_000 for number in range(300)))

    began = process_time()
    hidden = secrets.hide("planted-first")
    took = process_time() - began

    assert hidden == HIDDEN
    assert took < 2  # a pattern of all their forms took twenty seconds


def test_variables_tell_by_their_names() -> None:
    """Values of keys, tokens, secrets and passwords are secrets, other values are not."""
    secrets = Secrets()
    names = ["OPENAI_API_KEY", "MY_TOKEN", "WEFT_OIDC_CLIENT_SECRET", "DB_PASSWORD", "WEFT_MASTER_KEY"]
    secrets.add_named({name: f"planted-{name.lower()}" for name in names})
    secrets.add_named({"PATH": "/usr/local/bin", "WEFT_MASTER_KEY_FILE": "/etc/weft/master"})

    said = " ".join(f"planted-{name.lower()}" for name in names)

    assert secrets.hide_known(said) == " ".join([HIDDEN] * len(names))
    assert secrets.hide_known("/usr/local/bin /etc/weft/master") == "/usr/local/bin /etc/weft/master"


@pytest.mark.parametrize(
    "text",
    [
        "sk-proj-abcdefghijklmnopqrstuvwx",
        "sk-ant-api03-abcdefghijklmnopqrstuv",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "xoxb-1234567890-abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
        "weft_" + "a" * 43,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=",
    ],
)
def test_shapes_of_keys_are_known(text: str) -> None:
    """What looks like a key of a well-known kind is hidden, known or not."""
    assert SHAPES.search(text)
    assert Secrets().hide(f"it was {text}") == f"it was {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcd1234efgh", f"Authorization: Bearer {HIDDEN}"),
        ("{'authorization': 'Basic dTpw', 'a': 1}", f"{{'authorization': 'Basic {HIDDEN}', 'a': 1}}"),
        ('{"x-api-key": "1234abcd"}', f'{{"x-api-key": "{HIDDEN}"}}'),
        ("(b'cookie', b'weft_8753=1.2.3')", f"(b'cookie', b'{HIDDEN}')"),
        ("postgresql://me:pass@db/weft", f"postgresql://me:{HIDDEN}@db/weft"),
        ("GET /cb?code=abc&state=def&x=1", f"GET /cb?code={HIDDEN}&state={HIDDEN}&x=1"),
        ("send it as `Authorization: Bearer …`.", "send it as `Authorization: Bearer …`."),
        ("the key of the matter is a token", "the key of the matter is a token"),
        ("call c123 of run r3k7 took 0.2 s", "call c123 of run r3k7 took 0.2 s"),
    ],
)
def test_what_travels_is_hidden_where_it_stands(text: str, expected: str) -> None:
    """Headers, cookies, passwords in addresses and codes are hidden; the rest of a line stays."""
    assert Secrets().hide(text) == expected


def test_log_holds_no_secret(log: tuple[Secrets, logging.Logger, StringIO]) -> None:
    """S47: neither message, arguments, traceback nor stack of a record hold a secret."""
    secrets, logger, written = log
    secrets.add("planted-0123456789")

    logger.debug("headers %r", {"x": "planted-0123456789"})
    logger.info("planted-0123456789")
    logger.info("two %s", "planted-0123456789", "too many")  # noqa: PLE1205 - that is the point
    try:
        int("planted-0123456789")
    except ValueError as error:
        logger.exception("broke", stack_info=True)
        record = logger.makeRecord("n", 40, "f", 1, "%s", (error,), None)

    assert "planted" not in written.getvalue()
    assert written.getvalue().count(HIDDEN) >= 4
    assert "Traceback" in written.getvalue()
    assert "planted" not in record.getMessage()


def test_harmless_records_stay_as_they_are(log: tuple[Secrets, logging.Logger, StringIO]) -> None:
    """A record without a secret keeps its message and arguments, so that tools can group it."""
    _, logger, written = log

    record = logger.makeRecord("n", 20, "f", 1, "%s rows", (3,), None)
    logger.info("%d rows", 3)

    assert (record.msg, record.args) == ("%s rows", (3,))
    assert written.getvalue() == "3 rows\n"


def test_guarding_twice_is_harmless(log: tuple[Secrets, logging.Logger, StringIO]) -> None:
    """A log that is guarded by the same secrets is not guarded again."""
    before = logging.getLogRecordFactory()

    guard_log(log[0])

    assert logging.getLogRecordFactory() is before
