"""The hostile templates of this folder, and what a test tries them on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BARE = HERE / "bare.py"
CANARY = "CANARY"

ROW: dict[str, Any] = {
    "text": "lorem <b> ipsum a " * 500,
    "tags": ["alpha", "beta", "gamma"] * 100,
    "row": {"name": "Bo", "tags": ["a", "b"]},
    "n": 7,
}
SMALL: dict[str, Any] = {"text": "", "tags": [], "row": {"name": "Bo", "tags": []}, "n": 0}
HUGE = "(999999999)"


def listed(name: str) -> list[tuple[str, str]]:
    """Name and text of every template in one of the files, such as `escapes`."""
    with (HERE / f"{name}.toml").open("rb") as stream:
        found = tomllib.load(stream)
    return [(f"{part}.{key}", text) for part, texts in found.items() for key, text in texts.items()]


def words() -> list[tuple[str, str]]:
    """Templates made of Jinja's words."""
    with (HERE / "words.toml").open("rb") as stream:
        found = tomllib.load(stream)
    texts = [*found["delimiters"]]
    for word in found["keywords"]:
        texts += [f"{{% {word} %}}", f"{{% {word} text %}}x", f"{{{{ text {word} }}}}"]
    texts += [f"{{% for a in tags %}}{{{{ loop.{word} }}}}{{% endfor %}}" for word in found["loop"]]
    texts += [f"{{{{ text is {word} }}}}{{{{ missing is {word} }}}}" for word in found["tests"]]
    for word in found["functions"]:
        texts += [f"{{{{ {word} }}}}", f"{{{{ {word}() }}}}", f"{{{{ {word}{HUGE} }}}}"]
    for word in found["filters"]:
        texts += [f"{{{{ text|{word} }}}}", f"{{{{ tags|{word} }}}}", f"{{{{ text|{word}{HUGE} }}}}"]
    return [(f"words.{text}", text) for text in texts]


def bottomless() -> list[tuple[str, str]]:
    """Templates that try to exhaust the parser."""
    deep = 3000
    return [
        ("parser.brackets", "{{ " + "[" * deep + "]" * deep + " }}"),
        ("parser.braces", "{{ " + "{1:" * deep + "1" + "}" * deep + " }}"),
        ("parser.parentheses", "{{ " + "(" * deep + "1" + ")" * deep + " }}"),
        ("parser.ifs", "{% if n %}" * deep + "{% endif %}" * deep),
        ("parser.fors", "{% for a in tags %}" * deep + "{% endfor %}" * deep),
        ("parser.nots", "{{ " + "not " * deep + "n }}"),
        ("parser.minuses", "{{ " + "-" * deep + "n }}"),
        ("parser.attributes", "{{ n" + ".a" * deep + " }}"),
        ("parser.items", "{{ n" + "[0]" * deep + " }}"),
        ("parser.calls", "{{ n" + "()" * deep + " }}"),
        ("parser.filters", "{{ n" + "|abs" * deep + " }}"),
        ("parser.sums", "{{ n" + "+n" * deep + " }}"),
        ("parser.concatenations", "{{ n" + "~n" * deep + " }}"),
        ("parser.comparisons", "{{ n" + "<n" * deep + " }}"),
        ("parser.conditions", "{{ " + "n if n else " * deep + "n }}"),
        ("parser.outputs", "{{ n }}" * deep),
        ("parser.digits", "{{ " + "9" * 90_000 + " }}"),
        ("parser.long_name", "{{ " + "n" * 90_000 + " }}"),
        ("parser.long_text", "x" * 100_001),
        ("parser.open_comment", "{#" * 40_000),
        ("parser.open_raw", "{% raw %}" * 9_000),
        ("parser.open_text", "{{ '" * 20_000),
        ("parser.open_blocks", "{%" * 40_000),
        ("parser.minus_marks", "{%-" + " " * 99_000),
        ("parser.white_space", " \n" * 45_000 + "{{ n }}"),
    ]
