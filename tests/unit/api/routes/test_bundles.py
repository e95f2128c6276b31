"""Bundles over HTTP: what goes out comes in elsewhere, foreign until it is trusted."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.unit.api.conftest import open_server

REVIEW = "---\nname: Review\nversion: 1.0.0\nanswers: [a]\n---\n{% extends 'base' %}\n{% block task %}{{ topic }}{% endblock %}\n"
BASE = "---\nname: Base\nversion: 1.0.0\ninputs: [topic]\nanswers: [a]\nsystem: Do.\n---\n{% block task %}{% endblock %}"


def put(folder, name, text):
    """Write a template of a project."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates" / f"{name}.md").write_text(text, encoding="utf-8")


@pytest.fixture
async def bundle(ask, tmp_path):
    """A bundle with a template and the one that it is composed of."""
    put(tmp_path, "review@1.0.0", REVIEW)
    put(tmp_path, "base@1.0.0", BASE)
    answer = await ask.get("/api/v1/templates/review/bundle")
    assert answer.status_code == 200
    return answer.content


@pytest.fixture
async def elsewhere(tmp_path, monkeypatch):
    """A program that has the key of another project's server."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    found = open_server(folder)
    async with found.house, found.with_key(content_type="application/zip") as program:
        yield program


async def test_bundle_holds_all_that_a_template_needs(ask, bundle):
    """A bundle is a ZIP file for download with the template and its parts, the same bytes each time."""
    again = await ask.get("/api/v1/templates/review@1.0.0/bundle")

    names = zipfile.ZipFile(io.BytesIO(bundle)).namelist()
    assert {"templates/review@1.0.0.md", "templates/base@1.0.0.md"} < set(names)
    assert again.content == bundle
    assert again.headers["content-type"] == "application/zip"
    assert again.headers["content-disposition"] == 'attachment; filename="review.zip"'


async def test_several_templates_go_into_one_bundle(ask, bundle):
    """`also` adds further templates."""
    answer = await ask.get("/api/v1/templates/base/bundle", params={"also": ["review", "topic_review"]})

    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert sum(name.startswith("templates/") for name in names) == 3


async def test_bundle_comes_in_foreign(bundle, elsewhere):
    """What came in is kept, told, and foreign until it is trusted."""
    answer = await elsewhere.post("/api/v1/templates/bundles", content=bundle)

    assert answer.status_code == 200
    assert answer.json()["templates"] == ["base@1.0.0", "review@1.0.0"]
    assert "elsewhere" not in answer.text
    card = (await elsewhere.get("/api/v1/templates/review/card")).json()
    assert card["origin"] == "imported"
    trusted = await elsewhere.put("/api/v1/templates/review/trust")
    assert trusted.json()["templates"][0]["record"]["trusted"]


async def test_bundle_sent_again_changes_nothing(bundle, elsewhere):
    """The second time everything is known."""
    await elsewhere.post("/api/v1/templates/bundles", content=bundle)
    answer = await elsewhere.post("/api/v1/templates/bundles", content=bundle)

    assert (answer.json()["templates"], answer.json()["known"]) == ([], ["base@1.0.0", "review@1.0.0"])


async def test_bundle_can_be_tried(bundle, elsewhere):
    """`dry_run` checks everything and writes nothing."""
    answer = await elsewhere.post("/api/v1/templates/bundles", params={"dry_run": True}, content=bundle)

    assert answer.json()["templates"] == ["base@1.0.0", "review@1.0.0"]
    assert (await elsewhere.get("/api/v1/templates/review")).status_code == 404


@pytest.mark.parametrize("cut", [0, 1, 100])
async def test_unsound_bundle_is_refused(bundle, elsewhere, cut):
    """A bundle that is none, or breaks off, is refused with a sentence; nothing of it is kept."""
    answer = await elsewhere.post("/api/v1/templates/bundles", content=bundle[:cut])

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_template")
    assert "the bundle" in answer.json()["detail"]
    assert (await elsewhere.get("/api/v1/templates/review")).status_code == 404


async def test_bundle_over_the_limit_is_refused_unread(elsewhere):
    """A body that says it is too large is refused before a byte of it is read."""
    answer = await elsewhere.post(
        "/api/v1/templates/bundles", content=b"x", headers={"content-length": "20000001"}
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_unknown_template_is_no_bundle(ask):
    """A key that is not there is told, with the nearest."""
    answer = await ask.get("/api/v1/templates/topic_revie/bundle")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_name")
    assert "topic_review" in answer.text
