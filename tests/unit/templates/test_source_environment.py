"""Only marked values are printed, and every line of code knows where it came from."""

from __future__ import annotations

import pytest

from weft.errors import BadTemplate
from weft.templates.source_environment import Origin, SourceTemplates

EVIL = "5; import os"


def render(body: str, **values: object) -> str:
    """Render one template text."""
    return SourceTemplates({"t.py.j2": body}).render("t.py.j2", values).text


@pytest.mark.parametrize(
    "body",
    [
        "{{ v }}",
        "{{ 'a'|ident ~ v }}",
        "{{ 'a'|ident + v }}",
        "{{ ('a'|ident).format(v) }}",
        "{{ ('a'|ident)[0] }}",
        "{{ [v, 'a'|ident]|join }}",
        "{{ ['a'|ident, 'b'|ident]|join(v) }}",
        "{{ 'x'|replace('x', 'y'|ident) }}",
        "{{ v|indent }}",
        "{{ v|safe }}",
        "{{ v|escape }}",
        "{{ v|e }}",
        "{{ v|format }}",
        "{{ 'x' if v else 'y' }}",
        "{% autoescape false %}{{ v }}{% endautoescape %}",
        "{% set x %}{{ v }}{% endset %}{{ x }}",
        "{% filter upper %}{{ v }}{% endfilter %}",
        "{% for c in v|pystr %}{{ c }}{% endfor %}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(v) }}",
        "{{ v.__class__ }}",
        "{{ v.join }}",
        "{{ self.__init__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ lipsum() }}",
        "{{ cycler }}",
        "{{ 5 }}",
        "{{ nothing_of_this_name|pystr }}",
        "{% include '../secret' %}",
        "{% import v as x %}{{ x }}",
        "{{ v|sum(start='a'|ident) }}",
        "{{ (v,) }}",
        "{{ [v]|map('_printed', 0)|list }}",
    ],
)
def test_unmarked_values_are_never_printed(body: str) -> None:
    """Whatever a template does to a value, its text becomes no code without a filter that marks it."""
    with pytest.raises(BadTemplate):
        print(render(body, v=EVIL))  # noqa: T201 - nothing is ever printed


def test_raw_value_is_told_with_place_and_path() -> None:
    """A raw `{{ v }}` names template, line, expression and the path of the value."""
    with pytest.raises(BadTemplate, match=r"Line 2 of template `t.py.j2`, `x = \{\{ a.b \}\}`") as caught:
        render("\nx = {{ a.b }}\n", a={"b": "1"})

    assert caught.value.facts["inputs"] == ["a.b"]


def test_lines_know_their_origin() -> None:
    """Through inheritance, includes and macros each line names the template line that wrote it."""
    source = SourceTemplates(
        {
            "base.py.j2": "first = 1\n{% block b %}{% endblock %}\n{% include 'part.py.j2' %}",
            "part.py.j2": "\nlast = {{ v|pynum }}\n",
            "macros.py.j2": "{% macro two(x) %}\n\none = {{ x|pystr }}\ntwo = 2\n{% endmacro %}",
            "t.py.j2": "{% extends 'base.py.j2' %}\n{% import 'macros.py.j2' as m %}\n{% block b %}\n{{ m.two(name) }}\n{% endblock %}",
        }
    ).render("t.py.j2", {"v": 3, "name": "n"})
    found = dict(zip(source.text.split("\n"), source.origins, strict=True))

    assert found["first = 1"] == Origin("base.py.j2", 1)
    assert found["one = 'n'"] == Origin("macros.py.j2", 3, ("name",))
    assert found["two = 2"] == Origin("macros.py.j2", 4)
    assert found["last = 3"] == Origin("part.py.j2", 2)


def test_notes_of_origin_cannot_be_forged() -> None:
    """The characters around notes are refused in templates and cannot come in with a value or a key."""
    with pytest.raises(BadTemplate, match="private character"):
        render("a\ue0001|x\ue001")
    text = render(
        "{{ d['k\\ue001; import os']|pystr }}  # {{ c|pycomment }}",
        d={"k\ue001; import os": "v\ue0000|"},
        c="\ue0000|p\ue001x",
    )

    assert text == "'v\\ue0000|'  # 0|p x"


def test_settings_that_a_template_looks_at_are_told() -> None:
    """A choice that a template makes by a setting counts as a use of that setting."""
    source = SourceTemplates({"t": "{% if settings.a == 'x' %}yes{% endif %}"}).render(
        "t", {"settings": {"a": "x", "b": 1}}
    )

    assert source.read == {"a"}


def test_refusal_from_within_a_template_names_the_value() -> None:
    """`fail` refuses a value with a reason of the template's own."""
    with pytest.raises(BadTemplate, match="no such order") as caught:
        render("{{ fail('no such order', op.name) }}", op={"name": "x"})

    assert caught.value.facts["inputs"] == ["op.name"]


def test_objects_are_no_values() -> None:
    """Only plain values enter, so a template meets no method that could reach further."""
    with pytest.raises(BadTemplate, match="no plain value"):
        render("x", v=object())


def test_closure_follows_references() -> None:
    """The files that take part are those that templates name, one through the other."""
    templates = SourceTemplates({"a": "{% extends 'b' %}", "b": "{% include 'c' %}", "c": "", "d": ""})

    assert templates.closure(["a"]) == ["a", "b", "c"]
    with pytest.raises(BadTemplate, match="no template file `x`"):
        templates.closure(["x"])


def test_broken_template_is_told_with_its_line() -> None:
    """A syntax error names file and line."""
    with pytest.raises(BadTemplate, match=r"Line 2 of template `t\.py\.j2` is wrong"):
        render("\n{% if %}")
