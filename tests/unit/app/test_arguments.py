"""Names and types of Python's arguments."""

from __future__ import annotations

from dataclasses import fields

from weft.app.arguments import HOUSE, OUT, REQUEST, RunArguments, SettingArguments, sort_arguments
from weft.settings import Settings


def test_every_setting_is_an_argument() -> None:
    """P18: every setting can be given from Python, by its own name, and type checkers know it."""
    assert set(SettingArguments.__annotations__) == {each.name for each in fields(Settings)}


def test_every_argument_has_its_place() -> None:
    """Every typed argument goes to the settings, the request, the output or the house."""
    assert set(RunArguments.__annotations__) - set(SettingArguments.__annotations__) == {
        *REQUEST,
        *OUT,
        *HOUSE,
    }


def test_arguments_are_sorted() -> None:
    """Settings and the rest are told apart; a lone line counts as a list of one."""
    found = sort_arguments({"rpm": 3, "fields": "a: string", "prompt": "{{ x }}", "delimiter": ";"})

    assert found.settings == {"rpm": 3}
    request = found.request([], None)
    assert list(request.fields) == ["a: string"]
    assert request.read.delimiter == ";"
    assert found.export() is None
