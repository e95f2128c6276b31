"""How figures are written for others."""

from __future__ import annotations

import csv
import io

from prometheus_client.parser import text_string_to_metric_families
from tests.unit.metrics.runs import figures
from tests.unit.metrics.test_counting import RUN, settled

from weft.events import LaneWaiting
from weft.kit.clocks import VirtualClock
from weft.metrics.counting import Counting
from weft.metrics.exposing import HEADER, Exposed, Remembered, plain_line, write_csv, write_prometheus
from weft.metrics.kpis import Window, sum_up
from weft.money import Usd

EVIL = 'a"b\\c\nd 1.0'


def families(exposed):
    """What Prometheus' own parser finds."""
    return {each.name: each for each in text_string_to_metric_families(write_prometheus(exposed))}


def test_csv_has_every_column_and_a_header():
    """T19: every figure has its column; without any line there is a header still."""
    lines = sum_up([figures(total=2, answered=2, spent=Usd.of("0.25"))], Window())

    (line,) = csv.DictReader(io.StringIO(write_csv(lines)))
    assert tuple(line) == HEADER
    assert (line["template"], line["version"], line["spent_usd"]) == ("review", "1.0", "0.25")
    assert write_csv([]) == ",".join(HEADER) + "\r\n"


def test_csv_guards_against_formulas():
    """A name that a spreadsheet would run is written as text."""
    (line,) = csv.DictReader(io.StringIO(write_csv(sum_up([figures("=cmd 1.0")], Window()))))

    assert line["template"] == "'=cmd"


def test_unknown_money_is_null_and_empty():
    """Unknown money is null in JSON, an empty cell in CSV and no sample for Prometheus."""
    lines = sum_up([figures(spent=None)], Window(), by_model=True)

    assert plain_line(lines[0])["spent_usd"] is None
    assert next(csv.DictReader(io.StringIO(write_csv(lines))))["spent_usd"] == ""
    assert families(Exposed(version="1", lines=lines))["weft_store_spent_usd"].samples == []


def test_prometheus_reads_odd_names():
    """Quotes, backslashes and line breaks in names come back as they were."""
    lines = sum_up([figures(EVIL, total=1)], Window(), by_model=True)

    (sample,) = families(Exposed(version="1", lines=lines))["weft_store_runs"].samples
    assert sample.labels == {"template": EVIL.rpartition(" ")[0], "version": "1.0", "model": "local/local"}


def test_prometheus_reads_counters_and_histograms():
    """Counters, histograms and caches of this process are told by their names and labels."""
    counting = Counting(VirtualClock())
    counting.hear(settled(1))
    counting.hear(LaneWaiting(run=RUN, reason="pace", wait_s=1.5))
    caches = {"answers": Remembered(hits=3, entries=2)}

    found = families(Exposed(version="1.2", counts=counting.counts(), caches=caches))
    rows = {each.labels["state"]: each.value for each in found["weft_rows_ended"].samples}
    assert rows == {"answered": 2, "failed": 1}
    assert [each.value for each in found["weft_waited_seconds"].samples] == [1.5]
    assert found["weft_cache_hits"].samples[0].value == 3
    assert found["weft_cache_misses"].samples == []
    assert {each.name for each in found["weft_call_seconds"].samples} >= {"weft_call_seconds_bucket"}
    assert found["weft_info"].samples[0].labels == {"version": "1.2"}
