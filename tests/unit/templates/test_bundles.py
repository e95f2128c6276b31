"""Bundles: what goes in comes out, and whatever else somebody may put in is refused."""

from __future__ import annotations

import io
import json
import stat
import time
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import BadTemplate
from weft.templates.bundles import MANIFEST, MAX_TEMPLATES, Bundle, Packed, pack, unpack
from weft.templates.records import Record

REVIEW = Packed(
    key="review", version="1.0.0", text="---\nname: é\n---\nText 😀\n", record=Record(author="Ada")
)
FOOTER = Packed(key="footer", version="2.1", text="Bye")
GOOD = pack(Bundle(templates=(REVIEW, FOOTER), asked=("review@1.0.0",), aliases={"footer@live": "2.1"}))
NAME = "templates/review@1.0.0.md"
Change = Callable[[dict[str, object]], None]


def test_bundle_comes_back_as_it_was() -> None:
    """T74: texts letter for letter, with what is known about them, aliases and what was asked for."""
    found = unpack(GOOD, name="b.zip")

    assert found.templates == (FOOTER, REVIEW)
    assert (found.asked, found.aliases) == (("review@1.0.0",), {"footer@live": "2.1"})
    assert len(found.digest) == 64


def test_same_templates_give_the_same_bytes() -> None:
    """T74: neither order nor time changes a bundle, so that its checksum can be compared."""
    again = Bundle(templates=(FOOTER, REVIEW), asked=("review@1.0.0",), aliases={"footer@live": "2.1"})

    assert pack(again) == GOOD


def test_places_and_trust_do_not_travel() -> None:
    """A bundle cannot say that it is trusted, nor where templates lay."""
    record = Record(
        author="Ada", trusted="yes", imported="x", bundle="b", cloned_from="a@1.0", digest="d", created="c"
    )
    found = unpack(
        pack(Bundle(templates=(Packed(key="a", version="1.0", text="t", record=record),))), name="b"
    )

    assert found.templates[0].record == Record(author="Ada")


def entries() -> dict[str, bytes]:
    """The good bundle's entries."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def zipped(files: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    """A ZIP file of these entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, raw)
    return stream.getvalue()


def with_manifest(change: Change) -> bytes:
    """The good bundle with another manifest."""
    files = entries()
    manifest = json.loads(files[MANIFEST])
    change(manifest)
    return zipped({**files, MANIFEST: json.dumps(manifest).encode()})


def refusal(raw: bytes) -> str:
    """Why a bundle is refused."""
    began = time.perf_counter()
    with pytest.raises(BadTemplate) as told:
        unpack(raw, name="b.zip")
    assert time.perf_counter() - began < 2.0
    assert "nothing of it was written" in told.value.hint
    return told.value.message


def linked(name: str) -> zipfile.ZipInfo:
    """An entry that is a link."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "name",
    [
        "../evil.md",
        "/etc/passwd",
        "templates/../../evil@1.0.md",
        "templates/..\\evil@1.0.md",
        "templates/sub/review@1.0.0.md",
        "templates/review.md",
        "templates/Review@1.0.0.md",
        "templates/review@one.md",
        "templates/review@1.0.0.md.exe",
        "templates/con:@1.0.md",
        "library.toml",
        "templates/library.toml",
        "templates/review@1.0.0.md/",
        "C:\\templates\\x@1.0.md",
        "templates/\u202ereview@1.0.md",
    ],
)
def test_names_that_lead_anywhere_else_are_refused(name: str) -> None:
    """T74, P14, S20: no entry can name a path outside of the folder, or anything but a template."""
    assert "name" in refusal(zipped({**entries(), name: b"x"}))


def test_link_is_refused() -> None:
    """S20: a link in a bundle is no template."""
    assert "no plain file" in refusal(
        zipped([*entries().items(), (linked("templates/a@1.0.md"), b"/etc/passwd")])
    )


def test_two_entries_of_one_name_are_refused() -> None:
    """S20: a second entry cannot hide behind the first, nor behind a name in another case."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        raw = zipped([*entries().items(), (NAME, b"evil")])

    assert "Two of its entries have one name" in refusal(raw)


def test_bomb_is_refused_while_it_is_unpacked() -> None:
    """S20: an entry that unpacks to very much more than it takes is not unpacked to its end."""
    files = {**entries(), NAME: b"a" * 3_900_000}
    assert "unpacks to more than 200 times its size" in refusal(zipped(files))


def test_size_in_the_list_is_not_believed() -> None:
    """S20: an entry that lies about its size is stopped by what comes out of it."""
    raw = bytearray(zipped({**entries(), NAME: bytes(range(256)) * 20_000}))
    at = raw.rindex(b"PK\x01\x02", 0, raw.rindex(NAME.encode()))
    raw[at + 24 : at + 28] = (100).to_bytes(4, "little")

    assert refusal(bytes(raw))


def test_large_entry_is_refused() -> None:
    """S20: no template is larger than 4 MB."""
    files = {**entries(), NAME: bytes(range(256)) * 16_000}
    assert "larger than 4 MB" in refusal(zipped(files))


def test_many_entries_are_refused() -> None:
    """S20: the number of templates is bounded."""
    many = {f"templates/t{n}@1.0.md": b"x" for n in range(MAX_TEMPLATES + 1)}
    assert "entries; 201 are allowed" in refusal(zipped({**entries(), **many}))


def test_changed_text_fails_its_checksum() -> None:
    """T74: one letter more or another letter is found by its checksum."""
    for raw in (b"other", entries()[NAME].replace(b"Text", b"Test")):
        assert "Its checksum is not the one in the manifest" in refusal(zipped({**entries(), NAME: raw}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format="zip"), "no bundle of weft templates"),
        (lambda m: m.update(version=2), "this weft reads 1"),
        (lambda m: m.update(extra=1), "`extra` of its manifest"),
        (lambda m: m.pop("asked"), "`asked` of its manifest"),
        (lambda m: m.update(templates=[]), "holds no template"),
        (lambda m: m["templates"].pop(), "It is not in the manifest"),
        (lambda m: m["templates"].append(m["templates"][0]), "lists a file twice"),
        (lambda m: m["templates"].append(5), "not as it must be"),
        (lambda m: m["templates"][0].update(file="templates/x@1.0.md"), "which is not there"),
        (lambda m: m["templates"][0].update(key="other"), "which is not there"),
        (lambda m: m["templates"][0].update(key="../other"), "which is not there"),
        (lambda m: m["templates"][0].update(evil=1), "not as it must be"),
        (lambda m: m["templates"][0].update(about={"trusted": "x"}), "may not say `trusted`"),
        (lambda m: m["templates"][0].update(about={"author": 3}), "`author` must be a text"),
        (lambda m: m["templates"][0].update(about={"author": "x" * 5_000}), "`author` must be a text"),
        (lambda m: m["templates"][0].update(about={"author": "\ud800"}), "`author` must be a text"),
        (lambda m: m["templates"][0].update(about={"tags": ["\x1b[2J"]}), "`tags` must be a list"),
        (lambda m: m["aliases"].update({"review@live": "9.0"}), "means version 9.0, which is not there"),
        (lambda m: m["aliases"].update({"mine@production": "1.0.0"}), "`mine@production` means version"),
        (lambda m: m["aliases"].update({"../x@live": "1.0"}), "is no alias"),
        (lambda m: m["aliases"].update({"footer@live": "../1.0"}), "is no alias"),
    ],
)
def test_manifest_is_read_strictly(change: Change, message: str) -> None:
    """T74: every line of the manifest is checked against what is there."""
    told = refusal(with_manifest(change))

    assert told.count(message) == 1


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"text", GOOD[:-30], GOOD[:200], b"x" * 100 + GOOD[:50]])
def test_what_is_no_archive_is_refused(raw: bytes) -> None:
    """S20: a file that is cut off, or none of ours, is told as that."""
    assert "no sound ZIP file" in refusal(raw)


def test_manifest_that_is_no_json_is_refused() -> None:
    """T74: strict JSON, no key twice."""
    for raw in (b"{", b'{"format": 1, "format": 2}', b"\xff\xfe", b"[" * 5000):
        refusal(zipped({**entries(), MANIFEST: raw}))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_flipped_byte_is_refused_or_harmless(at: int, flip: int) -> None:
    """T74: whatever byte of a bundle changes, its templates are as they were or it is refused."""
    raw = bytearray(GOOD)
    raw[at] ^= flip
    try:
        found = unpack(bytes(raw), name="b.zip")
    except BadTemplate:
        return
    assert [each.text for each in found.templates] == [FOOTER.text, REVIEW.text]


def test_one_version_twice_is_refused() -> None:
    """P17, T74: 1.0 and 1.0.0 are one version, so a bundle cannot hold both."""
    twice = [Packed(key="review", version=version, text="Text") for version in ("1.0", "1.0.0")]

    assert "Another one says that it is the same version" in refusal(pack(Bundle(templates=tuple(twice))))
