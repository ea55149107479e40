"""A file of the user's as numbered lines of text, whatever it is written in; a long line is never held."""

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, AnyStr, BinaryIO, TextIO

from xharchive.csv_rows import Line
from xharchive.errors import UsageError

__all__ = ["lines_of", "shown_name"]

_LONGEST_LINE = 256 * 1024
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP = b"PK\x03\x04"
# gzip, bzip2, zstd: they may begin without a zero byte
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd")


def shown_name(name: str) -> str:
    """Return what a file is called in sentences; "-" is standard input."""
    return "standard input" if name == "-" else name


def lines_of(name: str) -> Iterator[Line]:
    """Yield a file's lines with their numbers from 1; any line ending and a byte order mark are fine.

    A line of more than 256 KiB has no text.

    Text is UTF-8, UTF-16 with its mark, or what Chinese spreadsheets still write (GB 18030).

    Raises:
        UsageError: there is no such file, it cannot be read, or is no text.
    """
    try:
        with _opened(name) as file:
            if _is_utf_16(file, shown_name(name)):
                text = io.TextIOWrapper(file, "utf-16", errors="replace")
                yield from _text_lines(text)
                text.detach()
            else:
                yield from _byte_lines(file)
    except OSError as problem:
        raise UsageError(f"{shown_name(name)}: {problem.strerror or problem}") from None


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    if name != "-":
        return Path(name).open("rb")
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return nullcontext(sys.stdin.buffer)


def _is_utf_16(file: BinaryIO, name: str) -> bool:
    """Tell by the first bytes what the text is written in.

    Raises:
        UsageError: it is no text.
    """
    head = file.peek(4) if isinstance(file, io.BufferedReader) else b""
    if head.startswith(_ZIP):
        raise UsageError(f"{name} is a workbook, not text; save the sheet as CSV and name that file")
    if head.startswith(_UTF_16) and not head.startswith(codecs.BOM_UTF32_LE):
        return True
    if b"\0" in head or head.startswith(_COMPRESSED):
        raise UsageError(f"{name} is not text; give a list or a table as UTF-8 (of a workbook: as CSV)")
    return False


def _text_lines(file: TextIO) -> Iterator[Line]:
    number = 0
    while piece := file.readline(_LONGEST_LINE):
        number += 1
        if len(piece) == _LONGEST_LINE and not piece.endswith("\n"):
            yield number, None
            _skip_line(file, "\n")
        else:
            yield number, piece.rstrip("\n")


def _byte_lines(file: BinaryIO) -> Iterator[Line]:
    number = 0
    rest = b""  # of a line that goes on; with line ends of a Macintosh a piece has many lines
    while piece := file.readline(_LONGEST_LINE):
        if not rest and piece.endswith(b"\n") and b"\r" not in piece:
            number += 1
            yield number, _decoded(piece[:-1])
            continue
        lines = (rest + piece).splitlines(keepends=True)
        rest = b"" if piece.endswith(b"\n") else lines.pop()
        for line in lines:
            number += 1
            yield number, _decoded(line.rstrip(b"\r\n"))
        if len(rest) >= _LONGEST_LINE:
            number += 1
            yield number, None
            _skip_line(file, b"\n")
            rest = b""
    if rest:
        yield number + 1, _decoded(rest.rstrip(b"\r\n"))


def _skip_line(file: IO[AnyStr], end: AnyStr) -> None:
    """Leave out the rest of a line; only when somebody asks for the next one: this one may never end."""
    while (piece := file.readline(_LONGEST_LINE)) and not piece.endswith(end):
        pass


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("utf-8", "replace")
