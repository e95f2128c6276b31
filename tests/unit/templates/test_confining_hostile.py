"""Every hostile template of the folder `hostile`, tried against each wall by itself.

Three ways: the whole way that a template goes in weft; weft's process without the allow-list before
it; and a process with plain Jinja, in which nothing but the limits of the process is left.
`pytest -s` prints how many were tried, which wall stopped how many, and the slowest stop.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.unit.templates.conftest import compose
from tests.unit.templates.hostile.sets import BARE, CANARY, ROW, SMALL, bottomless, listed, words

from weft.errors import BadTemplate, MissingInput, Mistake, RenderLimit
from weft.templates.bodies import read_body
from weft.templates.compiling import CompileCache
from weft.templates.confining import Confinement
from weft.templates.flaws import bad_template
from weft.templates.pieces import Origin
from weft.templates.prompting import TemplatePrompter
from weft.templates.template import Template, parse_template
from weft.templates.worker_limits import MEBIBYTE, RenderLimits

SHORT = RenderLimits(row_cpu_s=0.02, load_cpu_s=0.1, wall_s=3.0, memory=192 * MEBIBYTE)
SLOWEST_S = 2.5  # wall clock for one template, a new process included; security study, threat S2
INPUTS = (
    "{text: {type: text, required: false}, tags: {type: 'list[text]', required: false}, n: integer,"
    " row: {type: object, fields: {name: text, tags: {type: 'list[text]', required: false}}}}"
)
# What Python says of itself, and what stands in files.
INSIDE = re.compile(
    r"<(class|function|module|frame|code|generator|built-in|bound method|Template) |root:|/usr/"
)

Templates = list[tuple[str, str]]


class Tally:
    """What became of each template, and how long it took."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary
        self.walls: Counter[str] = Counter()
        self.slowest = (0.0, "")
        self.faults: list[str] = []

    def watch(self, name: str, text: str, attempt: Callable[[str, str], str]) -> None:
        """Try one template; note which wall stopped it, how long it took, and any harm."""
        began = time.perf_counter()
        self.walls[attempt(name, text.replace(CANARY, str(self.canary)))] += 1
        took = time.perf_counter() - began
        self.slowest = max(self.slowest, (took, name))
        if took > SLOWEST_S:
            self.faults.append(f"{name}: took {took:.1f} s")
        if self.canary.exists() or self.canary.is_symlink():
            self.faults.append(f"{name}: reached the disk")
            self.canary.unlink()

    def report(self, title: str) -> None:
        """Print the figures; fail where a template did harm."""
        walls = ", ".join(f"{wall} {count}" for wall, count in self.walls.most_common())
        print(  # noqa: T201 - the figures are what a reader of the test wants
            f"\n{title}: {self.walls.total()} tried: {walls}; slowest {self.slowest[0]:.2f} s ({self.slowest[1]})"
        )
        assert not self.faults, "\n".join(self.faults)


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    """Count in a folder that is empty."""
    return Tally(tmp_path / "canary")


@pytest.fixture
def confinement() -> Iterator[Confinement]:
    """A process with short limits."""
    made = Confinement(limits=SHORT)
    yield made
    made.close()


@pytest.fixture
def bare() -> Iterator[Confinement]:
    """A process with short limits and no other walls."""
    made = Confinement(limits=SHORT, command=(sys.executable, "-I", str(BARE)))
    yield made
    made.close()


def everything() -> Templates:
    """Every template there is."""
    return [*listed("escapes"), *listed("exhaustion"), *words(), *bottomless()]


def wall_of(error: Mistake, name: str) -> str:
    """Which wall an error speaks of; it has a line or a reason, and tells nothing of the machine."""
    assert not INSIDE.search(error.message), f"{name}: {error.message}"
    if isinstance(error, RenderLimit):
        assert error.facts["reason"], name
        return "limit"
    assert isinstance(error, BadTemplate | MissingInput), name
    return "jinja"


def read(name: str, text: str) -> Template | None:
    """Read a template as weft reads a file; of one made of single words the body, `None` if it is sound."""
    if not name.startswith("words."):
        return parse_template(compose(text, inputs=INPUTS), key="review", origin=Origin.IMPORTED)
    flaws = read_body(text).flaws
    if flaws:
        raise bad_template("review", flaws)
    return None


def test_whole_way_stops_every_hostile_template(tally: Tally, confinement: Confinement) -> None:
    """S1, S2, S7: read, vetted and rendered as a foreign template; each is refused with line and reason."""
    caches = CompileCache(limits=SHORT)

    def attempt(name: str, text: str) -> str:
        try:
            template = read(name, text)
        except BadTemplate as error:
            problems = error.facts["problems"]
            assert isinstance(problems, list)
            assert all(each["message"] and each["line"] for each in problems), name
            return "allow-list"
        if template is None or not name.startswith(("within.", "loops.")):  # one process does for these
            first, _ = confinement.body(text, name="review").render_many([ROW, SMALL])
            assert isinstance(first, Mistake) or not INSIDE.search(first), name
            return wall_of(first, name) if isinstance(first, Mistake) else "harmless"
        try:
            prompter = TemplatePrompter(template, sources={each: each for each in ROW}, cache=caches)
            found = prompter.parts([prompter.values(cells).values for cells in (ROW, SMALL)])
        except Mistake as error:
            return wall_of(error, name)
        if isinstance(found[0], Mistake):
            return wall_of(found[0], name)
        assert not INSIDE.search(found[0].text), name
        return "harmless"

    for name, text in everything():
        tally.watch(name, text, attempt)

    tally.report("whole way")


def test_process_stops_what_the_allow_list_would(tally: Tally, confinement: Confinement) -> None:
    """S1, S2: without the first wall each template is refused or stopped, and the next row renders."""
    after = confinement.body("{{ n }}", name="next")

    def attempt(name: str, text: str) -> str:
        deaths = confinement.deaths
        first, _ = confinement.body(text, name="review").render_many([ROW, SMALL])
        assert after.render(ROW) == "7", name
        assert confinement.deaths - deaths <= 2, name
        if isinstance(first, Mistake):
            return wall_of(first, name)
        assert not INSIDE.search(first), f"{name}: {first[:99]}"
        return "harmless"

    for name, text in everything():
        tally.watch(name, text, attempt)

    tally.report("without the allow-list")


def test_limits_alone_stop_every_bomb(tally: Tally, bare: Confinement) -> None:
    """S2: with plain Jinja in the process, time and memory are still kept, and the next row renders."""
    after = bare.body("{{ n }}", name="next")

    def attempt(name: str, text: str) -> str:
        first, _ = bare.body(text, name="review").render_many([ROW, SMALL])
        assert after.render(ROW) == "7", name
        return wall_of(first, name) if isinstance(first, Mistake) else "harmless"

    for name, text in listed("exhaustion"):
        tally.watch(name, text, attempt)

    tally.report("limits alone, bombs")


def _parent(process: psutil.Process) -> int | None:
    """Who started a process; `None` if it is gone."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def test_limits_alone_let_no_escape_do_harm(tally: Tally, bare: Confinement) -> None:
    """S1: whatever Python a template reaches, it opens no file, starts no process and kills nobody."""
    after = bare.body("{{ n }}", name="next")
    me = psutil.Process()
    assert after.render(ROW) == "7"
    before = me.children(recursive=True)
    known = {each.pid for each in before}  # servers of other tests may run beside us, and start children
    others = {None, *(each.pid for each in before if each.name() == "postgres")}

    def attempt(name: str, text: str) -> str:
        found = bare.body(text, name="review").render_many([ROW, SMALL])
        assert after.render(ROW) == "7", name
        new = [each for each in me.children(recursive=True) if each.pid not in known]
        new = [each for each in new if _parent(each) not in others]
        assert len(new) <= 2, name  # a renderer, and its child at work
        assert all("root:" not in str(each) for each in found), name
        return "refused" if isinstance(found[0], Mistake) else "rendered"

    for name, text in listed("escapes"):
        tally.watch(name, text, attempt)

    tally.report("limits alone, escapes")


NESTED = ("brackets", "braces", "parentheses", "ifs", "fors", "nots", "minuses")


def test_parser_bombs_end_at_once() -> None:
    """S3: 3,000 nested things are refused within 50 ms of the processor, anything as long soon after."""
    for name, text in bottomless():
        took = []
        for _ in range(2):
            began = time.process_time()
            with contextlib.suppress(BadTemplate):
                parse_template(compose(text, inputs=INPUTS), key="review", origin=Origin.IMPORTED)
            took.append(time.process_time() - began)

        assert min(took) < (0.05 if name.removeprefix("parser.") in NESTED else 0.4), name
