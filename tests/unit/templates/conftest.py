"""Template texts for the tests of this room, put together from a few keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from weft.templates.prompting import TemplatePrompter
from weft.templates.template import Template, parse_template

FRONT = {
    "name": "Review",
    "version": "1.0.0",
    "inputs": "[topic, 'notes?: text']",
    "answers": "['tldr: string(max_words=12) = the gist', 'challenge: enum[practice,expert]']",
}
BODY = "Review {{ topic }}."

Build = Callable[..., str]
Prompters = Callable[..., TemplatePrompter]


def compose(body: str = BODY, **front: str | None) -> str:
    """Write a template; a key of `None` is left out."""
    keys = {**FRONT, **front}
    lines = [f"{key}: {value}" for key, value in keys.items() if value is not None]
    return "\n".join(["---", *lines, "---", body])


@pytest.fixture
def text() -> Build:
    """Compose a template file: `text(body, key=yaml)`."""
    return compose


@pytest.fixture
def parsed() -> Callable[..., Template]:
    """Compose and read a template."""
    return lambda body=BODY, **front: parse_template(compose(body, **front), key="review")


@pytest.fixture
def prompter() -> Prompters:
    """Compose a template and make a prompter whose columns are named as its inputs."""

    def make(
        body: str = BODY, *, columns: Sequence[str] | None = None, **front: str | None
    ) -> TemplatePrompter:
        template = parse_template(compose(body, **front), key="review")
        names = template.inputs.names if columns is None else columns
        return TemplatePrompter(template, sources={name: name for name in names})

    return make
