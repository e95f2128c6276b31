"""Prove generated modules: parse, forbidden constructs, ruff, mypy --strict, import, smoke test.

Knows the checks in their order, the fixed settings of the tools, and how a complaint about a line
of code becomes one about a template's line and the inputs that were printed there.
Whole sets of modules are proved together: one run of each tool, one process for all smoke tests.
Refuses to choose what is generated; this is the only file besides the templates' worker that
starts processes, and each has a limit of time and an environment of its own.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from weft.errors import BadSource, MissingExtra
from weft.variants.fitting import spec_path
from weft.variants.forbidding import forbidden_constructs
from weft.variants.generating import Generated
from weft.variants.tracing import trace_lines

RUFF_RULES = "E,F,W,I,B,UP,SIM,C4,RET,ASYNC,S,PIE,RUF"
RUFF_IGNORED = "E501,S101,S311,SIM117,RUF001,RUF002,RUF003"
"""Long texts stay whole; smoke tests assert; chance spreads retries and keeps no secret."""

_RUFF = ("--isolated", "--target-version", "py311", "--line-length", "100")
_LINT = ("--select", RUFF_RULES, "--ignore", RUFF_IGNORED)
_MYPY = (
    "--strict",
    "--config-file=",
    "--no-error-summary",
    "--no-color-output",
    "--no-pretty",
    "--hide-error-context",
)
_MYPY_FOLDERS = ("--namespace-packages", "--explicit-package-bases", "--disable-error-code", "import-untyped")
_MYPY_LINE = re.compile(r"^(.+?):(\d+): error: (.*)$")
TOOL_LIMIT_S = 300.0  # of one run of ruff or mypy; a cold mypy on a busy machine takes ten seconds
SMOKE_LIMIT_S = 5.0  # for each module
START_LIMIT_S = 10.0  # of the process that tries them


class Check(StrEnum):
    """The checks, in the order in which they are made."""

    PARSE = "parse"
    FORBIDDEN = "forbidden"
    RUFF = "ruff"
    TYPES = "types"
    IMPORT = "import"
    SMOKE = "smoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One complaint of one check.

    Attributes:
        line: in the code below the header; 0 = the module as a whole.
        file, template_line: the template's line that wrote it; empty and 0 where it is not known.
        inputs: paths of the spec's values that were printed on that line.
    """

    check: Check
    message: str
    line: int = 0
    file: str = ""
    template_line: int = 0
    inputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "the module"
        origin = f", from line {self.template_line} of template `{self.file}`" if self.file else ""
        given = f", printed there: {', '.join(f'`{each}`' for each in self.inputs)}" if self.inputs else ""
        return f"{self.check}: {place}{origin}{given}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of one module.

    Attributes:
        module: with formatted code, where it could be formatted.
        failures: of the first check that failed; empty = proved.
        skipped: checks that could not be made, each with its reason.
    """

    module: Generated
    failures: tuple[Failure, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


def prove(
    modules: Sequence[Generated],
    *,
    checks: Collection[Check] = tuple(Check),
    cache: Path | None = None,
) -> list[Proof]:
    """Put modules through the checks; a module that fails one is not looked at by the next.

    Args:
        checks: those to make; their order is fixed.
        cache: folder that mypy may keep what it knows in; `None` = it starts from nothing.

    Raises:
        MissingExtra: ruff or mypy is needed and not installed.
        BadSource: a tool did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="weft-prove-") as folder:
        trial = _Trial(Path(folder), modules, frozenset(checks), cache)
        trial.read()
        if Check.RUFF in checks:
            trial.lint()
        if Check.TYPES in checks:
            trial.types()
        if {Check.IMPORT, Check.SMOKE} & set(checks):
            trial.run()
        return trial.proofs()


def demand(proofs: Sequence[Proof]) -> None:
    """Insist that every module passed.

    Raises:
        BadSource: with every failure of every module.
    """
    failed = [(proof.module.path, each) for proof in proofs for each in proof.failures]
    if failed:
        listed = "".join(f"\n  - `{path}`: {failure}" for path, failure in failed)
        raise BadSource(
            f"The generated code did not pass its checks:{listed}",
            hint="correct the inputs or the template that are named; `--no-prove` writes the code as it is.",
            problems=[
                {
                    "path": path,
                    "check": each.check.value,
                    "line": each.line,
                    "file": each.file,
                    "template_line": each.template_line,
                    "inputs": list(each.inputs),
                    "message": each.message,
                }
                for path, each in failed
            ],
        )


@dataclass(slots=True)
class _Case:
    """One module on its way through the checks."""

    module: Generated
    path: Path
    name: str
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def fail(self, check: Check, line: int, message: str) -> None:
        origins = self.module.origins
        origin = origins[line - 1] if 0 < line <= len(origins) else None
        self.failures.append(
            Failure(
                check=check,
                line=line,
                message=message,
                file=origin.file if origin else "",
                template_line=origin.line if origin else 0,
                inputs=tuple(map(spec_path, origin.inputs)) if origin else (),
            )
        )


class _Trial:
    """A folder with modules, each of which goes as far as it gets."""

    def __init__(
        self, folder: Path, modules: Sequence[Generated], checks: frozenset[Check], cache: Path | None
    ) -> None:
        self._folder, self._checks, self._cache = folder.resolve(), checks, cache
        self._cases = []
        for place, module in enumerate(modules):
            name = f"m{place:04d}/{module.path}"
            path = self._folder / name
            path.parent.mkdir()
            path.write_text(module.code, encoding="utf-8")
            self._cases.append(_Case(module, path, name))

    def _sound(self) -> list[_Case]:
        return [case for case in self._cases if not case.failures]

    def proofs(self) -> list[Proof]:
        """What became of each, in the order in which they came."""
        made = []
        for case in self._cases:
            complete = not case.failures and not case.skipped and self._checks == frozenset(Check)
            module = case.module.passed() if complete else case.module
            made.append(Proof(module=module, failures=tuple(case.failures), skipped=tuple(case.skipped)))
        return made

    # ── without tools ────────────────────────────────────────────────────────────────────────

    def read(self) -> None:
        """Parse, and look for what no code may hold."""
        for case in self._cases:
            try:
                tree = ast.parse(case.module.code)
            except SyntaxError as exc:
                case.fail(Check.PARSE, exc.lineno or 0, exc.msg)
                continue
            except ValueError as exc:
                case.fail(Check.PARSE, 0, str(exc))
                continue
            if Check.FORBIDDEN in self._checks:
                for line, message in forbidden_constructs(tree):
                    case.fail(Check.FORBIDDEN, line, f"{message}, which generated code may not.")
            absent = sorted(_foreign(tree) - _installed(_foreign(tree)))
            if absent:
                words = " and ".join(f"`{each}`" for each in absent)
                case.skipped.append(f"types, import and smoke test: {words} is not installed here.")

    # ── with tools ───────────────────────────────────────────────────────────────────────────

    def lint(self) -> None:
        """Let ruff mend and format, then complain about the rest."""
        cases = self._sound()
        if not cases:
            return
        names = [case.name for case in cases]
        # Unused imports first: what is left of a list of them is then laid out anew.
        self._tool(
            "ruff",
            "check",
            *_RUFF,
            "--select",
            "F401",
            "--fix",
            "--quiet",
            "--exit-zero",
            "--no-cache",
            *names,
        )
        self._tool("ruff", "check", *_RUFF, *_LINT, "--fix", "--quiet", "--exit-zero", "--no-cache", *names)
        self._tool("ruff", "format", *_RUFF, "--quiet", "--no-cache", *names)
        for case in cases:
            code = case.path.read_text(encoding="utf-8")
            case.module = case.module.with_code(
                code, origins=trace_lines(case.module.code, code, case.module.origins)
            )
        found = self._tool("ruff", "check", *_RUFF, *_LINT, "--output-format", "json", "--no-cache", *names)
        for each in _json(found):
            line = (each.get("location") or {}).get("row", 0)
            self._case(Path(each["filename"])).fail(Check.RUFF, line, f"{each['code']} {each['message']}")

    def types(self) -> None:
        """Let mypy check all modules in one run."""
        cases = [case for case in self._sound() if not case.skipped]
        if not cases:
            return
        kept = ("--cache-dir", str(self._cache.resolve() if self._cache else self._folder / ".mypy"))
        found = self._tool("mypy", *_MYPY, *_MYPY_FOLDERS, *kept, *(case.name for case in cases))
        for said in found.splitlines():
            match = _MYPY_LINE.match(said)
            if match:
                self._case(self._folder / match[1]).fail(Check.TYPES, int(match[2]), match[3])
        if found and not any(_MYPY_LINE.match(said) for said in found.splitlines()):
            raise BadSource(
                f"mypy could not check the code: {found.strip()[:300]}", hint="check its installation."
            )

    def run(self) -> None:
        """Import the modules and run their smoke tests, all in one process."""
        waiting = [case for case in self._sound() if not case.skipped]
        while waiting:
            told = self._run_some(waiting)
            done = {each["path"] for each in told if each["step"] == "done" or "error" in each}
            for each in told:
                if "error" in each:
                    case = self._case(Path(each["path"]))
                    case.fail(Check(each["step"]), int(each["line"]), str(each["error"]))
            left = [case for case in waiting if str(case.path) not in done]
            if left:  # the process ended or was stopped while it was at the first of these
                step = next(
                    (each["step"] for each in reversed(told) if each["path"] == str(left[0].path)), "import"
                )
                left[0].fail(Check(step), 0, "did not end in time, or ended its process.")
            waiting = left[1:]

    def _run_some(self, cases: Sequence[_Case]) -> list[dict[str, Any]]:
        listed = self._folder / "listed.json"
        listed.write_text(json.dumps([str(case.path) for case in cases]), encoding="utf-8")
        script = Path(__file__).with_name("trial.py")
        command = [sys.executable, "-I", "-X", "utf8", str(script), str(listed)]
        said = self._start(command, limit_s=START_LIMIT_S + SMOKE_LIMIT_S * len(cases), patient=True)
        return [json.loads(line) for line in said.splitlines() if line.startswith('{"path":')]

    def _case(self, path: Path) -> _Case:
        return next(case for case in self._cases if case.path == path)

    def _tool(self, name: str, *arguments: str) -> str:
        if not _has(name):
            raise MissingExtra(
                f"Generated code is checked with `{name}`, which is not installed.",
                hint="pip install 'weft[codegen]', or write without checks: `--no-prove`.",
                package=name,
            )
        return self._start([sys.executable, "-m", name, *arguments], limit_s=TOOL_LIMIT_S)

    def _start(self, command: Sequence[str], *, limit_s: float, patient: bool = False) -> str:
        """Run a program in the folder and give back what it wrote; when patient, also half of it."""
        try:
            ended = subprocess.run(  # noqa: S603 - a fixed program, names of our own files
                command,
                cwd=self._folder,
                env={
                    "PATH": "",
                    "LANG": "C.UTF-8",
                    "HOME": str(self._folder),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            if patient:  # what was told before is worth keeping; POSIX gives it as bytes
                return exc.stdout.decode("utf-8", "replace") if isinstance(exc.stdout, bytes) else ""
            raise BadSource(f"`{command[2]}` did not end within {limit_s:.0f} s.", hint="try again.") from exc
        return ended.stdout if ended.stdout or patient else ended.stderr


def _foreign(tree: ast.AST) -> set[str]:
    """Packages outside the standard library that a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _installed(names: set[str]) -> set[str]:
    return {name for name in names if _has(name)}


def _json(text: str) -> Iterator[dict[str, Any]]:
    try:
        yield from json.loads(text or "[]")
    except ValueError as exc:
        raise BadSource(
            f"ruff could not check the code: {text.strip()[:300]}", hint="check its installation."
        ) from exc
