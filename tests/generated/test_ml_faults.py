"""Rows in trouble: NaN, wrong shapes, rows on which a framework fails; and answers that are none."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.generated import ml_models as models
from tests.generated.ml_models import odd_module, opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.odd_folder(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def odd(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return odd_module(folder, tmp_path_factory.mktemp("module"))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e39])
async def test_number_that_is_none_harms_no_neighbour(odd: ModuleType, folder: Path, bad: float) -> None:
    """NaN, infinite and too large numbers are refused; rows of the same group are answered."""
    async with opened(odd, folder) as module:
        found = await asyncio.gather(
            *(module.logarithm(x=x) for x in [1.0, bad, math.e]), return_exceptions=True
        )
        listed = await module.logarithm_many([odd.LogarithmInput(x=x) for x in [1.0, bad, math.e]])

    for first, second, third in (found, listed):
        assert (first.y, third.y) == (0.0, pytest.approx(1.0))
        assert isinstance(second, odd.InvalidInput)
        assert "1e+39" not in str(second)


async def test_row_on_which_the_framework_fails_fails_alone(odd: ModuleType, folder: Path) -> None:
    """A row that makes the whole run fail is found by halving; 31 others get their answers."""
    digits = [n % 10 for n in range(32)]
    digits[13] = 99
    async with opened(odd, folder) as module:
        found = await asyncio.gather(*(module.square(digit=n) for n in digits), return_exceptions=True)

    assert isinstance(found[13], odd.InferenceFailed)
    assert found[13].__cause__ is not None
    assert [each.square for n, each in enumerate(found) if n != 13] == [
        float(n * n) for place, n in enumerate(digits) if place != 13
    ]


async def test_nan_from_a_model_is_no_answer(odd: ModuleType, folder: Path) -> None:
    """NaN and infinity that a model gives are an error of their row and of no other."""
    async with opened(odd, folder) as module:
        found = await module.logarithm_many([odd.LogarithmInput(x=x) for x in [1.0, -1.0, 0.0, 1.0]])

    assert [type(each).__name__ for each in found] == [
        "LogarithmResult",
        "UnusableAnswer",
        "UnusableAnswer",
        "LogarithmResult",
    ]


async def test_model_that_mixes_rows_is_caught(odd: ModuleType, folder: Path) -> None:
    """A model that gives one result for many rows never has it taken for an answer of each."""
    async with opened(odd, folder) as module:
        found = await module.total_many([odd.TotalInput(x=1.0), odd.TotalInput(x=2.0)])

    assert all(isinstance(each, odd.UnusableAnswer) for each in found)


async def test_rows_of_different_lengths_share_no_array(odd: ModuleType, folder: Path) -> None:
    """Lists of different lengths are run apart and each gets its own mean; an empty one is refused."""
    rows = [[1.0], [1.0, 2.0], [4.0, 6.0], [3.0] * 50, []]
    async with opened(odd, folder) as module:
        found = await module.mean_many([odd.MeanInput(values=each) for each in rows])

    assert [each.mean for each in found[:4]] == [1.0, 1.5, 5.0, 3.0]
    assert isinstance(found[4], odd.InvalidInput)


@pytest.mark.parametrize(
    "values",
    ["text", ["1.5"], [None], [[1.0], [1.0, 2.0]], None, [[1.0, 2.0]] * 2, {"a": 1}],
    ids=["text", "digits in text", "nothing inside", "ragged", "nothing", "too deep", "mapping"],
)
async def test_row_of_another_shape_is_refused(odd: ModuleType, folder: Path, values: Any) -> None:
    """Bad shape: what is no list of numbers never reaches the model."""
    async with opened(odd, folder) as module:
        with pytest.raises(odd.InvalidInput):
            await module.mean(values=values)
        assert (await module.mean(values=[2.0, 4.0])).mean == 3.0


async def test_inputs_of_several_kinds_meet_their_names(odd: ModuleType, folder: Path) -> None:
    """Fields go to the inputs they are named for; an option becomes a one among zeros; others are refused."""
    async with opened(odd, folder) as module:
        found = await module.product(colour="green", factor=7)
        with pytest.raises(odd.InvalidInput):
            await module.product(colour="pink", factor=7)
        with pytest.raises(odd.InvalidInput, match="int64"):
            await module.product(colour="red", factor=1.5)

    assert (found.product, found.echo) == ([0.0, 7.0, 0.0], 7)


async def test_missing_value_takes_its_stand_in(odd: ModuleType, folder: Path) -> None:
    """An optional field without a value is replaced where the spec says by what."""
    async with opened(odd, folder) as module:
        assert (await module.promised()).y == 0.0
        with pytest.raises(odd.InvalidInput, match="no value"):
            await module.logarithm(x=None)
