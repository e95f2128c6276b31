"""VariantLibrary: packs of variants in weft's own folder and in yours, and the file behind each choice.

Knows that `packs/<pack>/<variant>/variant.toml` makes a variant exist, that your `variants/` adds
variants and packs and never replaces weft's own, and which template serves which kind:

    <kind>.py.j2 of the variant  →  template.py.j2 of the variant  →  the same of what it `extends`

Refuses to judge which variant fits, and every path that leaves its folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weft.errors import BadVariant, UnknownName
from weft.schema import Schema
from weft.templates.flaws import Flaw
from weft.variants.metadata import (
    NAME,
    PACK_FILE,
    VARIANT_FILE,
    PackHead,
    bad_variant,
    parse_pack,
    parse_variant,
)
from weft.variants.variant import Variant, VariantPack

SUFFIXES: Mapping[str, str] = {"python": ".py.j2", "prompt": ".md"}
"""Ending of a template by what its pack makes."""

MAX_BYTES = 200_000  # of a TOML file; the longest of weft's own has 8,000


def builtin_packs() -> Path:
    """The folder of the packs that come with weft."""
    return Path(__file__).parent / "packs"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The file that makes one kind of one variant.

    Attributes:
        path: the template.
        variant: whose file it is: the variant itself, or one that it extends.
        steps: how many `extends` were followed; 0 = its own file.
    """

    path: Path
    variant: Variant
    steps: int


class VariantLibrary:
    """Packs of weft and of some folders; what the folders add joins weft's own and replaces nothing."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        """Look into weft's own folder and then into these; folders that are not there are empty.

        Args:
            folders: such as the project's `variants/`.
        """
        self.folders = (builtin_packs(), *folders)

    def packs(self) -> list[str]:
        """Every pack's name, sorted."""
        return sorted({each.name for folder in self.folders for each in _folders(folder)})

    def pack(self, name: str) -> VariantPack:
        """Read a pack with all its variants; files that changed count at once.

        Raises:
            UnknownName: there is no such pack.
            BadVariant: a file is wrong, or a variant has the name of another one.
        """
        places = [each for folder in self.folders for each in _folders(folder) if each.name == name]
        if not places:
            raise UnknownName.among("pack of variants", name, self.packs())
        head = self._head(name, places)
        variants: dict[str, Variant] = {}
        for place in places:
            for folder in _folders(place):
                if (folder / VARIANT_FILE).is_file():
                    variant = self._variant(folder, head, is_builtin=place.parent == self.folders[0])
                    _refuse_shadows(variant, variants)
                    variants[variant.name] = variant
        _check_extends(variants)
        variants = {name: _completed(variants, each) for name, each in variants.items()}
        return VariantPack(
            name=head.name,
            description=head.description,
            output=head.output,
            kinds=head.kinds,
            base=head.base,
            variants=variants,
            folders=tuple(places),
        )

    def variant(self, pack: str, name: str) -> Variant:
        """One variant of a pack.

        Raises:
            UnknownName: there is no such pack or variant; with the nearest names.
            BadVariant: a file is wrong.
        """
        variants = self.pack(pack).variants
        if name not in variants:
            raise UnknownName.among("variant", name, list(variants))
        return variants[name]

    def _head(self, name: str, places: Sequence[Path]) -> PackHead:
        files = [place / PACK_FILE for place in places if (place / PACK_FILE).is_file()]
        if not files:
            raise BadVariant(
                f"The pack `{places[0]}` has no `{PACK_FILE}`.",
                hint="a pack of your own needs one; to add to a pack of weft, name the folder like that pack.",
                path=str(places[0]),
            )
        if len(files) > 1:
            message = f"The pack `{name}` is described in `{files[0]}` already."
            raise bad_variant(str(files[1]), [Flaw("", 1, message, "shadows")])
        head = parse_pack(text_of(files[0]), path=str(files[0]))
        if head.name != name:
            message = f"must be `{name}`, as its folder is called, not `{head.name}`."
            raise bad_variant(str(files[0]), [Flaw("name", 1, message)])
        return head

    def _variant(self, folder: Path, head: PackHead, *, is_builtin: bool) -> Variant:
        return parse_variant(text_of(folder / VARIANT_FILE), pack=head, folder=folder, is_builtin=is_builtin)


def resolve(pack: VariantPack, variant: Variant, kind: str) -> Resolved:
    """Find the template that makes one kind of a variant.

    The variant's own `<kind>` file wins over its `template` file; where it has neither, the
    variant that it `extends` is asked, and so on.

    Raises:
        UnknownName: the variant does not make this kind.
        BadVariant: there is no file.
    """
    if kind not in variant.kinds:
        raise UnknownName.among(f"kind of `{variant.name}`", kind, list(variant.kinds))
    suffix = SUFFIXES[pack.output]
    chain = _chain(pack.variants, variant)
    for steps, each in enumerate(chain):
        for stem in (kind, "template"):
            path = each.folder / f"{stem}{suffix}"
            if path.is_file() and path.resolve().is_relative_to(each.folder.resolve()):
                return Resolved(path, each, steps)
    asked = " and ".join(f"`{each.folder}`" for each in chain)
    raise BadVariant(
        f"The variant `{variant.name}` has no template for `{kind}`: neither `{kind}{suffix}` nor "
        f"`template{suffix}` lies in {asked}.",
        hint=f"write `template{suffix}`, or let `variant.toml` say which variant it `extends`.",
        path=str(variant.folder),
        kind=kind,
    )


def has_template(pack: VariantPack, variant: Variant, kind: str) -> bool:
    """Whether `resolve` finds a file."""
    try:
        resolve(pack, variant, kind)
    except (BadVariant, UnknownName):
        return False
    return True


def _chain(variants: Mapping[str, Variant], variant: Variant) -> list[Variant]:
    """A variant and what it extends, nearest first."""
    chain = [variant]
    while chain[-1].extends and variants[chain[-1].extends] not in chain:
        chain.append(variants[chain[-1].extends])
    return chain


def _completed(variants: Mapping[str, Variant], variant: Variant) -> Variant:
    """A variant with what it takes over: lists are joined, settings and switches fill the gaps."""
    for base in _chain(variants, variant)[1:]:
        said = {each.name for each in variant.switches}
        counts = variant.at_least or variant.at_most is not None
        variant = replace(
            variant,
            at_least=variant.at_least if counts else base.at_least,
            at_most=variant.at_most if counts else base.at_most,
            serves=_joined(variant.serves, base.serves),
            domain=variant.domain or base.domain,
            features=_joined(variant.features, base.features),
            needs=_joined(variant.needs, base.needs),
            mixins=_joined(variant.mixins, base.mixins),
            patterns=_joined(variant.patterns, base.patterns),
            prerequisites=_joined(variant.prerequisites, base.prerequisites),
            performance={**base.performance, **variant.performance},
            settings=Schema(
                (*variant.settings, *(f for f in base.settings if f.name not in variant.settings.names))
            ),
            switches=(*variant.switches, *(each for each in base.switches if each.name not in said)),
            operations_take={**base.operations_take, **variant.operations_take},
        )
    return variant


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _check_extends(variants: Mapping[str, Variant]) -> None:
    for variant in variants.values():
        path = str(variant.folder / VARIANT_FILE)
        if variant.extends and variant.extends not in variants:
            nearest = UnknownName.among("variant", variant.extends, list(variants))
            message = f"names no variant of the pack: `{variant.extends}`; {nearest.hint}"
            raise bad_variant(path, [Flaw("extends", 0, message)])
        chain = _chain(variants, variant)
        if chain[-1].extends:
            names = " → ".join(f"`{each.name}`" for each in (*chain, variants[chain[-1].extends]))
            raise bad_variant(path, [Flaw("extends", 0, f"goes round in a circle: {names}.")])


def _refuse_shadows(variant: Variant, known: Mapping[str, Variant]) -> None:
    if variant.name in known:
        other = known[variant.name]
        whose = "weft's own" if other.is_builtin else "another"
        message = (
            f"is the name of {whose} variant in `{other.folder}`; give yours another name, "
            f'and `extends = "{variant.name}"` where its templates should serve.'
        )
        raise bad_variant(str(variant.folder / VARIANT_FILE), [Flaw("name", 1, message, "shadows")])


def _folders(folder: Path) -> list[Path]:
    """Folders below one that may be packs or variants; hidden, shared and odd names are none."""
    if not folder.is_dir():
        return []
    return [each for each in sorted(folder.iterdir()) if NAME.fullmatch(each.name) and each.is_dir()]


def text_of(path: Path) -> str:
    """Read a file of a pack.

    Raises:
        BadVariant: it cannot be read, is no text or is too large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise bad_variant(str(path), [Flaw("", 0, f"is larger than {MAX_BYTES:,} bytes.", "unreadable")])
        return raw.decode("utf-8")
    except OSError as exc:
        raise BadVariant(
            f"`{path}` cannot be read: {exc.strerror or exc}.", hint="check its permissions.", path=str(path)
        ) from exc
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise bad_variant(str(path), [Flaw("", line, "is not UTF-8 text.", "unreadable")]) from exc
