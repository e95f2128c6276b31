"""TemplateLibrary: find templates by key, version, alias or path, in weft's own folder and in yours.

Knows that a later folder wins over an earlier one, that the highest version is the latest, and that
a committed version whose file has changed is not used. A file that changed on disk is read anew by
the next look-up, and so is everything that is composed of it. Refuses to know what is in a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.errors import BadTemplate, Mistake, UnknownName
from weft.kit.caches import TtlLruCache
from weft.kit.clocks import SystemClock
from weft.templates import records
from weft.templates.flaws import Flaw, bad_template
from weft.templates.folders import SUFFIX, Folder, builtin_folder, read_text
from weft.templates.front_matter import split_text
from weft.templates.pieces import Origin, Piece
from weft.templates.records import Record, Records, committed_digest
from weft.templates.template import Template, parse_template
from weft.templates.versions import KEY, LATEST, is_alias, is_version, version_rank

_KEPT = 256  # parsed files of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One version's file as it lies in its folder; nothing says yet that it is sound.

    Attributes:
        version: as its name or its front matter says; empty where neither does.
        record: what else is known about it.
    """

    folder: Folder
    key: str
    version: str
    path: Path
    text: str
    record: Record

    @property
    def title(self) -> str:
        """Key and version as one word: `review@1.0.0`."""
        return f"{self.key}@{self.version}"

    @property
    def origin(self) -> Origin:
        """Where the file comes from; an import that nobody trusts yet stays one."""
        return Origin.IMPORTED if self.record.is_foreign else self.folder.origin

    @property
    def is_changed(self) -> bool:
        """Whether it was committed and is not what was committed."""
        return bool(self.record.digest) and committed_digest(self.text) != self.record.digest

    def check_unchanged(self) -> None:
        """Refuse a committed version whose file has changed.

        Raises:
            BadTemplate: then; the hint says how to go on.
        """
        if self.is_changed:
            raise BadTemplate(
                f"Version {self.version} of `{self.key}` was committed on {self.record.committed[:10]}, "
                f"and its file `{self.path}` has changed since.",
                hint="undo the change, or keep it as a version of its own: "
                f"`weft templates clone {self.title}`.",
                name=self.title,
                path=str(self.path),
                digest=self.record.digest,
            )


class TemplateLibrary:
    """The templates of some folders; later folders win over earlier ones, whole keys at a time."""

    def __init__(self, folders: Sequence[Path | Folder] = (), *, home: Path | None = None) -> None:
        """Look into weft's own folder and then into these; folders that are not there are empty.

        Args:
            folders: such as the project's `templates/`; the last wins.
            home: the project's folder; a file below it that is given by its path is the project's own.
        """
        given = [each if isinstance(each, Folder) else Folder(each) for each in folders]
        self.folders = (Folder(builtin_folder(), Origin.BUILTIN), *given)
        self._home = home
        self._read: TtlLruCache[tuple[str, ...], Template] = TtlLruCache(
            _KEPT, ttl_s=None, clock=SystemClock()
        )
        self._records: TtlLruCache[tuple[str, str], Records] = TtlLruCache(
            _KEPT, ttl_s=None, clock=SystemClock()
        )
        self._fronts: TtlLruCache[tuple[str, str], Piece] = TtlLruCache(
            _KEPT, ttl_s=None, clock=SystemClock()
        )

    def keys(self) -> list[str]:
        """Every key, sorted."""
        return sorted({key for folder in self.folders for key, _ in folder.files()})

    def get(self, key: str) -> Template:
        """Read the latest version of a template, or with `key@1.0.0` or `key@alias` just this one.

        Raises:
            UnknownName: there is none, or the key is not one: wildcards, slashes and dots are refused.
            BadTemplate: its file is wrong, every problem is listed; or it was committed and has changed.
        """
        return self.template(self.find(key))

    def load(self, key_or_path: str | Path) -> Template:
        """Read a template by its key, or the file at a path that ends in `.md`.

        Raises:
            UnknownName: there is no such key or file.
            BadTemplate: the file is wrong; every problem is listed.
        """
        text = str(key_or_path)
        if not isinstance(key_or_path, Path) and not text.endswith(SUFFIX):
            return self.get(text)
        path = Path(key_or_path)
        if not path.is_file():
            raise UnknownName(
                f"There is no template file `{text}`.",
                hint="a template is a key from `weft templates list`, or a path to a `.md` file.",
                name=text,
                nearest=[],
                known=self.keys(),
            )
        return self.template(self._at(path))

    def versions(self, key: str) -> list[Template]:
        """Every version of a key in the folder that wins, the latest first.

        Raises:
            BadTemplate: one of the files is wrong.
        """
        return [self.template(found) for found in self.found(key)]

    def found(self, key: str) -> list[Found]:
        """Every version of a key in the folder that wins, the latest first, as the files lie there."""
        for folder in reversed(self.folders):
            files = self.in_folder(folder, key)
            if files:
                return sorted(files, key=_rank, reverse=True)
        return []

    def in_folder(self, folder: Folder, key: str) -> list[Found]:
        """Every version of a key in one folder, in the order of file names, as the files lie there."""
        paths = [path for _, path in folder.files(key)] if key else []
        known = self.records(folder) if paths else Records()
        return [self._file(folder, key, path=path, known=known) for path in paths]

    def find(self, ref: str) -> Found:
        """The file that `key`, `key@1.0.0` or `key@alias` means; nothing says yet that it is sound.

        Raises:
            UnknownName: there is none, or the text is no such name.
            BadTemplate: two files say that they are this version.
        """
        key, mark, wanted = ref.partition("@")
        if not KEY.fullmatch(key) or (mark and not is_version(wanted) and not is_alias(wanted)):
            raise UnknownName(
                f"`{ref}` is not the key of a template.",
                hint="a key has lower-case letters, digits, `_` and `-`; `weft templates list` shows all.",
                name=ref,
                nearest=[],
                known=self.keys(),
            )
        found = self.found(key)
        if not found:
            raise self._unknown(key)
        if not mark or wanted == LATEST:
            return _only(found)
        version = wanted if is_version(wanted) else self._aliased(key, wanted)
        every = [each for folder in reversed(self.folders) for each in self.in_folder(folder, key)]
        exact = [each for each in every if _rank(each) == (True, version_rank(version))]
        if not exact:
            raise self._no_version(key, version, known=[each.version for each in found], ref=ref)
        return _only(exact)

    def piece(self, ref: str) -> Piece:
        """A template as a part of another, by how it is named there.

        Raises:
            UnknownName, BadTemplate: as for `get`; that it is sound by itself is not asked.
        """
        found = self.find(ref)
        found.check_unchanged()
        front = self._front(found.path, found.text)
        return Piece(
            ref=ref,
            key=found.key,
            version=found.version,
            text=found.text,
            body=front.body,
            body_line=front.body_line,
            context=front.context,
            origin=found.origin,
            path=str(found.path),
        )

    def records(self, folder: Folder) -> Records:
        """What is known about the templates of one folder beyond their files.

        Raises:
            BadTemplate: the folder's `library.toml` is wrong.
        """
        path = folder.path / records.NAME
        if not path.is_file():
            return Records()
        text = read_text(path)
        mark = (str(path), hashlib.sha256(text.encode()).hexdigest())
        return self._records.get_or_make(mark, lambda: records.read(text, path=str(path)))

    def aliases(self, key: str) -> dict[str, str]:
        """Alias → version of a key; where two folders give the same alias, the later one's."""
        merged: dict[str, str] = {}
        for folder in self.folders:
            merged |= self.records(folder).aliases_of(key)
        return merged

    def record(self, template: Template) -> Record:
        """What is known about a template beyond its file; nothing for a prompt without one."""
        return self._at(Path(template.path)).record if template.path else Record()

    def template(self, found: Found) -> Template:
        """Parse a file once for each of its contents, and for each of those of its pieces.

        Raises:
            BadTemplate: it is wrong, every problem is listed; or it was committed and has changed.
        """
        found.check_unchanged()
        digest = hashlib.sha256(found.text.encode()).hexdigest()
        mark = (str(found.path), found.key, digest, found.origin)
        kept = self._read.get(mark)
        if kept is not None and self._is_current(kept):
            return kept
        template = parse_template(
            found.text, key=found.key, path=str(found.path), origin=found.origin, lookup=self.piece
        )
        promised = found.path.name.removesuffix(SUFFIX).partition("@")[2]
        if promised and is_version(promised) and version_rank(promised) != version_rank(template.version):
            message = f"The file's name says version {promised}, its front matter {template.version}."
            raise bad_template(str(found.path), [Flaw("version", 0, message, "bad_version")])
        self._read.put(mark, template)
        return template

    def _is_current(self, template: Template) -> bool:
        """Whether everything that a template is composed of is as it was."""
        try:
            return all(self.piece(piece.ref) == piece for piece in template.pieces)
        except Mistake:
            return False

    # ── files ────────────────────────────────────────────────────────────────────────────────────

    def _file(self, folder: Folder, key: str, *, path: Path, known: Records) -> Found:
        text = read_text(path)
        promised = path.name.removesuffix(SUFFIX).partition("@")[2]
        version = promised if is_version(promised) else self._front(path, text).version
        record = known.get(f"{key}@{version}")
        return Found(folder=folder, key=key, version=version, path=path, text=text, record=record)

    def _at(self, path: Path) -> Found:
        """A file by its path, with all that is known where it lies in one of the folders."""
        stem = path.name.removesuffix(SUFFIX).partition("@")[0]
        for folder in reversed(self.folders):
            if KEY.fullmatch(stem) and folder.holds(path):
                return self._file(folder, stem, path=path, known=self.records(folder))
        key = re.sub(r"[^a-z0-9_-]", "_", stem.lower())[:64] or "template"
        own = self._home is not None and self._home.resolve() in path.resolve().parents
        folder = Folder(path.parent, Origin.PROJECT if own else Origin.ELSEWHERE)
        return self._file(folder, key, path=path, known=Records())

    def _front(self, path: Path, text: str) -> Piece:
        """Version, body and context of a file, read once for each of its contents."""
        mark = (str(path), hashlib.sha256(text.encode()).hexdigest())
        return self._fronts.get_or_make(mark, lambda: read_front(text))

    def _aliased(self, key: str, alias: str) -> str:
        known = self.aliases(key)
        if alias in known:
            return known[alias]
        raise UnknownName(
            f"Template `{key}` has no alias `{alias}`.",
            hint=f"it has {', '.join(f'`{each}`' for each in known)}."
            if known
            else f"`weft templates alias {key} {alias}` makes one.",
            name=f"{key}@{alias}",
            nearest=[],
            known=sorted(known),
        )

    def _no_version(self, key: str, version: str, *, known: list[str], ref: str) -> UnknownName:
        message, hint = f"Template `{key}` has no version {version}.", f"there is {', '.join(known)}."
        kept = [self.records(folder).get(f"{key}@{version}") for folder in self.folders]
        committed = [record.committed for record in kept if record.digest]
        if committed:
            message = f"Version {version} of `{key}` was committed on {committed[-1][:10]}, and no file says that it is this version."
            hint = f"bring its file back as it was; {hint}"
        return UnknownName(message, hint=hint, name=ref, nearest=[], known=known)

    def _unknown(self, key: str) -> UnknownName:
        unknown = UnknownName.among("template", key, self.keys())
        if unknown.facts["nearest"]:  # the nearest first, then all: a guess may be wrong
            unknown.hint += f" Known: {', '.join(self.keys())}."
        return unknown


def _rank(found: Found) -> tuple[bool, object]:
    """The place of a file among the versions of its key; one without a version is the last."""
    return (True, version_rank(found.version)) if is_version(found.version) else (False, ())


def _only(found: Sequence[Found]) -> Found:
    """The first of some files, if no other says that it is the same version.

    Raises:
        BadTemplate: if one does.
    """
    first = found[0]
    alike = [each for each in found if each.folder == first.folder and _rank(each) == _rank(first)]
    if len(alike) > 1 and first.version:
        paths = " and ".join(f"`{each.path.name}`" for each in alike)
        message = f"{paths} both say that they are version {first.version}; keep one of them."
        raise bad_template(first.title, [Flaw("version", 0, message, "bad_version")])
    return first


def read_front(text: str) -> Piece:
    """What a file says before it is parsed: its body, version and context; key and origin are open."""
    taken = split_text(text)
    written = taken.written.get("version", taken.front.get("version"))
    version = written if isinstance(written, str) and is_version(written) else ""
    context = taken.front.get("context")
    return Piece(
        ref="",
        key="",
        version=version,
        text="",
        body=taken.body,
        body_line=taken.body_line,
        context=context if isinstance(context, str) else "",
    )
