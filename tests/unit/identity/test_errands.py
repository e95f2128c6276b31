"""Errands: what binds a sign-in to the browser that began it."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.identity.errands import LIFE_S, SLACK_S, Errand, Errands, local_address
from weft.kit.clocks import VirtualClock

KEY = b"k" * 32


def errands(key: bytes = KEY, clock: VirtualClock | None = None) -> Errands:
    """Errands of a process; all with the same key understand each other."""
    numbers = count()
    return Errands(key, clock=clock or VirtualClock(), draw=lambda: f"{next(numbers):043}")


def test_errand_is_read_by_every_process() -> None:
    """What one process has written another one with the same key reads, and none with another key."""
    errand = errands().begin("/runs?state=paused&x=%2F")
    written = errands().write(errand)

    assert errands().read(written) == errand
    assert errands(b"l" * 32).read(written) is None


def test_errand_has_its_time() -> None:
    """It is good for ten minutes; one from the future was made by a clock that nobody should trust."""
    clock = VirtualClock()
    made = errands(clock=clock)
    written = made.write(made.begin("/"))

    clock.advance(LIFE_S - 1)
    assert made.read(written) is not None
    clock.advance(1)
    assert made.read(written) is None
    clock.shift_wall(-LIFE_S - SLACK_S - 1)
    assert made.read(written) is None


def test_cookie_tells_neither_state_nor_verifier() -> None:
    """Who sees the cookie knows nothing that the provider is shown; the three differ from each other."""
    made = errands()
    errand = made.begin("/")
    derived = [made.state(errand), made.nonce(errand), made.verifier(errand)]

    assert len({*derived, errand.seed}) == 4
    assert all(len(each) == 43 for each in derived)
    assert not [each for each in derived if each in made.write(errand)]


def test_each_errand_has_its_own_state() -> None:
    """Another errand's state is not this one's."""
    made = errands()
    first, second = made.begin("/"), made.begin("/")

    assert made.is_state(first, made.state(first))
    assert not made.is_state(first, made.state(second))
    assert not made.is_state(first, "")
    assert not made.is_state(first, "é\udcff")


def test_short_key_is_refused() -> None:
    """A key that somebody might guess is our own mistake."""
    with pytest.raises(ValueError, match="32"):
        errands(b"short")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_no_errand(text: str) -> None:
    """Whatever a browser sends instead is read as nothing, without an error."""
    assert errands().read(text) is None


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[/\\:.a-z@#?%\t\r\n ]{0,12}", fullmatch=True)))
def test_onward_is_always_a_path_of_this_server(text: str) -> None:
    """No text whatsoever leads to another host, another scheme or into a header."""
    onward = local_address(text)

    assert onward in {"/", text}
    assert onward.startswith("/")
    assert onward[1:2] not in {"/", "\\"}
    assert onward.isascii()
    assert onward.isprintable()
    assert not set("\\ ") & set(onward)


def test_onward_survives_the_cookie() -> None:
    """Any path of this server comes back as it went."""
    made = errands()
    onward = "/" + "".join(map(chr, range(0x21, 0x7F))).replace("\\", "")
    errand = Errand(at=int(made.begin("/").at), seed="0" * 43, onward=onward)

    read = made.read(made.write(errand))

    assert read is not None
    assert read.onward == onward
