"""Commands that keep templates and hand them on: clone, keep, commit, alias, deprecate, trust, bundles.

Knows how each change is told, and what can be done next. Refuses to know how anything is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from weft.app.opening import look_around
from weft.app.shelving import Shelved
from weft.app.templates import TemplatesDesk
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.flags import STORE, Flag, Flags, setting_flags
from weft.cli.wording import count, size


def desk() -> TemplatesDesk:
    """The desk for the templates of the current folder's project."""
    return Weft(look_around()).templates


def plain(shelved: Shelved) -> dict[str, Any]:
    """A version after a change as plain JSON."""
    return {**asdict(shelved), "record": shelved.record.plain(), "title": shelved.title}


def clone(console: Console, flags: Flags) -> int:
    """Copy a template into your own folder as its next version, to be edited there.

    The version is the next minor one that is free, 1.0 → 1.1. Nothing is overwritten.
    """
    done = desk().clone(
        flags["template"], key=flags["key"] or "", version=flags["version"] or "", user=flags["user"]
    )
    if console.json:
        console.value(plain(done))
        return 0
    console.line(f"Cloned `{done.record.cloned_from}` as `{done.title}`: {done.path}")
    _tell_notes(console, done.notes)
    console.line(f"Next: edit the file, then weft templates diff {done.record.cloned_from} {done.title}")
    return 0


def keep(console: Console, flags: Flags) -> int:
    """Keep the prompt of a run as a template of your own, to be used again.

    The run stays as it is, and nothing is overwritten.
    """
    return asyncio.run(_keep(console, flags))


async def _keep(console: Console, flags: Flags) -> int:
    async with Weft(look_around(settings_in(flags))) as house:
        run = await house.runs.get(flags["run"])
        done = house.templates.keep(
            run,
            key=flags["key"],
            name=flags["name"] or "",
            version=flags["version"] or "",
            user=flags["user"],
        )
    if console.json:
        console.value(plain(done))
        return 0
    console.line(f"Kept the prompt of run {run.id} as `{done.title}`: {done.path}")
    console.line(f"Next: edit the file, then weft run {done.key} TABLE")
    return 0


def commit(console: Console, flags: Flags) -> int:
    """Make a version immutable: from now on weft refuses its file if it changes."""
    done = desk().commit(
        flags["template"],
        message=flags["message"],
        author=flags["author"] or "",
        tags=tuple(flags["tag"] or ()),
    )
    if console.json:
        console.value(plain(done))
        return 0
    by = f" by {done.record.author}" if done.record.author else ""
    console.line(f"Committed `{done.title}`{by}: {done.record.message}")
    console.line(f"Digest: {done.record.digest}")
    _tell_notes(console, done.notes)
    console.line(f"Next: weft templates alias {done.key} production {done.version}")
    return 0


def alias(console: Console, flags: Flags) -> int:
    """Let a name such as `production` mean one committed version: `key@production`."""
    done = desk().alias(
        flags["template"], flags["alias"], version=flags["version"] or "", remove=flags["remove"]
    )
    if console.json:
        console.value(plain(done))
    elif flags["remove"]:
        console.line(f"`{done.key}@{flags['alias']}` means nothing any more.")
    else:
        console.line(f"`{done.key}@{flags['alias']}` means `{done.title}`.")
    return 0


def deprecate(console: Console, flags: Flags) -> int:
    """Say that a template should not be used any more; runs that use it say so once."""
    done = desk().deprecate(
        flags["template"],
        reason=flags["reason"] or "",
        replacement=flags["replacement"] or "",
        undo=flags["undo"],
    )
    if console.json:
        console.value([plain(each) for each in done])
        return 0
    told = "is not deprecated any more" if flags["undo"] else "is deprecated"
    for each in done:
        instead = f"; use `{each.record.replacement}` instead" if each.record.replacement else ""
        console.line(f"`{each.title}` {told}{instead}.")
    return 0


def trust(console: Console, flags: Flags) -> int:
    """Say that an imported template is as good as one of your own; read it first.

    Until then its text is rendered in a process of its own, under limits.
    """
    done = desk().trust(flags["template"])
    if console.json:
        console.value([plain(each) for each in done])
        return 0
    for each in done:
        console.line(f"`{each.title}` is trusted.")
        _tell_notes(console, each.notes)
    return 0


def export(console: Console, flags: Flags) -> int:
    """Write templates, with all that they are composed of, to one file for somebody else."""
    done = desk().export_bundle(flags["template"], path=flags["out"])
    if console.json:
        console.value(asdict(done))
        return 0
    console.line(f"Wrote {count(len(done.templates), 'template')} to {done.path} ({size(done.bytes)}):")
    for title in done.templates:
        console.line(f"  {title}")
    console.line(f"SHA-256: {done.digest}")
    return 0


def bring_in(console: Console, flags: Flags) -> int:
    """Read a bundle into your own folder; all of it is checked before anything is written.

    Nothing is overwritten. Imported templates are rendered under limits until you trust them.
    """
    done = desk().import_bundle(
        flags["bundle"], user=flags["user"], upgrade=flags["upgrade"], dry_run=flags["dry_run"]
    )
    if console.json:
        console.value(asdict(done))
        return 0
    verb = "Would import" if flags["dry_run"] else "Imported"
    console.line(f"{verb} {count(len(done.templates), 'template')} into {done.folder}:")
    for title in done.templates:
        console.line(f"  {title}")
    for title in done.known:
        console.line(f"  {title} is there already")
    _tell_notes(console, done.notes)
    if done.templates and not flags["dry_run"]:
        key = done.templates[0].partition("@")[0]
        console.line(f"Next: weft templates show {key}, and if you trust it: weft templates trust {key}")
    return 0


def _tell_notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.note(f"note: {note}", "yellow")


KEY = Flag(
    name="template",
    help="Key of a template, with a version or alias where one is meant: review@1.0.0, review@production.",
    positional=True,
    required=True,
    metavar="TEMPLATE",
)
USER = Flag(
    name="user",
    help="In your own folder for all projects instead of the project's templates/.",
    kind=bool,
    default=False,
)
CLONE = (
    KEY,
    Flag(name="key", help="The clone's key; by default the same.", spelling=("--as",), metavar="KEY"),
    Flag(name="version", help="The clone's version; by default the next minor one.", metavar="VERSION"),
    USER,
)
KEEP = (
    Flag(
        name="run", help="Id or name of a run that was asked with --prompt.", positional=True, metavar="RUN"
    ),
    Flag(name="key", help="The template's key.", required=True, spelling=("--as",), metavar="KEY"),
    Flag(name="name", help="What people call it; by default as the run.", metavar="NAME"),
    Flag(name="version", help="The template's version; by default 1.0.0.", metavar="VERSION"),
    USER,
    *setting_flags(*STORE),
)
COMMIT = (
    KEY,
    Flag(
        name="message", help="Why, for people.", required=True, spelling=("--message", "-m"), metavar="TEXT"
    ),
    Flag(name="author", help="Who; by default the user of this machine.", metavar="NAME"),
    Flag(
        name="tag",
        help="A word to find it by. May be repeated.",
        kind=list[str],
        spelling=("--tag",),
        metavar="WORD",
    ),
)
ALIAS = (
    Flag(name="template", help="Key of a template.", positional=True, required=True, metavar="KEY"),
    Flag(name="alias", help="The name, such as production.", positional=True, required=True, metavar="ALIAS"),
    Flag(
        name="version",
        help="The version that it means; by default the latest.",
        positional=True,
        metavar="[VERSION]",
    ),
    Flag(name="remove", help="Take the alias away.", kind=bool, default=False),
)
DEPRECATE = (
    KEY,
    Flag(name="reason", help="Why, for people.", metavar="TEXT"),
    Flag(name="replacement", help="What to use instead.", metavar="TEMPLATE"),
    Flag(name="undo", help="Take the deprecation back.", kind=bool, default=False),
)
TRUST = (KEY,)
EXPORT = (
    Flag(
        name="template",
        help="Keys of templates, with versions or aliases where these are meant.",
        kind=list[str],
        positional=True,
        required=True,
        metavar="TEMPLATE...",
    ),
    Flag(name="out", help="The bundle's file.", required=True, spelling=("--out", "-o"), metavar="FILE.zip"),
)
IMPORT = (
    Flag(name="bundle", help="A bundle's file.", positional=True, required=True, metavar="FILE.zip"),
    USER,
    Flag(
        name="upgrade",
        help="Also where a key of yours would mean an imported version from now on.",
        kind=bool,
        default=False,
    ),
    Flag(name="dry_run", help="Check everything and write nothing.", kind=bool, default=False),
)
