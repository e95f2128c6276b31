from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.engine.pacing import WINDOW_S, Circuit, Pacer, Width

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
