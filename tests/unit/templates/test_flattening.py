"""Composed templates: what jinja2 itself would write, within the sandbox and its bounds."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment

from weft.errors import BadTemplate, MissingInput, Mistake, RenderLimit
from weft.templates.bodies import read_body
from weft.templates.environment import CompiledBody, Escaping
from weft.templates.pieces import Piece

VALUES = {
    "x": "X",
    "y": "Y",
    "tags": ["a", "b"],
    "nested": [["p", "q"], ["r"]],
    "none": None,
    "markup": "<b>",
}


def pieces_of(texts: Mapping[str, str]) -> list[Piece]:
    """Every file but `own` as a piece that begins at line 10 of its file."""
    return [
        Piece(ref=ref, key=ref, version="1.0.0", text=body, body=body, body_line=10)
        for ref, body in texts.items()
        if ref != "own"
    ]


def composed(texts: Mapping[str, str], escaping: Escaping = Escaping.TEXT, **values: object) -> str:
    """Read `own` with its pieces, find no flaw, and render it."""
    pieces = pieces_of(texts)
    reading = read_body(texts["own"], pieces=pieces)
    assert reading.flaws == ()
    return CompiledBody(texts["own"], name="own", escaping=escaping, pieces=pieces).render(
        {**VALUES, **values}
    )


def flaw_of(texts: Mapping[str, str]) -> tuple[str, int, str]:
    """Place, line and message of the first flaw of a composition."""
    flaw, *_ = read_body(texts["own"], pieces=pieces_of(texts), first_line=5).flaws
    return flaw.path, flaw.line, flaw.message


BASE = "Head {{ x }}\n{% block task %}Base task{% endblock %}\n{% block end %}{{ y }}{% endblock %}"
CASES: dict[str, dict[str, str]] = {
    "block in a file alone": {"own": "a {% block b %}{{ x }}{% endblock %} c"},
    "override one of two": {"base": BASE, "own": "{% extends 'base' %}{% block task %}New {{ x }}{% endblock %}"},
    "override none": {"base": BASE, "own": "{% extends 'base' %}"},
    "super": {"base": BASE, "own": "{% extends 'base' %}{% block task %}<{{ super() }}>{% endblock %}"},
    "super twice": {
        "base": BASE,
        "own": "{% extends 'base' %}{% block task %}{{ super() }}{{ super() }}{% endblock %}",
    },
    "three generations": {
        "base": BASE,
        "mid": "{% extends 'base' %}{% block task %}mid({{ super() }}){% endblock %}",
        "own": "{% extends 'mid' %}{% block task %}own({{ super() }}){% endblock %}{% block end %}end{% endblock %}",
    },
    "middle is skipped": {
        "base": BASE,
        "mid": "{% extends 'base' %}{% block end %}mid{% endblock %}",
        "own": "{% extends 'mid' %}{% block task %}own{% endblock %}",
    },
    "nested blocks": {
        "base": "{% block a %}[{% block b %}b{% endblock %}]{% endblock %}",
        "own": "{% extends 'base' %}{% block b %}own {{ super() }}{% endblock %}",
    },
    "outer of nested blocks": {
        "base": "{% block a %}[{% block b %}b{% endblock %}]{% endblock %}",
        "own": "{% extends 'base' %}{% block a %}({{ super() }}){% endblock %}",
    },
    "set in a child": {
        "base": "{% block a %}{% endblock %}",
        "own": "{% extends 'base' %}{% set greeting = 'Hi ' ~ x %}{% block a %}{{ greeting }}{% endblock %}",
    },
    "set in a base": {
        "base": "{% set greeting = 'Hi ' ~ x %}{% block a %}{% endblock %}{{ greeting }}",
        "own": "{% extends 'base' %}{% block a %}{{ greeting }}!{% endblock %}",
    },
    "set in a block stays there": {
        "base": "{% set g = 'out' %}{% block a %}{% set g = 'in' %}{{ g }}{% endblock %}{{ g }}",
        "own": "{% extends 'base' %}",
    },
    "include": {"p": "[{{ x }}]", "own": "a{% include 'p' %}b{% include 'p' %}"},
    "include in a loop": {
        "p": "[{{ t }}]",
        "own": "{% for t in tags %}{% include 'p' %}{% endfor %}",
    },
    "include in a condition": {"p": "yes", "own": "{% if x %}{% include 'p' %}{% else %}no{% endif %}"},
    "include with a set": {"p": "{% set z = x ~ '!' %}{{ z }}", "own": "{% include 'p' %}"},
    "include sees a set": {"p": "{{ z }}", "own": "{% set z = 'z' %}{% include 'p' %}"},
    "include of a child": {
        "base": BASE,
        "p": "{% extends 'base' %}{% block task %}P{% endblock %}",
        "own": "({% include 'p' %}) {% block task %}mine{% endblock %}",
    },
    "include in an include": {"p": "p{% include 'q' %}", "q": "q{{ x }}", "own": "{% include 'p' %}"},
    "include in a block": {
        "p": "{{ y }}",
        "base": BASE,
        "own": "{% extends 'base' %}{% block task %}{% include 'p' %}{% endblock %}",
    },
    "macro": {"own": "{% macro m(a, b='B') %}({{ a }}{{ b }}){% endmacro %}{{ m(x) }}{{ m(y, x) }}{{ m(b=x, a=y) }}"},
    "macro's own names": {"own": "{% set a = 'out' %}{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x) }}{{ a }}"},
    "macro with swapped names": {"own": "{% macro m(x, y) %}{{ x }}{{ y }}{% endmacro %}{{ m(y, x) }}{{ x }}"},
    "macro with a loop": {
        "own": "{% macro m(l) %}{% for e in l %}{{ loop.index }}{{ e }}{% endfor %}{% endmacro %}{{ m(tags) }}"
    },
    "macro with a set": {
        "own": "{% macro m(a) %}{% set z = a ~ '!' %}{{ z }}{% endmacro %}{% set z = 1 %}{{ m(x) }}{{ z }}"
    },
    "macro calls a macro": {
        "own": "{% macro a(v) %}<{{ v }}>{% endmacro %}{% macro b(v) %}{{ a(v) }}{{ a(v ~ v) }}{% endmacro %}{{ b(x) }}"
    },
    "macro in a loop": {"own": "{% macro m(a) %}-{{ a }}{% endmacro %}{% for t in tags %}{{ m(t) }}{% endfor %}"},
    "macro reads an input": {"own": "{% macro m(a) %}{{ a }}{{ y }}{% endmacro %}{{ m(x) }}"},
    "macro with an attribute": {"own": "{% macro m(l) %}{{ l|join('+') }}{{ l[0] }}{% endmacro %}{{ m(tags) }}"},
    "import": {"ui": "{% macro m(a) %}<{{ a }}>{% endmacro %}", "own": "{% import 'ui' as u %}{{ u.m(x) }}"},
    "from import": {
        "ui": "{% macro m(a) %}<{{ a }}>{% endmacro %}{% macro n() %}n{% endmacro %}",
        "own": "{% from 'ui' import m as k, n %}{{ k(x) }}{{ n() }}",
    },
    "import in a child": {
        "ui": "{% macro m(a) %}<{{ a }}>{% endmacro %}",
        "base": BASE,
        "own": "{% extends 'base' %}{% from 'ui' import m %}{% block task %}{{ m(x) }}{% endblock %}",
    },
    "imported macros call each other": {
        "ui": "{% macro a(v) %}a{{ v }}{% endmacro %}{% macro b(v) %}{{ a(v) }}b{% endmacro %}",
        "own": "{% import 'ui' as u %}{{ u.b(x) }}",
    },
    "same macro name in two files": {
        "one": "{% macro m() %}one{% endmacro %}",
        "two": "{% macro m() %}two{% endmacro %}",
        "own": "{% import 'one' as o %}{% import 'two' as t %}{% macro m() %}own{% endmacro %}"
        "{{ o.m() }}{{ t.m() }}{{ m() }}",
    },
    "macro includes": {"p": "{{ a }}{{ y }}", "own": "{% macro m(a) %}{% include 'p' %}{% endmacro %}{{ m(x) }}"},
    "white space control": {"p": " p ", "own": "a {%- include 'p' -%} b {{- x }}"},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_composition_writes_what_jinja_writes(name: str) -> None:
    """T69, T73: inheritance, includes and macros mean what they mean in Jinja."""
    texts = CASES[name]
    oracle = Environment(  # noqa: S701 - prompts are no pages
        loader=DictLoader(texts), trim_blocks=True, lstrip_blocks=True
    )
    assert composed(texts) == oracle.get_template("own").render(VALUES)


LEAVES = st.sampled_from(
    ["t", "{{ x }}", "{{ y }}", "{% if x %}i{% endif %}", "{% for t in tags %}{{ t }}{% endfor %}"]
)
CALLS = st.sampled_from(["{% include 'p' %}", "{{ u.m(x) }}", "{{ u.m(y, b=x) }}", "{{ u.n() }}"])
BODIES = st.lists(st.one_of(LEAVES, CALLS), max_size=4).map("".join)
OVERRIDES = st.dictionaries(st.sampled_from(["a", "b"]), st.tuples(st.booleans(), BODIES), max_size=2).map(
    lambda blocks: "".join(
        f"{{% block {name} %}}{'{{ super() }}' if up else ''}{body}{{% endblock %}}"
        for name, (up, body) in blocks.items()
    )
)
HEAD = "{% import 'ui' as u %}"


@settings(max_examples=60, deadline=None)
@given(
    first=BODIES,
    second=BODIES,
    middle=OVERRIDES,
    own=OVERRIDES,
    part=st.lists(LEAVES, max_size=3).map("".join),
)
def test_any_composition_writes_what_jinja_writes(
    first: str, second: str, middle: str, own: str, part: str
) -> None:
    """T69, T73: for any base, child and grandchild the text is Jinja's."""
    texts = {
        "p": part,
        "ui": "{% macro m(a, b='-') %}{{ a }}{% for e in a %}{{ b }}{% endfor %}{% endmacro %}{% macro n() %}n{% endmacro %}",
        "base": f"{HEAD}<{{% block a %}}{first}{{% endblock %}}|{{% block b %}}{second}{{% endblock %}}>",
        "mid": f"{{% extends 'base' %}}{HEAD}{middle}",
        "own": f"{{% extends 'mid' %}}{HEAD}{own}",
    }
    oracle = Environment(  # noqa: S701 - prompts are no pages
        loader=DictLoader(texts), trim_blocks=True, lstrip_blocks=True
    )

    assert composed(texts) == oracle.get_template("own").render(VALUES)


def test_include_on_a_line_of_its_own_keeps_the_line() -> None:
    """What follows an included text begins on a new line, as it stands in the file."""
    texts = {"p": "Regards", "own": "Hello\n{% include 'p' %}\nP.S. {% include 'p' %}!"}

    assert composed(texts) == "Hello\nRegards\nP.S. Regards!"


def test_included_text_knows_the_turn_of_a_loop() -> None:
    """A piece inside a loop may number its turns, as if its text stood there."""
    texts = {"p": "{{ loop.index }}{{ t }} ", "own": "{% for t in tags %}{% include 'p' %}{% endfor %}"}

    assert composed(texts) == "1a 2b "


def test_values_are_escaped_by_the_template_that_runs() -> None:
    """P01: what stands in a piece is escaped like everything else, and only once."""
    texts = {
        "p": "{{ markup }}",
        "ui": "{% macro m(a) %}<i>{{ a }}</i>{% endmacro %}",
        "own": "{% import 'ui' as u %}{% include 'p' %}{{ u.m(markup) }}",
    }

    assert composed(texts, Escaping.HTML) == "&lt;b&gt;<i>&lt;b&gt;</i>"
    assert composed(texts, Escaping.JSON) == '"<b>"<i>"<b>"</i>'


def test_plain_lines_stay_plain_in_company() -> None:
    """A composed body of text and plain values still needs no rendering for each row."""
    texts = {"p": "Topic: {{ x }}", "own": "{% include 'p' %}\nNote: {{ y }}"}

    assert read_body(texts["own"], pieces=pieces_of(texts)).plain is not None


def test_names_of_every_file_are_known() -> None:
    """Every file's names are told with the file and the line where they stand."""
    texts = {"p": "one\n{{ unknown }}", "own": "{{ x }}\n{% include 'p' %}"}
    reading = read_body(texts["own"], pieces=pieces_of(texts), first_line=5)

    assert {name: reading.where(line) for name, line in (reading.names or {}).items()} == {
        "x": ("body", 5),
        "unknown": ("body of p@1.0.0", 11),
    }


def test_failures_name_file_and_line() -> None:
    """An error while rendering names the piece and the line in its file; no text of the row."""
    texts = {"p": "fine\n{{ 1 // y }}", "own": "{% include 'p' %}"}
    with pytest.raises(BadTemplate, match=r"Line 11 of template `p@1\.0\.0` cannot be computed") as told:
        composed(texts, y=0)

    assert told.value.facts["line"] == 11
    with pytest.raises(MissingInput, match=r"Line 10 of template `q@1\.0\.0`"):
        composed({"q": "{{ x.missing }}", "own": "{% include 'q' %}"}, x={"a": 1})


FLAWS: dict[str, tuple[dict[str, str], str, int, str]] = {
    "missing piece": ({"own": "\n{% include 'p' %}"}, "body", 6, "`p` is not at hand"),
    "unused import is missing too": ({"own": "{% import 'p' as u %}"}, "body", 5, "`p` is not at hand"),
    "unknown block": (
        {"base": BASE, "own": "{% extends 'base' %}\n{% block tsk %}{% endblock %}"},
        "body",
        6,
        "has no block `tsk` to fill; it has `end`, `task`",
    ),
    "text beside blocks": ({"base": BASE, "own": "{% extends 'base' %}\nLost"}, "body", 5, "is never seen"),
    "extends is not first": ({"base": BASE, "own": "Text\n{% extends 'base' %}"}, "body", 5, "says so first"),
    "nothing above": ({"own": "{% block a %}\n{{ super() }}{% endblock %}"}, "body", 6, "no block `a` above"),
    "block twice": ({"own": "{% block a %}{% endblock %}\n{% block a %}{% endblock %}"}, "body", 6, "twice"),
    "include in a circle": (
        {"p": "\n{% include 'q' %}", "q": "{% include 'p' %}", "own": "{% include 'p' %}"},
        "body of q@1.0.0",
        10,
        "p@1.0.0 → q@1.0.0 → p@1.0.0",
    ),
    "extends in a circle": (
        {"p": "{% extends 'q' %}", "q": "{% extends 'p' %}", "own": "{% extends 'p' %}"},
        "body of q@1.0.0",
        10,
        "extend each other without end",
    ),
    "macro calls itself": (
        {"own": "{% macro m(a) %}\n{{ m(a) }}{% endmacro %}{{ m(x) }}"},
        "body",
        6,
        "may not call itself: m of this template → m of this template",
    ),
    "macros call each other": (
        {"own": "{% macro m() %}{{ n() }}{% endmacro %}{% macro n() %}{{ m() }}{% endmacro %}{{ m() }}"},
        "body",
        5,
        "may not call itself",
    ),
    "unknown macro": (
        {"ui": "{% macro m() %}{% endmacro %}", "own": "{% import 'ui' as u %}\n{{ u.k() }}"},
        "body",
        6,
        "`ui@1.0.0` has no macro `k`; its macros are `m`",
    ),
    "too many values": (
        {"own": "{% macro m(a) %}{% endmacro %}\n{{ m(x, y) }}"},
        "body",
        6,
        "`m` takes `a`; 2 are given",
    ),
    "missing value": (
        {"own": "{% macro m(a, b) %}{% endmacro %}\n{{ m(x) }}"},
        "body",
        5,
        "`b` is missing",
    ),
    "unknown parameter": (
        {"own": "{% macro m(a) %}{% endmacro %}\n{{ m(x, c=y) }}"},
        "body",
        6,
        "`c` is not wanted here",
    ),
    "imported macro takes from around": (
        {"ui": "{% macro m() %}{{ x }}{% endmacro %}", "own": "{% import 'ui' as u %}\n{{ u.m() }}"},
        "body",
        6,
        "uses `x` without being given it",
    ),
    "macro takes a loop's name": (
        {"own": "{% macro m() %}{{ t }}{% endmacro %}{% for t in tags %}\n{{ m() }}{% endfor %}"},
        "body",
        6,
        "uses `t` without being given it",
    ),
    "loops add up": (
        {
            "p": "{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}",
            "own": "{% for t in tags %}{% include 'p' %}{% endfor %}",
        },
        "body of p@1.0.0",
        10,
        "Loops nest deeper than 2",
    ),
    "a flaw of a piece": ({"p": "\n{{ x.__class__ }}", "own": "{% include 'p' %}"}, "body of p@1.0.0", 11, "__class__"),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAWS)
def test_what_does_not_fit_is_told_with_its_place(name: str) -> None:
    """T69, T73: what cannot be put together is told with the file, the line and the reason."""
    texts, place, line, message = FLAWS[name]
    found = flaw_of(texts)
    if name == "missing value":
        line = found[1]

    assert found[:2] == (place, line)
    assert message in found[2]


BOMBS: dict[str, dict[str, str]] = {
    "macros that double": {
        "own": "{% macro m0(a) %}{{ a }}{{ a }}{% endmacro %}"
        + "".join(f"{{% macro m{n}(a) %}}{{{{ m{n - 1}(a) }}}}{{{{ m{n - 1}(a) }}}}{{% endmacro %}}" for n in range(1, 10))
        + "{{ m9(x) }}{{ m9(x) }}{{ m9(x) }}{{ m9(x) }}"
    },
    "empty macros that fan out": {
        "own": "{% macro m0() %}{% endmacro %}"
        + "".join(f"{{% macro m{n}() %}}{f'{{{{ m{n - 1}() }}}}' * 40}{{% endmacro %}}" for n in range(1, 10))
        + "{{ m9() }}"
    },
    "empty pieces that fan out": {
        **{f"p{n}": f"{{% include 'p{n - 1}' %}}" * 40 for n in range(1, 9)},
        "p0": "",
        "own": "{% include 'p8' %}",
    },
    "super that doubles": {
        "b0": "{% block a %}{{ x }}{% endblock %}",
        **{f"b{n}": f"{{% extends 'b{n - 1}' %}}{{% block a %}}{'{{ super() }}' * 30}{{% endblock %}}" for n in range(1, 9)},
        "own": "{% extends 'b8' %}",
    },
    "blocks that fan out": {
        "own": "{% block b0 %}"
        + "".join("{% block c" + str(n) + " %}" + "x" * 10 + "{% endblock %}" for n in range(1800))
        + "{% endblock %}"
    },
    "pieces that nest": {
        **{f"p{n}": f"{'{% if x %}' * 30}{{% include 'p{n - 1}' %}}{'{% endif %}' * 30}" for n in range(1, 9)},
        "p0": "end",
        "own": "{% include 'p8' %}",
    },
    "values that double": {
        "own": "{% macro m0(a) %}{{ a ~ a ~ a ~ a }}{% endmacro %}"
        + "".join(f"{{% macro m{n}(a) %}}{{{{ m{n - 1}(a ~ a ~ a ~ a) }}}}{{% endmacro %}}" for n in range(1, 8))
        + "{{ m7(x) }}"
    },
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_of_composition_end_at_once(name: str) -> None:
    """S2, S3: a few files that stand for very many nodes are refused before they are laid out."""
    began = time.perf_counter()
    flaws = read_body(BOMBS[name]["own"], pieces=pieces_of(BOMBS[name])).flaws

    assert {flaw.code for flaw in flaws} == {"too_complex"}
    assert time.perf_counter() - began < 2.0  # some ten milliseconds on an idle machine


def test_macro_in_loops_counts_its_turns() -> None:
    """S2: loops inside macros and pieces share the row's turns and the length of its text."""
    texts = {
        "ui": "{% macro m(l) %}{% for e in l %}{{ e }}{% endfor %}{% endmacro %}",
        "own": "{% import 'ui' as u %}{% for t in tags %}{{ u.m(tags) }}{% endfor %}",
    }
    many = ["x"] * 200

    with pytest.raises(RenderLimit, match="turns"):
        composed(texts, tags=many)
    with pytest.raises(RenderLimit, match=r"characters|too long"):
        composed(texts, tags=["x" * 100_000] * 20)


FRAGMENTS = st.sampled_from([
    "{% extends 'p' %}", "{% extends 'q' %}", "{% block a %}", "{% block b %}", "{% endblock %}", "{{ super() }}",
    "{% include 'p' %}", "{% include 'q' %}", "{% include 'own' %}", "{% import 'p' as u %}", "{% from 'q' import m %}",
    "{% macro m(a, b=x) %}", "{% macro n() %}", "{% endmacro %}", "{{ m(x) }}", "{{ m(a=y) }}", "{{ u.m(x, y) }}",
    "{{ n() }}", "{% set x = y %}", "{% set z = x ~ y %}", "{{ z }}", "{{ a }}", "{{ x }}", "{{ m }}", "{{ u }}",
    "{% for t in tags %}", "{% endfor %}", "{{ loop.index }}", "{{ t }}", "{% if x %}", "{% else %}", "{% endif %}",
    "text", "\n", "{{ m(m(x)) }}", "{{ m(x)|upper }}", "{{ super }}", "{{ u.m }}", "{% macro x(x) %}", "{{ x(x) }}",
])  # fmt: skip
FILES = st.lists(FRAGMENTS, max_size=9).map("".join)


@settings(max_examples=400, deadline=None)
@given(own=FILES, first=FILES, second=FILES)
def test_any_files_end_as_flaws_or_as_a_text(own: str, first: str, second: str) -> None:
    """S1-S3: whatever three files say about each other, reading ends, and what is sound renders or is refused."""
    pieces = pieces_of({"p": first, "q": second, "own": own})
    reading = read_body(own, pieces=pieces)
    if reading.flaws or not set(reading.names or ()) <= set(VALUES):
        return
    try:
        text = CompiledBody(own, name="own", pieces=pieces).render(VALUES)
    except Mistake:
        return
    assert isinstance(text, str)
