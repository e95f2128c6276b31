"""A JSON record for every row of a run, one file each, under a folder of the run.

Knows what a record holds and how its file is called: `<run>/<run>-<template>-row007.json`.
Refuses to write anywhere but below the folder that it was given. A record is whole or not there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.app.summaries import dollars
from weft.errors import UnwritableFile
from weft.protocols import Prompter
from weft.row import Outcome, RowState
from weft.run import Run

VERSION = 1  # of a record's shape; raise it when a name changes its meaning
FEWEST_DIGITS = 3  # `row007`; more where the run has more than a thousand rows
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One record that was written."""

    place: int
    state: RowState
    path: Path


def record_name(run: Run, place: int) -> str:
    """The file name of a row's record, its number padded to the size of the run."""
    digits = max(FEWEST_DIGITS, len(str(max(0, run.tally.total - 1))))
    template = _UNSAFE.sub("_", run.spec.template.partition(" ")[0]) or "template"
    return f"{run.id}-{template}-row{place:0{digits}d}.json"


def record_of(run: Run, outcome: Outcome, prompter: Prompter) -> dict[str, Any]:
    """What is kept about one row, as plain JSON.

    `inputs` and `rendered` are `None` for a row that was rejected: no template code ran on it.
    """
    values: Mapping[str, Any] | None = None
    if outcome.state is not RowState.REJECTED:
        checked = prompter.values(outcome.cells)
        values = None if checked.problems else checked.values
    key, _, version = run.spec.template.partition(" ")
    return {
        "record_version": VERSION,
        "run": run.id,
        "index": outcome.place,
        "line": outcome.line or None,
        "state": outcome.state.value,
        "template": {"key": key, "version": version, "fingerprint": run.spec.prompter},
        "provider": run.spec.provider,
        "model": run.spec.model,
        "cells": dict(outcome.cells),
        "inputs": None if values is None else dict(values),
        "rendered": None if values is None else prompter.part(values).text,
        "answer": None if outcome.answer is None else dict(outcome.answer),
        "problem": outcome.problem,
        "problem_code": outcome.problem_code,
        "notes": list(outcome.notes),
        "recalled": outcome.recalled,
        "attempts": outcome.attempts,
        "call": outcome.call,
        "usage": {"input_tokens": outcome.input_tokens, "output_tokens": outcome.output_tokens},
        "cost_usd": dollars(outcome.cost),
        "created_at": run.created_at,
    }


def write_records(
    run: Run, outcomes: Iterator[Outcome], prompter: Prompter, *, folder: Path
) -> Iterator[Recorded]:
    """Write a record for every outcome that has ended; yields each as it is written.

    Repeating it writes the same files again.

    Raises:
        UnwritableFile: if the folder cannot be made or a file cannot be written.
    """
    home = prepare_folder(folder / run.id)
    for outcome in outcomes:
        if outcome.state in {RowState.WAITING, RowState.ASKED}:
            continue
        path = home / record_name(run, outcome.place)
        text = json.dumps(record_of(run, outcome, prompter), ensure_ascii=False, indent=2, default=str)
        _write_whole(path, text + "\n")
        yield Recorded(place=outcome.place, state=outcome.state, path=path)


def prepare_folder(folder: Path) -> Path:
    """Make a folder, and find out whether files can be written in it.

    Raises:
        UnwritableFile: if not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnwritableFile(
            f"`{folder}` is read-only.", hint="choose another --output-dir.", path=str(folder)
        )
    return folder


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_suffix(".part")
    try:
        with draft.open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.write(text)
        draft.replace(path)
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def _unwritable(path: Path, exc: OSError) -> UnwritableFile:
    return UnwritableFile(
        f"`{path}` cannot be written: {exc.strerror or exc}.",
        hint="choose another --output-dir.",
        path=str(path),
    )
