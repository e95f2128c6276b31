"""From a spec to a module: fitting, idle settings, digests, standing, repeats, rules, tracing."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from weft.errors import BadSource, BadSpec, BadTemplate, BadVariant, UnknownName
from weft.templates.source_environment import Origin, Source
from weft.variants.compliance import judge_code
from weft.variants.forbidding import forbidden_constructs
from weft.variants.generating import generate
from weft.variants.headers import Header, Standing, standing_of
from weft.variants.library import VariantLibrary
from weft.variants.module_spec import ModuleSpec
from weft.variants.repeats import without_repeats
from weft.variants.sources import pack_files
from weft.variants.specs import read_spec
from weft.variants.tracing import trace_lines

SPEC = """\
name: guest_book
kind: effect
description: Keeps what guests write.
variant: standard
operations:
  - name: sign
    does: db.write
    description: Keep one entry.
    takes: {guest: string}
    gives: {entry_id: integer}
"""
LIBRARY = VariantLibrary()


def spec(text: str = "", **changed: object) -> ModuleSpec:
    """The spec above, with more text or other parts."""
    return replace(read_spec(SPEC + text, path="guest_book.yaml"), **changed)  # type: ignore[arg-type]  # by name


# ── what a variant takes ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "settings: {timeout: 3}\n",
            "`settings.timeout`, line 11: is not known to `standard`; did you mean `timeout_s`",
        ),
        ("settings: {timeout_s: soon}\n", "`settings.timeout_s`, line 11: must be a number"),
        ("settings: {timeout_s: 0}\n", "`settings.timeout_s`, line 11"),
        (
            "settings: {remembered: 3}\n",
            "`settings.remembered`, line 11: has no effect on a module of the kind `effect`",
        ),
        (
            "switches: {metric: true}\n",
            "`switches.metric`, line 11: is not known to `standard`; did you mean `metrics`",
        ),
    ],
)
def test_settings_and_switches_must_fit(text: str, told: str) -> None:
    """V29: what a variant does not know, or has no use for, is told with path and line."""
    with pytest.raises(BadSpec) as caught:
        generate(spec(text), library=LIBRARY)

    assert told in caught.value.message


def test_missing_with_is_named() -> None:
    """V29: a variable that a template needs and a spec lacks is named with what it is for."""
    asked = read_spec(SPEC.replace("db.write", "http.call"), path="guest_book.yaml")

    with pytest.raises(
        BadSpec, match=r"`operations.0.with.path`, line 6: is missing; `http.call` of `api_heavy` needs it"
    ):
        generate(replace(asked, variant="api_heavy"), library=LIBRARY)


def test_unknown_variant_names_the_nearest() -> None:
    """A slip in a variant's name is told with the nearest one."""
    with pytest.raises(UnknownName, match="standard"):
        generate(spec(variant="standart"), library=LIBRARY)


def test_spec_without_variant_is_told_where_to_ask() -> None:
    """The function itself does not choose."""
    with pytest.raises(BadSpec, match="names no variant"):
        generate(spec(variant=""), library=LIBRARY)


def test_kind_that_a_variant_does_not_make_is_refused() -> None:
    """A pair that the registry does not promise is no file that is missing, but a plain error."""
    with pytest.raises((BadSpec, UnknownName), match="database_heavy"):
        generate(spec(variant="database_heavy", kind="orchestrator"), library=LIBRARY)


def test_templates_see_the_choice() -> None:
    """V41: name, version, confidence and matched features of the variant are in the context."""
    seen = generate(spec(), library=LIBRARY).context["variant"]

    assert seen == {"name": "standard", "version": "1.0.0", "confidence": 1.0, "matched": []}


def test_settings_without_use_are_left_out() -> None:
    """The class of settings holds only what the code reads, and `sleep` and `rng` only where they are used."""
    code = generate(spec(), library=LIBRARY).code

    assert "timeout_s: float" in code
    assert "chunk_rows" not in code
    assert "rng:" not in code


# ── variants of one's own ────────────────────────────────────────────────────────────────────────


def own_variant(tmp_path: Path, template: str, *, name: str = "shouting") -> VariantLibrary:
    """A library with one more variant of code."""
    folder = tmp_path / "variants" / "codegen" / name
    folder.mkdir(parents=True)
    (folder / "variant.toml").write_text(
        f'name = "{name}"\nversion = "1.0.0"\ndescription = "Says everything in capitals, for tests."\n'
        'kinds = ["effect"]\nserves = ["db.write"]\ncomplexity = 1\n',
        encoding="utf-8",
    )
    (folder / "template.py.j2").write_text(template, encoding="utf-8")
    return VariantLibrary([tmp_path / "variants"])


def test_own_variant_extends_the_base(tmp_path: Path) -> None:
    """V43, V48: a folder with two files overrides blocks of weft's own base."""
    library = own_variant(
        tmp_path,
        '{% extends "base.py.j2" %}\n{% block operation %}\n'
        "    async def {{ op.name|ident }}(self{{ records.parameters(op) }}) -> {{ records.returns(op) }}:\n"
        "        return {{ records.sample_result(op) }}\n{% endblock %}\n",
    )
    code = generate(spec(variant="shouting"), library=library).code

    assert "async def sign(self, *, guest: str) -> SignResult:" in code
    ast.parse(code)


def test_own_template_cannot_take_the_name_of_a_file_of_weft(tmp_path: Path) -> None:
    """V43: weft's own files are never replaced silently."""
    library = own_variant(tmp_path, "{% extends 'base.py.j2' %}")
    (tmp_path / "variants" / "codegen" / "base.py.j2").write_text("x", encoding="utf-8")

    with pytest.raises(BadTemplate, match="has the name of one that is there already"):
        generate(spec(variant="shouting"), library=library)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (
            "{% extends 'base.py.j2' %}\n{% block extras %}\n    x = {{ module.name }}\n{% endblock %}",
            "Line 3 of template `shouting/template.py.j2`, `x = {{ module.name }}` cannot be printed",
        ),
        (
            "\n{% extends 'bsae.py.j2' %}",
            "`bsae.py.j2` in the pack, which line 2 of `shouting/template.py.j2`",
        ),
    ],
)
def test_mistake_of_a_template_is_not_blamed_on_the_spec(tmp_path: Path, template: str, told: str) -> None:
    """V48: whoever writes a variant is told the line of the template, and not to correct the spec."""
    with pytest.raises(BadTemplate) as caught:
        generate(spec(variant="shouting"), library=own_variant(tmp_path, template))

    assert told in caught.value.message


def test_templates_outside_of_the_pack_are_not_there(tmp_path: Path) -> None:
    """A link out of the folder is no template, and a path in an include finds nothing."""
    secret = tmp_path / "secret.j2"
    secret.write_text("secret = 1", encoding="utf-8")
    library = own_variant(tmp_path, "{% include '../../../secret.j2' %}")
    (tmp_path / "variants" / "codegen" / "shouting" / "link.j2").symlink_to(secret)

    assert "shouting/link.j2" not in pack_files(library.pack("codegen"))
    with pytest.raises(BadTemplate, match="no template file"):
        generate(spec(variant="shouting"), library=library)


def test_variant_without_template_is_told(tmp_path: Path) -> None:
    """V28: a variant that can be chosen and has no file is a plain error."""
    library = own_variant(tmp_path, "x")
    (tmp_path / "variants" / "codegen" / "shouting" / "template.py.j2").unlink()

    with pytest.raises(BadVariant, match="has no template for `effect`"):
        generate(spec(variant="shouting"), library=library)


# ── digests and standing ─────────────────────────────────────────────────────────────────────────


def header(**changed: str) -> Header:
    """A header as today's."""
    return replace(
        Header(template="t", command="c", weft="1.0.0", templates="0" * 16, inputs="1" * 16), **changed
    )


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        (None, Standing.MISSING),
        (header().above("x = 1\n"), Standing.FRESH),
        (header().above("x = 1\n").replace("\n", "\r\n"), Standing.FRESH),
        (header(weft="9.9.9", checks="passed", command="other").above("x = 1\n"), Standing.FRESH),
        (header(inputs="2" * 16).above("x = 1\n"), Standing.STALE),
        (header(templates="2" * 16).above("x = 1\n"), Standing.STALE),
        (header().above("x = 1\n").replace("x = 1", "x = 2"), Standing.EDITED),
        (header(inputs="2" * 16).above("x = 1\n") + "y = 2\n", Standing.EDITED),
        ("x = 1\n", Standing.EDITED),
        ("", Standing.EDITED),
    ],
)
def test_standing_of_a_file(text: str | None, standing: Standing) -> None:
    """Fresh whatever version of weft wrote it; stale, edited and missing are told apart."""
    assert standing_of(text, header()) is standing


def test_digests_change_with_what_matters() -> None:
    """Inputs, switches and templates change a digest; the selector's confidence and the path do not."""
    first = generate(spec(), library=LIBRARY)
    same = generate(replace(spec(), path="elsewhere.yaml"), library=LIBRARY)
    other = generate(replace(spec(), switches={"health": False}), library=LIBRARY)

    assert first.digests == same.digests
    assert first.digests["inputs"] != other.digests["inputs"]
    assert first.digests["templates"] == other.digests["templates"]


def test_other_variants_do_not_make_a_file_stale(tmp_path: Path) -> None:
    """A change in one variant's templates leaves the digests of another's modules as they are."""
    library = own_variant(tmp_path, "{% extends 'base.py.j2' %}")

    assert generate(spec(), library=library).digests == generate(spec(), library=LIBRARY).digests


# ── repeats ──────────────────────────────────────────────────────────────────────────────────────


def source(text: str) -> Source:
    """Code whose lines come from template lines of the same number."""
    return Source(text, tuple(Origin("t", place) for place, _ in enumerate(text.split("\n"), start=1)))


def test_same_definition_stays_once() -> None:
    """V47: the second of two equal classes, functions, constants or methods goes, with its decorators."""
    text = "A = 1\n@d\nclass C:\n    x = 1\nA = 1\n@d\nclass C:\n    x = 1\nclass K:\n    def f(self): ...\n    def f(self): ...\n"
    kept = without_repeats(source(text))

    assert kept.text == "A = 1\n@d\nclass C:\n    x = 1\nclass K:\n    def f(self): ...\n"
    assert kept.origins[4].line == 9


def test_different_definitions_of_one_name_are_refused() -> None:
    """V47: what contradicts itself is told with both template lines."""
    with pytest.raises(
        BadSource, match="`f` is defined twice and differently: by line 1 of template `t` and by line 3"
    ):
        without_repeats(source("def f():\n    return 1\ndef f():\n    return 2\n"))


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "rule", "line"),
    [
        ("try:\n    x()\nexcept:\n    pass", "typed_errors", 3),
        ("def f():\n    raise RuntimeError('x')", "typed_errors", 2),
        ("import httpx\nasync def f(c):\n    await c.get('x')", "timeouts", 0),
        ("import asyncio\nq = asyncio.Queue()", "bounded", 2),
        ("from collections import deque\nd = deque([])", "bounded", 2),
        ("def f(guest):\n    _log(20, 'x', guest=guest)", "no_values_in_logs", 2),
        ("def f(guest):\n    _LOGGER.info(f'{guest}')", "no_values_in_logs", 2),
        ("SEEN = {}", "no_global_state", 1),
        ("def f():\n    global x", "no_global_state", 2),
        ("import time\ntime.sleep(1)", "time_is_handed_in", 2),
        ("x = 1", "observable", 0),
        ("async def sign():\n    await retrying(sign)", "no_blind_retry", 2),
        ("try:\n    f()\nexcept (ValueError, Exception):\n    return None", "typed_errors", 3),
        ("with suppress(Exception):\n    f()", "typed_errors", 1),
        ("raise RuntimeError", "typed_errors", 1),
        ("x = deque(maxlen=None)", "bounded", 1),
        ("x = asyncio.Queue(0)", "bounded", 1),
        ("@cache\ndef f(x):\n    return x", "bounded", 1),
        ("SEEN: dict[str, int] = {}", "no_global_state", 1),
        ("SEEN = defaultdict(list)", "no_global_state", 1),
        ("from time import monotonic as now\nnow()", "time_is_handed_in", 2),
        ("import datetime as d\nd.datetime.now(d.UTC)", "time_is_handed_in", 2),
        ("import random\nrandom.choice([1])", "time_is_handed_in", 2),
        ("import httpx\nhttpx.get('x', timeout=None)", "timeouts", 0),
    ],
)
def test_breaches_are_found_with_their_line(code: str, rule: str, line: int) -> None:
    """V30: each rule finds what breaks it, and says where."""
    operations = [{"name": "sign", "kind": "db.write", "takes": [{"name": "guest"}], "gives": None}]
    found = {each.name: each for each in judge_code(code, switches={"metrics": True}, operations=operations)}

    assert [breach.line for breach in found[rule].breaches][:1] == [line]


@pytest.mark.parametrize(
    ("body", "helper", "logged"),
    [
        ("who = guest.strip()\n        _log(20, 'x', who=who)", "", ["who"]),
        ("self._keep(guest)", "_log(20, 'x', who=name)", ["name"]),
        ("for each in guest:\n            _LOGGER.info('%s', each)", "", ["each"]),
        ("_log(20, 'x', letters=len(guest))", "", []),
        ("self._keep('sign')", "_log(20, 'x', operation=name)", []),
        ("for place, each in enumerate(guest):\n            _log(20, 'x', place=place)", "", []),
    ],
)
def test_values_are_followed_into_logs(body: str, helper: str, logged: list[str]) -> None:
    """V30: a value that was assigned or handed on is one still; its length and its place are not."""
    code = (
        "class Book:\n"
        f"    async def sign(self, *, guest):\n        {body}\n"
        f"    def _keep(self, name):\n        {helper or 'return name'}\n"
        "def _log(level, event, **facts):\n    _LOGGER.log(level, event, facts)\n"
    )
    takes = [{"name": "guest"}, {"name": "level"}]
    operations = [{"name": "sign", "kind": "db.write", "takes": takes, "gives": None}]
    found = {each.name: each for each in judge_code(code, switches={}, operations=operations)}

    assert [each.message.split("`")[1] for each in found["no_values_in_logs"].breaches] == logged


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("try:\n    f()\nfinally:\n    with suppress(Exception):\n        g()", "typed_errors"),
        ("try:\n    f()\nexcept ValueError:\n    pass", "typed_errors"),
        ("MOVES: Final[Mapping[str, str]] = {}", "no_global_state"),
        ("from asyncio import sleep\nsleep(0)", "time_is_handed_in"),
        ("class BookPort(Protocol):\n    'Nothing.'\nasync def f():\n    await g()", "timeouts"),
    ],
)
def test_sound_code_breaches_no_rule(code: str, rule: str) -> None:
    """V30: what is right is not told off."""
    found = {each.name: each for each in judge_code(code, switches={})}

    assert found[rule].passed


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "builtins.exec('1')",
        "__import__('os')",
        "import subprocess",
        "from os import system",
        "import pickle",
        "from x import *",
        "os.system('id')",
        "asyncio.create_subprocess_shell('id')",
        "run('id', shell=True)",
        "().__class__.__subclasses__()",
        "importlib.import_module(name)",
        "f = open; globals()['x']",
    ],
)
def test_forbidden_constructs_are_found(code: str) -> None:
    """Whatever runs text, a shell or another process, or loads unsafely, is forbidden."""
    assert list(forbidden_constructs(ast.parse(code)))


def test_harmless_code_is_not_forbidden() -> None:
    """Names that only look like the forbidden ones pass."""
    code = "import re, os\nre.compile_cache = 1\nos.path.join('a')\nself.execute('x')\nimportlib.import_module('torch')"

    assert not list(forbidden_constructs(ast.parse(code)))


# ── tracing ──────────────────────────────────────────────────────────────────────────────────────


def test_formatted_lines_keep_their_origin() -> None:
    """Lines that a formatter splits, joins or takes away still know where they came from."""
    raw = "import a\nimport b\n\ndef f(x,y):\n    return g(x,\n      y)\nz = [1,2]\n"
    formatted = "import b\n\n\ndef f(\n    x,\n    y,\n):\n    return g(x, y)\n\n\nz = [1, 2]\n"
    origins = tuple(Origin("t", place) for place in range(1, 9))
    found = dict(zip(formatted.split("\n"), trace_lines(raw, formatted, origins), strict=False))

    assert found["import b"].line == 2
    assert found["def f("].line == 4
    assert found["    y,"].line == 4
    assert found["    return g(x, y)"].line == 5
    assert found["z = [1, 2]"].line == 7
