"""Bundles at the desk: export templates with all that they are composed of, import them again.

Knows that nothing is written before all of a bundle is found sound, that nothing is overwritten,
and that what came in a bundle is foreign until its owner trusts it. Refuses to know how a bundle
looks inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from weft.app.shelving import Shelf
from weft.errors import BadTemplate, Mistake, UnknownName, UnwritableFile
from weft.tables.formats._files import replacing
from weft.templates.bundles import MAX_BUNDLE, Bundle, Packed, pack, unpack
from weft.templates.folders import Folder
from weft.templates.library import Found, TemplateLibrary, read_front
from weft.templates.pieces import Origin, Piece
from weft.templates.records import Record, Records, committed_digest
from weft.templates.template import Template, parse_template
from weft.templates.versions import LATEST, is_version, version_rank

MOST_BYTES = MAX_BUNDLE  # of one bundle
SENT = "the bundle"  # what one without a path is called in messages
_AGAIN = "ask for the bundle again; nothing of it was written."


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A bundle that was written.

    Attributes:
        path: empty where it was written to a stream.
        templates: titles of all that it holds, parts included.
        digest: SHA-256 of the file, hexadecimal.
        bytes: size of the file.
    """

    path: str
    templates: tuple[str, ...]
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A bundle that was read in.

    Attributes:
        templates: titles of what was written, or would be.
        known: titles of what was there already, letter for letter.
        digest: SHA-256 of the bundle, hexadecimal.
        folder: where the templates are kept.
        notes: what deserves attention.
    """

    templates: tuple[str, ...]
    known: tuple[str, ...]
    digest: str
    folder: str
    notes: tuple[str, ...] = ()


def placed(path: str | Path | IO[bytes]) -> Path | IO[bytes]:
    """A path as it is meant, or the stream itself."""
    return Path(path).expanduser() if isinstance(path, str | Path) else path


def export_bundle(library: TemplateLibrary, refs: Sequence[str], *, to: Path | IO[bytes]) -> Exported:
    """Write templates and everything that they are composed of to one file; see the desk."""
    if not refs:
        raise Mistake("Nothing is named that could be exported.", hint="name at least one template.")
    packed: dict[str, Packed] = {}
    asked, aliases = [], {}
    for ref in refs:
        found = library.find(ref)
        asked.append(found.title)
        packed[found.title] = _packed(found)
        for piece in library.template(found).pieces:
            part = library.find(piece.ref)
            if part.origin is not Origin.BUILTIN:  # weft's own are everywhere
                packed[part.title] = _packed(part)
            wanted = piece.ref.partition("@")[2]
            if wanted and wanted != LATEST and not is_version(wanted):
                aliases[piece.ref] = part.version
    raw = pack(Bundle(templates=tuple(packed.values()), asked=tuple(asked), aliases=aliases))
    path = str(to) if isinstance(to, Path) else ""
    digest = unpack(raw, name=path or SENT).digest  # what could not be read in again is never written
    if isinstance(to, Path):
        with replacing(to) as stream:
            stream.write(raw)
    else:
        to.write(raw)
    return Exported(path=path, templates=tuple(sorted(packed)), digest=digest, bytes=len(raw))


def _packed(found: Found) -> Packed:
    found.check_unchanged()
    return Packed(key=found.key, version=found.version, text=found.text, record=found.record)


def import_bundle(
    library: TemplateLibrary,
    shelf: Shelf,
    *,
    source: Path | IO[bytes],
    to: Folder,
    upgrade: bool,
    dry_run: bool,
) -> Imported:
    """Read a bundle into a folder of one's own; see the desk."""
    to.check_own()
    name = str(source) if isinstance(source, Path) else SENT
    bundle = unpack(_read(source, name), name=name)
    for each in bundle.templates:
        _check_sound(each, bundle, library, name)
    new = [each for each in bundle.templates if not _is_known(each, library, to)]
    notes = [note for each in new for note in _check_meaning(each, library, to, upgrade=upgrade)]
    for alias, version in bundle.aliases.items():
        _check_alias(alias, version, library, to, upgrade=upgrade)
    if not dry_run:
        _write(bundle, new, shelf=shelf, to=to)
    titles = {each.title for each in new}
    return Imported(
        templates=tuple(sorted(titles)),
        known=tuple(sorted({each.title for each in bundle.templates} - titles)),
        digest=bundle.digest,
        folder=str(to.path),
        notes=tuple(dict.fromkeys(notes)),
    )


def _read(source: Path | IO[bytes], name: str) -> bytes:
    try:
        with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
            raw = file.read(MAX_BUNDLE + 1)
    except OSError as exc:
        raise Mistake(
            f"Bundle `{name}` cannot be read: {exc.strerror or exc}.", hint="check its path and permissions."
        ) from exc
    if len(raw) > MAX_BUNDLE:
        raise BadTemplate(f"Bundle `{name}` is larger than {MAX_BUNDLE // 1_000_000} MB.")
    return raw


def _check_sound(each: Packed, bundle: Bundle, library: TemplateLibrary, path: str) -> Template:
    """Refuse a bundle of which one template is wrong, or lacks something that it is composed of."""

    def lookup(ref: str) -> Piece:
        found = _in_bundle(ref, bundle)
        if found is None:
            piece = library.piece(ref)
            if piece.origin is Origin.BUILTIN:
                return piece
            raise UnknownName(f"the bundle lacks `{ref}`.")
        return _piece(ref, found)

    try:
        template = parse_template(
            each.text, key=each.key, path=f"{path}: {each.name}", origin=Origin.IMPORTED, lookup=lookup
        )
    except BadTemplate as error:
        error.hint = _AGAIN
        raise
    if template.version != each.version:
        raise BadTemplate(
            f"`{each.name}` in `{path}` says that it is version {template.version}.",
            hint=_AGAIN,
        )
    return template


def _in_bundle(ref: str, bundle: Bundle) -> Packed | None:
    """The template of a bundle that a reference means, by the same rules as in a library."""
    key, _, wanted = ref.partition("@")
    version = bundle.aliases.get(ref, wanted if is_version(wanted) else "")
    alike = [each for each in bundle.templates if each.key == key]
    if version:
        alike = [each for each in alike if version_rank(each.version) == version_rank(version)]
    elif wanted not in {"", LATEST}:
        return None
    return max(alike, key=lambda each: version_rank(each.version), default=None)


def _piece(ref: str, packed: Packed) -> Piece:
    front = read_front(packed.text)
    return replace(
        front, ref=ref, key=packed.key, version=packed.version, text=packed.text, origin=Origin.IMPORTED
    )


def _alike(each: Packed, here: Sequence[Found]) -> list[Found]:
    """The files that say that they are this version."""
    rank = version_rank(each.version)
    return [found for found in here if is_version(found.version) and version_rank(found.version) == rank]


def _is_known(each: Packed, library: TemplateLibrary, to: Folder) -> bool:
    """Whether this very template is in the folder already.

    Raises:
        UnwritableFile: if another one is, under its name, or was committed and its file is gone.
    """
    alike = _alike(each, library.in_folder(to, each.key))
    committed = library.records(to).get(each.title)
    if committed.digest and committed.digest != committed_digest(each.text):
        raise UnwritableFile(
            f"`{each.title}` was committed in `{to.path}` on {committed.committed[:10]} and differs from the "
            "one in the bundle.",
            hint="nothing was imported; import into another folder.",
        )
    for found in alike:
        if committed_digest(found.text) != committed_digest(each.text):
            raise UnwritableFile(
                f"`{each.title}` is in `{to.path}` already and differs from the one in the bundle.",
                hint="nothing was imported; give yours another version, or import into another folder.",
            )
    return bool(alike)


def _check_meaning(each: Packed, library: TemplateLibrary, to: Folder, *, upgrade: bool) -> list[str]:
    """Say, or refuse, that a key of one's own would mean a foreign version from now on."""
    found = library.found(each.key)
    if not found or not is_version(found[0].version):
        return []
    latest = found[0]
    if latest.folder.origin is Origin.BUILTIN:
        return [f"`{each.key}` now means the imported version and hides weft's own {latest.version}."]
    if _is_hidden(to, latest.folder, library):
        return [f"`{each.key}` still means {latest.version} in `{latest.folder.path}`."]
    is_later = version_rank(each.version) > version_rank(latest.version)
    is_taken = latest.folder != to or is_later  # a folder hides an earlier one's key as a whole
    taken = [latest] if is_taken else _elsewhere(each, library, to)
    own = [found for found in taken if not _is_imported(found.record)]
    if own and not upgrade:
        raise Mistake(
            f"`{each.key}` means your version {latest.version}, and would mean {each.version} of the bundle."
            if is_taken
            else f"`{each.title}` means `{own[0].path}`, and would mean the one of the bundle.",
            hint="`--upgrade` imports it all the same; nothing was imported.",
        )
    return [f"`{each.key}` now means {each.version} instead of {latest.version}."] if is_taken else []


def _is_hidden(folder: Folder, by: Folder, library: TemplateLibrary) -> bool:
    """Whether the other folder comes later, so that it wins."""
    return library.folders.index(folder) < library.folders.index(by)


def _elsewhere(each: Packed, library: TemplateLibrary, to: Folder) -> list[Found]:
    """Other texts of the same version in earlier folders of one's own."""
    earlier = [
        folder
        for folder in library.folders
        if folder.origin is not Origin.BUILTIN and _is_hidden(folder, to, library)
    ]
    alike = [found for folder in earlier for found in _alike(each, library.in_folder(folder, each.key))]
    return [found for found in alike if committed_digest(found.text) != committed_digest(each.text)]


def _is_imported(record: Record) -> bool:
    """Whether a version is what a bundle brought; a trusted clone of one is somebody's own work."""
    return bool(record.imported) and (record.is_foreign or not record.cloned_from)


def _check_alias(alias: str, version: str, library: TemplateLibrary, to: Folder, *, upgrade: bool) -> None:
    """Refuse that an alias of one's own, or for a key of one's own, would mean a foreign version."""
    key, _, name = alias.partition("@")
    here, meant = library.records(to).aliases.get(alias), library.aliases(key).get(name)
    if here is not None and here != version:
        raise Mistake(
            f"The alias `{alias}` means {here} here and {version} in the bundle.",
            hint="take yours away with `weft templates alias --remove`, then import again.",
        )
    own = [
        each
        for folder in library.folders
        if folder.origin is not Origin.BUILTIN
        for each in library.in_folder(folder, key)
        if not _is_imported(each.record)
    ]
    if own and here is None and not upgrade:
        raise Mistake(
            f"The bundle makes `{alias}` mean {version}, and `{key}` is a template of yours."
            if meant is None
            else f"The alias `{alias}` means your {meant}, and would mean {version} of the bundle.",
            hint="`--upgrade` imports it all the same; nothing was imported.",
        )


def _write(bundle: Bundle, new: Sequence[Packed], *, shelf: Shelf, to: Folder) -> None:
    """Write what is known first: a file without it would be taken for an own one."""
    before: list[Records] = []
    now = shelf.now()
    brought = Records({each.title: _record(each, now, bundle.digest) for each in new}, bundle.aliases)

    def changed(known: Records) -> Records:
        before.append(known)
        return known.with_bundle(brought)

    shelf.change(to, changed)
    written: list[Path] = []
    try:
        for each in new:
            path = to.place(each.key, each.version)
            to.write_new(path, each.text)
            written.append(path)
    except BaseException:
        for path in written:
            to.remove(path)
        shelf.change(to, lambda known: known.without_bundle(brought, before[-1]))
        raise


def _record(each: Packed, now: str, digest: str) -> Record:
    return replace(
        each.record,
        created=now,
        imported=now,
        bundle=digest,
        trusted="",
        committed=each.record.committed or now,
        digest=committed_digest(each.text),
    )
