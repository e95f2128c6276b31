from contextlib import ExitStack

from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.engine.pacing import WINDOW_S, Circuit, Pacer, Paces, Width

calls = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 400)), min_size=1, max_size=150)


def drive(pacer: Pacer, wishes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Let calls go as early as the pacer allows, each after its own pause."""
    now, gone = 0.0, []
    for pause, tokens in wishes:
        now += pause
        while (at := pacer.ready_at(now, tokens)) > now:
            now = at
        pacer.admit(now, tokens)
        gone.append((now, tokens))
    return gone


@settings(deadline=None)
@given(calls, st.integers(1, 60), st.one_of(st.none(), st.integers(100, 2000)))
@example([(0.0, 1)] * 40, 15, None)
def test_no_window_passes_its_limits(wishes, rpm, tpm):
    """Law 7, I13, B20: in no window of 60 s do requests or tokens exceed the limit."""
    gone = drive(Pacer(rpm, tpm), wishes)

    for start, _ in gone:
        window = [tokens for at, tokens in gone if start <= at < start + WINDOW_S]
        assert len(window) <= rpm
        if tpm is not None:
            assert sum(min(tokens, tpm) for tokens in window) <= tpm


def test_the_allowed_rate_is_reached():
    """A run of 600 requests a minute loses less than 2 % of the rate it is allowed."""
    gone = drive(Pacer(600, None), [(0.0, 1)] * 1200)

    assert 1199 / gone[-1][0] >= 0.98 * 10


def test_lateness_is_made_up_for():
    """A loop that is late by milliseconds at every call still reaches the rate."""
    pacer, now = Pacer(600, None), 0.0
    for _ in range(600):
        now = max(now, pacer.ready_at(now, 1)) + 0.004
        pacer.admit(now, 1)

    assert 599 / now >= 0.98 * 10


def test_no_limits_let_everything_go():
    """Without limits a call goes at once, whatever its size."""
    pacer = Pacer()
    pacer.admit(0.0, 10**9)

    assert pacer.ready_at(0.0, 10**9) == 0.0


def test_a_call_larger_than_the_minute_goes_alone():
    """A call of more tokens than a minute holds takes a whole window instead of waiting forever."""
    pacer = Pacer(None, 100)
    pacer.admit(0.0, 500)

    assert pacer.ready_at(1.0, 1) == 60.0
    assert pacer.ready_at(60.0, 500) == 60.0


def test_width_halves_and_grows_back():
    """F2: complaints halve the calls in flight once a second, successes add one a round."""
    width = Width(8)
    width.strained(0.0)
    width.strained(0.5)
    halved = width.calls
    for _ in range(5):
        width.succeeded()

    assert halved == 4
    assert width.calls == 5


def test_width_never_leaves_its_bounds():
    """At least one call may always go, and never more than configured."""
    width = Width(2)
    for second in range(10):
        width.strained(second * 2.0)
    least = width.calls
    for _ in range(100):
        width.succeeded()

    assert (least, width.calls) == (1, 2)


def test_circuit_opens_after_failures_in_a_row():
    """F5: the fifth failure in a row opens the circuit for its time, a success in between does not."""
    circuit = Circuit(5, 30.0)
    waits = [circuit.failed() for _ in range(4)]
    circuit.succeeded()
    waits += [circuit.failed() for _ in range(5)]

    assert waits == [0.0] * 8 + [30.0]


# ── several runs at one account ──


@settings(deadline=None)
@given(calls, st.lists(st.one_of(st.none(), st.integers(1, 60)), min_size=1, max_size=4))
def test_runs_of_one_account_share_its_minute(wishes, stated):
    """Law 7: however many runs ask at one account, no window passes the strictest limit that any states."""
    paces, now, gone = Paces(), 0.0, []
    with ExitStack() as runs:
        shared = [runs.enter_context(paces.shared("a", rpm=rpm, tpm=None)) for rpm in stated]
        for number, (pause, tokens) in enumerate(wishes):
            pacer, now = shared[number % len(shared)], now + pause
            while (at := pacer.ready_at(now, tokens)) > now:
                now = at
            pacer.admit(now, tokens)
            gone.append(now)

    limits = [rpm for rpm in stated if rpm is not None]
    for start in gone if limits else []:
        assert len([at for at in gone if start <= at < start + WINDOW_S]) <= min(limits)


def test_pause_of_one_run_holds_its_neighbours():
    """What the other side asks of one run, it asks of every run at that account, and of no other."""
    paces = Paces()
    with (
        paces.shared("a", rpm=None, tpm=None) as one,
        paces.shared("a", rpm=None, tpm=None) as two,
        paces.shared("b", rpm=None, tpm=None) as three,
    ):
        one.pause(7.0)

        assert (two.ready_at(0.0, 1), three.ready_at(0.0, 1)) == (7.0, 0.0)


def test_minute_outlives_the_runs():
    """A run that begins when another has ended finds the other's requests in the window."""
    paces = Paces()
    with paces.shared("a", rpm=2, tpm=None) as pacer:
        for at in (0.0, 30.0):
            pacer.admit(at, 1)
    with paces.shared("a", rpm=2, tpm=None) as pacer:
        assert pacer.ready_at(31.0, 1) >= WINDOW_S


def test_strictest_limit_ends_with_its_run():
    """A limit counts for others as long as the run that states it is at work, and never below one."""
    paces = Paces()
    with paces.shared("a", rpm=60, tpm=900) as pacer:
        with paces.shared("a", rpm=20, tpm=None):
            assert (pacer.rpm, pacer.tpm) == (20, 900)
            paces.divide({"a": 3})
            assert (pacer.rpm, pacer.tpm) == (6, 300)
        assert (pacer.rpm, paces.busy) == (20, {"a"})
        paces.divide({"a": 1_000})
        assert (pacer.rpm, pacer.tpm) == (1, 1)
    assert (pacer.rpm, paces.busy) == (None, set())
