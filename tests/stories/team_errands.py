"""Everything that can be asked of a team's server, asked once by its owner so that it succeeds.

Each errand finds what it needs among what earlier ones have made; a new operation needs an errand of
its own. Refuses to know who asks, and how an answer is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Known = dict[str, Any]
"""What earlier errands have made, by name."""

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
TEMPLATE = "---\nname: Foreign\nversion: 1.0.0\ninputs: [topic]\nanswers: [a]\n---\nSay {{ topic }}.\n"
TASK = {
    "rows": [{"body": f"message {n}"} for n in range(3)],
    "prompt": "What is this about? {{ body }}",
    "fields": ["topic: string = one word"],
}
MESSAGES = {"rows": [{"system_params": {"tone": "calm"}, "user_message": "Hello"}]}
ASKED = {"requirements": {"kind": "compute", "operations": ["total"]}}


@dataclass(frozen=True, slots=True)
class Errand:
    """One request that succeeds.

    Attributes:
        label: method and path of the operation.
        path: its parameters in the path; a text that begins with `=` names something known.
        keeps: what becomes known by its answer: name → where it stands in there.
        media_type: of the body.
        build: makes the body of what is known, where it is not always the same.
    """

    label: str
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    keeps: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    build: Callable[[Known], Any] | None = None

    def filled(self, known: Known) -> dict[str, Any]:
        """The parameters of the path as they are to be sent."""
        return {
            name: known[value[1:]] if isinstance(value, str) and value.startswith("=") else value
            for name, value in self.path.items()
        }


def _run(method: str, below: str, run: str = "=run", **more: Any) -> Errand:
    path = {"run": run} | ({"place": 0} if "{place}" in below else {})
    return Errand(f"{method} /api/v1/runs/{{run}}{below}", path, **more)


def _messages(method: str, below: str, **more: Any) -> Errand:
    return Errand(f"{method} /api/v1/csv_batches/{{run}}{below}", {"run": "=messages"}, **more)


def _template(method: str, below: str, ref: str = "recap", **more: Any) -> Errand:
    return Errand(f"{method} /api/v1/templates/{{ref}}{below}", {"ref": ref}, **more)


def _get(path: str, **more: Any) -> Errand:
    return Errand(f"GET /api/v1/{path}", **more)


ERRANDS: tuple[Errand, ...] = (
    *map(_get, ("health", "checkup", "me", "settings", "prices", "cache", "variants", "templates", "metrics")),
    *map(_get, ("workspace", "workspaces", "members", "tokens", "keys", "audit", "audit/verification")),
    # tables
    Errand(
        "POST /api/v1/tables", query={"name": "mails.csv"}, body=b"body\nHello\nGood bye\n", keeps={"table": "id"},
        media_type="application/octet-stream",
    ),
    Errand(
        "POST /api/v1/tables", query={"name": "more.csv"}, body=b"body\nHello\n", keeps={"spare_table": "id"},
        media_type="application/octet-stream",
    ),
    _get("tables"),
    *(Errand(f"GET /api/v1/tables/{{table}}{below}", {"table": "=table"}) for below in ("", "/rows", "/preview")),
    Errand("PATCH /api/v1/tables/{table}", {"table": "=table"}, body={"name": "letters.csv"}),
    Errand("DELETE /api/v1/tables/{table}", {"table": "=spare_table"}),
    # templates
    Errand("POST /api/v1/templates/{ref}/clones", {"ref": "meeting_recap"}, body={"key": "recap"}),
    *(_template("GET", below) for below in ("", "/card", "/flaws")),
    _template("POST", "/preview", "meeting_recap", body={}),
    _template("POST", "/commits", body={"message": "First of our own.", "tags": ["ours"]}),
    Errand("PUT /api/v1/templates/{key}/aliases/{alias}", {"key": "recap", "alias": "production"}, body={}),
    _template("GET", "/difference", "meeting_recap", query={"after": "recap@production"}),
    Errand("DELETE /api/v1/templates/{key}/aliases/{alias}", {"key": "recap", "alias": "production"}),
    _template("PUT", "/deprecation", body={"reason": "There is a better one."}),
    _template("DELETE", "/deprecation"),
    _template("GET", "/bundle"),
    Errand("POST /api/v1/templates/bundles", build=lambda known: known["foreign"], media_type="application/octet-stream"),
    _template("PUT", "/trust", "foreign"),
    # variants and code
    Errand("GET /api/v1/variants/{pack}/{name}", {"pack": "codegen", "name": "minimal"}),
    Errand("POST /api/v1/variants/choices", body=ASKED, keeps={"choice": "id"}),
    Errand("POST /api/v1/variants/explanations", body=ASKED),
    Errand("PUT /api/v1/variants/choices/{choice}/outcome", {"choice": "=choice"}, body={"outcome": "kept"}),
    Errand("POST /api/v1/generate", body={"specs": [{"text": SPEC}], "prove": False}),
    # runs: one that is still to start, one that has ended
    Errand("POST /api/v1/estimates", body=TASK),
    Errand("POST /api/v1/runs", body={**TASK, "start": False}, keeps={"run": "id"}),
    Errand("POST /api/v1/runs", body={**TASK, "start": False, "name": "other"}, keeps={"ended": "id"}),
    _get("runs"),
    _run("POST", "/rows", body={"rows": [{"body": "another"}]}),
    _run("POST", "/start", "=ended"),
    _run("POST", "/pause", "=ended"),
    _run("POST", "/resume", "=ended", body={"budget_usd": "1"}),
    _run("POST", "/cancel", "=ended"),
    _run("POST", "/rows/{place}/retries", "=failed_row"),
    _run("POST", "/retries", "=failed"),
    *(_run("GET", below, "=ended") for below in ("", "/rows", "/rows/{place}", "/events")),
    _run("GET", "/export", "=ended", query={"format": "csv"}),
    _run("GET", "/task", "=ended"),
    _run("POST", "/template", "=ended", body={"key": "kept"}),
    _run("GET", "/grid", "=ended"),
    _run("GET", "/changes", "=ended", query={"since": "0"}),
    _run("GET", "/cells", "=ended", query={"at": "0,2"}),
    Errand(
        "POST /api/v1/csv_batches", body={"prompt": "{{ user_message }}", "fields": ["topic: string"]},
        keeps={"messages": "id"},
    ),
    _messages("POST", "/rows", body=MESSAGES),
    _messages("GET", ""),
    _messages("GET", "/rows"),
    _messages("POST", "/run"),
    _messages("GET", "/export", query={"partial": True}),
    Errand("DELETE /api/v1/cache", query={"older_than_days": 365}),
    # keys, people, workspaces
    Errand("PUT /api/v1/keys/{name}", {"name": "openai"}, body={"key": "sk-planted-key-of-the-errands"}),
    Errand("POST /api/v1/keys/rotate"),
    Errand("DELETE /api/v1/keys/{name}", {"name": "openai"}),
    Errand("POST /api/v1/members", body={"email": "eve@example.com", "roles": ["viewer"]}, keeps={"member": "id"}),
    Errand("PUT /api/v1/members/{member}/roles", {"member": "=member"}, body={"roles": ["author"]}),
    Errand("DELETE /api/v1/members/{member}", {"member": "=member"}),
    Errand("POST /api/v1/tokens", body={"name": "errand", "scopes": ["look"]}, keeps={"token": "id"}),
    Errand("DELETE /api/v1/tokens/{token}", {"token": "=token"}),
    Errand("POST /api/v1/workspaces", body={"name": "errand", "title": "For an errand"}),
    Errand("GET /api/v1/workspaces/{name}", {"name": "errand"}),
    Errand("PATCH /api/v1/workspaces/{name}", {"name": "errand"}, body={"monthly_budget_usd": "5"}),
    Errand("PUT /api/v1/workspaces/{name}/archive", {"name": "errand"}),
    Errand("DELETE /api/v1/workspaces/{name}/archive", {"name": "errand"}),
    Errand("PATCH /api/v1/workspace", body={"title": "At home"}),
)  # fmt: skip
"""In an order in which each finds what it needs."""
