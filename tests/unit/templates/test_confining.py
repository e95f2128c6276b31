from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.templates.hostile.sets import BARE, ROW

from weft.errors import BadTemplate, MissingInput, Mistake, RenderLimit
from weft.templates.compiling import CompileCache
from weft.templates.confining import CHUNK, Confinement
from weft.templates.environment import CompiledBody, CompiledExpressions, Escaping
from weft.templates.pieces import Origin, Piece
from weft.templates.prompting import TemplatePrompter
from weft.templates.template import Template, parse_template
from weft.templates.vetting import FILTERS
from weft.templates.worker_limits import MEBIBYTE, RenderLimits

SHORT = RenderLimits(row_cpu_s=0.03, load_cpu_s=0.5, wall_s=3.0, memory=192 * MEBIBYTE)
# One text, and what a row must say to be good, to use up time, to hang inside Python, to use up memory.
MANY = """line one
{% if kind == 'loop' %}
{% for a in tags %}{% for b in tags %}{{ text|upper|lower|title }}{% endfor %}{% endfor %}
{% elif kind == 'hang' %}
{{ 7 ** (9999999 + n) }}
{% elif kind == 'fat' %}
{{ "x" * (900000000 + n) }}
{% elif kind == 'gone' %}
{{ cycler.__init__.__globals__.os._exit(9) }}
{% else %}
fine {{ n }}
{% endif %}"""
LINES = {"loop": 3, "hang": 5, "fat": 7, "gone": 0}


@pytest.fixture(scope="module")
def confinement() -> Iterator[Confinement]:
    """A process of weft's own with short limits."""
    made = Confinement(limits=SHORT)
    yield made
    made.close()


@pytest.fixture
def bare() -> Iterator[Confinement]:
    """A process with plain Jinja inside, in which only limits stop a row."""
    made = Confinement(limits=SHORT, command=(sys.executable, "-I", str(BARE)))
    yield made
    made.close()


def rows_of(kinds: str) -> list[dict[str, object]]:
    """A row a word, such as `good loop good`."""
    return [{**ROW, "kind": kind, "n": place} for place, kind in enumerate(kinds.split())]


def tried(render: Callable[[dict[str, object]], str], row: dict[str, object]) -> str:
    """What a row gives, or how its refusal reads."""
    try:
        return render(row)
    except Mistake as error:
        return f"{error.code}: {error} {sorted(error.facts.items())}"


# ── the same as in our own process ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("escaping", list(Escaping))
def test_every_filter_gives_the_same(confinement: Confinement, escaping: Escaping) -> None:
    """A confined body renders what a body in our process does, and fails with the same words."""
    calls = [*sorted(FILTERS), "replace('a', 'b')", "truncate(5)", "join(',')", "default('-')", "round(1)"]
    values: list[object] = [
        ["b", "a"],
        "abc <b>&",
        3.25,
        -7,
        None,
        {"k": 1},
        [],
        True,
        "\ud800 \u2028",
        2**70,
    ]
    for call in calls:
        text = f"one\n{{{{ x|{call} }}}}"
        own = CompiledBody(text, name="t", escaping=escaping, first_line=4)
        there = confinement.body(text, name="t", escaping=escaping, first_line=4)
        rows = [{"x": value} for value in values]

        found = [
            f"{each.code}: {each} {sorted(each.facts.items())}" if isinstance(each, Mistake) else each
            for each in there.render_many(rows)
        ]

        assert found == [tried(own.render, row) for row in rows], call


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b"]),
        st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    )
)
def test_any_plain_values_give_the_same(confinement: Confinement, values: dict[str, object]) -> None:
    """Any text, number or nothing travels to the process and back unharmed."""
    text = "{{ a }}|{{ b|default('-') }}{% if a %}!{% endif %}"

    assert tried(confinement.body(text, name="t").render, values) == tried(
        CompiledBody(text, name="t").render, values
    )


def test_expressions_give_the_same(confinement: Confinement) -> None:
    """Computed fields see those before them, and a failure names the field."""
    entries = [("total", "price * count"), ("words", "text.split()|length"), ("half", "total / words")]
    own, there = CompiledExpressions(entries, name="t"), confinement.expressions(entries, name="t")
    good: dict[str, object] = {"price": 2.5, "count": 4, "text": "a b"}
    bad = {**good, "text": ""}

    assert there.compute(good) == own.compute(good) == {"total": 10.0, "words": 2, "half": 5.0}
    with pytest.raises(BadTemplate) as here:
        own.compute(bad)
    with pytest.raises(BadTemplate) as away:
        there.compute(bad)
    assert (str(away.value), away.value.facts) == (str(here.value), here.value.facts)


def test_endless_numbers_arrive(confinement: Confinement) -> None:
    """A computed number that is too large arrives as what it is, so that the row is told about it."""
    found = confinement.expressions([("big", "x * 1e300 * 1e300"), ("none", "big - big")], name="t").compute(
        {"x": 9.0}
    )

    assert found["big"] == math.inf
    assert math.isnan(found["none"])


def test_composed_body_tells_the_line_of_the_piece(confinement: Confinement) -> None:
    """Pieces travel with the body, and a stop inside one names it and its line."""
    body = "\n{% for a in tags %}{% for b in tags %}{{ text|upper|lower|title }}{% endfor %}{% endfor %}"
    piece = Piece(ref="foot", key="foot", version="1.0.0", text=body, body=body, body_line=5)

    (found,) = confinement.body("{% include 'foot' %}", name="t", pieces=[piece]).render_many([ROW])

    assert isinstance(found, RenderLimit)
    assert (found.facts["name"], found.facts["line"]) == ("foot@1.0.0", 6)


# ── exactly the guilty rows ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["loop", "hang", "fat", "gone"])
def test_one_bad_row_is_refused_with_line_and_reason(bare: Confinement, kind: str) -> None:
    """S2: a row that takes too much is refused by itself; one process at most is lost for it."""
    body = bare.body(MANY, name="many")

    found = body.render_many(rows_of(f"good {kind} good"))

    assert [isinstance(each, RenderLimit) for each in found] == [False, True, False]
    assert isinstance(found[1], RenderLimit)
    assert found[1].code == "render_limit"
    assert found[1].facts["line"] == LINES[kind]
    assert bare.deaths <= (2 if kind == "gone" else 1)  # nobody tells which row left: both are tried again
    assert "fine 2" in str(found[2])


@settings(max_examples=5, deadline=None)
@given(st.lists(st.sampled_from(["good"] * 6 + ["loop", "hang", "fat", "gone"]), min_size=1, max_size=9))
def test_exactly_the_guilty_rows_are_refused(kinds: list[str]) -> None:
    """S2: whatever stands among the rows of a chunk, each good row renders and each bad one does not."""
    bare = Confinement(limits=SHORT, command=(sys.executable, "-I", str(BARE)))
    try:
        found = bare.body(MANY, name="many").render_many(rows_of(" ".join(kinds)))
    finally:
        bare.close()

    assert [isinstance(each, str) for each in found] == [kind == "good" for kind in kinds]
    assert all(f"fine {n}" in each for n, each in enumerate(found) if isinstance(each, str))


def test_many_chunks_keep_their_order(confinement: Confinement) -> None:
    """Rows of several chunks come back in order, and a failing row among them stays in its place."""
    rows = [{"n": n} if n != CHUNK + 3 else {} for n in range(3 * CHUNK + 5)]

    found = confinement.body("{{ n }}", name="t").render_many(rows)

    assert isinstance(found[CHUNK + 3], MissingInput)
    assert [each for each in found if isinstance(each, str)] == [
        str(n) for n in range(len(rows)) if n != CHUNK + 3
    ]


def test_real_limits_stop_a_bomb_in_time() -> None:
    """S2: with the limits that people have, a bomb ends within 2.5 seconds and the next row renders."""
    real = Confinement()
    body = real.body(
        "{% for a in t %}{% for b in t %}{% set z = x|upper|title %}{% endfor %}{% endfor %}{{ n }}", name="t"
    )
    began = time.perf_counter()

    first, second = body.render_many(
        [{"t": ["a"] * 90, "x": "text " * 9999, "n": 1}, {"t": [], "x": "", "n": 2}]
    )

    assert isinstance(first, RenderLimit)
    assert "0.25 s of the processor" in first.message
    assert second == "2"
    assert time.perf_counter() - began < 2.5
    real.close()


def test_clock_on_the_wall_stops_what_nothing_else_does() -> None:
    """A row that its processor time would allow for a long while is killed by the clock, with its line."""
    slow = Confinement(
        limits=RenderLimits(row_cpu_s=60, wall_s=0.4), command=(sys.executable, "-I", str(BARE))
    )

    found = slow.body(MANY, name="many").render_many(rows_of("hang"))
    after = slow.body("{{ n }}", name="t").render({"n": 1})
    slow.close()

    assert isinstance(found[0], RenderLimit)
    assert "more than 0.4 s" in found[0].message
    assert found[0].facts["line"] == LINES["hang"]
    assert after == "1"


def test_compiling_is_limited_too(bare: Confinement) -> None:
    """Jinja computes constants while it compiles: that is stopped as a row is, once for all rows."""
    found = bare.body("{{ 7 ** 99999999 }}", name="t").render_many([ROW, ROW])

    assert all(isinstance(each, RenderLimit) for each in found)
    assert bare.deaths <= 1


def test_long_text_is_refused(confinement: Confinement) -> None:
    """S2: output is counted while it grows, with and without loops."""
    looped = confinement.body("{% for a in t %}{{ x }}{% endfor %}", name="t")
    flat = confinement.body("{{ x }}\n" * 120, name="t")

    for body in (looped, flat):
        with pytest.raises(RenderLimit, match="too long"):
            body.render({"x": "a" * 10_000, "t": ["b"] * 200})


# ── nothing stays, nothing leaks ─────────────────────────────────────────────────────────────────


def test_rows_share_no_state(confinement: Confinement) -> None:
    """S4: a template that grows a row's list fails on each row, and no row sees another's names."""
    rows: list[dict[str, object]] = [{"tags": ["a"]} for _ in range(100)]
    grown = confinement.body("{{ tags.append(1) }}", name="t").render_many(rows)
    named = confinement.body("{{ kept is defined }}{% set kept = tags %}", name="t").render_many(rows)

    assert all(isinstance(each, BadTemplate) for each in grown)
    assert rows == [{"tags": ["a"]}] * 100
    assert set(map(str, named)) == {"False"}


def test_cell_is_never_a_template(confinement: Confinement) -> None:
    """S5: a cell with template text is rendered once, as the text that it is."""
    assert confinement.body("{{ x }}{{ x }}", name="t").render({"x": "{{7*7}}"}) == "{{7*7}}{{7*7}}"


def test_refusals_tell_nothing_of_the_row_or_the_machine(confinement: Confinement, bare: Confinement) -> None:
    """S6: no error holds a cell's text or a path, however the row was stopped."""
    secret = "hunter2"
    errors: list[object] = []
    for text in (
        "{{ missing }}",
        "{{ x + 1 }}",
        "{{ x.y.z }}",
        "{{ x|round }}",
        "{% for a in t %}{% for b in t %}{{ x|title|upper }}{% endfor %}{% endfor %}",
    ):
        errors += confinement.body(text, name="t").render_many([{"x": secret * 900, "t": ["a"] * 99}])
    errors += bare.body(MANY, name="many").render_many(
        [{**row, "text": secret} for row in rows_of("loop hang fat gone")]
    )

    assert all(isinstance(each, Mistake) for each in errors)
    assert not [each for each in errors if secret in f"{each}{vars(each)}" or "/" in str(each)]


def test_parent_does_not_grow(bare: Confinement) -> None:
    """S2: whatever happens in the process, ours stays as small as it was."""
    bare.body("{{ n }}", name="t").render(ROW)
    before = psutil.Process().memory_info().rss

    bare.body(MANY, name="many").render_many(rows_of("fat good fat loop fat"))

    assert psutil.Process().memory_info().rss - before < 50 * MEBIBYTE


# ── the life of the process ──────────────────────────────────────────────────────────────────────


def children() -> set[int]:
    """Processes below ours that run weft's renderer."""
    found = set()
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            if "weft.templates.worker_main" in each.cmdline():
                found.add(each.pid)
    return found


def gone(pids: set[int]) -> bool:
    """Whether these processes end soon; one that nobody has asked for its status yet has ended too."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            ended = select.poll()
            descriptor = os.pidfd_open(pid)
            ended.register(descriptor, select.POLLIN)
            found = ended.poll(10_000)
            os.close(descriptor)
            if not found:
                return False
    return True


def test_process_is_renewed_after_its_share_of_rows() -> None:
    """A process renders so many rows and no more; nobody notices that another takes over."""
    before = children()
    short = Confinement(limits=RenderLimits(rows=10))
    body = short.body("{{ n }}", name="t")
    seen: set[int] = set()
    for n in range(40):
        assert body.render({"n": n}) == str(n)
        seen |= children() - before
    short.close()

    assert len(seen) >= 4
    assert gone(seen)
    assert short.deaths == 0


def test_platform_that_cannot_fork_starts_anew() -> None:
    """Where a process cannot fork, a dead or tired one is replaced by a new interpreter."""
    start = "import os; del os.fork; from weft.templates.worker_main import serve; serve()"
    single = Confinement(
        limits=replace(SHORT, rows=4, row_cpu_s=0.2), command=(sys.executable, "-I", "-c", start)
    )
    body = single.body(
        "{% if n == 1 %}{% for a in t %}{% for b in t %}{% set z = x|title|upper %}{% endfor %}{% endfor %}{% endif %}{{ n }}",
        name="t",
    )
    rows = [{"n": n, "t": ["a"] * 90, "x": "text " * 9999} for n in range(7)]

    found = body.render_many(rows)
    again = body.render_many(rows[2:])
    single.close()

    assert [isinstance(each, RenderLimit) for each in found] == [n == 1 for n in range(7)]
    assert again == found[2:]


def test_process_ends_with_who_uses_it() -> None:
    """A confinement that nobody holds any more takes its process with it."""
    before = children()
    made = Confinement(limits=SHORT)
    body = made.body("{{ n }}", name="t")
    assert body.render({"n": 1}) == "1"
    started = children() - before
    del made, body
    gc.collect()

    assert started
    assert gone(started)


PARENT = """
import sys
from weft.templates.confining import Confinement
from weft.templates.worker_limits import RenderLimits
c = Confinement(limits=RenderLimits(row_cpu_s=0.5), command=(sys.executable, "-I", sys.argv[1]))
c.body("{{ 1 }}", name="t").render({})
print("ready", flush=True)
c.body("{% for a in range(99999999) %}{% endfor %}" if sys.argv[2] == "busy" else "{{ 1 }}", name="t").render({})
sys.stdin.read()
"""


@pytest.mark.parametrize("work", ["busy", "idle"])
def test_no_orphan_outlives_a_killed_parent(work: str) -> None:
    """A parent that dies by `kill -9` takes its processes with it, at work or waiting."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(BARE), work], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert parent.stdout.readline() == b"ready\n"
    below = {each.pid for each in psutil.Process(parent.pid).children(recursive=True)}
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()

    assert len(below) == 2
    assert gone(below)


def test_process_that_cannot_start_refuses_rows() -> None:
    """Where no process can be started each row is refused with what it said."""
    broken = Confinement(command=(sys.executable, "-I", "-c", "raise SystemExit('no weft here')"))

    found = broken.body("{{ n }}", name="t").render_many([{"n": 1}, {"n": 2}])
    broken.close()

    assert [str(each) for each in found] == [str(found[0])] * 2
    assert "could not be started (no weft here)" in str(found[0])


def test_process_that_talks_nonsense_is_not_believed() -> None:
    """Bytes that are no frame, and frames of another shape, end as refusals, not as answers."""
    shout = "import sys; sys.stdout.write('x' * 99); sys.stdout.flush(); sys.stdin.read()"
    broken = Confinement(command=(sys.executable, "-I", "-c", shout))

    (found,) = broken.body("{{ n }}", name="t").render_many([{"n": 1}])
    broken.close()

    assert isinstance(found, RenderLimit)


@pytest.mark.parametrize(
    "reply",
    ["1", "[]", "{}", "{'made': 7, 'wrong': []}", "{'made': ['a', 'b'], 'wrong': []}", "{'made': [{}], 'wrong': []}",
     "{'made': [None], 'wrong': [[0, 'x']]}", "{'made': [None], 'wrong': []}", "{'lines': [[1, 'x']]}",
     "{'wrong': {'code': 'gone'}}", "{'died': 'x'}", "{'died': []}"],
)  # fmt: skip
def test_replies_of_another_shape_are_refusals(reply: str) -> None:
    """A process that was taken over can say what it likes: nothing of it but plain texts is believed."""
    lie = (
        "import itertools\n"
        "from weft.templates.worker_main import _read_frame, _write_frame\n"
        "_read_frame(); _write_frame({'notes': [], 'forks': False})\n"
        "for request in iter(_read_frame, None):\n"
        f"    _write_frame({{'lines': []}} if 'source' in request and 'made' in {reply!r} else {reply})\n"
    )
    taken = Confinement(limits=SHORT, command=(sys.executable, "-I", "-c", lie))

    (found,) = taken.body("{{ n }}", name="t").render_many([{"n": 1}])
    taken.close()

    assert isinstance(found, RenderLimit | BadTemplate)


@pytest.mark.parametrize("greeting", ["1", "{}", "{'notes': 1, 'forks': 1}"])
def test_greeting_of_another_shape_is_a_refusal(greeting: str) -> None:
    """A process that does not say that it is ready, as ours does, is not asked anything."""
    lie = f"from weft.templates.worker_main import _read_frame, _write_frame; _read_frame(); _write_frame({greeting})"
    taken = Confinement(limits=SHORT, command=(sys.executable, "-I", "-c", lie))

    (found,) = taken.body("{{ n }}", name="t").render_many([{"n": 1}])

    assert isinstance(found, RenderLimit)
    assert "could not be started" in found.message


def test_copy_of_ourselves_leaves_the_process_alone() -> None:
    """A process that was forked off ours starts its own, and ends without ending ours."""
    script = (
        "import os, sys\n"
        "from weft.templates.confining import Confinement\n"
        "c = Confinement(); b = c.body('{{ n }}', name='t'); b.render({'n': 1})\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    sys.exit(b.render({'n': 2}) != '2')\n"
        "_, status = os.waitpid(pid, 0)\n"
        "print(status, b.render({'n': 3}), c.deaths)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == ["0", "3", "0"]


def test_program_that_is_not_there_refuses_rows() -> None:
    """Where the interpreter itself cannot be started, rows are refused and nothing else fails."""
    broken = Confinement(command=("/nowhere/python",))

    (found,) = broken.body("{{ n }}", name="t").render_many([{"n": 1}])

    assert isinstance(found, RenderLimit)
    assert "No such file" in found.message
    assert "nowhere" not in found.message


def test_linux_enforces_every_wall(confinement: Confinement) -> None:
    """On Linux nothing is left that the platform does not enforce."""
    assert confinement.notes() == () or sys.platform != "linux"


# ── whole templates ──────────────────────────────────────────────────────────────────────────────


FOREIGN = {
    "inputs": "[topic, 'price: number', 'note?: text']",
    "computed": "{gross: 'price * 1.2', short: 'topic|truncate(9)'}",
    "validate": "[{check: 'price > 0', message: The price must be above zero.}]",
    "checks": "[{check: 'tldr|length > price', message: Too short.}]",
    "examples": "[{topic: An example, price: 3, tldr: an answer, challenge: expert}]",
}
BODY = "{% if note %}{{ note }}{% endif %} {{ topic|upper }} costs {{ gross|round(2) }} {{ short }}"


@pytest.fixture
def made(text: Callable[..., str]) -> Callable[[Origin], TemplatePrompter]:
    """The same template from different places, as a prompter."""
    cache = CompileCache(limits=SHORT)

    def make(origin: Origin) -> TemplatePrompter:
        template: Template = parse_template(text(BODY, **FOREIGN), key="review", origin=origin)
        return TemplatePrompter(template, sources={n: n for n in template.inputs.names}, cache=cache)

    return make


def test_foreign_template_prompts_as_our_own(made: Callable[[Origin], TemplatePrompter]) -> None:
    """A template that came from elsewhere gives the same prompts, problems and answers."""
    own, foreign = made(Origin.PROJECT), made(Origin.IMPORTED)
    cells = [
        {"topic": "a topic <b>", "price": "3"},
        {"topic": "b", "price": "0"},
        {"topic": "c", "price": "x"},
    ]
    values = [own.values(each) for each in cells]
    answers = [{"tldr": "a long answer", "challenge": "expert"}, {"tldr": "a", "challenge": "expert"}]

    assert [foreign.values(each) for each in cells] == values
    assert (foreign.is_confined, own.is_confined) == (True, False)
    assert foreign.system == own.system
    assert foreign.fingerprint == own.fingerprint
    assert foreign.part(values[0].values) == own.part(values[0].values)
    assert foreign.parts([values[0].values] * 3) == own.parts([values[0].values] * 3)
    assert [foreign.answer(a, values[0].values) for a in answers] == [
        own.answer(a, values[0].values) for a in answers
    ]


def test_parts_hold_a_refusal_in_its_place(made: Callable[[Origin], TemplatePrompter]) -> None:
    """A row that cannot be rendered is one `Mistake` among parts, for our own templates too."""
    for origin in (Origin.PROJECT, Origin.ELSEWHERE):
        prompter = made(origin)
        good = prompter.values({"topic": "a", "price": "3"}).values

        found = prompter.parts([good, {}, good])

        assert [isinstance(each, Mistake) for each in found] == [False, True, False]


def test_loop_stays_quick_while_bombs_are_stopped(bare: Confinement) -> None:
    """S2: with the rendering in a thread, the event loop answers others: 99 of 100 within 200 ms."""

    async def wait() -> list[float]:
        body = bare.body(MANY, name="many")
        await asyncio.to_thread(body.render_many, rows_of("good"))
        bombs = asyncio.create_task(asyncio.to_thread(body.render_many, rows_of("loop hang fat good " * 4)))
        gaps, last = [], time.perf_counter()
        while not bombs.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
        assert sum(isinstance(each, str) for each in await bombs) == 4
        return sorted(gaps)

    gaps = asyncio.run(wait())

    assert gaps[int(len(gaps) * 0.99)] < 0.2
