from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from weft.api.sessions import IDLE_S, LIFE_S, Session, Sessions
from weft.kit.clocks import VirtualClock


def new_sessions(clock: VirtualClock | None = None, key: str = "k" * 43) -> Sessions:
    """Sessions whose secrets are counted."""
    numbers = count()
    return Sessions(key, clock=clock or VirtualClock(), draw=lambda: f"secret-{next(numbers)}")


def test_newer_code_spends_the_older() -> None:
    """Only the code that was made last opens a session."""
    sessions = new_sessions()
    first, second = sessions.new_code(), sessions.new_code()

    assert sessions.open(first) is None
    assert sessions.open(second) is not None


def test_no_code_opens_nothing() -> None:
    """Before a code is made nothing opens, the empty text least of all."""
    assert new_sessions().open("") is None


@given(st.text(max_size=200))
def test_any_text_is_no_cookie(text: str) -> None:
    """Whatever stands in a cookie is read without an error, and lets nobody in."""
    assert new_sessions().read(text) is None


@given(st.integers(0, 200), st.characters())
def test_changed_cookie_is_worthless(place: int, other: str) -> None:
    """S35: one changed character anywhere makes a cookie worthless."""
    sessions = new_sessions()
    session = sessions.open(sessions.new_code())
    assert session is not None
    cookie = sessions.seal(session)
    changed = cookie[: place % len(cookie)] + other + cookie[place % len(cookie) + 1 :]

    assert sessions.read(cookie) == session
    assert changed == cookie or sessions.read(changed) is None


def test_cookie_of_another_key_is_worthless() -> None:
    """A new key of the server ends all sessions."""
    session = Session("name", 1_700_000_000, 1_700_000_000)

    assert new_sessions(key="x" * 43).read(new_sessions().seal(session)) is None


async def test_cookie_has_its_time() -> None:
    """A cookie ends after twelve idle hours, and after a week in any case."""
    clock = VirtualClock()
    sessions = new_sessions(clock)
    session = sessions.open(sessions.new_code())
    assert session is not None
    await clock.sleep(IDLE_S - 1)
    idle = sessions.renewed(session)
    assert idle is not None
    await clock.sleep(2)

    assert sessions.read(sessions.seal(session)) is None
    assert sessions.read(sessions.seal(idle)) == idle
    assert sessions.renewed(idle) is None

    await clock.sleep(LIFE_S)
    late = sessions.renewed(idle)
    assert late is not None
    assert sessions.read(sessions.seal(late)) is None
