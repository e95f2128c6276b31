"""The page about figures is followed word for word, and names every figure and metric that there is."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.stories.test_documents import CONSOLE, ROOT, call, folder

from weft.api.limiting import HEAVY_SHARE
from weft.metrics.exposing import HEADER, Exposed, Remembered, write_prometheus
from weft.metrics.kpis import Totals
from weft.settings import Settings

PAGE = (ROOT / "docs/how-to/metrics.md").read_text(encoding="utf-8")
__all__ = ["folder"]  # a fixture


def test_page_of_figures_can_be_followed(folder):
    """Every line of the page runs, and the CSV that it writes has every figure."""
    failed = []
    for block in CONSOLE.findall(PAGE):
        for line in block.splitlines():
            done = call(folder, line.removeprefix("$ "))
            if done.returncode:
                failed.append((line, done.stderr))

    assert not failed
    assert (folder / "metrics.csv").read_text().splitlines()[0] == ",".join(HEADER)


def test_page_names_every_figure():
    """Each figure of an export is explained in the table."""
    explained = set(re.findall(r"`([a-z_]+)`", PAGE))

    assert set(HEADER) - {"template", "version", "model"} <= explained


@pytest.mark.parametrize("pattern", sorted(set(re.findall(r"`(weft_[a-z_]+\*?)`", PAGE))))
def test_page_names_metrics_that_exist(pattern):
    """Each metric of the page, or the beginning of some, is told to Prometheus."""
    exposed = Exposed(version="1", lines=[Totals(template="t")], caches={"a": Remembered(hits=1, entries=1)})
    found = text_string_to_metric_families(write_prometheus(exposed))
    names = {name for each in found for name in (each.name, f"{each.name}_total")}

    assert any(name.startswith(pattern.removesuffix("*")) for name in names)


def test_page_tells_the_limit_of_requests():
    """The numbers of the page are those of the code."""
    assert f"{Settings().server_rpm:,} requests a minute" in PAGE
    assert HEAVY_SHARE == 10
    assert "a tenth of it" in PAGE
