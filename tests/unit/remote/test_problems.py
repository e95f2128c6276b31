from __future__ import annotations

import pytest

from weft import errors
from weft.kit import plain_json
from weft.remote.problems import KINDS, error_of

URL = "http://127.0.0.1:8753"


def problem(status: int, code: str, **more: object) -> bytes:
    """A refusal as the server sends it."""
    return plain_json.dump(
        {"status": status, "code": code, "detail": "It is so.", "hint": "do this.", **more}
    )


@pytest.mark.parametrize("code", sorted(set(KINDS) - {"weft_error"}))
def test_code_names_the_same_class_as_at_the_desk(code: str) -> None:
    """Every error of the house comes back as itself, with its sentence and hint."""
    error = error_of(409, problem(409, code), url=URL)

    assert (error.code, error.message, error.hint) == (code, "It is so.", "do this.")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "no_session", errors.NotAuthorised),
        (403, "foreign_page", errors.NotAllowed),
        (404, "unknown_address", errors.UnknownName),
        (413, "body_too_large", errors.Mistake),
        (422, "invalid_request", errors.Mistake),
        (422, "key_reused", errors.Mistake),
        (429, "too_many_requests", errors.RateLimited),
        (500, "bug", errors.ServerFailed),
        (503, "busy", errors.Overloaded),
    ],
)
def test_refusals_of_the_server_itself_have_a_class(
    status: int, code: str, kind: type[errors.WeftError]
) -> None:
    """A refusal that the desk does not know tells by its status who must act."""
    error = error_of(status, problem(status, code), url=URL)

    assert type(error) is kind
    assert (error.facts["status"], error.facts["problem_code"]) == (status, code)


def test_places_of_complaints_come_along() -> None:
    """What is wrong with each field stands among the facts."""
    complaints = [{"path": "body.rows.0", "message": "is missing."}]

    assert (
        error_of(422, problem(422, "mistake", problems=complaints), url=URL).facts["problems"] == complaints
    )


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"[]", b'{"error": "no"}'])
def test_stranger_is_named_as_one(body: bytes) -> None:
    """What is no answer of a weft server, such as a proxy's page, is said to be none."""
    error = error_of(502, body, url=URL)

    assert isinstance(error, errors.NotTheApi)
    assert URL in error.message
