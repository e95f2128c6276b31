"""Versions of templates: what one looks like and which of two is later.

Knows `major.minor`, `major.minor.patch` and pre-releases by the rules of semantic versioning.
Refuses to know files and times: the latest version is the highest, whenever it was written.
"""

from __future__ import annotations

import re

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
