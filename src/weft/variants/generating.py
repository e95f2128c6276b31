"""Generate a module: a spec and a variant's template become the text of a Python file.

Knows which template serves a kind, what templates see, how features of several variants become
one module, and the header with its digests. The same spec gives the same text, everywhere.
Refuses to run and to format what it made (`proving.py`), and to read or write it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from weft.errors import BadSpec, BadTemplate, BadVariant, UnknownName
from weft.kit.fingerprints import fingerprint
from weft.templates.flaws import Flaw
from weft.templates.source_environment import Origin, Source, SourceTemplates
from weft.variants.compliance import Rule, judge_code
from weft.variants.fitting import Choice, context_of, spec_path
from weft.variants.headers import Header
from weft.variants.library import VariantLibrary, resolve
from weft.variants.module_spec import ModuleSpec
from weft.variants.repeats import parsed, without_repeats
from weft.variants.sources import pack_files
from weft.variants.specs import bad_spec
from weft.variants.variant import Variant, VariantPack

FORMAT = "1"  # raise it when the same templates and inputs give another text: it is part of the digest
FEATURES = "features.py.j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A generated module.

    Attributes:
        path: name of the file, such as `order_store.py`.
        code: everything below the header.
        header: what the file says about itself.
        variant: name of the variant that made it.
        also: variants whose features joined in.
        origins: where each line of the code came from, until it is formatted.
        context: the plain values that the templates saw.
    """

    path: str
    code: str
    header: Header
    variant: str
    also: tuple[str, ...]
    origins: tuple[Origin, ...]
    context: Mapping[str, Any]

    @property
    def compliance(self) -> tuple[Rule, ...]:
        """Every rule of good modules with what was found; judged anew whenever it is asked for."""
        return judge_code(self.code, switches=self.context["switches"], operations=self.context["operations"])

    @property
    def text(self) -> str:
        """The whole file."""
        return self.header.above(self.code)

    @property
    def digests(self) -> Mapping[str, str]:
        """Digests of the templates that took part and of the inputs."""
        return {"templates": self.header.templates, "inputs": self.header.inputs}

    def with_code(self, code: str, *, origins: tuple[Origin, ...]) -> Generated:
        """The same module after its code was formatted."""
        return replace(self, code=code, origins=origins)

    def passed(self) -> Generated:
        """The same module, whose header says that it has passed every check."""
        return replace(self, header=replace(self.header, checks="passed"))


def generate(
    spec: ModuleSpec,
    *,
    library: VariantLibrary,
    choice: Choice | None = None,
    command: str = "",
    weft: str = "",
) -> Generated:
    """Render the module that a spec asks for.

    Args:
        library: where variants are found.
        choice: the variants to use; by default those that the spec names.
        command: for the header; what makes the file again.
        weft: version for the header.

    Raises:
        BadSpec: the spec names no variant and none is chosen, or the variant cannot serve it.
        UnknownName: there is no such variant.
        BadVariant, BadTemplate: a file of the pack is wrong.
        BadSource: two parts of the module contradict each other.
    """
    pack = library.pack(spec.pack)
    chosen = choice or named_choice(spec, pack)
    templates = _compiled(tuple(sorted(pack_files(pack).items())))
    name = _template_name(pack, chosen, spec.kind, templates)
    context = context_of(spec, chosen)
    source = _rendered(spec, templates, name, context)
    if _drop_idle(spec, context, source):
        source = _rendered(spec, templates, name, context)
    source = _tidy(source)
    header = Header(
        template=_described(pack, chosen, spec.kind),
        command=command or f"weft generate {spec.path or spec.name + '.yaml'}",
        weft=weft,
        templates=_templates_digest(templates, name, chosen),
        inputs=fingerprint("inputs", _inputs(context))[:16],
    )
    return Generated(
        path=spec.file_name,
        code=source.text,
        header=header,
        variant=chosen.variant.name,
        also=tuple(each.name for each in chosen.also),
        origins=source.origins,
        context=context,
    )


def named_choice(spec: ModuleSpec, pack: VariantPack, *, variant: str = "") -> Choice:
    """The variants that a spec names itself, or that a person names instead.

    Raises:
        BadSpec: no variant is named.
        UnknownName: there is no such variant.
    """
    name = variant or spec.variant
    if not name:
        raise BadSpec(
            f"The spec `{spec.path or spec.name}` names no variant.",
            hint="add `variant:`, or let the selector choose: `weft generate` does.",
        )
    return choice_of(pack, name, spec.also)


def choice_of(
    pack: VariantPack,
    name: str,
    also: Sequence[str] = (),
    *,
    confidence: float = 1.0,
    matched: Sequence[str] = (),
) -> Choice:
    """Find variants by name.

    Raises:
        UnknownName: there is no such variant.
    """
    return Choice(
        variant=_variant(pack, name),
        also=tuple(_variant(pack, each) for each in dict.fromkeys(also) if each != name),
        confidence=confidence,
        matched=tuple(matched),
    )


@lru_cache(maxsize=4)
def _compiled(files: tuple[tuple[str, str], ...]) -> SourceTemplates:
    """Templates are compiled once as long as no file changes; a pack takes half a second."""
    return SourceTemplates(dict(files))


def _variant(pack: VariantPack, name: str) -> Variant:
    if name not in pack.variants:
        raise UnknownName.among("variant", name, list(pack.variants))
    return pack.variants[name]


def _template_name(pack: VariantPack, choice: Choice, kind: str, templates: SourceTemplates) -> str:
    if pack.output != "python":
        raise BadVariant(
            f"The pack `{pack.name}` makes {pack.output}, not Python.", hint="name another pack."
        )
    for each in choice.also:
        if f"{each.folder.name}/{FEATURES}" not in templates.names:
            raise BadVariant(
                f"The variant `{each.name}` offers no features to other variants: it has no `{FEATURES}`.",
                hint="leave it out of `also`, or write the file; the page on variants shows how.",
            )
    path = resolve(pack, choice.variant, kind).path
    folder = next(each for each in pack.folders if path.is_relative_to(each))
    return path.relative_to(folder).as_posix()


def _described(pack: VariantPack, choice: Choice, kind: str) -> str:
    joined = "".join(f" + {each.name} {each.version}" for each in choice.also)
    return f"{pack.name}/{choice.variant.name} {choice.variant.version}{joined} for {kind}"


def _templates_digest(templates: SourceTemplates, name: str, choice: Choice) -> str:
    """Over every template that takes part; others of the pack may change freely."""
    features = [f"{each.folder.name}/{FEATURES}" for each in choice.also]
    texts = {each: templates.text(each) for each in templates.closure([name, *features])}
    return fingerprint("templates", FORMAT, texts)[:16]


def _inputs(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context without what may change while the module stays the same: the selector's confidence."""
    variant = {key: context["variant"][key] for key in ("name", "version")}
    return {**context, "variant": variant}


def _rendered(spec: ModuleSpec, templates: SourceTemplates, name: str, context: Mapping[str, Any]) -> Source:
    """Render, and blame the spec where one of its values is what does not fit.

    Raises:
        BadSpec: with path and line of that value, and the template's line that refused it.
        BadTemplate: the template is wrong, or combines values that do not fit.
    """
    try:
        return without_repeats(templates.render(name, context))
    except BadTemplate as exc:
        inputs = exc.facts.get("inputs")
        if not isinstance(inputs, list) or not inputs:
            raise
        if str(exc.facts["reason"]).endswith("printed without a mark"):
            raise  # whatever the value is
        path = spec_path(inputs[0])
        place = f"line {exc.facts['line']} of template `{exc.facts['file']}`"
        message = f"does not fit: {exc.facts['reason']} (printed by {place})."
        raise bad_spec(
            spec.path or spec.name, [Flaw(path, spec.line_of(path), message, "unprintable")]
        ) from exc


def _drop_idle(spec: ModuleSpec, context: dict[str, Any], source: Source) -> bool:
    """Leave out of the context what the code does not read; whether there was anything.

    Raises:
        BadSpec: the spec sets a setting that is not read.
    """
    read = _attributes(source.text)
    if read is None:
        return False
    idle = [each["name"] for each in context["setting_fields"] if ("settings", each["name"]) not in read]
    message = f"has no effect on a module of the kind `{spec.kind}` with these switches."
    flaws = [
        Flaw(f"settings.{each}", spec.line_of(f"settings.{each}"), message, "no_effect")
        for each in idle
        if each in spec.settings and each not in source.read
    ]
    if flaws:
        raise bad_spec(spec.path or spec.name, flaws)
    context["setting_fields"] = [each for each in context["setting_fields"] if each["name"] not in idle]
    context["uses"] = {name: ("self", f"_{name}") in read for name in context["uses"]}
    return bool(idle) or not all(context["uses"].values())


def _attributes(code: str) -> set[tuple[str, str]] | None:
    """Attributes that are read, each with the last name before it; `None` where the code is no Python."""
    tree = parsed(code)
    if tree is None:
        return None
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            before = node.value
            name = before.attr if isinstance(before, ast.Attribute) else getattr(before, "id", "")
            found.add((name.lstrip("_"), node.attr))
    return found


def _tidy(source: Source) -> Source:
    """No white space at line ends, at most two empty lines in a row, one line end at the end."""
    lines: list[str] = []
    origins: list[Origin] = []
    for line, origin in zip(source.text.split("\n"), source.origins, strict=True):
        if line.strip() or (lines and any(each for each in lines[-2:])):
            lines.append(line.rstrip())
            origins.append(origin)
    while lines and not lines[-1]:
        lines.pop()
        origins.pop()
    return Source("\n".join(lines) + "\n", tuple(origins))
