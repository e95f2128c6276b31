from __future__ import annotations

import threading

import pytest

from weft.errors import BadTemplate, MissingInput, RenderLimit
from weft.templates.bodies import read_body
from weft.templates.environment import (
    MAX_OUTPUT,
    CompiledBody,
    CompiledExpressions,
    Escaping,
)


def render(text: str, escaping: Escaping = Escaping.TEXT, **values: object) -> str:
    """Render a text once."""
    return CompiledBody(text, name="t", escaping=escaping, first_line=1).render(values)


def test_missing_optional_input_is_false_and_empty() -> None:
    """T70: nothing is false in a condition, empty where it stands, and walks no loop."""
    text = "{% if x %}yes{% else %}no{% endif %}|{{ x }}|{% for a in x %}{{ a }}{% endfor %}|{{ x.y.z }}"

    assert render(text, x=None) == "no|||"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ x|upper }}", ""),
        ("{{ x|trim|length }}", "0"),
        ("{{ x|join(', ') }}", ""),
        ("{{ x|default('none') }}", "none"),
        ("{{ x|map('upper')|join }}", ""),
        ("{{ x|wordcount }}", "0"),
        ("{{ x is none }}", "True"),
        ("{{ x|tojson }}", "null"),
    ],
)
def test_filters_take_nothing_for_empty(text: str, found: str) -> None:
    """T70: a filter on a missing optional input sees an empty text, never the word None."""
    assert render(text, x=None) == found


def test_default_is_for_missing_values_only() -> None:
    """`default` leaves zero and false alone unless told otherwise."""
    assert render("{{ a|default(9) }}{{ b|default(9, true) }}", a=0, b=0) == "09"


def test_condition_changes_the_text() -> None:
    """T70: if and else on an input change the output."""
    text = "{% if urgent %}Now{% else %}Later{% endif %}"

    assert (render(text, urgent=True), render(text, urgent=False)) == ("Now", "Later")


def test_loop_renders_each_entry() -> None:
    """T71: one line per element, with its number."""
    text = "{% for t in tags %}\n{{ loop.index }} {{ t }}\n{% endfor %}"

    assert render(text, tags=["a", "b"]) == "1 a\n2 b\n"


def test_cell_is_never_a_template() -> None:
    """S5: a cell with template text stands in the prompt letter for letter."""
    assert render("{{ x }}{{ [x]|join }}", x="{{ 7*7 }}{% if %}") == "{{ 7*7 }}{% if %}" * 2


def test_escaping_follows_the_context() -> None:
    """P01: the same body and value, three contexts, three outputs."""
    value = 'a <b> & "c"\n'

    assert render("{{ x }}", Escaping.TEXT, x=value) == value
    assert render("{{ x }}", Escaping.HTML, x=value) == "a &lt;b&gt; &amp; &#34;c&#34;\n"
    assert render('{"x": {{ x }}, "y": {{ y }}}', Escaping.JSON, x=value, y=None) == (
        '{"x": "a <b> & \\"c\\"\\n", "y": null}'
    )


def test_keys_of_objects_win_over_methods() -> None:
    """W09: a key called `items` is a value, not a method of the mapping."""
    assert render("{{ order.items }} {{ order.get }}", order={"items": 3, "get": 4}) == "3 4"


def test_undefined_key_says_line_and_name_only() -> None:
    """S6: the error has line and key, and no cell's text."""
    body = CompiledBody("one\n{{ x.secret_key }}", name="t", first_line=20)
    with pytest.raises(MissingInput) as told:
        body.render({"x": {"a": "PRIVATE TEXT"}})

    assert "Line 21 of template `t`" in told.value.message
    assert "secret_key" in told.value.message
    assert "PRIVATE" not in str(told.value)
    assert told.value.facts["line"] == 21


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ x > 3 }}", "kinds of its values do not fit together"),
        ("{{ x * 3 }}", "works on numbers only"),
        ("{{ '%s' % x }}", "works on numbers only"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ [1, 2]|sum(start=x) }}", "kinds of its values"),
    ],
)
def test_failures_are_sentences_without_rows(text: str, said: str) -> None:
    """S6: whatever fails while rendering is a sentence with its line, without the cell."""
    with pytest.raises(BadTemplate) as told:
        render(text, x="PRIVATE")

    assert said in told.value.message
    assert "PRIVATE" not in str(told.value)


def test_products_of_numbers_are_bounded() -> None:
    """S2: numbers multiply, but not without end."""
    assert render("{{ x * 3 }}{{ x % 2 }}{{ 1.5 * x }}", x=3) == "914.5"
    with pytest.raises(RenderLimit, match="too large"):
        render("{{ x * x }}", x=2**3000)


def test_output_is_bounded_while_it_grows() -> None:
    """S2: a long cell repeated by a loop ends at a million characters."""
    with pytest.raises(RenderLimit, match="too long"):
        render("{% for a in x %}{{ y }}{% endfor %}", x="x" * 100, y="y" * 20_000)
    with pytest.raises(RenderLimit, match="1,000,000 characters"):
        render("{{ x }}", x="y" * (MAX_OUTPUT + 1))


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}",
        "{% for a in x|list %}{% endfor %}",
        "{{ x" + "|replace('y', 'yyyyyyyy')" * 4 + " }}",
        "{{ q" + "|tojson" * 30 + " }}",
        "{{ q" + "|list|string" * 15 + " }}",
        "{{ x|join('" + "-" * 60 + "')|join('" + "-" * 60 + "') }}",
    ],
)
def test_work_for_one_row_is_bounded(text: str) -> None:
    """S2: loops without output and values that grow from filter to filter end as an error."""
    assert not read_body(text).flaws
    with pytest.raises(RenderLimit, match=r"too long|turns"):
        render(text, x="y" * 20_000, q='"\\')


def test_rows_cannot_be_changed() -> None:
    """S4: values are read, never written; the sandbox is immutable even where vetting is not asked."""
    values = {"x": [1]}
    with pytest.raises(BadTemplate):
        CompiledBody("{{ x.append(2) }}", name="t").render(values)

    assert values == {"x": [1]}


def test_expressions_are_computed_in_order() -> None:
    """T72: each sees the values and the expressions before it."""
    found = CompiledExpressions(
        [("net", "price / 1.19"), ("shown", "net|round(2)"), ("_0", "net > 5")], name="t"
    )

    assert found.compute({"price": 11.9}) == {"net": 10.0, "shown": 10.0, "_0": True}


def test_failing_expression_is_named() -> None:
    """The one that failed is named with its text, not those before it."""
    expressions = CompiledExpressions([("a", "x"), ("b", "a + 1"), ("c", "b")], name="t")
    with pytest.raises(BadTemplate) as told:
        expressions.compute({"x": "text"})

    assert "`b` (`a + 1`) of template `t`" in told.value.message
    assert told.value.facts["expression"] == "b"


def test_computed_values_are_plain() -> None:
    """Generators become lists and marked text becomes text, so that keys can be made of them."""
    found = CompiledExpressions(
        [("a", "x|map('upper')"), ("b", "x[0]|escape"), ("c", "x|first|default"), ("d", "(1, 2)")], name="t"
    ).compute({"x": ["a", "<b>"]})

    assert found == {"a": ["A", "<B>"], "b": "a", "c": "a", "d": [1, 2]}
    assert [type(value) for value in found.values()] == [list, str, str, list]


def test_body_renders_the_same_in_every_thread() -> None:
    """A compiled body may be used by any number of threads at once."""
    body = CompiledBody("{% for a in x %}{{ a }},{% endfor %}", name="t")
    found: list[bool] = []

    def work(number: int) -> None:
        wanted = f"{number}," * 50
        found.append(all(body.render({"x": [number] * 50}) == wanted for _ in range(50)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 8
