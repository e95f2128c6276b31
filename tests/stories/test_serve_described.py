"""The server keeps to its own description: everything that it allows, and much that it does not.

Schemathesis makes requests from the OpenAPI document of a server that listens, and compares the
answers with it: status, kind and shape, and that what is wrong is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from schemathesis import GenerationMode
from tests.stories.describing import Asker, check_mistake, count_for, draw, operations_of
from tests.stories.test_serve import Serving, start

EXAMPLES = 8  # of each operation that takes a body, in each way; fewer where less can be said


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
def asker(serving: Serving) -> Iterator[Asker]:
    """A program that has the key."""
    with Asker(serving.url, {"Authorization": f"Bearer {serving.key.read_text().strip()}"}) as found:
        yield found


@pytest.fixture(scope="module")
def operations(asker: Asker) -> list[Any]:
    """Everything that can be asked."""
    return operations_of(asker.url, asker.headers)


def test_what_is_described_is_answered(asker: Asker, operations: list[Any]) -> None:
    """Whatever fits the description is answered in a described way, and never refused for its shape."""
    statuses = set()
    for operation in operations:
        for case in draw(operation, GenerationMode.POSITIVE, count_for(operation, EXAMPLES)):
            response = asker.ask(case)
            statuses.add(response.status_code)
            check_mistake(response)

    assert len(operations) > 20
    assert max(statuses) < 500


def test_what_is_not_described_is_refused(asker: Asker, operations: list[Any]) -> None:
    """Whatever does not fit the description is refused with a problem, and nothing breaks."""
    cases = [draw(each, GenerationMode.NEGATIVE, count_for(each, EXAMPLES)) for each in operations]
    statuses = [asker.ask_all(each) for each in cases if each]

    assert len(statuses) > 20
    assert max(map(max, statuses)) < 500


def test_nobody_is_let_in_without_the_key(asker: Asker, operations: list[Any]) -> None:
    """Every operation but the one that says that the server is there refuses strangers."""
    with Asker(asker.url, {}) as stranger:
        answered = {
            each.label: stranger.ask(draw(each, GenerationMode.POSITIVE, 1)[0]).status_code
            for each in operations
        }

    assert answered.pop("GET /api/v1/health") == 200
    assert set(answered.values()) == {401}


def test_description_is_version_3_1(asker: Asker) -> None:
    """The description is OpenAPI 3.1, names each operation once and says how each is let in."""
    with httpx.Client(headers=asker.headers, trust_env=False) as program:
        found = program.get(f"{asker.url}/api/v1/openapi.json").json()
    operations = [each for methods in found["paths"].values() for each in methods.values()]

    assert found["openapi"].startswith("3.1")
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["description"] and "security" in each for each in operations)
    assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
