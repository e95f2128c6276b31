"""Hostile inputs to generated code: refused with place, or harmless literals; nothing ever becomes code."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import pytest

from weft.errors import BadSpec, BadTemplate, WeftError
from weft.variants.generating import generate
from weft.variants.headers import Header, Standing, has_passed, standing_of
from weft.variants.library import VariantLibrary
from weft.variants.specs import spec_of_row

MARK = "HOSTILE_CALL"  # a name that may stand in texts and comments, and nowhere in the code itself
LIBRARY = VariantLibrary()


def spec(**changed: Any) -> dict[str, Any]:
    """A good spec with some parts replaced."""
    operation = {
        "name": "keep",
        "does": "db.write",
        "description": "Keep one.",
        "takes": {"number": "integer"},
        "gives": {"kept": "boolean"},
    }
    operation |= {name: changed.pop(name) for name in ("takes", "gives", "does", "with") if name in changed}
    if "operation" in changed:
        operation["name"] = changed.pop("operation")
    if "says" in changed:
        operation["description"] = changed.pop("says")
    return {
        "name": "box",
        "kind": "effect",
        "description": "A box.",
        "variant": "minimal",
        "operations": [operation],
    } | changed


def code_of(**changed: Any) -> str:
    """The code of a spec."""
    return generate(spec_of_row(spec(**changed), path="spec.yaml", line=1), library=LIBRARY).code


def names_in(code: str) -> set[str]:
    """Every name that the code uses or defines."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        for field in ("id", "attr", "name", "arg"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.add(value)
    return found


@pytest.mark.parametrize(
    "changed",
    [
        {"name": f"box\nimport os\n{MARK}()"},
        {"name": "class"},
        {"name": "json"},
        {"name": "Box"},
        {"name": "../box"},
        {"name": "__init__"},
        {"operation": f"keep(): pass\n    def {MARK}"},
        {"operation": "lambda"},
        {"operation": "stop"},
        {"operation": "_private"},
        {"takes": {"number; import os": "integer"}},
        {"takes": {"self": "integer"}},
        {"takes": {"class": "integer"}},
        {"takes": {"list": "integer"}},
        {"takes": {"number": f"integer = {MARK}()"}},
        {"takes": {"number": f"__import__('os') or {MARK}"}},
        {"takes": {"numbеr-x": "integer"}},
        {"gives": {}},
        {"kind": f"effect\n{MARK}"},
        {"does": "shell.run"},
        {"settings": {f"x = {MARK}()": 1}},
        {"settings": {"timeout_s": "5; import os"}, "variant": "standard"},
        {"settings": {"timeout_s": float("inf")}, "variant": "standard"},
        {"settings": {"timeout_s": -1}, "variant": "standard"},
        {"switches": {"metrics": "yes; import os"}, "variant": "standard"},
        {"with": {"computes": [f"kept = {MARK}()"]}, "does": "pure", "kind": "compute"},
        {"with": {"computes": ["kept = __import__('os').system('id')"]}, "does": "pure", "kind": "compute"},
        {"with": {"computes": ["kept = number.__class__"]}, "does": "pure", "kind": "compute"},
        {"with": {"computes": [f"kept\n{MARK}() = 1"]}, "does": "pure", "kind": "compute"},
        {"with": {"computes": ["kept = (yield)"]}, "does": "pure", "kind": "compute"},
        {"with": {f"{MARK}()": 1}},
        {"variant": "../minimal"},
        {"also": ["../../secret"], "variant": "standard"},
        {"extra": 1},
    ],
    ids=str,
)
def test_hostile_structure_is_refused(changed: dict[str, Any]) -> None:
    """Names, numbers, types and expressions that are none are refused with a plain error."""
    with pytest.raises(WeftError) as caught:
        code_of(**changed)

    assert caught.value.message


TEXTS = [
    f'"""\n{MARK}()\n"""',
    f"'''\n{MARK}()\n'''",
    f'"; {MARK}(); "',
    f'\\"""\n{MARK}()',
    "x\\",
    f"\r{MARK}()\n\x0c{MARK}()\x00\x85{MARK}()\u2028{MARK}()",
    f"{{{{ {MARK}() }}}}",
    f"{{% include '{MARK}' %}}",
    f"# type: ignore\n{MARK}()",
    f"# -*- coding: utf-7 -*-\n+AGk-{MARK}",
    f"\ue0000|{MARK}\ue001",
    f"\u202e{MARK}()",
    f"{{{MARK}()}} %s %({MARK})s $({MARK})",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("variant", ["minimal", "standard", "production"])
@pytest.mark.parametrize("place", ["description", "says", "field", "option", "example"])
def test_hostile_text_stays_text(text: str, variant: str, place: str) -> None:
    """Quotes, line ends, template marks and odd characters in free text never become code."""
    changed: dict[str, Any] = {"variant": variant}
    if place == "field":
        changed["takes"] = {"number": {"type": "integer", "description": text}}
        changed["gives"] = {"kept": {"type": "string", "description": text}}
    elif place == "option":
        changed["gives"] = {"kept": {"enum": [text, "b"]}}
    elif place == "example":
        changed["gives"] = {"kept": {"type": "text", "examples": [text]}}
    else:
        changed[place] = text
    try:
        code = code_of(**changed)
    except (BadSpec, BadTemplate):
        return  # told, not printed

    assert MARK not in names_in(code)
    assert "\ue000" not in code


def test_text_with_code_is_a_literal() -> None:
    """A sample that looks like code is a harmless literal with exactly that text."""
    text = f"'); {MARK}(); ('"
    tree = ast.parse(code_of(gives={"kept": {"type": "text", "examples": [text]}}))

    assert text in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_refusal_names_spec_path_and_template_line() -> None:
    """An expression that does not fit is told with its path and line in the spec and the template's line."""
    with pytest.raises(
        BadSpec, match=r"`operations.0.with.computes.0`, line 1: does not fit: there is no `nunber`"
    ) as caught:
        code_of(**{"with": {"computes": ["kept = nunber > 1"]}, "does": "pure", "kind": "compute"})

    assert "of template `shared/pure.py.j2`" in caught.value.message


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\x00"])
def test_header_stays_a_comment(end: str) -> None:
    """A line end in the name of a spec, a command or a version does not become code."""
    odd = f"x{end}import os{end}# ---{end}"
    header = Header(
        template=odd, command=f"weft generate {odd}.yaml", weft=odd, templates="0" * 16, inputs="0" * 16
    )
    text = header.above("x = 1\n")

    assert [type(node) for node in ast.parse(text).body] == [ast.Assign]
    assert standing_of(text, header) is Standing.FRESH
    assert not has_passed(replace(header, command=" · checks: passed").above("x = 1\n"))
