"""What is wrong with a request is told with its place, and nothing of it is stored, walked or charged."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.unit.api.conftest import KEY, PORT, Server, open_server
from tests.unit.tables.formats.test_csv import FAULTS

from weft.api.application import build_application
from weft.api.sessions import Sessions
from weft.app.opening import look_around, new_secret
from weft.app.weft import Weft
from weft.kit.clocks import VirtualClock

TABLE = "body,mood\nThe invoice is wrong.,angry\n"
RUN = {"rows": [{"body": "x"}], "prompt": "Say {{ body }}", "fields": ["mood: enum[a,b]"]}
SHEET = "xl/worksheets/sheet1.xml"
LIMITS = """model = "local"
table_mb = 1
table_rows = 50
table_columns = 20
table_cell_kb = 1
"""


class Bill:
    """A wire that nobody may use."""

    def __init__(self) -> None:
        self.asked = 0

    async def send(self, request: object) -> Any:
        """Count what should never come."""
        self.asked += 1
        raise AssertionError(request)

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server over an empty project, with the usual limits."""
    monkeypatch.chdir(tmp_path)
    found = open_server(tmp_path)
    async with found.house:
        yield found


@pytest.fixture
def bill() -> Bill:
    """Counts what a model was asked."""
    return Bill()


@pytest.fixture
async def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bill: Bill) -> AsyncIterator[Server]:
    """A server that takes small tables, and asks a model whose key it has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weft.toml").write_text(LIMITS, encoding="utf-8")
    clock = VirtualClock()
    surroundings = look_around(start=tmp_path, environment={"OPENAI_API_KEY": "sk-test"})
    house = Weft(surroundings, clock=clock, transport=bill)  # type: ignore[arg-type]  # as far as it is used
    sessions = Sessions(KEY, clock=clock, draw=new_secret)
    application = build_application(house, sessions, port=PORT, draw=lambda: "number-1")
    async with house:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        yield Server(house, sessions, clock, transport)


def files(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def tree(folder: Path) -> str:
    """A hash of every file below a folder, by name and content."""
    sha = hashlib.sha256()
    for each in files(folder):
        sha.update(f"{each}\n".encode() + (folder / each).read_bytes())
    return sha.hexdigest()


async def refusal(server: Server, folder: Path, send: Callable[[httpx.AsyncClient], Any]) -> dict[str, Any]:
    """Send something bad; what was told, if nothing was kept."""
    async with server.with_key() as ask:
        before, tables = tree(folder), (await ask.get("/api/v1/tables")).json()
        answer = await send(ask)
        told: dict[str, Any] = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert (told["status"], str(folder) in answer.text) == (answer.status_code, False)
        assert (await ask.get("/api/v1/tables")).json() == tables
        assert (await ask.get("/api/v1/runs")).json()["runs"] == []
        assert tree(folder) == before
    assert told["problems"], told
    assert all(each["message"] for each in told["problems"])
    return told


def upload(name: str, content: bytes, **options: str) -> Callable[[httpx.AsyncClient], Any]:
    """Hand a table over."""
    return lambda ask: ask.post("/api/v1/tables", content=content, params={"name": name, **options})


# ── tables ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", FAULTS)
async def test_bad_bytes_are_refused_with_their_line(server: Server, tmp_path: Path, name: str) -> None:
    """S15, S17: each byte-level fault of the CSV table is told with its physical line, and nothing stays."""
    content, options, line, words = FAULTS[name]

    told = await refusal(server, tmp_path, upload("mails.csv", content, **options))

    place = "body" if line is None else f"body.line.{line}"
    assert (told["status"], told["code"], told["problems"][0]["path"]) == (422, "unreadable_table", place)
    assert words in told["detail"]
    assert "mails.csv" in told["detail"]
    assert told["hint"]


def workbook(path: Path, rows: list[list[object]]) -> Path:
    """A workbook of one sheet."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Mails")
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def bombs(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Workbooks and Parquet files that mean harm, or are none, and what is said of them."""
    folder.mkdir()
    found = {}
    path = workbook(folder / "inflated.xlsx", [["a"], [1]])
    with ZipFile(path, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/x.bin", b"\0" * (100 << 20))
    found["inflated.xlsx"] = (path.read_bytes(), "more than 200 times its size")
    texts: list[list[object]] = [["x" * 50]] * 40
    path = workbook(folder / "lying.xlsx", [["a"], *texts])
    with ZipFile(path) as archive:
        honest = archive.getinfo(SHEET).file_size
    found["lying.xlsx"] = (
        path.read_bytes().replace(struct.pack("<L", honest), struct.pack("<L", 900)),
        "cannot be read as an Excel workbook",
    )
    path = workbook(folder / "crowded.xlsx", [["a"], [1]])
    with ZipFile(path, "a") as archive:
        for number in range(1_000):
            archive.writestr(f"../../{number}", "x")
    found["crowded.xlsx"] = (path.read_bytes(), "parts, more than 1,000")
    path = workbook(folder / "entities.xlsx", [["a"], ["x"]])
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    declared = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet'
    parts[SHEET] = parts[SHEET].replace(b"<worksheet", declared)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    found["entities.xlsx"] = (path.read_bytes(), "cannot be read as an Excel workbook")
    found["text.xlsx"] = (b"a,b\n1,2\n", "is no Excel workbook")
    found["old.xlsx"] = (b"\xd0\xcf\x11\xe0 old", "is no Excel workbook")
    parquet.write_table(pa.table({"a": list(range(40))}), folder / "whole.parquet")
    whole = (folder / "whole.parquet").read_bytes()
    found["cut.parquet"] = (whole[: len(whole) // 2], "cannot be read as Parquet")
    found["garbled.parquet"] = (whole[:20] + b"\xff" * 40 + whole[60:], "cannot be read as Parquet")
    found["text.parquet"] = (b"a,b\n1,2\n", "cannot be read as Parquet")
    found["numbers.jsonl"] = (b"1\n2\n", "is no JSON object")
    found["list.jsonl"] = (b"[1, 2]\n", "is no JSON object")
    return found


async def test_bombs_and_other_files_are_refused(server: Server, tmp_path: Path) -> None:
    """S20, S22: archives that would fill a disk, lie or declare entities, and damaged files, leave nothing."""
    for name, (content, words) in bombs(tmp_path / "made").items():
        told = await refusal(server, tmp_path, upload(name, content))

        assert (told["status"], told["code"]) == (422, "unreadable_table"), name
        assert words in told["detail"], told["detail"]
        assert told["problems"][0]["path"].startswith("body"), name


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"a\n" + b"1\n" * 51, "body.row.51", "more than 50 rows"),
        (b"a,b\n1,2\n3," + b"x" * 1_025 + b"\n", "body.line.3.row.2.column.b", "more than 1,024"),
        (",".join(f"c{n}" for n in range(21)).encode() + b"\n", "body.column.21", "at most 20"),
    ],
    ids=["rows", "cell", "columns"],
)
async def test_table_beyond_a_limit_is_refused(
    strict: Server, tmp_path: Path, content: bytes, place: str, words: str
) -> None:
    """S16: too many rows or columns, or too long a cell, are told with the first that is too much."""
    told = await refusal(strict, tmp_path, upload("mails.csv", content))

    assert (told["status"], told["code"]) == (422, "unreadable_table")
    assert (told["problems"][0]["path"], words in told["detail"]) == (place, True)


@pytest.mark.parametrize("declared", [True, False])
async def test_large_table_is_refused_before_it_is_taken(
    strict: Server, tmp_path: Path, declared: bool
) -> None:
    """S36: a table beyond `table_mb` is refused by its declared length, or at the byte that is too many."""
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 65_536
            yield b"x" * 65_536

    headers = {"content-length": str(100 * 65_536)} if declared else {}
    async with strict.with_key() as ask:
        before = tree(tmp_path)
        answer = await ask.post("/api/v1/tables", content=pieces(), params={"name": "a.csv"}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "1,000,000 bytes" in answer.json()["detail"]
    assert sent <= 2 * 1_000_000
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "code", "place"),
    [
        ({"name": "mails.exe"}, "unreadable_table", "query.name"),
        ({"name": "../mails.csv"}, "unreadable_table", "query.name"),
        ({"name": "mails"}, "unreadable_table", "query.name"),
        ({"name": ""}, "invalid_request", "query.name"),
        ({"encoding": "nonsense"}, "bad_setting", "query.encoding"),
        ({"delimiter": "::"}, "bad_setting", "query.delimiter"),
        ({"delimiter": "x" * 20}, "invalid_request", "query.delimiter"),
        ({"ragged": "cut"}, "invalid_request", "query.ragged"),
        ({"sheet": "Mails"}, "bad_setting", "query.sheet"),
        ({"wat": "1"}, "invalid_request", "query.wat"),
    ],
)
async def test_bad_option_is_refused_by_name(
    server: Server, tmp_path: Path, options: dict[str, str], code: str, place: str
) -> None:
    """T27: an option of the upload that makes no sense is named, and the file is not kept."""
    send = upload(**{"name": "mails.csv", "content": TABLE.encode(), **options})  # type: ignore[arg-type]  # texts and bytes

    told = await refusal(server, tmp_path, send)

    assert (told["status"], told["code"], told["problems"][0]["path"]) == (422, code, place)


async def test_unknown_sheet_is_refused_by_name(server: Server, tmp_path: Path) -> None:
    """A sheet that a workbook does not have is told with those that it has."""
    content = workbook(tmp_path / "made.xlsx", [["a"], [1]]).read_bytes()

    told = await refusal(server, tmp_path, upload("t.xlsx", content, sheet="Nails"))

    assert (told["status"], told["code"], told["problems"][0]["path"]) == (404, "unknown_name", "query.sheet")
    assert "Mails" in told["hint"]


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────

BAD_RUNS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "open list of choices": ({"fields": ["mood: enum[a"]}, 422, "bad_schema", "body.fields.0"),
    "unknown type": ({"fields": ["ok: string", "mood: wat"]}, 422, "bad_schema", "body.fields.1"),
    "field without a type": ({"fields": ["a: string", "mood: "]}, 422, "bad_schema", "body.fields.1"),
    "field twice": ({"fields": ["a: string", "a: string"]}, 422, "bad_template", "body.fields"),
    "no fields": ({"fields": []}, 422, "mistake", "body.fields"),
    "fields of a template": ({"prompt": None, "template": "topic_review"}, 422, "mistake", "body.fields"),
    "field that is no text": ({"fields": [1]}, 422, "invalid_request", "body.fields.0"),
    "unknown input": ({"mapping": ["nothing=body"]}, 422, "bad_mapping", "body.mapping.0"),
    "unknown column": ({"mapping": ["body=nothing"]}, 422, "bad_mapping", "body.mapping.0"),
    "mapping without a sign": ({"mapping": ["body=body", "oops"]}, 422, "bad_mapping", "body.mapping.1"),
    "column of the prompt is missing": (
        {"rows": [{"other": "x"}]},
        422,
        "bad_template",
        "body.prompt.line.1",
    ),
    "column of the template is missing": (
        {"prompt": None, "fields": [], "template": "topic_review", "rows": [{"x": "1"}]},
        422,
        "missing_column",
        "body.mapping",
    ),
    "open braces": ({"prompt": "Say\n{{ body"}, 422, "bad_template", "body.prompt.line.2"),
    "unknown filter": ({"prompt": "Say {{ body | wat }}"}, 422, "bad_template", "body.prompt.line.1"),
    "unsafe name": ({"prompt": "{{ body.__class__ }}"}, 422, "bad_template", "body.prompt.line.1"),
    "no prompt": ({"prompt": None, "fields": []}, 422, "mistake", "body.prompt"),
    "prompt and template": ({"template": "topic_review"}, 422, "mistake", "body.prompt"),
    "unknown template": (
        {"prompt": None, "fields": [], "template": "nothing"},
        404,
        "unknown_name",
        "body.template",
    ),
    "unknown pack": (
        {"prompt": None, "fields": [], "variants": "nothing"},
        404,
        "unknown_name",
        "body.variants",
    ),
    "setting out of bounds": (
        {"settings": {"rows_per_call": 0}},
        422,
        "invalid_request",
        "body.settings.rows_per_call",
    ),
    "unknown setting": ({"settings": {"wat": 1}}, 422, "invalid_request", "body.settings.wat"),
    "setting of the server": ({"settings": {"store": "x"}}, 422, "invalid_request", "body.settings.store"),
    "unknown provider": ({"settings": {"model": "nobody/x"}}, 404, "unknown_name", "body.settings.model"),
    "no model named": ({"settings": {"model": "gpt"}}, 404, "unknown_name", "body.settings.model"),
    "no key": ({"settings": {"model": "gemini/x"}}, 409, "missing_credential", "body.settings.model"),
    "no price": (
        {"settings": {"model": "openai/never-heard-of", "budget_usd": "1"}},
        422,
        "unknown_price",
        "body.settings.budget_usd",
    ),
    "budget that is no amount": (
        {"settings": {"budget_usd": "-1"}},
        422,
        "invalid_request",
        "body.settings.budget_usd",
    ),
    "row that is none": ({"rows": ["x"]}, 422, "invalid_request", "body.rows.0"),
    "row with another column": ({"columns": ["body"], "rows": [{"bod": "x"}]}, 422, "mistake", "body.rows.0"),
    "reserved column": ({"rows": [{"_weft_x": "1", "body": "x"}]}, 422, "unreadable_table", "body.rows"),
    "too many rows": ({"rows": [{"body": "x"}] * 1_001}, 422, "invalid_request", "body.rows"),
    "no rows": ({"rows": []}, 422, "mistake", "body.table"),
    "unknown table": ({"rows": None, "table": "t" + "a" * 12}, 404, "unknown_name", "body.table"),
    "path for a table": ({"rows": None, "table": "../mails.csv"}, 422, "invalid_request", "body.table"),
    "limit below zero": ({"limit": -1}, 422, "invalid_request", "body.limit"),
    "unknown field": ({"wat": 1}, 422, "invalid_request", "body.wat"),
}


@pytest.mark.parametrize("name", BAD_RUNS)
async def test_bad_run_is_refused_by_field(strict: Server, tmp_path: Path, bill: Bill, name: str) -> None:
    """W33: a bad schema, mapping, prompt, setting or row is told with its field; nothing is kept or charged."""
    change, status, code, place = BAD_RUNS[name]
    body = {key: value for key, value in (RUN | change).items() if value is not None}

    told = await refusal(strict, tmp_path, lambda ask: ask.post("/api/v1/runs", json=body))

    assert (told["status"], told["code"], told["problems"][0]["path"]) == (status, code, place), told
    assert bill.asked == 0


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"rows": NaN}', b'{"a": 1, "a": 2}', b"\xff"])
async def test_body_that_is_no_json_is_refused(server: Server, tmp_path: Path, content: bytes) -> None:
    """A body that is no JSON object, or not strictly one, is refused as a whole."""
    headers = {"content-type": "application/json"}

    told = await refusal(
        server, tmp_path, lambda ask: ask.post("/api/v1/runs", content=content, headers=headers)
    )

    assert told["status"] in {400, 422}
    assert told["problems"][0]["path"].startswith("body")


HOSTILE = [
    "CON.csv",
    "..csv",
    "....csv",
    ".csv",
    "a;b.csv",
    'a"b.csv',
    "a%00b.csv",
    "päth.csv",
    "💣.csv",
    "-rf.csv",
]
HOPELESS = [
    "a\x00.csv",
    "a\r\nb.csv",
    "a/../../etc/passwd.csv",
    "..\\..\\x.csv",
    "a\u202evsc.csv",
    "x" * 300 + ".csv",
    "\x1b[2J.csv",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_name_is_kept_under_an_id(server: Server, tmp_path: Path, name: str) -> None:
    """S21: whatever a table is called, it lies in its folder under its id."""
    async with server.with_key() as ask:
        answer = await upload(name, TABLE.encode())(ask)
    lying = files(tmp_path)

    assert answer.status_code in {201, 422}
    if answer.status_code == 201:
        table = answer.json()["id"]
        assert answer.json()["name"] == name
        assert all(each == "weft.toml" or f"weft.db.tables/{table}" in each for each in lying), lying
    else:
        assert lying == ["weft.toml"]


@pytest.mark.parametrize("name", HOPELESS)
async def test_hopeless_name_is_refused(server: Server, tmp_path: Path, name: str) -> None:
    """S21: names with folders, control characters, turned writing direction or endless length are refused."""
    told = await refusal(server, tmp_path, upload(name, TABLE.encode()))

    assert (told["status"], told["problems"][0]["path"]) == (422, "query.name")
