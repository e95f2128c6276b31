"""Every address does what it says: each is asked once so that it succeeds, and its answers fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.api.conftest import Server

SPEC = """name: order_totals
kind: compute
description: Sum the lines of an order.
variant: minimal
operations:
  - name: total
    does: pure
    description: Net and gross.
    takes: {unit: number, pieces: integer}
    gives: {net: number}
    with: {computes: ["net = unit * pieces"]}
"""
ASKED = {"requirements": {"kind": "compute", "operations": ["total"]}}

# operation → method, address below /api/v1, body; in an order in which each finds what it needs
ERRANDS: dict[str, tuple[str, str, Any]] = {
    "get_health": ("GET", "/health", None),
    "get_checkup": ("GET", "/checkup", None),
    "list_prices": ("GET", "/prices?matching=gpt&limit=2", None),
    "list_settings": ("GET", "/settings", None),
    "get_cache": ("GET", "/cache", None),
    "clear_cache": ("DELETE", "/cache?older_than_days=1.5", None),
    "estimate": (
        "POST",
        "/estimates",
        {"rows": [{"body": "x", "n": 1, "flag": None}], "prompt": "{{ body }}", "fields": ["tone: enum[a,b]"]},
    ),
    "generate_modules": ("POST", "/generate", {"specs": [{"text": SPEC}], "prove": False}),
    "list_variants": ("GET", "/variants?kind=compute", None),
    "get_variant": ("GET", "/variants/codegen/minimal", None),
    "choose_variant": ("POST", "/variants/choices", ASKED),
    "explain_choice": ("POST", "/variants/explanations", ASKED),
    "settle_choice": ("PUT", "/variants/choices/{choice}/outcome", {"outcome": "kept"}),
    "list_templates": ("GET", "/templates?limit=3", None),
    "get_template": ("GET", "/templates/meeting_recap", None),
    "get_template_card": ("GET", "/templates/meeting_recap/card", None),
    "lint_template": ("GET", "/templates/meeting_recap/flaws", None),
    "preview_template": ("POST", "/templates/meeting_recap/preview", {}),
    "clone_template": ("POST", "/templates/meeting_recap/clones", {"key": "recap"}),
    "commit_template": ("POST", "/templates/recap/commits", {"message": "First of our own.", "tags": ["ours"]}),
    "set_template_alias": ("PUT", "/templates/recap/aliases/production", {}),
    "compare_templates": ("GET", "/templates/meeting_recap/difference?after=recap@production", None),
    "remove_template_alias": ("DELETE", "/templates/recap/aliases/production", None),
    "deprecate_template": ("PUT", "/templates/recap/deprecation", {"reason": "There is a better one."}),
    "undeprecate_template": ("DELETE", "/templates/recap/deprecation", None),
    "export_bundle": ("GET", "/templates/recap/bundle", None),
}  # fmt: skip
SUBJECTS = {"health", "prices", "settings", "cache", "estimates", "generate", "variants", "templates"}
UNREACHED = {
    "trust_template": "needs an imported template; tested below",
    "import_bundle": "takes a file; tested in `routes/test_bundles.py`",
}


async def run_errands(ask: httpx.AsyncClient) -> dict[str, httpx.Response]:
    """Run every errand; later ones know the id of the choice that was made."""
    answers: dict[str, httpx.Response] = {}
    choice = ""
    for name, (method, path, body) in ERRANDS.items():
        answers[name] = await ask.request(method, f"/api/v1{path.replace('{choice}', choice)}", json=body)
        if name == "choose_variant":
            choice = answers[name].json()["id"]
    return answers


async def test_every_operation_succeeds(ask: httpx.AsyncClient) -> None:
    """Each operation of the description is reached and answers with a 2xx; a new one needs its errand."""
    described = (await ask.get("/api/v1/openapi.json")).json()["paths"]
    operations = {
        each["operationId"]
        for methods in described.values()
        for each in methods.values()
        if SUBJECTS.issuperset(each["tags"])
    }

    answers = await run_errands(ask)

    assert {name: each.text for name, each in answers.items() if each.status_code // 100 != 2} == {}
    assert set(ERRANDS) | set(UNREACHED) == operations


async def test_requests_without_a_body_say_what_is_missing(ask: httpx.AsyncClient) -> None:
    """An operation that takes a body refuses its absence, with the place."""
    for method, path, body in ERRANDS.values():
        if body is not None:
            answer = await ask.request(method, f"/api/v1{path}".replace("{choice}", "0" * 12))

            assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "body")


async def test_unknown_fields_are_refused_by_name(ask: httpx.AsyncClient) -> None:
    """A field that a body does not have is named, also below another one."""
    for method, path, body in ERRANDS.values():
        if body is not None:
            answer = await ask.request(
                method, f"/api/v1{path}".replace("{choice}", "0" * 12), json={**body, "planted": 1}
            )

            assert answer.status_code == 422
            assert {"path": "body.planted", "message": "Extra inputs are not permitted."} in answer.json()[
                "problems"
            ]


@pytest.mark.parametrize(
    ("query", "path"), [("limit=1&limit=2", "query.limit"), ("order=name", "query.order"), ("limit=0", "query.limit"),
    ("limit=x", "query.limit"), ("cursor=!", "query.cursor"), ("cursor=abc", "query.cursor")],
)  # fmt: skip
async def test_odd_parameters_are_refused_by_name(ask: httpx.AsyncClient, query: str, path: str) -> None:
    """A parameter that is not there, stands twice or has no usable value is named."""
    answer = await ask.get(f"/api/v1/templates?{query}")

    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, path)


@pytest.mark.parametrize(
    "ref",
    [
        "../weft",
        "%2e%2e%2fweft",
        "notes.md",
        "/etc/passwd",
        "a b",
        "A",
        "x" * 65,
        "key@..%2f..%2fx",
        "key%00",
    ],
)
async def test_templates_are_no_paths(server: Server, ask: httpx.AsyncClient, ref: str) -> None:
    """A template is asked for by its key: no file of the machine can be read by naming its path."""
    (server.house.surroundings.root / "notes.md").write_text("secret", encoding="utf-8")

    answers = [
        await ask.get(f"/api/v1/templates/{ref}"),
        await ask.post("/api/v1/estimates", json={"rows": [], "template": ref}),
        await ask.put("/api/v1/templates/x/deprecation", json={"reason": "x", "replacement": ref}),
    ]

    assert {each.status_code for each in answers} <= {404, 422}
    assert "secret" not in "".join(each.text for each in answers)


async def test_pages_tell_everything_once(ask: httpx.AsyncClient) -> None:
    """Walking a list page by page gives what one large page gives."""
    whole = (await ask.get("/api/v1/prices?limit=200")).json()
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await ask.get("/api/v1/prices", params={"limit": 7, "cursor": cursor})).json()
        found += page["prices"]
        cursor = page["next"]

    assert whole["next"] is None
    assert found == whole["prices"]
    assert len(found) > 14


async def test_cursor_of_another_list_is_refused(ask: httpx.AsyncClient) -> None:
    """A cursor belongs to its list and its filters."""
    cursor = (await ask.get("/api/v1/templates?limit=1")).json()["next"]

    answer = await ask.get("/api/v1/prices", params={"cursor": cursor})

    assert answer.json()["code"] == "unknown_cursor"


async def test_what_is_known_is_not_told_again(ask: httpx.AsyncClient) -> None:
    """An answer has a tag; who brings it along is told that nothing has changed."""
    first = await ask.get("/api/v1/templates/meeting_recap")
    again = await ask.get("/api/v1/templates/meeting_recap", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


async def test_repeated_clone_makes_one(ask: httpx.AsyncClient, server: Server) -> None:
    """S38: a clone that is asked for twice with one key is made once, and both get the same answer."""
    asked = {"json": {"key": "recap"}, "headers": {"idempotency-key": "one"}}

    first = await ask.post("/api/v1/templates/meeting_recap/clones", **asked)  # type: ignore[arg-type]  # keywords
    again = await ask.post("/api/v1/templates/meeting_recap/clones", **asked)  # type: ignore[arg-type]  # keywords
    asked["json"] = {"key": "other"}
    other = await ask.post("/api/v1/templates/meeting_recap/clones", **asked)  # type: ignore[arg-type]  # keywords

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert [each.name for each in (server.house.surroundings.root / "templates").glob("*.md")] == [
        Path(first.json()["path"]).name
    ]


async def test_preview_renders_given_rows(ask: httpx.AsyncClient) -> None:
    """Rows come with the request, a mapping says which column feeds what, and a bad row says why."""
    await ask.post("/api/v1/templates/meeting_recap/clones", json={"key": "recap"})
    inputs = (await ask.get("/api/v1/templates/recap")).json()["inputs"]
    row = {each["name"]: "told" for each in inputs}
    first = next(iter(row))
    renamed = {f"{first}_column": row.pop(first), **row}

    answer = await ask.post(
        "/api/v1/templates/recap/preview", json={"rows": [renamed], "mapping": [f"{first}={first}_column"]}
    )

    assert answer.status_code == 200
    assert len(answer.json()["rows"]) == 1


async def test_estimate_takes_settings_of_its_own(ask: httpx.AsyncClient) -> None:
    """A request may choose model, pack size and budget; it may not choose addresses, files and the store."""
    task = {"rows": [{"a": str(n)} for n in range(10)], "prompt": "{{ a }}", "fields": ["x: string"]}

    one = await ask.post(
        "/api/v1/estimates", json={**task, "settings": {"rows_per_call": 1, "budget_usd": None}}
    )
    poor = await ask.post(
        "/api/v1/estimates", json={**task, "settings": {"model": "openai/gpt-4o-mini", "budget_usd": "0"}}
    )
    refused = [
        (await ask.post("/api/v1/estimates", json={**task, "settings": {name: "x"}})).json()["problems"][0][
            "path"
        ]
        for name in ("store", "base_url", "prices")
    ]

    assert one.json()["calls"] == 10
    assert not poor.json()["within_budget"]
    assert refused == ["body.settings.store", "body.settings.base_url", "body.settings.prices"]


@pytest.mark.parametrize(
    ("task", "code"),
    [({}, "mistake"), ({"template": "nothing"}, "unknown_name"), ({"template": "meeting_recap", "prompt": "x"}, "mistake"),
    ({"template": "meeting_recap"}, "missing_column"), ({"prompt": "{{ a", "fields": ["x"]}, "bad_template"),
    ({"prompt": "{{ a }}", "fields": ["x: wrong["]}, "bad_schema"), ({"prompt": "{{ b }}", "fields": ["x"]}, "bad_template"),
    ({"prompt": "{{ a }}", "fields": ["x"], "mapping": ["b=c"]}, "bad_mapping"),
    ({"prompt": "{{ a }}", "fields": ["x"], "settings": {"model": "nobody/x"}}, "unknown_name")],
)  # fmt: skip
async def test_mistakes_keep_their_names(ask: httpx.AsyncClient, task: dict[str, Any], code: str) -> None:
    """An error of the house is told with its own code, sentence and hint."""
    answer = await ask.post("/api/v1/estimates", json={"rows": [{"a": "x"}], **task})
    problem = answer.json()

    assert (answer.status_code // 100, problem["code"]) == (4, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["type"] == f"urn:weft:problem:{code}"


async def test_generated_code_comes_back(ask: httpx.AsyncClient, server: Server) -> None:
    """Code is handed over and not written; a spec that is wrong stops no other and says where."""
    asked = {"specs": [{"text": SPEC}, {"name": "b.yaml", "text": "kind: compute"}], "prove": False}

    before = sorted(server.house.surroundings.root.rglob("*"))
    good, bad = (await ask.post("/api/v1/generate", json=asked)).json()["modules"]

    assert good["error"] is None
    assert "def " in good["text"]
    assert good["file_name"] == "order_totals.py"
    assert (bad["text"], bad["error"]["code"]) == ("", "bad_spec")
    assert sorted(server.house.surroundings.root.rglob("*")) == before


async def test_settings_are_told(ask: httpx.AsyncClient) -> None:
    """Every setting is told with its value and its bounds."""
    found = {each["name"]: each for each in (await ask.get("/api/v1/settings")).json()["settings"]}

    assert (found["rows_per_call"]["least"], found["rows_per_call"]["most"]) == (1, 50)
    assert found["store"]["value"].startswith("sqlite:///")
    assert found["model"] == {**found["model"], "value": "local", "is_given": True}


async def test_foreign_template_is_trusted(ask: httpx.AsyncClient, server: Server, tmp_path: Path) -> None:
    """An imported template is trusted once; one of weft's own needs no trust and is refused."""
    desk = server.house.templates
    desk.clone("meeting_recap", key="recap")
    desk.export_bundle(["recap"], path=tmp_path / "recap.zip")
    for each in (tmp_path / "templates").iterdir():
        each.unlink()
    desk.import_bundle(tmp_path / "recap.zip")

    trusted = await ask.put("/api/v1/templates/recap/trust")
    own = await ask.put("/api/v1/templates/meeting_recap/trust")

    assert trusted.status_code == 200
    assert trusted.json()["templates"][0]["record"]["trusted"]
    assert own.status_code == 409


async def test_unknown_addresses_and_methods_are_problems(ask: httpx.AsyncClient) -> None:
    """What is not there is told as a problem too, with the methods that are."""
    nothing, patch = await ask.get("/api/v1/nothing"), await ask.patch("/api/v1/cache")

    assert (nothing.status_code, nothing.json()["code"]) == (404, "unknown_address")
    assert (patch.status_code, patch.json()["code"]) == (405, "unknown_method")
    assert patch.headers["allow"]
