"""Which column feeds which value of a prompt."""

from __future__ import annotations

import pytest

from weft.app.prompters import make_prompter
from weft.app.requesting import RunRequest
from weft.errors import BadMapping
from weft.templates.compiling import CompileCache
from weft.templates.library import TemplateLibrary


def sources_of(prompt, columns, *mapping):
    """Which column feeds which name of a quick prompt."""
    request = RunRequest(table=[], prompt=prompt, fields=["tone"], mapping=mapping)
    made = make_prompter(request, columns, library=TemplateLibrary(), cache=CompileCache())
    return made.source["sources"]


@pytest.mark.parametrize(
    ("columns", "mapping", "expected"),
    [
        (["mail.body", "id"], [], {"mail.body": "mail.body"}),
        (["mail.body", "mail.to.name"], [], {"mail.body": "mail.body", "mail.to.name": "mail.to.name"}),
        (["mail.body", "mail"], [], {"mail": "mail"}),
        (["mail.body", "text"], ["param:mail.body=text"], {"mail.body": "text"}),
        (
            ["mail.to.name", "text"],
            ["param:mail.body=text"],
            {"mail.body": "text", "mail.to.name": "mail.to.name"},
        ),
        (["mail.to.name", "text"], ["param:mail.to=text"], {"mail.to": "text"}),
        (["mail.body", "mail.to.name"], ["mail.body=ignore"], {"mail.to.name": "mail.to.name"}),
    ],
)
def test_dotted_name_takes_the_column_of_that_name(columns, mapping, expected):
    """W09: `{{ mail.body }}` is fed by a column `mail.body`, unless somebody says otherwise."""
    assert sources_of("{{ mail.body }} {{ mail.to.name }}", columns, *mapping) == expected


def test_column_of_an_object_stands_alone():
    """W07: a column has one role; what was said about it holds."""
    with pytest.raises(BadMapping, match="mapped twice"):
        sources_of("{{ mail.body }}", ["mail.body"], "param:mail.body=mail.body", "param:mail.x=mail.body")


@pytest.mark.parametrize(
    ("prompt", "mapping", "expected"),
    [
        ("{{ name }}", ["name=Full Name"], {"name": "Full Name"}),
        ("{{ full_name }}", [], {"full_name": "Full Name"}),
        ("{{ a_b }} {{ topic }}", [], {"a_b": "a/b", "topic": "topic*"}),
        ("{{ a_b }}", ["a_b=topic*"], {"a_b": "topic*"}),
    ],
)
def test_quick_prompts_name_any_column(prompt, mapping, expected):
    """W07: a quick prompt uses a name that `--map` gives, or the column's name without its signs."""
    assert sources_of(prompt, ["Full Name", "a/b", "topic*"], *mapping) == expected


def test_map_to_an_unknown_column_says_so():
    """A name that `--map` gives to a column that is not there is told with the columns."""
    with pytest.raises(BadMapping, match="no column `Ful Nme`") as told:
        sources_of("{{ name }}", ["Full Name"], "name=Ful Nme")

    assert "`Full Name`" in told.value.hint
