"""TemplateLibrary: find templates by key or path, in weft's own folder and in yours.

Knows that a file's name is the template's key (`email_triage.md`, or `email_triage@1.1.0.md`
beside it), that your folder wins over weft's own, and that the highest version is the latest.
A file that changed on disk is read anew by the next look-up. Refuses to know what is in a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from weft.errors import BadTemplate, UnknownName
from weft.kit.caches import TtlLruCache
from weft.kit.clocks import SystemClock
from weft.templates.flaws import Flaw, bad_template
from weft.templates.template import Template, parse_template
from weft.templates.versions import is_version, version_rank

SUFFIX = ".md"
KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_BYTES = 4_000_000  # a million characters of any script
_KEPT = 256  # parsed files


def builtin_folder() -> Path:
    """The folder of the templates that come with weft."""
    return Path(__file__).parent / "builtin"


class TemplateLibrary:
    """The templates of some folders; later folders win over earlier ones, whole keys at a time."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        """Look into weft's own folder and then into these; folders that are not there are empty.

        Args:
            folders: such as the project's `templates/`; the last wins.
        """
        self.folders = (builtin_folder(), *folders)
        self._read: TtlLruCache[tuple[str, str, str], Template] = TtlLruCache(
            _KEPT, ttl_s=None, clock=SystemClock()
        )

    def keys(self) -> list[str]:
        """Every key, sorted."""
        return sorted({key for folder in self.folders for key, _ in _files(folder)})

    def get(self, key: str) -> Template:
        """Read the latest version of a template, or with `key@1.0.0` just this one.

        Raises:
            UnknownName: there is none, or the key is not one: wildcards, slashes and dots are refused.
            BadTemplate: its file is wrong; every problem is listed.
        """
        name, _, version = key.partition("@")
        if not KEY.fullmatch(name) or (version and not is_version(version)):
            raise UnknownName(
                f"`{key}` is not the key of a template.",
                hint="a key has lower-case letters, digits, `_` and `-`; `weft templates list` shows all.",
                name=key,
                nearest=[],
                known=self.keys(),
            )
        found = self.versions(name)
        if not found:
            unknown = UnknownName.among("template", name, self.keys())
            if unknown.facts["nearest"]:  # the nearest first, then all: a guess may be wrong
                unknown.hint += f" Known: {', '.join(self.keys())}."
            raise unknown
        if not version:
            return found[0]
        exact = [
            each for each in self._all_versions(name) if version_rank(each.version) == version_rank(version)
        ]
        if not exact:
            known = [each.version for each in found]
            raise UnknownName(
                f"Template `{name}` has no version {version}.",
                hint=f"there is {', '.join(known)}.",
                name=key,
                nearest=[],
                known=known,
            )
        return exact[0]

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
        stem = path.name.removesuffix(SUFFIX).partition("@")[0].lower()
        return self._template(path, re.sub(r"[^a-z0-9_-]", "_", stem)[:64] or "template")

    def versions(self, key: str) -> list[Template]:
        """Every version of a key in the folder that wins, the latest first.

        Raises:
            BadTemplate: one of the files is wrong.
        """
        for folder in reversed(self.folders):
            found = self._in_folder(folder, key)
            if found:
                return found
        return []

    def is_builtin(self, key: str) -> bool:
        """Whether the template that `get` finds is weft's own."""
        return not any(key == name for folder in self.folders[1:] for name, _ in _files(folder))

    def _all_versions(self, key: str) -> list[Template]:
        return [each for folder in reversed(self.folders) for each in self._in_folder(folder, key)]

    def _in_folder(self, folder: Path, key: str) -> list[Template]:
        found = [self._template(path, key) for name, path in _files(folder) if name == key]
        return sorted(found, key=lambda each: version_rank(each.version), reverse=True)

    def _template(self, path: Path, key: str) -> Template:
        """Read a file, always from disk, so that a change counts at once; parse it once."""
        raw = _bytes(path)
        mark = (str(path), key, hashlib.sha256(raw).hexdigest())
        template = self._read.get_or_make(
            mark, lambda: parse_template(_text(raw, path), key=key, path=str(path))
        )
        promised = path.name.removesuffix(SUFFIX).partition("@")[2]
        if promised and version_rank(promised) != version_rank(template.version):
            message = f"The file's name says version {promised}, its front matter {template.version}."
            raise bad_template(str(path), [Flaw("version", 0, message, "bad_version")])
        return template


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Key and path of every template file; files with other names are none of ours."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        key, _, version = path.name.removesuffix(SUFFIX).partition("@")
        if (
            path.suffix == SUFFIX
            and KEY.fullmatch(key)
            and (not version or is_version(version))
            and path.is_file()
        ):
            found.append((key, path))
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise BadTemplate(
            f"Template file `{path}` cannot be read: {exc.strerror or exc}.",
            hint="check the file's permissions.",
        ) from exc
    if len(raw) > MAX_BYTES:
        raise bad_template(str(path), [Flaw("", 0, "The file is larger than 4 MB.", "unreadable")])
    return raw


def _text(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise bad_template(str(path), [Flaw("", line, "The file is not UTF-8 text.", "unreadable")]) from exc
