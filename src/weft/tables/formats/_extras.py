"""What is said when a format needs a package that is not installed.

Knows the extras of `pip install`. Refuses to import any package; that is done at each format's
own door, when the format is used.
"""

from __future__ import annotations

from weft.errors import MissingExtra


def missing(extra: str, exc: ImportError) -> MissingExtra:
    """The error that names the command which installs an extra."""
    return MissingExtra(
        f"Reading and writing {extra} files needs a package that is not installed: `{exc.name}`.",
        hint=f'pip install "weft[{extra}]"',
        extra=extra,
        package=exc.name,
    )
