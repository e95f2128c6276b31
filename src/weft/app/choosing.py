"""Prompters that choose among the prompts of a pack for every row; made, and made again from a run.

Knows that a run keeps the texts of all variants that its table can feed, so that it can go on without
any file. Refuses to know rows and calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from weft.app.requesting import Made, RunRequest
from weft.app.resuming import changed_spec, check_template
from weft.errors import BadVariant, ChangedSpec, MissingColumn, MissingInput, Mistake, UnknownName
from weft.kit.fingerprints import fingerprint
from weft.run import Run
from weft.schema import Schema
from weft.tables.mapping import parse_mapping
from weft.templates.compiling import CompileCache
from weft.templates.pieces import Origin
from weft.templates.prompting import TemplatePrompter
from weft.templates.template import Template, parse_template
from weft.variants.library import VariantLibrary, resolve, text_of
from weft.variants.metadata import VARIANT_FILE, PackHead, parse_variant
from weft.variants.prompting import WEIGHTS, Entry, VariantPrompter
from weft.variants.selecting import Selector
from weft.variants.variant import VariantPack
from weft.variants.weighing import own_weights

KIND = "variants"


@dataclass(frozen=True, slots=True)
class _Text:
    """One variant as a run keeps it; the paths tell where its texts were read, and are not read again."""

    name: str
    metadata: str
    template: str
    origin: str
    metadata_path: str = ""
    template_path: str = ""


def make_choosing(
    request: RunRequest, columns: Sequence[str], *, library: VariantLibrary, cache: CompileCache, model: str
) -> Made:
    """Open a pack of prompts and find a column for every input; variants that lack one are left out.

    Args:
        model: name of the model that will be asked.

    Raises:
        UnknownName: there is no such pack.
        BadVariant, BadTemplate: a file is wrong, or the pack makes code.
        BadMapping, MissingColumn: no variant and the columns go together.
    """
    pack = library.pack(request.variants)
    if pack.output != "prompt":
        raise BadVariant(
            f"The pack `{pack.name}` makes {pack.output}, not prompts.",
            hint="`weft variants list` shows what each pack makes.",
            path=str(pack.folders[0]),
        )
    kept = [_kept(pack, name) for name in pack.variants]
    head = PackHead(
        name=pack.name, description=pack.description, output=pack.output, kinds=pack.kinds, base=pack.base
    )
    templates = {each.name: _template(each) for each in kept}
    mapping = parse_mapping(request.mapping, columns=columns, inputs=_offered(list(templates.values())))
    sources = {**mapping.sources, **mapping.params}
    prompter = _prompter(head, kept, templates, sources=sources, cache=cache, model=model)
    source = {
        "kind": KIND,
        "key": pack.name,
        "title": f"{pack.name} (by row)",
        "path": "",
        "head": asdict(head),
        "variants": [asdict(each) for each in kept],
        "model": model,
        "fingerprint": prompter.fingerprint,
        "sources": dict(sources),
        "read": asdict(request.read),
    }
    return Made(prompter, source, fingerprint(KIND, prompter.fingerprint, sources))


def remake_choosing(source: Mapping[str, Any], *, cache: CompileCache) -> VariantPrompter:
    """Make a run's prompter again from what the run keeps; no file is read.

    Raises:
        ChangedSpec: this version of weft would prompt or choose differently.
    """
    kept = [_Text(**each) for each in source["variants"]]
    given = source["head"]
    head = PackHead(**{**given, "kinds": tuple(given["kinds"])})
    templates = {each.name: _template(each) for each in kept}
    prompter = _prompter(head, kept, templates, sources=source["sources"], cache=cache, model=source["model"])
    if prompter.fingerprint != source["fingerprint"]:
        raise ChangedSpec(
            f"This version of weft prompts by `{head.name}` differently than the one that began the run.",
            hint="start a new run with `weft run`; answers that are still valid are recalled.",
            changed={"prompts, schema and choice": [source["fingerprint"], prompter.fingerprint]},
        )
    return prompter


def check_choosing(run: Run, library: VariantLibrary) -> None:
    """Refuse to go on if the files of a pack are no longer those that the run began with (L14).

    Files that are gone change nothing: the run keeps their texts.

    Raises:
        ChangedSpec: with the lines that differ, or the variants that came since.
    """
    source = run.spec.prompter_source
    kept = [_Text(**each) for each in source["variants"]]
    for each in kept:
        for stored, path in ((each.metadata, each.metadata_path), (each.template, each.template_path)):
            if path and Path(path).is_file():
                check_template(run, stored, text_of(Path(path)))
    try:
        pack = library.pack(source["key"])
    except UnknownName:
        return
    came = [name for name in pack.variants if name not in {each.name for each in kept}]
    if came:
        listed = ", ".join(f"`{name}`" for name in came)
        raise changed_spec(run, f"its pack has new variants: {listed}", {"variants": came})


def _kept(pack: VariantPack, name: str) -> _Text:
    variant = pack.variants[name]
    path = resolve(pack, variant, pack.kinds[0]).path
    origin = Origin.BUILTIN if variant.is_builtin else Origin.PROJECT
    about = variant.folder / VARIANT_FILE
    return _Text(name, text_of(about), text_of(path), origin.value, str(about), str(path))


def _template(kept: _Text) -> Template:
    return parse_template(kept.template, key=kept.name, origin=Origin(kept.origin))


def _offered(templates: Sequence[Template]) -> Schema:
    """Every input of any variant, none of them required: what is missing leaves variants out."""
    found = {each.name: replace(each, required=False) for template in templates for each in template.inputs}
    return Schema(tuple(found.values()))


def _prompter(
    head: PackHead,
    kept: Sequence[_Text],
    templates: Mapping[str, Template],
    *,
    sources: Mapping[str, str],
    cache: CompileCache,
    model: str,
) -> VariantPrompter:
    entries, faults = [], []
    for each in kept:
        variant = parse_variant(each.metadata, pack=head, folder=Path(each.name))
        template = templates[each.name]
        own = {
            name: column for name, column in sources.items() if template.inputs.get(name.partition(".")[0])
        }
        try:
            entries.append(Entry(variant, TemplatePrompter(template, sources=own, cache=cache)))
        except (MissingInput, MissingColumn) as fault:
            faults.append(fault)
    if not entries and faults:
        raise _nothing_fits(head, faults)
    pack = VariantPack(
        name=head.name,
        description=head.description,
        output=head.output,
        kinds=head.kinds,
        base=head.base,
        variants={each.variant.name: each.variant for each in entries},
        folders=(),
    )
    selector = Selector(pack, weights=own_weights(WEIGHTS), exists=lambda *_: True)
    return VariantPrompter(pack, entries, selector=selector, sources=sources, model=model)


def _nothing_fits(head: PackHead, faults: Sequence[Mistake]) -> Mistake:
    return MissingColumn(
        f"No variant of `{head.name}` can be used with these columns: {faults[0].message}",
        hint="map columns with `--map input=column`.",
        columns=faults[0].facts.get("inputs", []),
    )
