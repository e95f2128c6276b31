"""Bundles: templates in one ZIP file with a manifest and checksums, to hand to somebody else.

Knows what a bundle holds and takes nothing on trust: names, sizes, kinds of entries and checksums
are all checked while it is read, and a bundle is either sound as a whole or refused. The same
templates give the same bytes. Refuses to know folders: bytes come in and go out.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weft.errors import BadTemplate
from weft.kit.strict_json import NotStrict, loads
from weft.templates.flaws import Flaw, bad_template
from weft.templates.folders import MAX_BYTES, SUFFIX
from weft.templates.records import Record, read_record
from weft.templates.versions import KEY, is_alias, is_reference, is_version, version_rank

FORMAT = "weft templates"
VERSION = 1  # raise it when a key of the manifest changes its meaning
MANIFEST = "manifest.json"
MAX_TEMPLATES = 200
MAX_BUNDLE = 20_000_000  # bytes of the file
MAX_WHOLE = 40_000_000  # bytes of all templates together, unpacked
MAX_RATIO = 200  # unpacked to packed; prose packs to a third or a tenth
_EARLY = 10_000  # unpacked bytes below which no ratio is asked about
_NAME = re.compile(r"templates/([^/@]+)@([^/@]+)\.md")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP file knows; a bundle tells none
_KNOWN = ("author", "message", "tags", "committed", "deprecated", "reason", "replacement")
"""What of a record travels: facts about the template, not about the place that it lies in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One template in a bundle: its text as it was written, and what is known about it."""

    key: str
    version: str
    text: str
    record: Record = field(default_factory=Record)

    @property
    def title(self) -> str:
        """Key and version as one word: `review@1.0.0`."""
        return f"{self.key}@{self.version}"

    @property
    def name(self) -> str:
        """The entry's name in the ZIP file."""
        return f"templates/{self.title}{SUFFIX}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a bundle holds.

    Attributes:
        templates: sorted by key and version.
        asked: titles of those that were asked for; the others are parts of them.
        aliases: `key@alias` → version, as far as the templates name each other by aliases.
        digest: SHA-256 of the bundle's bytes, hexadecimal.
    """

    templates: tuple[Packed, ...]
    asked: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


def pack(bundle: Bundle) -> bytes:
    """Write a bundle; the same content gives the same bytes."""
    ordered = sorted(bundle.templates, key=lambda each: each.name)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "asked": sorted(bundle.asked),
        "aliases": dict(sorted(bundle.aliases.items())),
        "templates": [_line(each) for each in ordered],
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        texts = [(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")]
        for name, text in [*texts, *((each.name, each.text) for each in ordered)]:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, text.encode())
    return stream.getvalue()


def _line(each: Packed) -> dict[str, Any]:
    raw = each.text.encode()
    told = {name: value for name, value in each.record.plain().items() if name in _KNOWN}
    return {
        "file": each.name,
        "key": each.key,
        "version": each.version,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        **({"about": told} if told else {}),
    }


def unpack(raw: bytes, *, name: str) -> Bundle:
    """Read a bundle, and believe nothing that is not checked.

    Args:
        name: the file, for messages.

    Raises:
        BadTemplate: if anything about it is not as it must be; with every problem found.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return replace(_unpack(archive, name), digest=hashlib.sha256(raw).hexdigest())
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as exc:
        # RuntimeError: encrypted; NotImplementedError: another way of packing; ValueError: bad names
        raise _refused(name, [f"It is no sound ZIP file: {exc}."]) from exc


def _unpack(archive: zipfile.ZipFile, name: str) -> Bundle:
    entries = archive.infolist()
    complaints = list(_complaints(entries))
    if complaints:
        raise _refused(name, complaints)
    texts: dict[str, bytes] = {}
    room = MAX_WHOLE
    for entry in entries:
        texts[entry.filename] = _read(archive, entry, min(room, MAX_BYTES), name)
        room -= len(texts[entry.filename])
    manifest = _manifest(texts.pop(MANIFEST), name)
    flaws: list[Flaw] = []
    packed = [_packed(line, texts, flaws) for line in manifest["templates"]]
    listed = {line.get("file") for line in manifest["templates"] if isinstance(line, dict)}
    flaws += [Flaw(extra, 0, "It is not in the manifest.") for extra in sorted(set(texts) - listed)]
    if len(listed) != len(manifest["templates"]):
        flaws.append(Flaw(MANIFEST, 0, "It lists a file twice."))
    for alias, version in manifest["aliases"].items():
        wanted = alias.partition("@")[2]
        if not (
            is_reference(alias) and is_alias(wanted) and isinstance(version, str) and is_version(version)
        ):
            flaws.append(Flaw(MANIFEST, 0, f"{alias!r} is no alias."))
    found = tuple(each for each in packed if each is not None)
    flaws = flaws or _disagreements(found, manifest["aliases"])
    if flaws:
        raise _wrong(name, flaws)
    return Bundle(templates=found, asked=tuple(map(str, manifest["asked"])), aliases=manifest["aliases"])


def _disagreements(found: Sequence[Packed], aliases: Mapping[str, str]) -> list[Flaw]:
    """Where a bundle says two things about one version, or names one that it does not hold."""
    ranks = [(each.key, version_rank(each.version)) for each in found]
    flaws = [
        Flaw(each.name, 0, "Another one says that it is the same version.")
        for number, each in enumerate(found)
        if ranks[number] in ranks[:number]
    ]
    for alias, version in aliases.items():
        if (alias.partition("@")[0], version_rank(version)) not in ranks:
            flaws.append(Flaw(MANIFEST, 0, f"`{alias}` means version {version}, which is not there."))
    return flaws


def _complaints(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """What is wrong with a bundle's list of entries, before any of them is read."""
    names = [entry.filename for entry in entries]
    found = []
    if names.count(MANIFEST) != 1:
        found.append(f"It has no `{MANIFEST}` of its own.")
    if len(names) > MAX_TEMPLATES + 1:
        found.append(f"It has {len(names):,} entries; {MAX_TEMPLATES + 1} are allowed.")
        return found
    if len({name.casefold() for name in names}) != len(names):
        found.append("Two of its entries have one name.")
    for entry in entries:
        kind = entry.external_attr >> 16
        if entry.filename != MANIFEST and not _is_name(entry.filename):
            found.append(f"{entry.filename!r} is no name of a template in a bundle.")
        elif entry.is_dir() or (stat.S_IFMT(kind) and not stat.S_ISREG(kind)):
            found.append(f"`{entry.filename}` is no plain file.")
        elif entry.flag_bits & 0x1:
            found.append(f"`{entry.filename}` is encrypted.")
        elif entry.file_size > MAX_BYTES:
            found.append(f"`{entry.filename}` is larger than 4 MB.")
    return found


def _is_name(name: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and KEY.fullmatch(found[1]) is not None and is_version(found[2])


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int, name: str) -> bytes:
    """Unpack one entry piece by piece; what it says about its size is not believed."""
    found = bytearray()
    with archive.open(entry) as stream:
        while piece := stream.read(65_536):
            found += piece
            if len(found) > room:
                raise _refused(name, [f"`{entry.filename}` is too large unpacked."])
            if len(found) > max(_EARLY, MAX_RATIO * max(1, entry.compress_size)):
                raise _refused(name, [f"`{entry.filename}` unpacks to more than {MAX_RATIO} times its size."])
    return bytes(found)


def _manifest(raw: bytes, name: str) -> dict[str, Any]:
    try:
        found = loads(raw.decode())
    except (NotStrict, UnicodeDecodeError) as exc:
        reason = exc if isinstance(exc, NotStrict) else "is not UTF-8 text"
        raise _refused(name, [f"`{MANIFEST}` {reason}."]) from exc
    kinds = {"format": str, "version": int, "asked": list, "aliases": dict, "templates": list}
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _refused(name, ["It is no bundle of weft templates."])
    if found.get("version") != VERSION:
        raise _refused(name, [f"It has the format {found.get('version')!r}; this weft reads {VERSION}."])
    wrong = [key for key in found if key not in kinds]
    wrong += [key for key, kind in kinds.items() if not isinstance(found.get(key), kind)]
    if wrong:
        raise _refused(name, [f"`{key}` of its manifest is not as it must be." for key in wrong])
    if not found["templates"]:
        raise _refused(name, ["It holds no template."])
    return found


_LINE = {"file": str, "key": str, "version": str, "sha256": str, "bytes": int, "about": dict}


def _packed(line: Any, texts: Mapping[str, bytes], flaws: list[Flaw]) -> Packed | None:
    """One template of the manifest with its text; what is wrong with it is added to the flaws."""
    if not isinstance(line, dict) or any(
        key not in _LINE or not isinstance(value, _LINE[key]) for key, value in line.items()
    ):
        flaws.append(Flaw(MANIFEST, 0, "A line about a template is not as it must be."))
        return None
    where = str(line.get("file", ""))
    raw = texts.get(where)
    title = f"{line.get('key')}@{line.get('version')}"
    if raw is None or where != f"templates/{title}{SUFFIX}":
        flaws.append(Flaw(where or MANIFEST, 0, f"The manifest tells of `{title}`, which is not there."))
        return None
    if len(raw) != line.get("bytes") or hashlib.sha256(raw).hexdigest() != line.get("sha256"):
        flaws.append(Flaw(where, 0, "Its checksum is not the one in the manifest.", "checksum"))
        return None
    about = line.get("about", {})
    flaws += [Flaw(where, 0, f"A bundle may not say `{name}`.") for name in about if name not in _KNOWN]
    record = read_record(title, about, flaws=flaws)
    try:
        return Packed(key=line["key"], version=line["version"], text=raw.decode(), record=record)
    except UnicodeDecodeError:
        flaws.append(Flaw(where, 0, "It is not UTF-8 text."))
        return None


def _refused(name: str, messages: Sequence[str]) -> BadTemplate:
    return _wrong(name, [Flaw("", 0, message, "bad_bundle") for message in messages])


def _wrong(name: str, flaws: Sequence[Flaw]) -> BadTemplate:
    told = bad_template(name, flaws, hint="ask for the bundle again; nothing of it was written.")
    told.message = told.message.replace("Template", "Bundle", 1).replace("the file:", "the bundle:")
    return told
