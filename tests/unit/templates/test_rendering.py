from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.errors import MissingInput
from weft.templates.compiling import CompileCache
from weft.templates.library import TemplateLibrary
from weft.templates.rendering import compile_template, render
from weft.templates.template import Template


def test_render_shows_the_whole_text(parsed: Callable[..., Template]) -> None:
    """T58: a preview shows what a row's text says, and asks nobody."""
    template = parsed("Review {{ topic }}{% if notes %}: {{ notes }}{% endif %}.")
    cache = CompileCache()

    assert render(template, {"topic": "CI", "notes": None}, cache=cache) == "Review CI."
    assert render(template, {"topic": "CI", "notes": "n"}, cache=cache) == "Review CI: n."
    assert (cache.stats().misses, cache.stats().hits) == (1, 1)


def test_changed_file_renders_anew(tmp_path: Path, text: Callable[..., str]) -> None:
    """T06: a file that changed on disk counts at the next render of the same process."""
    path = tmp_path / "review.md"
    library, cache = TemplateLibrary([tmp_path]), CompileCache()
    found = []
    for word in ("Check", "Weigh"):
        path.write_text(text(word + " {{ topic }}."), encoding="utf-8")
        found.append(render(library.get("review"), {"topic": "CI", "notes": None}, cache=cache))

    assert found == ["Check CI.", "Weigh CI."]


def test_errors_name_the_line_of_the_file(parsed: Callable[..., Template]) -> None:
    """S6: the line is that of the file, and the message has nothing of other rows."""
    template = parsed(
        "Review\n{{ topic.title }}", inputs="[{name: topic, type: object, fields: {title: string}}]"
    )
    cache = CompileCache()
    render(template, {"topic": {"title": "ROW ONE"}}, cache=cache)
    with pytest.raises(MissingInput) as told:
        render(template, {"topic": {"other": "ROW TWO"}}, cache=cache)

    assert told.value.facts["line"] == template.body_line + 1
    assert "ROW" not in str(told.value)


def test_context_of_the_template_counts(parsed: Callable[..., Template]) -> None:
    """P01: `context: html` escapes what a row brings."""
    body = compile_template(parsed("{{ topic }}", context="html"), cache=CompileCache())

    assert body.render({"topic": "<b>"}) == "&lt;b&gt;"
