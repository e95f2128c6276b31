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
from itertools import chain, islice
from pathlib import Path

from weft.errors import BadSetting, UnreadableTable
from weft.protocols import Mark
from weft.tables.formats._files import check_readable, other_kind

BLOCK = 1 << 16  # bytes per read; larger ones are no faster and cost memory
HELD = 8  # bytes of a decoder's state that a mark keeps
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
        return iter(Pieces(self))

    def check_length(self, held: list[str], done: int) -> None:
        """Refuse a line without end, of which this much was read.

        Raises:
            UnreadableTable: then.
        """
        if len(held) * BLOCK > LINE_LIMIT and sum(map(len, held)) > LINE_LIMIT:
            line = done + breaks("".join(held)) + 1
            raise UnreadableTable(
                f"Line {line} of `{self.path}` is longer than {LINE_LIMIT >> 20} MiB.",
                hint="is this a table in text form?",
                path=str(self.path),
                line=line,
            )

    def nul(self, line: int) -> UnreadableTable:
        """The error of a NUL character."""
        return UnreadableTable(
            f"Line {line} of `{self.path}` holds a NUL character.",
            hint="if the file is UTF-16 or UTF-32 without a mark, say so: --encoding utf-16-le.",
            path=str(self.path),
            line=line,
        )

    def undecodable(self, exc: UnicodeError, done: int, held: list[str]) -> UnreadableTable:
        """The error of bytes that are no text, behind so many lines and the beginning of another."""
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


@dataclass(frozen=True, slots=True)
class _Block:
    """A block as it was read: where it lies in the file, the decoder's state before it, its first character."""

    offset: int
    held: bytes
    flags: int
    first: int


class Pieces:
    """One reading of a text in pieces of whole lines, which knows where each lies; good for one walk.

    Attributes:
        count: pieces handed out.
        piece: the last of them.
        line: physical line in which it starts.
    """

    def __init__(self, text: Text, mark: Mark | None = None) -> None:
        """Begin at the start, or at a mark that was made in an earlier reading."""
        self.count = 0
        self.piece = ""
        self.line = 1 if mark is None else mark.line
        self._text = text
        self._from = mark or Mark(0, 1, text.skip)
        self._start = 0  # of the piece, in characters from where the reading began
        self._blocks: list[_Block] = []  # that hold the piece

    def __iter__(self) -> Iterator[str]:
        text, skip = self._text, self._from.skip
        done = self._from.line - 1  # lines in the pieces handed out
        held: list[str] = []  # the beginning of a line that goes on
        decoder = codecs.getincrementaldecoder(text.encoding)("strict")
        decoder.setstate((self._from.held, self._from.flags))
        first = -skip  # characters before this block, counted from where the reading began
        with text.path.open("rb") as stream:
            offset = stream.seek(self._from.offset)
            while block := stream.read(BLOCK):
                self._blocks.append(_Block(offset, *decoder.getstate(), first))
                offset += len(block)
                try:
                    found = decoder.decode(block)
                except UnicodeError as exc:
                    raise text.undecodable(exc, done, held) from exc
                first += len(found)
                if skip:
                    found, skip = found[skip:], max(0, skip - len(found))
                if "\0" in found:
                    raise text.nul(done + breaks("".join(held) + found[: found.index("\0")]) + 1)
                cut = last_break(found)
                if cut:
                    piece = "".join(held) + found[:cut]
                    held = [found[cut:]]
                    self._turn(piece, done + 1)
                    done += breaks(piece)
                    yield piece
                else:
                    held.append(found)
                    text.check_length(held, done)
            try:
                held.append(decoder.decode(b"", final=True))
            except UnicodeError as exc:
                raise text.undecodable(exc, done, held) from exc
        piece = "".join(held)
        self._turn(piece, done + 1)
        yield piece

    def mark(self, place: int, line: int) -> Mark | None:
        """Mark a record that starts in this line of the last piece, or right behind it.

        `None` where the decoder's state is too large to be kept.
        """
        within = 0
        if line > self.line:
            lines = io.StringIO(self.piece, newline="")
            within = sum(map(len, islice(lines, line - self.line)))
        start = self._start + within
        block = next(each for each in reversed(self._blocks) if each.first <= start)
        if len(block.held) > HELD or block.flags >= 1 << 64:
            return None
        return Mark(place, line, block.offset, start - block.first, block.held, block.flags)

    def _turn(self, piece: str, line: int) -> None:
        """Remember a piece that is handed out, and forget blocks that lie before it."""
        self._start += len(self.piece)
        self.piece, self.line = piece, line
        self.count += 1
        blocks = self._blocks
        while len(blocks) > 1 and blocks[1].first <= self._start:
            del blocks[0]


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


_NO_ENCODINGS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""What Python calls encodings of text and nobody saves a file in: notations for names and for literals."""


def _check_encoding(encoding: str) -> None:
    cause: Exception | None = None
    try:
        "".encode(encoding)
        known = codecs.lookup(encoding).name not in _NO_ENCODINGS
    except (LookupError, UnicodeError, ValueError) as exc:
        known, cause = False, exc
    if not known:
        raise BadSetting(
            f"There is no text encoding `{encoding}`.",
            hint="common ones are utf-8, utf-16, latin-1 and cp1252.",
            setting="encoding",
            encoding=encoding,
        ) from cause


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
