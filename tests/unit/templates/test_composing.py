"""Templates that extend, include and import each other by key, from files to prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.app.prompters import kept_template, whole_text
from weft.errors import BadTemplate
from weft.templates.compiling import CompileCache
from weft.templates.library import TemplateLibrary
from weft.templates.pieces import MAX_CHAIN, MAX_PIECES, Origin
from weft.templates.prompting import TemplatePrompter
from weft.templates.rendering import render
from weft.templates.template import Template, parse_template

Write = Callable[..., Path]

BASE = """---
name: Base mail
version: 1.0.0
description: A base.
inputs:
  mail: {type: text}
  sender: {required: false}
computed: {size: mail|length, short: size < 100}
validate: [{check: size > 0, message: The mail is empty.}]
answers: ["tone: enum[calm,angry] = how it sounds"]
system: Read the mail.
postprocess: {}
checks: [{check: tone == "calm" or size > 1, message: Too short to be angry.}]
examples: [{mail: Thank you!, tone: calm}]
sample: [{mail: Where is it, tone: angry}]
options: {temperature: 0}
export: [size]
---
{% block greeting %}From {{ sender or "somebody" }}:{% endblock %}

{{ mail }}
{% block end %}{% endblock %}
"""
CHILD = """---
name: Child
version: 1.0.0
---
{% extends "base_mail" %}
{% block greeting %}A mail. {{ super() }}{% endblock %}
"""
PART = "---\nname: Footer\nversion: {version}\npart: true\n---\n{body}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a template file into the library's folder: `write(name, text)`."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        return path

    return put


@pytest.fixture
def library(tmp_path: Path) -> TemplateLibrary:
    """A library with that folder."""
    return TemplateLibrary([tmp_path])


def part(body: str, version: str = "1.0.0") -> str:
    """The file of a part."""
    return PART.format(version=version, body=body)


def whole(body: str, front: str = "inputs: [mail]") -> str:
    """The file of a template with a body."""
    return f"---\nname: T\nversion: 1.0.0\n{front}\nanswers: [tone]\nsystem: Read.\n---\n{body}\n"


def shown(template: Template, cache: CompileCache | None = None, **values: object) -> str:
    """A template rendered for one row."""
    prompter = TemplatePrompter(template, sources={name: name for name in template.inputs.names})
    checked = prompter.values({"mail": "Hello", **values})
    assert not checked.problems
    return render(template, checked.values, cache=cache or CompileCache())


def problems_of(library: TemplateLibrary, key: str) -> list[str]:
    """Every problem of a template as one line each."""
    with pytest.raises(BadTemplate) as told:
        library.get(key)
    return [f"{each['path']}:{each['line']} {each['message']}" for each in told.value.facts["problems"]]


# ── inheritance ──────────────────────────────────────────────────────────────────────────────────


def test_child_overrides_one_block_and_takes_the_rest_over(library: TemplateLibrary, write: Write) -> None:
    """T69: a child says what is different; inputs, answers, task, rules and rows are its base's."""
    write("base_mail", BASE)
    write("child", CHILD)
    base, child = library.get("base_mail"), library.get("child")

    assert shown(child, sender="Ada") == "A mail. From Ada:\nHello\n"
    assert shown(base, sender="Ada") == "From Ada:\nHello\n"
    taken = (
        "inputs",
        "answers",
        "system",
        "computed",
        "validators",
        "checks",
        "examples",
        "sample",
        "options",
    )
    assert all(getattr(child, name) == getattr(base, name) for name in (*taken, "exported", "postprocess"))
    assert (child.name, child.version, child.description) == ("Child", "1.0.0", "")
    assert [piece.title for piece in child.pieces] == ["base_mail@1.0.0"]


def test_child_adds_fields_and_replaces_what_it_gives(library: TemplateLibrary, write: Write) -> None:
    """T69, P18: inputs and computed fields are added to the base's; any other key takes its place."""
    write("base_mail", BASE)
    front = (
        "inputs:\n  sender: {default: nobody}\n  tier: {default: free}\n"
        "computed: {long: size > 500}\nsystem: Read it twice.\nexport: [long]\noptions: {seed: 3}"
    )
    write("child", CHILD.replace("version: 1.0.0\n", f"version: 1.0.0\n{front}\n"))
    child = library.get("child")

    assert child.inputs.names == ("mail", "sender", "tier")
    assert child.inputs.get("sender").default == "nobody"
    assert [name for name, _ in child.computed] == ["size", "short", "long"]
    assert (child.system, child.exported, dict(child.options)) == ("Read it twice.", ("long",), {"seed": 3})


def test_inherited_rows_that_no_longer_fit_are_told(library: TemplateLibrary, write: Write) -> None:
    """T69: a child that makes an input required is told which of the base's rows lack it."""
    write("base_mail", BASE)
    write("child", CHILD.replace("version: 1.0.0\n", "version: 1.0.0\ninputs: [sender]\n"))

    assert problems_of(library, "child") == [
        "examples.0.sender (inherited):0 sender is missing.",
        "sample.0.sender (inherited):0 sender is missing.",
    ]


def test_child_with_other_answers_drops_what_speaks_of_the_old(
    library: TemplateLibrary, write: Write
) -> None:
    """T69: examples, sample, checks and steps of the base speak of its answers, and go with them."""
    write("base_mail", BASE)
    write(
        "child",
        CHILD.replace("version: 1.0.0\n", 'version: 1.0.0\nanswers: ["gist: string = what it says"]\n'),
    )
    child = library.get("child")

    assert child.answers.names == ("gist",)
    assert (child.examples, child.sample, child.checks) == ((), (), ())
    assert child.validators


def test_grandchild_inherits_through_its_parent(library: TemplateLibrary, write: Write) -> None:
    """T69: three generations, each with its own word."""
    write("base_mail", BASE)
    write("child", CHILD.replace("version: 1.0.0\n", "version: 1.0.0\nsystem: Child's task.\n"))
    write("own", CHILD.replace("base_mail", "child").replace("A mail.", "Mine."))
    own = library.get("own")

    assert shown(own) == "Mine. A mail. From somebody:\nHello\n"
    assert own.system == "Child's task."


def test_change_of_the_base_reaches_exactly_its_children(library: TemplateLibrary, write: Write) -> None:
    """T69, T06, P03: a changed base changes its children's text, digest, fingerprint and cache entry."""
    write("base_mail", BASE)
    write("child", CHILD)
    write("alone", whole("Say {{ mail }}{% if mail %}!{% endif %}"))
    cache = CompileCache()
    before = {key: library.get(key) for key in ("child", "alone")}
    texts = {key: shown(template, cache) for key, template in before.items()}
    assert (cache.stats().misses, cache.stats().hits) == (2, 0)

    write("base_mail", BASE.replace("{% block greeting %}From", "{% block greeting %}Sent by"))
    after = {key: library.get(key) for key in ("child", "alone")}
    assert shown(after["child"], cache) == texts["child"].replace("From", "Sent by")
    assert shown(after["alone"], cache) == texts["alone"]

    assert (cache.stats().misses, cache.stats().hits) == (3, 1)
    assert after["alone"] is before["alone"]
    assert after["child"].digest != before["child"].digest
    fingerprints = [
        TemplatePrompter(each["child"], sources={"mail": "mail"}).fingerprint for each in (before, after)
    ]
    assert fingerprints[0] != fingerprints[1]


def test_template_that_stands_alone_keeps_its_digest(write: Write, library: TemplateLibrary) -> None:
    """A template without pieces is known by its text alone, as before."""
    write("alone", whole("{{ mail }}"))
    alone = library.get("alone")

    assert alone.digest == parse_template(alone.text, key="other").digest
    assert alone.pieces == ()


def test_comment_in_a_part_is_not_part_of_the_question(library: TemplateLibrary, write: Write) -> None:
    """What only people read of a piece, its name and description, asks no row again."""
    write("t", whole("{% include 'footer' %}{{ mail }}"))
    found = []
    for name in ("Footer", "Another name"):
        write("footer", part("Bye").replace("Footer", name))
        found.append(TemplatePrompter(library.get("t"), sources={"mail": "mail"}).fingerprint)

    assert found[0] == found[1]


# ── includes and macros ──────────────────────────────────────────────────────────────────────────


def test_include_by_key_version_and_alias(library: TemplateLibrary, write: Write, tmp_path: Path) -> None:
    """T73: a piece is named by key, by version or by alias, and each finds its text."""
    write("footer@1.0.0", part("old"))
    write("footer@2.0.0", part("new", "2.0.0"))
    (tmp_path / "library.toml").write_text(
        'format = 1\n[aliases]\n"footer@live" = "1.0.0"\n', encoding="utf-8"
    )
    write(
        "t",
        whole("{% include 'footer' %} {% include 'footer@1.0.0' %} {% include 'footer@live' %} {{ mail }}"),
    )

    template = library.get("t")
    assert shown(template) == "new old old Hello"
    assert [piece.title for piece in template.pieces] == ["footer@2.0.0", "footer@1.0.0", "footer@1.0.0"]


def test_moved_alias_reaches_who_includes_it(library: TemplateLibrary, write: Write, tmp_path: Path) -> None:
    """T73, T06: an alias that means another version changes what is composed of it, at once."""
    write("footer@1.0.0", part("old"))
    write("footer@2.0.0", part("new", "2.0.0"))
    write("t", whole("{% include 'footer@live' %} {{ mail }}"))
    found = []
    for version in ("1.0.0", "2.0.0"):
        text = f'format = 1\n[aliases]\n"footer@live" = "{version}"\n'
        (tmp_path / "library.toml").write_text(text, encoding="utf-8")
        found.append(shown(library.get("t")))

    assert found == ["old Hello", "new Hello"]


def test_macros_of_another_template(library: TemplateLibrary, write: Write) -> None:
    """T73: macros are imported by key and called with a row's values."""
    write("ui", part("{% macro line(label, value) %}{{ label }}: {{ value }}\n{% endmacro %}"))
    write("t", whole("{% from 'ui' import line %}{{ line('Mail', mail) }}{{ line('Size', mail|length) }}"))

    assert shown(library.get("t")) == "Mail: Hello\nSize: 5\n"


def test_own_name_of_a_macro_is_told_as_it_is_written(library: TemplateLibrary, write: Write) -> None:
    """T73: a name that a macro uses before it sets it is told as it stands in the file."""
    write("t", whole("{% macro m(a=b, b=1) %}{{ a }}{% endmacro %}{{ m() }}{{ mail }}"))

    assert problems_of(library, "t") == ["body:8 `b` is not known here; known: `mail`."]


def test_included_template_may_be_whole(library: TemplateLibrary, write: Write) -> None:
    """T73: any template can be included; its body counts, and sees the row of the one that runs."""
    write("inner", whole("Mail: {{ mail }}"))
    write("t", whole("{% include 'inner' %}!"))

    assert shown(library.get("t")) == "Mail: Hello!"


def test_bundled_templates_can_be_pieces(library: TemplateLibrary, write: Write) -> None:
    """T69: weft's own templates can be extended like one's own."""
    write("mine", '---\nname: Mine\nversion: 1.0.0\nsystem: Do it.\n---\n{% extends "topic_review" %}\n')

    assert library.get("mine").answers.names == library.get("topic_review").answers.names
    assert library.get("mine").pieces[0].origin is Origin.BUILTIN


def test_text_in_a_cell_composes_nothing(library: TemplateLibrary, write: Write) -> None:
    """S4, P01: a cell that looks like an include is text."""
    write("footer", part("secret"))
    write("t", whole("{% if mail %}{{ mail }}{% endif %}"))

    assert shown(library.get("t"), mail="{% include 'footer' %}") == "{% include 'footer' %}"


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "named",
    [
        "../footer",
        "/etc/passwd",
        "footer.md",
        "templates/footer",
        "*",
        "Footer",
        "footer@",
        "footer@*",
        "a\\\\b",
        "",
    ],
)
def test_pieces_are_never_paths(library: TemplateLibrary, write: Write, named: str) -> None:
    """S7, T73, P14: what is no key names nothing, whatever lies on the disk."""
    write("footer", part("x"))
    write("t", whole(f"{{% include '{named}' %}}{{{{ mail }}}}"))

    assert any("names another template by its key" in line for line in problems_of(library, "t"))


def test_missing_pieces_are_told_with_place_and_nearest(library: TemplateLibrary, write: Write) -> None:
    """T73: a piece that is not there is told with the line that names it, and the nearest key."""
    write("footer", part("{% include 'sig' %}"))
    write("t", whole("\n{% include 'foter' %}{% include 'footer' %}"))

    first, second = sorted(problems_of(library, "t"))
    assert first.startswith("body of footer@1.0.0:6 `sig` cannot be used: There is no template `sig`")
    assert second.startswith("body:9 `foter` cannot be used")
    assert "Did you mean `footer`?" in second


def test_circles_are_told_with_the_chain(library: TemplateLibrary, write: Write) -> None:
    """T69, T73: a circle of pieces is named link by link; a template may not use itself either."""
    write("a", part("{% include 'b' %}"))
    write("b", part("{% include 'c' %}"))
    write("c", part("{% include 'a' %}"))
    write("t", whole("{% include 'a' %}{{ mail }}"))
    write("own", whole("{% include 'own' %}{{ mail }}"))

    assert "a@1.0.0 → b@1.0.0 → c@1.0.0 → a@1.0.0" in problems_of(library, "t")[0]
    assert "own@1.0.0 → own@1.0.0" in problems_of(library, "own")[0]


def test_another_version_of_oneself_is_no_circle(library: TemplateLibrary, write: Write) -> None:
    """T69: version 2 may extend version 1 of the same key."""
    write("mail@1.0.0", BASE)
    write("mail@2.0.0", CHILD.replace("1.0.0", "2.0.0").replace("base_mail", "mail@1.0.0"))

    assert shown(library.get("mail")).startswith("A mail. From")


def test_depth_and_number_of_pieces_are_bounded(library: TemplateLibrary, write: Write) -> None:
    """S3: long chains and many pieces end as a sentence."""
    write("p0", part("end"))
    for number in range(1, MAX_CHAIN + 3):
        write(f"p{number}", part(f"{{% include 'p{number - 1}' %}}"))
    write("deep", whole(f"{{% include 'p{MAX_CHAIN + 2}' %}}{{{{ mail }}}}"))
    for number in range(MAX_PIECES + 1):
        write(f"q{number}", part("q"))
    write("wide", whole("".join(f"{{% include 'q{n}' %}}" for n in range(MAX_PIECES + 1)) + "{{ mail }}"))

    assert f"more than {MAX_CHAIN} deep: deep@1.0.0 → p12@1.0.0 → " in problems_of(library, "deep")[0]
    assert "is one too many" in problems_of(library, "wide")[0]


def test_wrong_base_is_named(library: TemplateLibrary, write: Write) -> None:
    """T69: what is wrong with a base is told as the base's."""
    write("base_mail", BASE.replace("tone == ", "tonne == "))
    write("child", CHILD)

    (line,) = problems_of(library, "child")
    assert "`base_mail`, which it extends, is wrong itself" in line
    assert "`tonne` is not known here" in line


def test_unknown_name_in_a_piece_is_told_with_its_file(library: TemplateLibrary, write: Write) -> None:
    """T73: a piece may use what the template that runs has, and nothing else."""
    write("footer", part("Bye\n{{ signature }}"))
    write("t", whole("{{ mail }} {% include 'footer' %}"))

    assert problems_of(library, "t") == [
        "body of footer@1.0.0:7 `signature` is not known here; known: `mail`."
    ]


def test_escaping_of_a_piece_is_kept(library: TemplateLibrary, write: Write) -> None:
    """P01: a piece that is written for HTML is not rendered without escaping."""
    write("footer", part("<b>{{ mail }}</b>").replace("part: true", "part: true\ncontext: html"))
    write("t", whole("{% include 'footer' %}"))
    write("page", whole("{% include 'footer' %}", "inputs: [mail]\ncontext: html"))

    assert "written for the context `html`" in problems_of(library, "t")[0]
    assert shown(library.get("page"), mail="<") == "<b>&lt;</b>"


def test_part_needs_no_answers_and_knows_no_names(library: TemplateLibrary, write: Write) -> None:
    """A part is sound without answers, and its names are asked for where it is used."""
    write("footer", part("{{ anything }} {{ else_ }}"))
    footer = library.get("footer")

    assert footer.part
    assert not footer.answers.fields


def test_templates_without_a_library_stand_alone() -> None:
    """T73: only the library finds pieces; a text by itself may not name any."""
    with pytest.raises(BadTemplate, match="can only be used by a template that is kept in a folder"):
        parse_template(whole("{% include 'footer' %}"), key="t")


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────


def test_run_keeps_every_piece(library: TemplateLibrary, write: Write) -> None:
    """T57, L14: what a run keeps makes the composed template again without any file."""
    write("base_mail", BASE)
    write("footer", part("Bye"))
    write("child", CHILD.replace("{{ super() }}", "{{ super() }}{% include 'footer' %}"))
    template = library.get("child")
    source = {
        "text": template.text,
        "key": template.key,
        "path": template.path,
        "origin": template.origin.value,
        "pieces": [piece.plain() for piece in template.pieces],
    }

    again = kept_template(source)
    assert again == template
    assert again.digest == template.digest
    assert "Bye" in whole_text(again)
    assert "Bye" in shown(again)


def test_foreign_piece_makes_the_whole_foreign(
    library: TemplateLibrary, write: Write, tmp_path: Path
) -> None:
    """S1: an own template that includes an imported one is as foreign as that, until it is trusted."""
    write("footer", part("Bye"))
    write("t", whole("{% include 'footer' %}{{ mail }}"))
    assert not library.get("t").is_foreign

    records = 'format = 1\n[versions."footer@1.0.0"]\nimported = "2026-01-01T00:00:00Z"\n'
    (tmp_path / "library.toml").write_text(records, encoding="utf-8")
    assert (library.get("t").origin, library.get("t").is_foreign) == (Origin.PROJECT, True)

    (tmp_path / "library.toml").write_text(f'{records}trusted = "2026-01-02T00:00:00Z"\n', encoding="utf-8")
    assert not library.get("t").is_foreign
