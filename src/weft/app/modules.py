"""The desk for modules of code: generate them from specs, and say which files are still fresh.

Knows where specs are read (YAML files, or tables with a module a row), how a variant is chosen
where a spec names none, and that a file changed by hand is not overwritten unasked.
Refuses to judge code (`variants/proving.py`) and to choose variants itself (`variants.py`).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import Any

from weft.app.module_specs import read_specs, read_texts, requirements_of
from weft.app.opening import Surroundings
from weft.app.variants import KEPT, ChoiceRequest, VariantsDesk
from weft.errors import BadSpec, NotAllowed, UnwritableFile, WeftError
from weft.templates.flaws import Flaw
from weft.variants.compliance import Rule
from weft.variants.generating import Generated, choice_of, generate
from weft.variants.headers import Standing, has_passed, standing_of
from weft.variants.module_spec import ModuleSpec
from weft.variants.proving import Proof, demand, prove
from weft.variants.specs import bad_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class ModulesRequest:
    """Which modules are asked for.

    Attributes:
        specs: paths of YAML files, and of tables with a module a row.
        out: folder of the files.
        variant: for all of them, whatever their specs say; empty = what each says, or the selector.
        proves: whether the code is put through its checks before it is written.
        overwrites: whether files that were changed by hand are replaced.
    """

    specs: Sequence[str]
    out: str = "."
    variant: str = ""
    proves: bool = True
    overwrites: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of one module.

    Attributes:
        spec: path of its spec.
        path: of the file that is or would be written; empty where the spec cannot be read.
        standing: of the file before; `None` where it could not be judged.
        written: whether the file was written now.
        variant, also: what made it.
        confidence: of the selector; `None` where the variant was named.
        rationale: why the selector chose it; empty where the variant was named.
        rules: the compliance report.
        skipped: checks that could not be made here, with their reasons.
        error: why there is no module; `None` where there is one.
    """

    spec: str
    path: str = ""
    standing: Standing | None = None
    written: bool = False
    variant: str = ""
    also: tuple[str, ...] = ()
    confidence: float | None = None
    rationale: str = ""
    rules: tuple[Rule, ...] = ()
    skipped: tuple[str, ...] = ()
    error: WeftError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A module whose code is handed over instead of being written to a file.

    Attributes:
        made: what became of it; `path` is the name that its file should have.
        text: the code; empty where there is none.
    """

    made: Made
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A module on its way: what is told about it, the code, and the id of the choice in the log."""

    made: Made
    module: Generated | None = None
    choice: str = ""


class ModulesDesk:
    """Everything that can be done with modules of code."""

    def __init__(self, surroundings: Surroundings, variants: VariantsDesk) -> None:
        """Generate with the variants of this house."""
        self._variants = variants
        self._apart = surroundings.apart
        self._cache = surroundings.root / KEPT / "mypy" if surroundings.config is not None else None

    def generate(self, request: ModulesRequest) -> list[Made]:
        """Generate modules, prove them together and write those that passed, each file at once or not at all.

        A fresh file is left as it is. A module that fails stops no other: its `error` says why.

        Raises:
            MissingExtra: ruff or mypy is needed and not installed.
        """
        found = self._drafts(read_specs(request.specs), request, notes=True)
        drafts = [self._needed(each, request) for each in found]
        modules = [each.module for each in drafts if each.module is not None]
        proofs = iter(self._prove(modules, request))
        return [
            each.made if each.module is None else self._settle(each, next(proofs), proves=request.proves)
            for each in drafts
        ]

    def check(self, request: ModulesRequest) -> list[Made]:
        """Say which files are what would be made today; writes nothing and runs no tool."""
        return [each.made for each in self._drafts(read_specs(request.specs), request, notes=False)]

    def compose(
        self, specs: Sequence[tuple[str, str]], *, variant: str = "", proves: bool = True
    ) -> list[Composed]:
        """Generate modules from texts and hand their code over; writes no file of code.

        With `proves` the code is imported and tried on this machine, as `generate` does it.

        Args:
            specs: name and YAML text of each; the name is for messages and the code's header.
            variant: for all of them; empty = what each spec says, or the selector.

        Raises:
            MissingExtra: ruff or mypy is needed and not installed.
            NotAllowed: on a server for a team, which runs nobody's code.
        """
        if proves and self._apart:
            raise NotAllowed(
                "A server for a team runs no generated code, so it cannot check it.",
                hint='send `"prove": false`, and check the code where you use it.',
            )
        request = ModulesRequest(specs=(), variant=variant, proves=proves)
        drafts = self._drafts(read_texts(specs), request, notes=False, on_disk=False)
        modules = [each.module for each in drafts if each.module is not None]
        proofs = iter(self._prove(modules, request))
        return [
            Composed(made=each.made) if each.module is None else self._hand_over(each, next(proofs))
            for each in drafts
        ]

    # ── from a spec to a draft ───────────────────────────────────────────────────────────────

    def _drafts(
        self,
        specs: Iterable[tuple[str, ModuleSpec | WeftError]],
        request: ModulesRequest,
        *,
        notes: bool,
        on_disk: bool = True,
    ) -> list[_Draft]:
        drafts: list[_Draft] = []
        taken: dict[str, str] = {}
        for path, spec in specs:
            if isinstance(spec, WeftError):
                drafts.append(_Draft(Made(spec=path, error=spec)))
            elif spec.file_name in taken:
                message = f"is that of `{taken[spec.file_name]}` too; both would be `{spec.file_name}`."
                error = bad_spec(path, [Flaw("name", spec.line_of("name"), message, "twice")])
                drafts.append(_Draft(Made(spec=path, error=error)))
            else:
                taken[spec.file_name] = path
                draft = self._draft(path, spec, request, notes=notes)
                drafts.append(self._held_against_disk(draft) if on_disk else draft)
        return drafts

    def _draft(self, path: str, spec: ModuleSpec, request: ModulesRequest, *, notes: bool) -> _Draft:
        target = Path(request.out).expanduser() / spec.file_name
        named = request.variant or spec.variant
        found = None
        try:
            found = self._variants.select(
                requirements_of(spec), ChoiceRequest(pack=spec.pack, override=named, notes=notes)
            )
            chosen = found.selection.settled()
            choice = choice_of(
                self._variants.library.pack(spec.pack),
                chosen.name,
                spec.also,
                confidence=found.selection.confidence,
                matched=found.selection.best.matched,
            )
            module = generate(
                spec,
                library=self._variants.library,
                choice=choice,
                command=_command(path, target.parent, request.variant),
                weft=_version(),
            )
        except WeftError as exc:
            if isinstance(exc, BadSpec) and found is not None and not named:
                exc.hint = f"the selector chose `{found.selection.best.variant.name}`; correct the spec, or name another `variant:`."
            return _Draft(Made(spec=path, path=str(target), error=exc))
        made = Made(
            spec=path,
            path=str(target),
            variant=module.variant,
            also=module.also,
            confidence=None if named else found.selection.confidence,
            rationale="" if named else found.said,
            rules=module.compliance,
        )
        return _Draft(made, module, found.id)

    def _held_against_disk(self, draft: _Draft) -> _Draft:
        """Say how the file stands that the module would be written to."""
        if draft.module is None:
            return draft
        standing = standing_of(_text(Path(draft.made.path)), draft.module.header)
        return replace(draft, made=replace(draft.made, standing=standing))

    def _prove(self, modules: Sequence[Generated], request: ModulesRequest) -> Sequence[Proof]:
        """Put modules through their checks together, if that is wanted."""
        if not request.proves or not modules:
            return [Proof(module=each) for each in modules]
        if self._cache is not None:
            self._cache.mkdir(parents=True, exist_ok=True)
        return prove(modules, cache=self._cache)

    def _hand_over(self, draft: _Draft, proof: Proof) -> Composed:
        """Hand the code of a module over if it passed."""
        made = replace(draft.made, skipped=proof.skipped, rules=proof.module.compliance)
        try:
            demand([proof])
        except WeftError as exc:
            return Composed(made=replace(made, error=exc))
        return Composed(made=made, text=proof.module.text)

    def _needed(self, draft: _Draft, request: ModulesRequest) -> _Draft:
        """Leave out what needs no work, and what must not be touched."""
        made = draft.made
        if draft.module is None:
            return draft
        if made.standing is Standing.EDITED and not request.overwrites:
            error = UnwritableFile(
                f"`{made.path}` was changed by hand, or was not generated.",
                hint="move your changes into the spec, or overwrite the file with `--force`.",
                path=made.path,
            )
            return replace(draft, made=replace(made, error=error), module=None)
        fresh = made.standing is Standing.FRESH
        if fresh and (not request.proves or has_passed(_text(Path(made.path)) or "")):
            return replace(draft, module=None)
        return draft

    def _settle(self, draft: _Draft, proof: Proof, *, proves: bool) -> Made:
        """Write a module that passed; note in the log what became of the choice."""
        made = replace(draft.made, skipped=proof.skipped, rules=proof.module.compliance)
        if draft.choice and proves:
            self._variants.settle(draft.choice, "passed" if proof.passed else "failed")
        try:
            demand([proof])
            _write(Path(made.path), proof.module.text)
        except WeftError as exc:
            return replace(made, error=exc)
        return replace(made, written=True)


def plain_made(made: Made) -> dict[str, Any]:
    """What became of a module as plain JSON; an error is told by code, message and facts."""
    error = made.error
    return {
        "spec": made.spec,
        "path": made.path,
        "standing": None if made.standing is None else made.standing.value,
        "written": made.written,
        "variant": made.variant,
        "also": list(made.also),
        "confidence": made.confidence,
        "rationale": made.rationale,
        "compliance": [
            {
                "rule": rule.name,
                "demands": rule.sentence,
                "passed": rule.passed,
                "breaches": [{"line": each.line, "message": each.message} for each in rule.breaches],
            }
            for rule in made.rules
        ],
        "skipped": list(made.skipped),
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "hint": error.hint, "facts": dict(error.facts)},
    }


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def _command(spec: str, folder: Path, variant: str) -> str:
    """The command that makes a file again, from the file's own folder, the same on every machine."""
    path = spec.rpartition(":")[0] if spec.rpartition(":")[2].isdigit() else spec
    try:
        shown = PurePosixPath(os.path.relpath(Path(path).expanduser(), folder).replace(os.sep, "/"))
    except ValueError:  # another drive
        shown = PurePosixPath(Path(path).name)
    chosen = ["--variant", variant] if variant else []
    return shlex.join(["weft", "generate", str(shown), *chosen])


def _text(path: Path) -> str | None:
    """The text of a file; `None` where there is none. What is no text counts as edited."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UnwritableFile(
            f"`{path}` cannot be read: {exc.strerror or exc}.", hint="name another folder."
        ) from exc


def _write(path: Path, text: str) -> None:
    """Write a file at once: whoever reads it sees the old or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", encoding="utf-8", newline="\n", dir=path.parent, delete=False) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as exc:
        raise UnwritableFile(
            f"`{path}` cannot be written: {exc.strerror or exc}.", hint="name another folder with `--out`."
        ) from exc


def _version() -> str:
    try:
        return version("weft")
    except PackageNotFoundError:
        return "unknown"
