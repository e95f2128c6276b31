"""A clone's text: the same file with another version.

Knows which version a clone gets and where the front matter says it. Refuses to know folders and
where a clone is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from weft.errors import BadTemplate
from weft.templates.front_matter import FENCE, split_text
from weft.templates.versions import is_version, next_minor, version_rank

_LINE = re.compile(
    r"""(?P<before>(?P<quote>["']?)version(?P=quote)\s*:\s*)(?P<value>"[^"]*"|'[^']*'|[^\s#]+)"""
)


def version_of_clone(version: str, taken: Collection[str]) -> str:
    """The next minor version that is free: 1.0 → 1.1, or 1.2 where there is a 1.1 already.

    >>> version_of_clone("1.0", []), version_of_clone("2.3", ["2.4"])
    ('1.1', '2.5')
    """
    ranks = {version_rank(each) for each in taken if is_version(each)}
    following = next_minor(version)
    while version_rank(following) in ranks:
        following = next_minor(following)
    return following


def with_version(text: str, version: str) -> str:
    """The text of a template file with another version in its front matter; nothing else changes.

    Raises:
        BadTemplate: if the front matter does not give its version on a line of its own.
    """
    lines = text.splitlines(keepends=True)
    ends = [n for n, line in enumerate(lines) if line.strip("\ufeff \t\r\n") == FENCE]
    for number in range(ends[0] + 1, ends[1]) if len(ends) > 1 else ():
        found = _LINE.match(lines[number])
        if found:
            lines[number] = found["before"] + version + lines[number][found.end() :]
            changed = "".join(lines)
            taken = split_text(changed)
            if taken.written.get("version", taken.front.get("version")) == version:
                return changed
    raise BadTemplate(
        "The file does not give its version on a line of its own, so it cannot get another one.",
        hint="write a line such as `version: 1.0.0` into its front matter.",
    )
