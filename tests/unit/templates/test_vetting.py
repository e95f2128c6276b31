from __future__ import annotations

import time

import pytest

from weft.templates.bodies import read_body, read_expression
from weft.templates.vetting import MAX_CHARACTERS

# Known ways out of a template sandbox and cheap ways to keep a machine busy; each is refused at load.
HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ x['__class__'] }}",
    "{{ x|attr('__class__') }}",
    "{{ x|map(attribute='__class__')|list }}",
    "{{ [x]|map('attr', '__class__')|list }}",
    "{{ [x]|sort(attribute='a.__class__') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self }}",
    "{{ _private }}",
    "{{ cycler.__init__ }}",
    "{{ lipsum(1000) }}",
    "{{ range(10**9) }}",
    "{% for i in range(999999999) %}{% endfor %}",
    "{{ 'a' ** 9 }}",
    "{{ x.format(x) }}",
    "{{ x|format(1) }}",
    "{{ x|center(1000000000) }}",
    "{{ x|indent(1000000000) }}",
    "{{ x|wordwrap(1) }}",
    "{{ x|batch(1000000000, x)|list }}",
    "{{ x|slice(1000000000)|list }}",
    "{{ x|tojson(indent=1000000000) }}",
    "{{ 1.5|round(1000000000, 'ceil') }}",
    "{{ x|urlize }}",
    "{{ x|pprint }}",
    "{{ x|xmlattr }}",
    "{{ x.append(1) }}",
    "{{ dict(a=1) }}",
    "{{ namespace(a=1) }}",
    "{{ x() }}",
    "{{ x.strip(*y) }}",
    "{{ x|join(y) }}",
    "{{ x|replace('a', y) }}",
    "{{ x is callable }}",
    "{{ x is sameas y }}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends '../x' %}",
    "{% block _a %}{% endblock %}",
    "{% block a required %}{% endblock %}",
    "{% include x %}",
    "{% include ['a', 'b'] %}",
    "{% include 'a' ignore missing %}",
    "{% include 'a' without context %}",
    "{% include 'A' %}",
    "{% include 'a*' %}",
    "{% include 'a@../b' %}",
    "{% import 'a' as b with context %}",
    "{% if x %}{% import 'a' as b %}{% endif %}",
    "{% if x %}{% extends 'a' %}{% endif %}",
    "{% for a in x %}{% macro m() %}{% endmacro %}{% endfor %}",
    "{{ super() }}",
    "{% block a %}{{ super.super() }}{% endblock %}",
    "{% macro m() %}x{% endmacro %}{{ m()|upper }}",
    "{% macro m() %}x{% endmacro %}{{ m() ~ m() }}",
    "{% macro m() %}x{% endmacro %}{% set a = m() %}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(*x) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(**x) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}",
    "{% macro m() %}{{ varargs }}{% endmacro %}",
    "{% macro m(_a) %}{% endmacro %}",
    "{% macro m() %}{{ n() }}{% endmacro %}{% macro n() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ m() }}{% endmacro %}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% set a %}x{% endset %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% set ns.a = 1 %}",
    "{% for a in x recursive %}{{ loop(a) }}{% endfor %}",
    "{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}",
    "{% set a = a ~ a %}",
    "{% set a = x ~ x ~ x ~ x %}{% set b = a ~ a ~ a ~ a %}{% set c = b ~ b ~ b ~ b %}{% set d = c ~ c %}",
    "{{ x|replace('ab', '" + "a" * 129 + "') }}",
    "{{ x|join('" + "a" * 65 + "') }}",
    "{{ x|replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}",
    "{{ x is defined" + " or x" * 50 + " }}",
    "{{ x }}" * 2000,
    "{{ " + "9" * 5000 + " }}",
    "{% debug %}",
    "{% do x %}",
    "{% trans %}x{% endtrans %}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_hostile_template_is_refused_at_load(text: str) -> None:
    """S1, S2, S7: what a template does not need, it may not use; nothing of it is ever run."""
    assert read_body(text).flaws


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "[" * 3000 + "]" * 3000 + " }}",
        "{% if x %}" * 3000 + "{% endif %}" * 3000,
        "x" * (MAX_CHARACTERS + 1),
    ],
    ids=["brackets", "ifs", "length"],
)
def test_parser_bombs_end_at_once(text: str) -> None:
    """S3: nesting and length end as a flaw, quickly, not as a crash."""
    began = time.perf_counter()
    (flaw,) = read_body(text).flaws

    assert flaw.code == "too_complex"
    assert time.perf_counter() - began < 1.0  # some ten milliseconds on an idle machine


def test_flaws_name_line_and_thing() -> None:
    """A refused construct is named with its line."""
    (flaw,) = read_body("one\n{{ x|centre(9) }}", path="body", first_line=10).flaws

    assert (flaw.path, flaw.line, flaw.message) == ("body", 11, "There is no filter `centre` in templates.")


def test_names_of_the_house_are_undefined() -> None:
    """S13: environment, settings and keys are names like any other, and nobody gives them."""
    names = read_body("{{ env }}{{ config }}{{ settings }}{{ api_key }}{{ request }}{{ range }}").names

    assert set(names or ()) == {"env", "config", "settings", "api_key", "request", "range"}


@pytest.mark.parametrize(
    "text",
    [
        "{{ x|trim|upper }} {{ x.strip().lower() }} {{ x.split(',')|first }}",
        "{% for a, b in x.items() %}{{ loop.index }}: {{ a }}{% else %}none{% endfor %}",
        "{% set n = x|length %}{% if n > 3 and not y %}{{ n * 2 }}{% elif y is none %}-{% endif %}",
        "{{ x|selectattr('owner', 'eq', 'me')|map(attribute='task')|join(', ') }}",
        "{{ x|truncate(200) }}{{ x|round(2) }}{{ x[0] }}{{ x['key'] }}{{ x[1:3] }}",
        "{{ 'yes' if x else 'no' }}{{ {'a': 1}[x]|default('-') }}{{ x in ['a', 'b'] }}",
        "{{ x|replace('_', ' ')|join('__') }}{{ x|default('_none_') }}",
        "{# a comment #}{% raw %}{{ not code }}{% endraw %}",
    ],
)
def test_ordinary_template_is_welcome(text: str) -> None:
    """What prompts are written with is allowed."""
    assert read_body(text).flaws == ()


def test_expressions_obey_the_same_rules() -> None:
    """A rule or computed field may not do what a body may not."""
    assert read_expression("x.__class__", path="checks.0.check").flaws
    assert read_expression("x ~", path="checks.0.check").flaws
    assert read_expression("x }} {{ y", path="checks.0.check").flaws
