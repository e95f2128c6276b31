"""The two halves of a template file: YAML between `---` lines, and the body below.

Knows plain YAML (text, numbers, true, false, null, lists, mappings) and the line of every value.
`yes`, `no`, dates and tags are plain text, aliases are refused and a key may stand only once.
Refuses to know which keys a template has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from weft.templates.flaws import Flaw

MAX_CHARACTERS = 1_000_000  # of a template file
MAX_FRONT = 100_000  # characters of its front matter; reading YAML takes some 10 µs for each
MAX_DEPTH = 30  # of the front matter
FENCE = "---"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template file taken apart.

    Attributes:
        front: the front matter as plain values; empty where there is none.
        lines: dotted path of every value (`answers.tldr`, `sample.0`) → physical line of its key.
        written: dotted path of every number → its text as written, for `1.10` is no `1.1`.
        body: everything below the second fence.
        body_line: physical line of the body's first line.
        flaws: what cannot be read; the rest is then empty.
    """

    front: Mapping[str, Any]
    lines: Mapping[str, int]
    written: Mapping[str, str]
    body: str
    body_line: int
    flaws: tuple[Flaw, ...] = ()

    def line_of(self, path: str) -> int:
        """The line of a value, or of the nearest value around it; 1 where nothing is near."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)


def split_text(text: str) -> TemplateText:
    """Take a template file apart; what cannot be read becomes a flaw, never an exception."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_CHARACTERS:
        return _broken(1, f"The file has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed.")
    if _SURROGATE.search(text):
        return _broken(1, "The file is not text: it holds half a character.")
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return _broken(1, f"The file must begin with front matter between two `{FENCE}` lines.")
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == FENCE), None)
    if end is None:
        return _broken(1, f"The front matter has no second `{FENCE}` line.")
    body_line = end + 2
    body = "\n".join(lines[end + 1 :])
    while body.startswith("\n"):
        body = body[1:]
        body_line += 1
    return _read_front("\n".join(lines[1:end]), body.rstrip(), body_line)


def front_matter_text(front: Mapping[str, Any]) -> str:
    """Write front matter between its fences, one key a line, so that `split_text` reads the same."""
    lines = [f"{_written(key)}: {_written(value)}" for key, value in front.items()]
    return "\n".join([FENCE, *lines, FENCE, ""])


def _written(value: Any) -> str:
    """JSON is YAML, but for characters that YAML wants escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(mark if mark.isprintable() else f"\\U{ord(mark):08x}" for mark in text)


def _read_front(text: str, body: str, body_line: int) -> TemplateText:
    if len(text) > MAX_FRONT:
        return _broken(2, f"The front matter has {len(text):,} characters; {MAX_FRONT:,} are allowed.")
    flaws: list[Flaw] = []
    lines: dict[str, int] = {}
    written: dict[str, str] = {}
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            front = {} if root is None else _Plain(lines, written, flaws).value(root, "")
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 2 if mark is not None else 1
        return _broken(line, f"The front matter is not YAML: {exc.problem or exc.context}.")
    except (yaml.YAMLError, RecursionError, ValueError):
        return _broken(1, "The front matter is not YAML: it holds a character that is not allowed.")
    if not isinstance(front, dict):
        return _broken(2, "The front matter must be keys with values, such as `name: My template`.")
    return TemplateText(front, lines, written, body, body_line, tuple(flaws))


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core: only true, false, null and numbers are not text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, a few lines of which unfold to gigabytes, and bottomless nesting."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs lack it
            raise yaml.MarkedYAMLError(problem="aliases (`*name`) are not allowed", problem_mark=mark)
        self.nesting = getattr(self, "nesting", 0) + 1
        if self.nesting > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs lack it
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_DEPTH} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.nesting -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("null", re.compile(r"^(?:null|Null|NULL|~|)$"), None)
_Loader.add_implicit_resolver("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), None)
_Loader.add_implicit_resolver("int", re.compile(r"^[-+]?[0-9]{1,300}$"), None)
_Loader.add_implicit_resolver(
    "float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]{1,300}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?$"), None
)


@dataclass(frozen=True, slots=True)
class _Plain:
    """Turns YAML nodes into plain values, noting lines, numbers as written and repeated keys."""

    lines: dict[str, int]
    written: dict[str, str]
    flaws: list[Flaw]

    def value(self, node: yaml.Node, path: str) -> Any:
        if path:
            # marks count from 0, and the fence is line 1
            self.lines.setdefault(path, node.start_mark.line + 2)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, _join(path, n)) for n, each in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            here, line = _join(path, key), key_node.start_mark.line + 2
            if not key:
                self.flaws.append(Flaw(path, line, "A key must be text.", "bad_key"))
            elif key in found:
                self.flaws.append(Flaw(here, line, f"The key `{key}` stands here twice.", "duplicate_key"))
            self.lines[here] = line
            found[key] = self.value(value_node, here)
        return found

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        text: str = node.value
        if node.tag in {"int", "float"}:
            self.written[path] = text
            return int(text) if node.tag == "int" else float(text)
        if node.tag == "bool":
            return text.lower() == "true"
        return None if node.tag == "null" else text


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _broken(line: int, message: str) -> TemplateText:
    return TemplateText({}, {}, {}, "", 1, (Flaw("", line, message, "unreadable"),))
