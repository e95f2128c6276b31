"""What was asked of a run is told as the run keeps it, and becomes a template only when somebody says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

TASK = {
    "rows": [{"Body": "one", "from": "Ann"}],
    "prompt": "How does {{ customer.name }} feel? {{ Body }}",
    "fields": ["mood: enum[calm,angry] = how it sounds", "why: string? = in one word"],
    "mapping": ["param:customer.name=from"],
    "settings": {"model": "local", "temperature": 0.5, "rpm": 9},
    "limit": 5,
    "fresh": True,
    "name": "mails",
}


async def hand_in(ask: httpx.AsyncClient, **task: Any) -> str:
    """Hand a run in; its address."""
    answer = await ask.post("/api/v1/runs", json=task)
    assert answer.status_code == 201, answer.text
    return f"/api/v1/runs/{answer.json()['id']}"


async def test_task_is_told_as_it_was_asked(ask: httpx.AsyncClient) -> None:
    """W30: prompt, schema, mapping and settings of a run can be read back."""
    run = await hand_in(ask, **{**TASK, "fields": TASK["fields"][:1]})
    told = (await ask.get(f"{run}/task")).json()

    assert told["template"]["text"].endswith("How does {{ customer.name }} feel? {{ Body }}\n")
    assert [(each["name"], each["type"]) for each in told["template"]["answers"]] == [("mood", "enum")]
    assert told["mapping"] == {"Body": "Body", "customer.name": "from"}
    assert (told["settings"], told["options"]["temperature"]) == (TASK["settings"], 0.5)
    assert (told["limit"], told["fresh"], told["variants"]) == (5, True, "")


async def test_task_outlives_its_template(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """W40, W56: a run keeps the schema that it was handed in with; an edited template does not reach it."""
    path = tmp_path / "templates" / "mood.md"
    path.parent.mkdir()
    text = "---\nname: Mood\nversion: 1.0.0\ninputs: [body]\nanswers: [mood]\n---\nRate {{ body }}\n"
    path.write_text(text, encoding="utf-8")
    run = await hand_in(ask, rows=[{"body": "x"}], template="mood")
    path.write_text(text.replace("[mood]", "[other]"), encoding="utf-8")
    told = (await ask.get(f"{run}/task")).json()["template"]
    kept = await ask.post(f"{run}/template", json={"key": "mine"})

    assert (told["text"], told["path"]) == (text, "")
    assert (kept.status_code, kept.json()["code"]) == (422, "mistake")
    assert "`mood`, which is there already" in kept.json()["detail"]


async def test_pack_of_prompts_is_told_by_name(ask: httpx.AsyncClient) -> None:
    """A run over a pack of prompts names the pack, and has no single prompt to keep."""
    run = await hand_in(ask, rows=[{"text": "A long story about a tree."}], variants="summary")
    told = (await ask.get(f"{run}/task")).json()
    kept = await ask.post(f"{run}/template", json={"key": "mine"})

    assert (told["template"], told["variants"]) == (None, "summary")
    assert kept.status_code == 422


async def test_prompt_is_kept_when_asked_for(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """W56: no run makes a template; a request of its own does, once, and the next run uses it."""
    run = await hand_in(ask, **{**TASK, "fields": TASK["fields"][:1]})
    before = (await ask.get("/api/v1/templates/mail_mood")).status_code
    headers = {"idempotency-key": "keep"}
    kept = [await ask.post(f"{run}/template", json={"key": "mail_mood"}, headers=headers) for _ in range(2)]
    again = await ask.post(f"{run}/template", json={"key": "mail_mood"})
    other = await ask.post(f"{run}/template", json={"key": "mail_mood", "name": "Moods", "version": "2.0.0"})
    found = (await ask.get("/api/v1/templates/mail_mood@1.0.0")).json()
    listed = await hand_in(ask, rows=TASK["rows"], template="mail_mood", mapping=TASK["mapping"])

    assert (before, [each.status_code for each in kept], again.status_code) == (404, [201, 201], 409)
    assert kept[0].json() == kept[1].json()
    assert (found["name"], found["version"]) == ("mails", "1.0.0")
    assert other.json()["title"] == "mail_mood@2.0.0"
    assert (tmp_path / "templates" / "mail_mood@1.0.0.md").is_file()
    assert (await ask.get(listed)).json()["template"] == "mail_mood 2.0.0"


async def test_odd_key_is_refused(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """T55: a key cannot lead out of the folder of templates."""
    run = await hand_in(ask, **{**TASK, "fields": TASK["fields"][:1]})
    for key in ("../outside", "a/b", "", "Ä", ".hidden"):
        answer = await ask.post(f"{run}/template", json={"key": key})

        assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "body.key")
    assert not (tmp_path / "templates").exists()
