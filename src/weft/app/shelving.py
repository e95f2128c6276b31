"""Changes to your own templates: clone, commit, alias, deprecate, trust.

Knows that weft's own templates are never changed, that a committed version is immutable and that
what is known is written before the file that it is about: after a power cut a foreign file is still
known as foreign. Refuses to ask a model and to read tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from weft.errors import Mistake, UnwritableFile
from weft.kit.clocks import Clock
from weft.templates import records
from weft.templates.cloning import version_of_clone, with_version
from weft.templates.folders import Folder
from weft.templates.library import Found, TemplateLibrary
from weft.templates.pieces import Origin
from weft.templates.records import Record, Records, committed_digest
from weft.templates.template import parse_template
from weft.templates.versions import KEY, LATEST, is_alias, is_version

ATTEMPTS = 5  # to change what is known while others change it too


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A version as it stands after a change.

    Attributes:
        path: its file.
        record: what is known about it beyond its file.
        aliases: names that mean it, such as `production`.
        notes: what deserves attention.
    """

    key: str
    version: str
    path: str
    record: Record
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Key and version as one word: `review@1.0.0`."""
        return f"{self.key}@{self.version}"


class Shelf:
    """The hand that writes into folders of templates."""

    def __init__(self, library: TemplateLibrary, *, clock: Clock, user: str = "") -> None:
        """Write into the folders of this library.

        Args:
            clock: tells when something was done.
            user: who does it where nobody is named.
        """
        self._library = library
        self._clock = clock
        self._user = user

    def now(self) -> str:
        """This moment, UTC, in ISO 8601 to the second."""
        moment = datetime.fromtimestamp(self._clock.wall(), tz=UTC)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

    def folder(self, origin: Origin) -> Folder:
        """The folder that new templates of a project or of a user go to.

        Raises:
            UnwritableFile: if there is none, or if it leads to weft's own.
        """
        found = next((each for each in self._library.folders if each.origin is origin), None)
        if found is None:
            raise UnwritableFile(
                "There is no folder for templates of yours.", hint="set `HOME`, or leave `--user` out."
            )
        found.check_own()
        return found

    def clone(self, ref: str, *, to: Folder, key: str = "", version: str = "") -> Shelved:
        """Copy a version into a folder of one's own; see `TemplatesDesk.clone`."""
        found = self._source(ref)
        key = key or found.key
        taken = [each.version for name in {found.key, key} for each in self._library.found(name)]
        taken += [each.version for each in self._library.in_folder(to, key)]
        known = self._library.records(to)
        taken += [each for each in known.versions_of(key) if known.get(f"{key}@{each}").digest]
        version = version or version_of_clone(found.version, taken)
        if not KEY.fullmatch(key) or not is_version(version):
            raise Mistake(
                f"`{key}@{version}` cannot be the name of a template.",
                hint="a key has lower-case letters, digits, `_` and `-`; a version looks like 1.1.0.",
            )
        text = with_version(found.text, version)
        path = to.place(key, version)
        record = Record(
            created=self.now(),
            author=self._user,
            tags=found.record.tags,
            cloned_from=found.title,
            cloned_digest=committed_digest(found.text),
            imported=found.record.imported,
            bundle=found.record.bundle,
            trusted=found.record.trusted,
        )
        self._check_free(to, key, version)
        self.change(to, lambda known: _with_new(known, f"{key}@{version}", record))
        to.write_new(path, text)
        return self._shelved(self._library.find(f"{key}@{version}"), notes=_hidden(found, key, to))

    def keep(self, text: str, *, to: Folder, key: str) -> Shelved:
        """Write a new template into a folder of one's own; overwrites nothing.

        Raises:
            Mistake: if key or version cannot be a template's.
            BadTemplate: if the text is no template.
            UnwritableFile: if that version is there already, or the folder cannot be written.
        """
        if not KEY.fullmatch(key):
            raise Mistake(
                f"`{key}` cannot be the key of a template.",
                hint="a key has lower-case letters, digits, `_` and `-`.",
            )
        version = parse_template(text, key=key).version
        self._check_free(to, key, version)
        record = Record(created=self.now(), author=self._user)
        self.change(to, lambda known: _with_new(known, f"{key}@{version}", record))
        to.write_new(to.place(key, version), text)
        return self._shelved(self._library.find(f"{key}@{version}"))

    def commit(self, ref: str, *, message: str, author: str = "", tags: Sequence[str] = ()) -> Shelved:
        """Make a version immutable; see `TemplatesDesk.commit`."""
        found = self._own(ref)
        found.check_unchanged()
        _check_uncommitted(found.title, found.record)
        template = self._library.template(found)
        if not message.strip():
            raise Mistake("A commit says why: its message is empty.", hint='write --message "…".')
        words, now = _tags(tags), self.now()

        def committed(known: Records) -> Records:
            record = known.get(found.title)
            _check_uncommitted(found.title, record)  # nobody else has done it meanwhile
            record = replace(
                record,
                committed=now,
                digest=committed_digest(found.text),
                author=author or self._user,
                message=message.strip(),
                tags=words or record.tags,
            )
            return known.with_record(found.title, _fit(record))

        self.change(found.folder, committed)
        floating = [piece.ref for piece in template.pieces if not is_version(piece.ref.partition("@")[2])]
        listed = ", ".join(f"`{ref}`" for ref in floating)
        note = f"What it is composed of may still change: {listed}. Name versions to rule that out."
        return self._shelved(self._library.find(found.title), notes=(note,) if floating else ())

    def alias(self, key: str, alias: str, *, version: str = "", remove: bool = False) -> Shelved:
        """Let a name mean a committed version, or nothing any more; see `TemplatesDesk.alias`."""
        if not is_alias(alias) or alias == LATEST:
            raise Mistake(
                f"`{alias}` cannot be an alias.",
                hint=f"an alias is a word in lower-case letters such as `production`; `{LATEST}` is taken.",
            )
        if remove:
            found = self._own(f"{key}@{alias}")
            self.change(found.folder, lambda known: known.with_alias(f"{key}@{alias}", ""))
            return self._shelved(found)
        found = self._own(f"{key}@{version}" if version else key)
        found.check_unchanged()
        if not found.record.digest:
            raise Mistake(
                f"`{found.title}` is not committed, so it may still change.",
                hint=f'`weft templates commit {found.title} --message "…"` makes it immutable.',
            )
        self.change(found.folder, lambda known: known.with_alias(f"{key}@{alias}", found.version))
        return self._shelved(found)

    def deprecate(self, ref: str, *, reason: str, replacement: str = "") -> tuple[Shelved, ...]:
        """Say that versions should not be used any more; see `TemplatesDesk.deprecate`."""
        if not reason.strip():
            raise Mistake("A deprecation says why: its reason is empty.", hint='write --reason "…".')
        if replacement:
            self._library.find(replacement)
        now, why = self.now(), reason.strip()
        return self._each(
            ref,
            lambda record: replace(record, deprecated=now, reason=why, replacement=replacement),
        )

    def undeprecate(self, ref: str) -> tuple[Shelved, ...]:
        """Take a deprecation back."""
        return self._each(ref, lambda record: replace(record, deprecated="", reason="", replacement=""))

    def trust(self, ref: str) -> tuple[Shelved, ...]:
        """Say that an imported template is as good as an own one; see `TemplatesDesk.trust`."""
        foreign = [found for found in self._meant(ref) if found.record.is_foreign]
        if not foreign:
            raise Mistake(f"`{ref}` was not imported, or is trusted already.")
        now = self.now()
        done = self._each(ref, lambda record: replace(record, trusted=now), only=foreign)
        return tuple(replace(each, notes=self._still_foreign(each.title)) for each in done)

    def change(self, folder: Folder, how: Callable[[Records], Records]) -> None:
        """Read what is known of a folder, change it and write it whole.

        Whoever changes it meanwhile through weft waits; an editor does not, so it is looked at again.

        Raises:
            UnwritableFile: if the folder is weft's own, or cannot be written.
        """
        with folder.locked():
            for _ in range(ATTEMPTS):
                before = self._library.records(folder)
                text = records.written(how(before))
                records.read(text, path=records.NAME)  # what could not be read again is never written
                if self._library.records(folder) == before:  # nobody else has written meanwhile
                    folder.replace(folder.path / records.NAME, text)
                    return
        raise UnwritableFile(
            f"`{folder.path / records.NAME}` is being changed by somebody else.", hint="try again."
        )

    def _check_free(self, to: Folder, key: str, version: str) -> None:
        taken = any(each.version == version for each in self._library.in_folder(to, key))
        if taken or to.place(key, version).exists():
            raise UnwritableFile(
                f"`{key}@{version}` is in `{to.path}` already and is not overwritten.",
                hint="choose another version with `--version`.",
            )

    # ── what is meant ────────────────────────────────────────────────────────────────────────────

    def _source(self, ref: str) -> Found:
        """What may be cloned: any version, also one that has changed since its commit."""
        found = self._library.find(ref)
        if not found.is_changed:
            self._library.template(found)  # what is wrong is mended before it is copied
        return found

    def _still_foreign(self, ref: str) -> tuple[str, ...]:
        """Say what a trusted template is composed of that is not trusted yet."""
        try:
            pieces = self._library.get(ref).pieces
        except Mistake:
            return ()  # it cannot be used; whoever tries is told why
        foreign = dict.fromkeys(piece.title for piece in pieces if piece.origin is Origin.IMPORTED)
        listed = ", ".join(f"`{title}`" for title in foreign)
        told = f"`{ref}` is composed of {listed}, not trusted yet; until then it is rendered under limits."
        return (told,) if foreign else ()

    def _own(self, ref: str) -> Found:
        found = self._library.find(ref)
        found.folder.check_own()
        return found

    def _meant(self, ref: str) -> list[Found]:
        """One version, or with a bare key every version of it."""
        found = self._own(ref)
        return [found] if "@" in ref else self._library.found(found.key)

    def _each(
        self, ref: str, how: Callable[[Record], Record], *, only: Sequence[Found] | None = None
    ) -> tuple[Shelved, ...]:
        meant = list(only if only is not None else self._meant(ref))

        def changed(before: Records) -> Records:
            known = {found.title: _fit(how(before.get(found.title))) for found in meant}
            return Records({**before.versions, **known}, before.aliases)

        self.change(meant[0].folder, changed)
        return tuple(self._shelved(self._library.find(found.title)) for found in meant)

    def _shelved(self, found: Found, *, notes: tuple[str, ...] = ()) -> Shelved:
        names = self._library.aliases(found.key)
        return Shelved(
            key=found.key,
            version=found.version,
            path=str(found.path),
            record=found.record,
            aliases=tuple(name for name, version in names.items() if version == found.version),
            notes=notes,
        )


def _check_uncommitted(title: str, record: Record) -> None:
    """Refuse to commit a version again.

    Raises:
        Mistake: if it was committed; its file is as it was then.
    """
    if record.digest:
        raise Mistake(
            f"`{title}` was committed on {record.committed[:10]} and is as it was.",
            hint=f"`weft templates clone {title}` begins the next version.",
        )


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags as they are kept: words in lower case, each once.

    Raises:
        Mistake: if one is no word.
    """
    kept = tuple(dict.fromkeys(tag.strip().lower() for tag in tags))
    for tag in kept:
        if not is_alias(tag):
            raise Mistake(f"`{tag}` cannot be a tag.", hint="a tag is a word such as `support`.")
    if len(kept) > records.MAX_TAGS:
        raise Mistake(f"{len(kept)} tags are too many; {records.MAX_TAGS} are allowed.")
    return kept


def _with_new(known: Records, title: str, record: Record) -> Records:
    """What is known, with a version that is new here.

    Raises:
        UnwritableFile: if it was committed, though its file is gone: its aliases still mean it.
    """
    committed = known.get(title)
    if committed.digest:
        raise UnwritableFile(
            f"`{title}` was committed on {committed.committed[:10]}; another text cannot take its name.",
            hint="bring its file back, or choose another version with `--version`.",
        )
    return known.with_record(title, record)


def _fit(record: Record) -> Record:
    """A record whose texts are short enough to be kept.

    Raises:
        Mistake: if one is not.
    """
    for name, value in record.plain().items():
        if isinstance(value, str) and len(value) > records.MAX_TEXT:
            raise Mistake(f"The {name} has {len(value):,} characters; {records.MAX_TEXT:,} are allowed.")
        if isinstance(value, str) and not records.is_text(value):
            raise Mistake(f"The {name} has characters that are no text.", hint="write it in UTF-8.")
    return record


def _hidden(source: Found, key: str, to: Folder) -> tuple[str, ...]:
    """Say it when a clone hides versions of its key that lie in another folder."""
    if source.key != key or source.folder == to or Path(source.folder.path) == to.path:
        return ()
    whose = "weft's own" if source.folder.origin is Origin.BUILTIN else f"that in `{source.folder.path}`"
    return (f"`{key}` now means this version and no longer {whose}; `{source.title}` is still found.",)
