"""A renderer's process whose inner walls are gone: plain Jinja, all its functions, no sandbox.

Started by tests in place of weft's own, so that limits of the process alone must stop a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

from weft.errors import BadTemplate, Mistake
from weft.templates.failing import line_of
from weft.templates.flaws import over_limit
from weft.templates.worker_main import serve


class Bare:
    """One template of plain Jinja."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.name = source["name"]
        environment = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])  # noqa: S701 - the walls are gone on purpose
        self.template = environment.from_string(source["text"])

    @property
    def lines(self) -> list[tuple[int, int]]:
        return list(self.template.debug_info)

    def run(self, values: Mapping[str, Any]) -> str:
        text = "".join(self.template.root_render_func(self.template.new_context(values)))
        if len(text) > 1_000_000:
            raise BadTemplate("the text is too long", line=1)
        return text

    def stopped(self, exc: BaseException, reason: str) -> Mistake:
        return over_limit(self.name, reason, line=line_of(exc, self.template))


serve(Bare)
