"""The server keeps to its own description: everything that it allows, and much that it does not.

Schemathesis makes requests from the OpenAPI document of a server that listens, and compares the
answers with it: status, kind and shape, and that what is wrong is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.stories.test_serve import Serving, start

EXAMPLES = 12  # of each kind; among many more are some that are right again once they are sent
QUIET = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
# A text that fits the description may still be no template, schema or cursor: that is refused with a
# code of its own, which `check_mistake` looks at instead.
LEFT_OUT = [positive_data_acceptance]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all operations, over a project with a template of its own."""
    folder = tmp_path_factory.mktemp("described")
    (folder / "weft.toml").write_text('model = "local"\nserver_rpm = "none"\n', encoding="utf-8")
    found = start(folder)
    yield found
    code, _, err = found.stop()
    assert (code, err) == (0, "")  # also: no request was answered with a bug


@pytest.fixture(scope="module")
def described(serving: Serving) -> dict[str, Any]:
    """Operation → what can be asked of it, and the headers of a program."""
    headers = {"Authorization": f"Bearer {serving.key.read_text().strip()}"}
    schema = schemathesis.openapi.from_url(f"{serving.url}/api/v1/openapi.json", headers=headers)
    operations = [each.ok() for each in schema.get_all_operations()]
    return {"headers": headers, "operations": operations}


def check_mistake(response: Any) -> None:
    """A request that fits its description is answered, or refused for what it says and not for its shape."""
    if response.status_code >= 400:
        assert response.json()["code"] != "invalid_request", response.text


def try_all(described: dict[str, Any], mode: GenerationMode) -> dict[str, set[int]]:
    """Ask every operation many times; which statuses each has answered."""
    return {each.label: try_one(each, mode, described["headers"]) for each in described["operations"]}


def try_one(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> set[int]:
    """Ask one operation many times; which statuses it has answered."""
    statuses = set()

    @QUIET
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(headers=headers)
        statuses.add(response.status_code)
        case.validate_response(response, headers=headers, excluded_checks=LEFT_OUT)
        if mode is GenerationMode.POSITIVE:
            check_mistake(response)

    ask()
    return statuses


def test_what_is_described_is_answered(described: dict[str, Any]) -> None:
    """Whatever fits the description is answered in a described way, and never refused for its shape."""
    seen = try_all(described, GenerationMode.POSITIVE)

    assert len(seen) > 20
    assert max(max(statuses) for statuses in seen.values()) < 500


def test_what_is_not_described_is_refused(described: dict[str, Any]) -> None:
    """Whatever does not fit the description is refused with a problem, and nothing breaks."""
    can_be_wrong = [each for each in described["operations"] if each.label != "GET /api/v1/health"]
    seen = try_all({**described, "operations": can_be_wrong}, GenerationMode.NEGATIVE)

    assert len(seen) > 20
    assert max(max(statuses) for statuses in seen.values()) < 500


def test_description_is_version_3_1(serving: Serving, described: dict[str, Any]) -> None:
    """The description is OpenAPI 3.1, names each operation once and says how each is let in."""
    with httpx.Client(headers=described["headers"], trust_env=False) as program:
        found = program.get(f"{serving.url}/api/v1/openapi.json").json()
    operations = [each for methods in found["paths"].values() for each in methods.values()]

    assert found["openapi"].startswith("3.1")
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["description"] and "security" in each for each in operations)
    assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
