"""Computed fields in exports."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import weft
from weft.testing.scripted import ScriptedProvider

TEMPLATE = """---
name: Mail
version: 1.0.0
inputs: [body, "tags: list[string]", "price?: number"]
computed: {words: size / 1, size: body|wordcount, many: tags|length > 1, first_tag: tags|first, tone: price}
export: [size, many, first_tag, tone]
answers: ["tone: enum[calm,angry]"]
system: Say how it sounds.
---
{% if many %}{% for tag in tags %}{{ tag }} {% endfor %}{% endif %}{{ body }} ({{ size }} words)
"""


def test_export_shows_computed_fields(provider: ScriptedProvider, folder: Path) -> None:
    """T71, T72: list cells in both forms; computed fields in the body, and in the export after the answers."""
    (folder / "templates").mkdir()
    (folder / "templates" / "mail.md").write_text(TEMPLATE, encoding="utf-8")
    (folder / "t.csv").write_text(
        'body,tags,price\none two,a;b,1.5\nthree,"[""x;y""]",\n"",a,1\n', encoding="utf-8"
    )
    done = weft.run("t.csv", template="mail", model="local", provider=provider)
    done.write("out.csv")
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert list(rows[0]) == ["body", "tags", "price", "tone", "size", "many", "first_tag", "weft.tone"]
    assert [tuple(row.values())[3:] for row in rows] == [
        ("calm", "2", "true", "a", "1.5"),
        ("calm", "1", "false", "x;y", ""),
        ("", "", "", "", ""),
    ]
    assert [tuple(row.items())[3:] for row in done.rows()] == [
        (("tone", "calm"), ("size", 2), ("many", True), ("first_tag", "a"), ("weft.tone", 1.5)),
        (("tone", "calm"), ("size", 1), ("many", False), ("first_tag", "x;y"), ("weft.tone", None)),
        (("tone", None), ("size", None), ("many", None), ("first_tag", None), ("weft.tone", None)),
    ]
    asked = provider.prompts[0].user
    assert "a b one two (2 words)" in asked
    assert '"three (1 words)"' in asked


def test_frames_show_computed_fields(provider: ScriptedProvider, folder: Path) -> None:
    """T72: a frame has the columns of the export, computed fields last; without any it stays as it was."""
    pytest.importorskip("pandas")
    (folder / "templates").mkdir()
    (folder / "templates" / "mail.md").write_text(TEMPLATE, encoding="utf-8")
    (folder / "t.csv").write_text("body,tags\none two,a\n", encoding="utf-8")
    done = weft.run("t.csv", template="mail", model="local", provider=provider)
    frame = done.to_pandas()

    assert list(frame.columns) == ["body", "tags", "tone", "size", "many", "first_tag", "weft.tone"]
    assert frame["size"][0] == 2
