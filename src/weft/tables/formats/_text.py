"""Bytes to text in pieces of whole lines: encoding by byte-order mark, else strict UTF-8.

Every newline stays as it is (LF, CR LF, CR), and no other character ends a line. What cannot be
text is an error with its line: bytes that do not decode, NUL, a line without end.
Nothing is guessed: another encoding is used only when it is asked for. Refuses to know cells.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from weft.errors import BadSetting, UnreadableTable
from weft.tables.formats._files import check_readable, other_kind

BLOCK = 1 << 16  # bytes per read; larger ones are no faster and cost memory
LINE_LIMIT = 8 << 20  # characters; a longer line is no line but a file of another kind

_MARKS = (  # longest first: the mark of UTF-32 LE begins with that of UTF-16 LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text file whose encoding is known.

    Attributes:
        encoding: name of a Python codec.
        skip: length of the byte-order mark in bytes; it is no part of the text.
    """

    path: Path
    encoding: str
    skip: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out about the encoding, if it is worth telling."""
        if self.skip:
            return (f"The file starts with a byte-order mark; it is read as {self.encoding}.",)
        return ()

    def lines(self) -> Iterator[str]:
        """Read line by line, each with its own newline, at the speed of C."""
        return chain.from_iterable(io.StringIO(piece, newline="") for piece in self.pieces())

    def pieces(self) -> Iterator[str]:
        """Read pieces of about a block, each ending with a line.

        Raises:
            UnreadableTable: at the first byte that is no text, with its line.
        """
        done = 0  # lines in the pieces handed out
        held: list[str] = []  # the beginning of a line that goes on
        decode = codecs.getincrementaldecoder(self.encoding)("strict").decode
        with self.path.open("rb") as stream:
            stream.seek(self.skip)
            while block := stream.read(BLOCK):
                try:
                    text = decode(block)
                except UnicodeError as exc:
                    raise self._undecodable(exc, done, held) from exc
                if "\0" in text:
                    raise self._nul(done + breaks("".join(held) + text[: text.index("\0")]) + 1)
                cut = last_break(text)
                if cut:
                    piece = "".join(held) + text[:cut]
                    held = [text[cut:]]
                    done += breaks(piece)
                    yield piece
                else:
                    held.append(text)
                    self._check_length(held, done)
            try:
                held.append(decode(b"", final=True))
            except UnicodeError as exc:
                raise self._undecodable(exc, done, held) from exc
        yield "".join(held)

    def _check_length(self, held: list[str], done: int) -> None:
        if len(held) * BLOCK > LINE_LIMIT and sum(map(len, held)) > LINE_LIMIT:
            line = done + breaks("".join(held)) + 1
            raise UnreadableTable(
                f"Line {line} of `{self.path}` is longer than {LINE_LIMIT >> 20} MiB.",
                hint="is this a table in text form?",
                path=str(self.path),
                line=line,
            )

    def _nul(self, line: int) -> UnreadableTable:
        return UnreadableTable(
            f"Line {line} of `{self.path}` holds a NUL character.",
            hint="if the file is UTF-16 or UTF-32 without a mark, say so: --encoding utf-16-le.",
            path=str(self.path),
            line=line,
        )

    def _undecodable(self, exc: UnicodeError, done: int, held: list[str]) -> UnreadableTable:
        start = exc.start if isinstance(exc, UnicodeDecodeError) else 0
        found = exc.object[start : start + 8] if isinstance(exc, UnicodeDecodeError) else b""
        before = (
            exc.object[:start].decode(self.encoding, "replace") if isinstance(exc, UnicodeDecodeError) else ""
        )
        line = done + breaks("".join(held) + before) + 1
        shown = f"byte 0x{found[0]:02X}, which" if found else "something that"
        return UnreadableTable(
            f"Line {line} of `{self.path}` holds {shown} is no {self.encoding} (bytes from there: {found!r}).",
            hint="name the encoding it was saved in, such as --encoding latin-1 or --encoding cp1252, "
            "or save it as UTF-8.",
            path=str(self.path),
            line=line,
            encoding=self.encoding,
        )


def open_text(path: Path, encoding: str = "") -> Text:
    """Find out how a file is encoded: by its mark, by what was asked for, else UTF-8.

    A mark of the Unicode family that was asked for is skipped; any other encoding that was asked
    for is taken at its word.

    Raises:
        UnreadableTable: if the file is missing, empty, or clearly of another kind.
        BadSetting: if there is no such text encoding.
    """
    if encoding:
        _check_encoding(encoding)
    check_readable(path)
    with path.open("rb") as stream:
        start = stream.read(8)
    kind = other_kind(start)
    if kind:
        raise UnreadableTable(f"`{path}` is {kind}, not a text file.", hint=_other_hint(kind), path=str(path))
    unicode_asked = not encoding or encoding.lower().replace("_", "-").startswith("utf")
    for mark, named in _MARKS:
        if unicode_asked and start.startswith(mark):
            return Text(path=path, encoding=named, skip=len(mark))
    return Text(path=path, encoding=encoding or "utf-8")


def _other_hint(kind: str) -> str:
    if "gzip" in kind:
        return "unpack it first."
    return "export it as CSV, or give it the ending of its kind (.xlsx, .parquet)."


def _check_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError as exc:
        raise BadSetting(
            f"There is no text encoding `{encoding}`.",
            hint="common ones are utf-8, utf-16, latin-1 and cp1252.",
            encoding=encoding,
        ) from exc


def breaks(text: str) -> int:
    """Count the line ends in a text; CR LF is one."""
    if "\r" not in text:
        return text.count("\n")
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def last_break(text: str) -> int:
    """Where the last surely complete line ends; 0 if none does.

    A CR at the very end is not counted: an LF may follow in the next block.
    """
    feed = text.rfind("\n") + 1
    return max(feed, text.rfind("\r", feed, -1) + 1)
