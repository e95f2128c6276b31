"""The desk for templates: find, show, try out, compare, keep, hand on.

Knows how a template is tried out on its own sample rows or on those of a table, and which folder a
change goes to. Refuses to know runs; nothing here asks a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from weft.app.bundling import Exported, Imported, export_bundle, import_bundle, placed
from weft.app.gallery import Card, Preview, card_of, render_row
from weft.app.planning import Planner, open_rows
from weft.app.requesting import RunRequest
from weft.app.shelving import Shelf, Shelved
from weft.app.tasks import text_to_keep
from weft.errors import BadTemplate, UnknownName
from weft.kit.clocks import Clock, SystemClock
from weft.row import BrokenRow, Row
from weft.run import Run
from weft.tables.mapping import parse_mapping
from weft.templates.diffing import Difference, diff
from weft.templates.flaws import Flaw
from weft.templates.folders import Folder
from weft.templates.linting import lint
from weft.templates.pieces import Origin
from weft.templates.prompting import TemplatePrompter
from weft.templates.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of the list of templates.

    Attributes:
        origin: where it comes from, by the names of `Origin`.
        tags: words to find it by.
        deprecated: why it should not be used any more; empty if it may be.
        part: whether it is only for other templates to be composed of.
        error: why it cannot be used; empty if it can.
    """

    key: str
    version: str = ""
    description: str = ""
    inputs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    is_builtin: bool = False
    origin: str = ""
    tags: tuple[str, ...] = ()
    deprecated: str = ""
    part: bool = False
    error: str = ""


class TemplatesDesk:
    """Everything that can be done with templates."""

    def __init__(self, planner: Planner, *, clock: Clock | None = None) -> None:
        """Use the library and the compiled bodies of this planner.

        Args:
            clock: tells when something was committed; `None` = the machine's.
        """
        self._planner = planner
        self._library = planner.library
        self._shelf = Shelf(
            planner.library, clock=clock or SystemClock(), user=planner.surroundings.user_name
        )

    # ── find and look ────────────────────────────────────────────────────────────────────────────

    def listed(self) -> list[Listed]:
        """Every template, by key; one that is wrong is listed with the reason."""
        return [self._listed(key) for key in self._library.keys()]  # noqa: SIM118 - a library is no mapping

    def get(self, key_or_path: str) -> Template:
        """One template by its key, `key@version`, `key@alias`, or the path of its file.

        Raises:
            UnknownName: if there is none; with the nearest keys.
            BadTemplate: if it is wrong, with every problem; or if it was committed and has changed.
        """
        return self._library.load(key_or_path)

    def gallery(self, keys: Sequence[str] = (), *, tag: str = "") -> list[Card]:
        """Every template as a card, with its inputs and a rendered preview; asks no model.

        The preview comes from the template's own sample, else from an example, else from the
        defaults of its inputs. Nothing is written. One that is wrong has a card with the reason.

        Args:
            keys: only these, each with a version or alias where one is meant; empty = all, by key.
            tag: only those with this tag; empty = all.

        Raises:
            UnknownName: if one of the keys is not known.
        """
        cards = [
            card_of(self._library, key, cache=self._planner.compiled) for key in keys or self._library.keys()
        ]
        return [card for card in cards if not tag or tag in card.record.tags]

    def render(self, key_or_path: str, request: RunRequest | None = None, *, rows: int = 3) -> Preview:
        """Show what a model would be given, without asking one.

        Args:
            key_or_path: the template.
            request: the table whose first rows are rendered; `None` = the template's own samples.
            rows: how many.

        Raises:
            Mistake: if template and table do not go together.
        """
        template = self.get(key_or_path)
        if request is None:
            sources = {name: name for name in template.inputs.names}
            prompter = TemplatePrompter(template, sources=sources, cache=self._planner.compiled)
            own = template.sample or template.examples
            samples: list[Row | BrokenRow] = [Row(place, 0, each.inputs) for place, each in enumerate(own)]
        else:
            table = open_rows(request)
            mapping = parse_mapping(request.mapping, columns=table.columns, inputs=template.inputs)
            sources = {**mapping.sources, **mapping.params}
            prompter = TemplatePrompter(template, sources=sources, cache=self._planner.compiled)
            samples = list(islice(table.rows(), rows))
        shown = tuple(render_row(prompter, each, cache=self._planner.compiled) for each in samples[:rows])
        return Preview(prompter.system, shown)

    def lint(self, key_or_path: str) -> list[dict[str, Any]]:
        """Everything wrong with a template, or else advice about it; path, line, message, code each.

        Raises:
            UnknownName: if there is no such template.
        """
        try:
            template = self.get(key_or_path)
        except BadTemplate as error:
            return [{**each, "severity": "problem"} for each in _problems(error)]
        return [
            {
                "path": flaw.path,
                "line": flaw.line,
                "message": flaw.message,
                "code": flaw.code,
                "severity": "advice",
            }
            for flaw in (*lint(template, self._library.record(template)), *self._deprecated_pieces(template))
        ]

    def diff(self, before: str, after: str = "") -> Difference:
        """Say what differs between two versions: inputs, answers, everything else, lines of texts.

        Nothing is written. The order of answers and inputs counts for nothing, that of examples does.

        Args:
            before: the older one: a key with a version or alias, or the path of a file.
            after: the newer one; empty = the latest version of `before`'s key, and for `before`
                without a version the one before that, or what it was cloned from.

        Raises:
            UnknownName: if one of them is not known, or there is nothing to compare with.
            BadTemplate: if one of them is wrong.
        """
        if after:
            return diff(self.get(before), self.get(after))
        latest = self.get(before.partition("@")[0])
        if "@" in before:
            return diff(self.get(before), latest)
        return diff(self._predecessor(latest), latest)

    # ── keep ─────────────────────────────────────────────────────────────────────────────────────

    def clone(self, template: str, *, key: str = "", version: str = "", user: bool = False) -> Shelved:
        """Copy a version into your own folder, to be edited there; where it comes from is kept.

        Writes one file and a line in `library.toml`; overwrites nothing. A template that was
        imported and is not trusted stays so in its clone. A version that was committed and whose
        file has changed is copied as it is now.

        Args:
            template: what to copy: a key, with a version or alias where one is meant.
            key: the clone's key; empty = the same.
            version: the clone's version; empty = the next free minor version: 1.0 → 1.1.
            user: into your own folder for all projects instead of the project's `templates/`.

        Raises:
            UnknownName: if there is no such template.
            BadTemplate: if it is wrong.
            UnwritableFile: if that version is there already, or the folder cannot be written.
        """
        return self._shelf.clone(template, to=self._folder(user=user), key=key, version=version)

    def keep(self, run: Run, *, key: str, name: str = "", version: str = "", user: bool = False) -> Shelved:
        """Keep the prompt of a run as a template of your own; overwrites nothing.

        Args:
            run: one that was asked with a prompt of its own.
            key: the template's.
            name: for people; empty = the run's, or the key.
            version: empty = 1.0.0.
            user: as for `clone`.

        Raises:
            Mistake: if the run was asked with a template.
            UnwritableFile: as `clone`.
        """
        text = text_to_keep(run, name=name or run.name or key, version=version)
        return self._shelf.keep(text, to=self._folder(user=user), key=key)

    def commit(self, template: str, *, message: str, author: str = "", tags: Sequence[str] = ()) -> Shelved:
        """Make a version immutable: from now on a change of its file is an error.

        Writes a digest of the file, the time (UTC), author, message and tags to `library.toml` in
        its folder; the file itself stays as it is. What it is composed of is not made immutable.

        Args:
            template: a key, with a version where not the latest is meant.
            message: why, for people.
            author: empty = the user of this machine.
            tags: words to find it by, in lower case; empty = those that it has.

        Raises:
            UnwritableFile: if it is weft's own.
            BadTemplate: if it is wrong, or was committed and has changed.
            Mistake: if it is committed already, or the message is empty.
        """
        return self._shelf.commit(template, message=message, author=author, tags=tags)

    def alias(self, template: str, alias: str, *, version: str = "", remove: bool = False) -> Shelved:
        """Let `key@alias` mean one committed version, such as `review@production`.

        Repeating it changes nothing; another version takes the alias over. Writes `library.toml`.

        Args:
            template: the key.
            alias: a word in lower-case letters; `latest` always means the highest version.
            version: what it means; empty = the latest version.
            remove: take the alias away instead.

        Raises:
            UnknownName: if there is no such key, version or alias.
            UnwritableFile: if the template is weft's own.
            Mistake: if the version is not committed, or the word cannot be an alias.
        """
        return self._shelf.alias(template, alias, version=version, remove=remove)

    def deprecate(
        self, template: str, *, reason: str = "", replacement: str = "", undo: bool = False
    ) -> tuple[Shelved, ...]:
        """Say that a template should not be used any more; a run that uses it says so once.

        Nothing is forbidden by it. Writes `library.toml`. Repeating it takes the new reason.

        Args:
            template: a key for all its versions, `key@1.0.0` for one.
            reason: why, for people.
            replacement: what to use instead; empty = nothing.
            undo: take the deprecation back instead.

        Raises:
            UnknownName: if the template or its replacement is not known.
            UnwritableFile: if it is weft's own.
            Mistake: if there is no reason.
        """
        if undo:
            return self._shelf.undeprecate(template)
        return self._shelf.deprecate(template, reason=reason, replacement=replacement)

    def trust(self, template: str) -> tuple[Shelved, ...]:
        """Say that an imported template is as good as one of your own; read it first.

        Until then its text is rendered in a process of its own, under limits. Writes `library.toml`.

        Args:
            template: a key for all its versions, `key@1.0.0` for one.

        Raises:
            UnknownName: if there is no such template.
            Mistake: if it was not imported, or is trusted already.
        """
        return self._shelf.trust(template)

    # ── hand on ──────────────────────────────────────────────────────────────────────────────────

    def export_bundle(self, templates: Sequence[str], *, path: str | Path | IO[bytes]) -> Exported:
        """Write templates, with all that they are composed of, to one ZIP file with checksums.

        The same templates give the same bytes. weft's own are only in it where they are asked for.

        Args:
            templates: keys, with versions or aliases where these are meant.
            path: the file, an old one is replaced when the new one is complete; or an open stream.

        Raises:
            UnknownName, BadTemplate: if one of them is not known or wrong.
            UnwritableFile: if the file cannot be written.
        """
        return export_bundle(self._library, templates, to=placed(path))

    def import_bundle(
        self,
        path: str | Path | IO[bytes],
        *,
        user: bool = False,
        upgrade: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Read a bundle into your own folder; all of it is checked before anything is written.

        Nothing is overwritten. What is there already, letter for letter, is left alone. Imported
        versions are committed, and foreign until `trust`.

        Args:
            path: the bundle, or an open stream of its bytes.
            user: into your own folder for all projects instead of the project's `templates/`.
            upgrade: also where a key of your own would mean an imported version from now on.
            dry_run: check everything and write nothing.

        Raises:
            BadTemplate: if anything in the bundle is not sound: names, sizes, checksums, templates.
            UnwritableFile: if another template has one of its names.
            Mistake: if the file cannot be read, or if it would change what your own keys mean.
        """
        to = self._folder(user=user)
        return import_bundle(
            self._library, self._shelf, source=placed(path), to=to, upgrade=upgrade, dry_run=dry_run
        )

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _folder(self, *, user: bool) -> Folder:
        return self._shelf.folder(Origin.USER if user else Origin.PROJECT)

    def _deprecated_pieces(self, template: Template) -> list[Flaw]:
        """Advice about what a template is composed of and should not be any more."""
        found = [(piece, self._library.find(piece.ref).record) for piece in template.pieces]
        return [
            Flaw("body", 0, f"`{piece.ref}` is deprecated: {record.reason}", "deprecated_piece")
            for piece, record in found
            if record.deprecated
        ]

    def _predecessor(self, latest: Template) -> Template:
        found = self._library.found(latest.key)
        if len(found) > 1:
            return self._library.template(found[1])
        source = self._library.record(latest).cloned_from
        if source:
            return self.get(source)
        raise UnknownName(
            f"Template `{latest.key}` has one version only, {latest.version}.",
            hint=f"name what it is compared with: `weft templates diff OLDER {latest.key}`.",
        )

    def _listed(self, key: str) -> Listed:
        listed = Listed(key=key)
        try:
            found = self._library.find(key)
            listed = Listed(
                key=key,
                version=found.version,
                is_builtin=found.origin is Origin.BUILTIN,
                origin=found.origin.value,
                tags=found.record.tags,
                deprecated=found.record.reason,
            )
            template = self._library.template(found)
        except BadTemplate as error:
            return replace(listed, error=error.message)
        return replace(
            listed,
            version=template.version,
            description=template.description,
            inputs=template.inputs.names,
            answers=template.answers.names,
            part=template.part,
        )


def _problems(error: BadTemplate) -> list[dict[str, Any]]:
    found = error.facts.get("problems")
    if isinstance(found, list):
        return [dict(each) for each in found]
    way_out = f" {error.hint[:1].upper()}{error.hint[1:]}" if error.hint else ""
    return [{"path": "", "line": 0, "message": f"{error.message}{way_out}", "code": error.code}]
