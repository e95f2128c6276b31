"""The template files of a pack of code: every `.j2` below its folders, by name.

Knows that a file's name is its path below the pack (`shared/retry.py.j2`), that weft's own files
come first and are never replaced, and that a pack of your own may use weft's base and shared files.
Refuses files outside the pack's folders, also behind links.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weft.errors import BadTemplate
from weft.variants.library import builtin_packs
from weft.variants.variant import VariantPack

SUFFIX = ".j2"
BASE_PACK = "codegen"  # weft's own pack of code, whose base every other pack of code may extend
MAX_BYTES = 200_000  # of one template
MAX_FILES = 500


def pack_files(pack: VariantPack) -> Mapping[str, str]:
    """Read every template of a pack: name → text.

    Raises:
        BadTemplate: a file cannot be read, or has the name of one of weft's own.
    """
    files: dict[str, str] = {}
    if pack.name != BASE_PACK:
        base = builtin_packs() / BASE_PACK
        files |= {
            name: text for name, text in _below(base).items() if "/" not in name or name.startswith("shared/")
        }
    for folder in pack.folders:
        for name, text in _below(folder).items():
            if name in files:
                raise BadTemplate(
                    f"The template `{folder / name}` has the name of one that is there already, `{name}`.",
                    hint="keep your templates in the folder of your variant, and `extends` what you change.",
                    file=name,
                )
            files[name] = text
    return files


def _below(folder: Path) -> dict[str, str]:
    paths = sorted(folder.rglob(f"*{SUFFIX}"))
    if len(paths) > MAX_FILES:
        raise BadTemplate(f"`{folder}` holds more than {MAX_FILES} templates.", hint="move some elsewhere.")
    root = folder.resolve()
    return {
        path.relative_to(folder).as_posix(): _text(path)
        for path in paths
        if path.is_file() and path.resolve().is_relative_to(root)
    }


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadTemplate(
            f"The template `{path}` cannot be read as UTF-8.", hint="correct the file."
        ) from exc
    if len(raw) > MAX_BYTES:
        raise BadTemplate(f"The template `{path}` is larger than {MAX_BYTES:,} bytes.", hint="split it.")
    return text.replace("\r\n", "\n")
