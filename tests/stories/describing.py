"""Requests made from a server's own description, and what every answer to them must keep to.

Schemathesis draws them from the OpenAPI document of a server that listens. They are drawn once and can
be sent to many servers in many names, because drawing takes longer than asking.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Self

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

# A text that fits the description may still be no template, schema or cursor: that is refused with a code of
# its own, which `check_mistake` looks at instead. Whether nobody is let in is asked once for each operation.
LEFT_OUT = [positive_data_acceptance, ignored_auth]


@schemathesis.serializer("application/zip")
def zipped(context: Any, value: Any) -> bytes:
    """A body that is handed over as it is, whatever it holds."""
    del context
    found = getattr(value, "data", value)
    return found if isinstance(found, bytes) else str(found).encode("utf-8", "replace")


def operations_of(url: str, headers: dict[str, str]) -> list[Any]:
    """Every operation that a server describes."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", headers=headers)
    return [each.ok() for each in schema.get_all_operations()]


def draw(operation: Any, mode: GenerationMode, count: int) -> list[Any]:
    """So many requests, all of which fit the description, or none of which do; the same ones each time."""
    drawn: list[Any] = []

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def keep(case: Any) -> None:
        drawn.append(case)

    with suppress(Unsatisfiable):  # nothing can be wrong about a request that says nothing
        keep()
    return drawn[:count]


def count_for(operation: Any, most: int) -> int:
    """How many requests an operation is worth: the more can be said in one, the more."""
    parts = len(list(operation.query)) + len(list(operation.path_parameters))
    return most if list(operation.body) else min(most, 1 + parts)


class Asker:
    """Sends requests in one name over one connection, and looks at what comes back."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        """Ask a server in the name of whoever the headers are of."""
        self.url = url
        self.headers = headers
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, case: Any) -> Any:
        """Send a request; its answer, which keeps to the description."""
        response = case.call(base_url=self.url, headers=self.headers, session=self._session)
        case.validate_response(response, headers=self.headers, excluded_checks=LEFT_OUT)
        return response

    def ask_all(self, cases: Iterable[Any]) -> set[int]:
        """Send requests; the statuses of their answers."""
        return {self.ask(case).status_code for case in cases}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.close()


def check_mistake(response: Any) -> None:
    """A request that fits its description is answered, or refused for what it says and not for its shape."""
    if response.status_code >= 400:
        assert response.json()["code"] != "invalid_request", response.text
