"""The checks of generated code: in their order, each naming template line and inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.errors import BadSource, MissingExtra
from weft.templates.source_environment import Origin
from weft.variants import proving
from weft.variants.generating import Generated
from weft.variants.headers import Header
from weft.variants.proving import Check, demand, prove

CACHE = Path(__file__).resolve().parents[3] / ".mypy_cache" / "generated"
SMOKE = "\n\ndef smoke_test() -> None:\n    assert f(1) == 1\n"
GOOD = "def f(x: int) -> int:\n    return x\n"


def module(code: str, name: str = "made.py") -> Generated:
    """A module of this code, whose lines come from template lines ten further down."""
    origins = tuple(
        Origin("t.py.j2", place + 10, ("operations.0.name",)) for place in range(1, code.count("\n") + 2)
    )
    header = Header(template="t", command="c", weft="1", templates="0" * 16, inputs="1" * 16)
    return Generated(
        path=name,
        code=code,
        header=header,
        variant="v",
        also=(),
        origins=origins,
        context={"switches": {}, "operations": []},
    )


BROKEN = {
    "parse": "def f(:\n    pass\n",
    "forbidden": GOOD + "\n\ndef g(x: str) -> None:\n    eval(x)\n",
    "ruff": GOOD + "\n\ndef g() -> int:\n    return undefined_name\n" + SMOKE,
    "types": "def f(x: int) -> str:\n    return x\n" + SMOKE,
    "import": GOOD + "\n\nVALUE = f(1) // 0\n" + SMOKE,
    "smoke": GOOD.replace("return x", "return x + 1") + SMOKE,
}


def test_each_check_finds_its_fault_and_names_the_template() -> None:
    """V42: in one go, each broken module fails its own check; line, template and inputs are told."""
    CACHE.mkdir(parents=True, exist_ok=True)
    modules = [module(code) for code in BROKEN.values()] + [module(GOOD + SMOKE)]
    proofs = prove(modules, cache=CACHE)
    found = [{each.check.value for each in proof.failures} for proof in proofs]

    assert found == [*({name} for name in BROKEN), set()]
    assert [proof.failures[0].line for proof in proofs[:-1]] == [1, 6, 6, 2, 5, 6]
    assert [proof.failures[0].template_line for proof in proofs[:-1]] == [11, 16, 16, 12, 15, 16]
    assert proofs[0].failures[0].inputs == ("operations.0.name",)
    assert proofs[-1].passed


def test_passed_module_is_formatted_and_says_so() -> None:
    """Unused imports go, the code is formatted, and the header says that it passed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (proof,) = prove(
        [module("import os\nimport re\n" + GOOD.replace("x: int", "x:int") + SMOKE)], cache=CACHE
    )

    assert proof.module.code.startswith("def f(x: int) -> int:")
    assert "checks: passed" in proof.module.text
    assert proof.module.origins[0].line == 13


def test_module_that_hangs_or_leaves_is_told() -> None:
    """A smoke test that ends the process is blamed; those after it are still tried."""
    leaving = "import os\n\n\ndef smoke_test() -> None:\n    os._exit(3)\n"
    proofs = prove([module(leaving), module(GOOD + SMOKE)], checks=[Check.IMPORT, Check.SMOKE])

    assert [each.check for each in proofs[0].failures] == [Check.SMOKE]
    assert proofs[1].passed


def test_what_a_module_prints_is_no_report() -> None:
    """Lines that look like the report of the trial change nothing."""
    code = (
        "def smoke_test() -> None:\n    print('{\"path\": 1}')\n    print('{\"path\":')\n    assert False\n"
    )
    (proof,) = prove([module(code)], checks=[Check.SMOKE])

    assert [each.line for each in proof.failures] == [4]


def test_smoke_test_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smoke test that never ends is stopped by the clock."""
    monkeypatch.setattr(proving, "SMOKE_LIMIT_S", 0.5)
    monkeypatch.setattr(proving, "START_LIMIT_S", 1.0)
    (proof,) = prove(
        [module("def smoke_test() -> None:\n    while True:\n        pass\n")], checks=[Check.SMOKE]
    )

    assert "did not end" in proof.failures[0].message


def test_module_whose_package_is_absent_is_not_tried() -> None:
    """Where a client library is not installed, types, import and smoke test are skipped and named."""
    (proof,) = prove([module("import nobody_has_this\n\nnobody_has_this.x()\n")])

    assert proof.passed
    assert proof.skipped == ("types, import and smoke test: `nobody_has_this` is not installed here.",)
    assert "checks: none" in proof.module.text


def test_missing_tool_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ruff nothing is half checked: the error says what to install."""
    monkeypatch.setattr(proving, "_has", lambda _: False)

    with pytest.raises(MissingExtra, match="`ruff`, which is not installed") as caught:
        prove([module(GOOD)])
    assert "pip install 'weft[codegen]'" in caught.value.hint


def test_demand_tells_every_failure() -> None:
    """All failures of all modules stand in one error, with facts for programs."""
    proofs = prove(
        [module(BROKEN["parse"], "a.py"), module(BROKEN["forbidden"], "b.py")],
        checks=[Check.PARSE, Check.FORBIDDEN],
    )

    with pytest.raises(
        BadSource, match=r"`a.py`: parse: line 1, from line 11 of template `t.py.j2`"
    ) as caught:
        demand(proofs)
    problems = caught.value.facts["problems"]
    assert isinstance(problems, list)
    assert [each["check"] for each in problems] == ["parse", "forbidden"]


def test_environment_of_tried_code_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of this process are not in the environment of the code that is tried."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = "import os\n\n\ndef smoke_test() -> None:\n    assert 'OPENAI_API_KEY' not in os.environ\n"
    (proof,) = prove([module(code)], checks=[Check.SMOKE])

    assert proof.passed
