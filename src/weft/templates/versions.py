"""Names of templates: keys, versions, which of two is later, and aliases for versions.

Knows `major.minor`, `major.minor.patch` and pre-releases by the rules of semantic versioning, and
that `key@…` means one version or an alias. A key is a name: wildcards, slashes and dots are none.
Refuses to know files and times: the latest version is the highest, whenever it was written.
"""

from __future__ import annotations

import re

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LATEST = "latest"  # the alias that every template has: its highest version
_VERSION = re.compile(
    r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})(?:\.(0|[1-9][0-9]{0,8}))?(?:-([0-9A-Za-z.-]{1,64}))?"
)


def is_version(text: str) -> bool:
    """Whether this is a version such as `1.4`, `1.4.0` or `2.0.0-rc.1`.

    >>> is_version("1.4.0"), is_version("v1")
    (True, False)
    """
    return _VERSION.fullmatch(text) is not None


def version_rank(text: str) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
    """Give a version its place in the order of versions; `1.4` ranks as `1.4.0`.

    A pre-release ranks below its release; its parts compare as numbers where they are numbers.

    >>> version_rank("1.10.0") > version_rank("1.9.9") > version_rank("1.9.9-rc.1")
    True

    Raises:
        ValueError: if it is no version.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no version")
    major, minor, patch, stage = found.groups()
    parts = tuple(
        (False, int(part), "") if part.isdigit() else (True, 0, part)
        for part in (stage.split(".") if stage else ())
    )
    return int(major), int(minor), int(patch or 0), not stage, parts


def is_reference(text: str) -> bool:
    """Whether this names a template: `key`, `key@1.0.0` or `key@alias`.

    >>> is_reference("footer@1.0.0"), is_reference("footer@production"), is_reference("../footer")
    (True, True, False)
    """
    key, mark, wanted = text.partition("@")
    return KEY.fullmatch(key) is not None and (not mark or is_version(wanted) or is_alias(wanted))


def is_alias(text: str) -> bool:
    """Whether this may be the name of a version, such as `production`.

    >>> is_alias("production"), is_alias("1.0"), is_alias("Main")
    (True, False, False)
    """
    return ALIAS.fullmatch(text) is not None


def next_minor(text: str) -> str:
    """The version of a clone: one minor version on, as long as the old one is written.

    >>> next_minor("1.0"), next_minor("2.3"), next_minor("1.4.2"), next_minor("2.0.0-rc.1")
    ('1.1', '2.4', '1.5.0', '2.1.0')

    Raises:
        ValueError: if it is no version.
    """
    major, minor, _, _, _ = version_rank(text)
    patch = ".0" if text.partition("-")[0].count(".") > 1 else ""
    return f"{major}.{minor + 1}{patch}"
