"""What is known about the templates of a folder beyond their files: `library.toml` beside them.

Knows commits with their digests, authors and messages, tags, aliases, deprecations, where clones
and imports come from and which imports are trusted. The file is for people too: it is sorted, short
and belongs under version control. It is read strictly. Refuses to open files and to tell the time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from weft.templates.flaws import Flaw, bad_template
from weft.templates.versions import KEY, is_alias, is_reference, is_version, version_rank

NAME = "library.toml"
FORMAT = 1  # of the file; raise it when a key changes its meaning
MAX_TEXT = 2_000  # characters of a message, reason or name
MAX_TAGS = 20
_HALF = re.compile("[\ud800-\udfff]")
_T = TypeVar("_T")
_HEAD = "# What weft knows about the templates beside this file. Keep it with them.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known about one version; empty text = not so.

    Times are UTC in ISO 8601, digests are SHA-256, hexadecimal.

    Attributes:
        created: when it was cloned or imported.
        committed: when it became immutable. digest: of its text then.
        author, message: who committed it, and why.
        tags: words to find it by.
        deprecated: when it was. reason: why. replacement: what to use, such as `review@2.0.0`.
        cloned_from: key and version. cloned_digest: of the text that was cloned.
        imported: when it came in a bundle. bundle: the bundle's digest.
        trusted: when its owner said that an import is as good as an own file.
    """

    created: str = ""
    committed: str = ""
    digest: str = ""
    author: str = ""
    message: str = ""
    tags: tuple[str, ...] = ()
    deprecated: str = ""
    reason: str = ""
    replacement: str = ""
    cloned_from: str = ""
    cloned_digest: str = ""
    imported: str = ""
    bundle: str = ""
    trusted: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether it was imported and nobody has trusted it yet."""
        return bool(self.imported) and not self.trusted

    def plain(self) -> dict[str, Any]:
        """Everything that is known, as plain JSON; what is not known is left out."""
        found = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value
        }


@dataclass(frozen=True, slots=True)
class Records:
    """What is known about all templates of one folder.

    Attributes:
        versions: `key@version` → record.
        aliases: `key@alias` → version.
    """

    versions: Mapping[str, Record] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def get(self, title: str) -> Record:
        """What is known about a version; an empty record where nothing is.

        `review@1.4` and `review@1.4.0` are one version: a commit holds however it is written.
        """
        known = self.versions.get(title)
        if known is not None:
            return known
        key, _, version = title.partition("@")
        if not is_version(version):
            return Record()
        rank = version_rank(version)
        alike = (each for each in self.versions_of(key) if version_rank(each) == rank)
        return next((self.versions[f"{key}@{each}"] for each in alike), Record())

    def versions_of(self, key: str) -> list[str]:
        """Versions of a key of which something is known, whether or not their files are there."""
        return [title.partition("@")[2] for title in self.versions if title.partition("@")[0] == key]

    def with_record(self, title: str, record: Record) -> Records:
        """The same with another record for one version."""
        return Records({**self.versions, title: record}, self.aliases)

    def with_alias(self, alias: str, version: str) -> Records:
        """The same with an alias for another version; an empty version takes the alias away."""
        kept = {name: to for name, to in self.aliases.items() if name != alias}
        return Records(self.versions, {**kept, alias: version} if version else kept)

    def with_bundle(self, brought: Records) -> Records:
        """The same with all that a bundle brings."""
        return Records({**self.versions, **brought.versions}, {**self.aliases, **brought.aliases})

    def without_bundle(self, brought: Records, before: Records) -> Records:
        """The same with all that a bundle has brought taken back to how it was before.

        What somebody else has written meanwhile stays.
        """
        return Records(
            _taken_back(self.versions, brought.versions, before.versions),
            _taken_back(self.aliases, brought.aliases, before.aliases),
        )

    def aliases_of(self, key: str) -> dict[str, str]:
        """Alias → version for one key."""
        return {
            name.partition("@")[2]: version
            for name, version in sorted(self.aliases.items())
            if name.partition("@")[0] == key
        }


def _taken_back(now: Mapping[str, _T], brought: Mapping[str, _T], before: Mapping[str, _T]) -> dict[str, _T]:
    kept = {name: value for name, value in now.items() if name not in brought}
    return kept | {name: value for name, value in before.items() if name in brought}


def committed_digest(text: str) -> str:
    """What a committed text is known by; line ends and a byte-order mark do not count."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(plain.encode()).hexdigest()


# ── the file ─────────────────────────────────────────────────────────────────────────────────────


def written(records: Records) -> str:
    """Write the file's text, sorted, so that a change is a small difference."""
    parts = [_HEAD + f"format = {FORMAT}\n"]
    if records.aliases:
        lines = [f"{_text(name)} = {_text(version)}" for name, version in sorted(records.aliases.items())]
        parts.append("[aliases]\n" + "\n".join(lines) + "\n")
    for title, record in sorted(records.versions.items()):
        lines = [f"{name} = {_value(value)}" for name, value in record.plain().items()]
        parts.append(f"[versions.{_text(title)}]\n" + "".join(f"{line}\n" for line in lines))
    return "\n".join(parts)


def _value(value: Any) -> str:
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list) else _text(value)


def _text(value: str) -> str:
    """JSON's texts are TOML's, but for the one control character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read(text: str, *, path: str) -> Records:
    """Read the file strictly: what it does not know, or what cannot be, is an error.

    Args:
        path: for messages.

    Raises:
        BadTemplate: with every problem.
    """
    flaws: list[Flaw] = []
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise _wrong(path, [Flaw("", 0, f"It is not TOML: {exc}.", "unreadable")]) from exc
    known = ("format", "aliases", "versions")
    listed = ", ".join(f"`{name}`" for name in known)
    flaws += [
        Flaw(name, 0, f"There is no key `{name}`; known: {listed}.") for name in found if name not in known
    ]
    if found.get("format") != FORMAT:
        flaws.append(Flaw("format", 0, f"`format` must be {FORMAT}; a newer weft may have written it."))
    aliases = _mapping(found, "aliases", flaws)
    for name, version in aliases.items():
        alias = name.partition("@")[2]
        if (
            not is_reference(name)
            or not is_alias(alias)
            or not isinstance(version, str)
            or not is_version(version)
        ):
            flaws.append(
                Flaw(f"aliases.{name}", 0, 'An alias is written like "review@production" = "1.0.0".')
            )
    versions = {
        title: _record(title, each, flaws) for title, each in _mapping(found, "versions", flaws).items()
    }
    if flaws:
        raise _wrong(path, flaws)
    return Records(versions, aliases)


def read_record(title: str, plain: Any, *, flaws: list[Flaw]) -> Record:
    """Read one record from plain values, as `Record.plain` writes it; flaws are added to a list."""
    return _record(title, plain, flaws)


def _mapping(found: Mapping[str, Any], key: str, flaws: list[Flaw]) -> dict[str, Any]:
    value = found.get(key, {})
    if isinstance(value, dict):
        return value
    flaws.append(Flaw(key, 0, f"`{key}` must be a table."))
    return {}


_KINDS = {each.name: each.name == "tags" for each in dataclasses.fields(Record)}


def _record(title: str, plain: Any, flaws: list[Flaw]) -> Record:
    where = f"versions.{title}"
    key, _, version = title.partition("@")
    if not KEY.fullmatch(key) or not is_version(version):
        flaws.append(Flaw(where, 0, "A version is named like `review@1.0.0`."))
    if not isinstance(plain, dict):
        flaws.append(Flaw(where, 0, "A version holds keys with values."))
        return Record()
    kept: dict[str, Any] = {}
    for name, value in plain.items():
        if name not in _KINDS:
            flaws.append(Flaw(f"{where}.{name}", 0, f"There is no key `{name}`; known: {', '.join(_KINDS)}."))
        elif _KINDS[name] and not _is_tags(value):
            message = f"`{name}` must be a list of at most {MAX_TAGS} words such as `support`."
            flaws.append(Flaw(f"{where}.{name}", 0, message))
        elif not _KINDS[name] and not is_text(value):
            flaws.append(
                Flaw(f"{where}.{name}", 0, f"`{name}` must be a text of at most {MAX_TEXT:,} characters.")
            )
        else:
            kept[name] = tuple(value) if _KINDS[name] else value
    return Record(**kept)


def is_text(value: Any) -> bool:
    """Whether this is a text that the file can hold; half a surrogate pair is none."""
    return isinstance(value, str) and len(value) <= MAX_TEXT and _HALF.search(value) is None


def _is_tags(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_TAGS
        and all(is_text(tag) and is_alias(tag) for tag in value)
    )


def _wrong(path: str, flaws: list[Flaw]) -> Exception:
    hint = (
        f"correct `{NAME}`, or bring back an older one; "
        "without it nothing is known of commits and aliases, nor of which templates are foreign."
    )
    return bad_template(path, flaws, hint=hint)
