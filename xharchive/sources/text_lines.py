"""Read a text file of the user as numbered lines, in any common encoding, with bounded memory."""

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, AnyStr, BinaryIO, TextIO

from xharchive.errors import UsageError
from xharchive.sources.csv_rows import Line

__all__ = ["display_name", "read_lines"]

_MAX_LINE = 256 * 1024
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP = b"PK\x03\x04"
# gzip, bzip2 and zstd may begin without a zero byte.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd")


def display_name(name: str) -> str:
    """Return the name of a file for messages; "-" is standard input."""
    return "standard input" if name == "-" else name


def read_lines(name: str) -> Iterator[Line]:
    """Yield the lines of a file with their numbers from 1.

    The text may have any line ending and a byte order mark. Its encoding is UTF-8, UTF-16 with a byte order
    mark, or GB 18030, which Chinese spreadsheets still write.

    Args:
        name: the path of the file; "-" is standard input.

    Yields:
        The number and the text of each line. A line of more than 256 KiB has None for its text.

    Raises:
        UsageError: the file does not exist, cannot be read, or is no text.
    """
    try:
        with _open(name) as file:
            if _is_utf_16(file, display_name(name)):
                text = io.TextIOWrapper(file, "utf-16", errors="replace")
                yield from _utf_16_lines(text)
                text.detach()
            else:
                yield from _byte_lines(file)
    except OSError as problem:
        raise UsageError(f"{display_name(name)}: {problem.strerror or problem}") from None


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    if name != "-":
        return Path(name).open("rb")
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return nullcontext(sys.stdin.buffer)


def _is_utf_16(file: BinaryIO, name: str) -> bool:
    """Whether the first bytes are those of UTF-16 text.

    Raises:
        UsageError: the file is no text.
    """
    head = file.peek(4) if isinstance(file, io.BufferedReader) else b""
    if head.startswith(_ZIP):
        raise UsageError(f"{name} is a workbook, not text; save the sheet as CSV and name that file")
    if head.startswith(_UTF_16) and not head.startswith(codecs.BOM_UTF32_LE):
        return True
    if b"\0" in head or head.startswith(_COMPRESSED):
        raise UsageError(f"{name} is not text; give a list or a table as UTF-8 (of a workbook: as CSV)")
    return False


def _utf_16_lines(file: TextIO) -> Iterator[Line]:
    number = 0
    while chunk := file.readline(_MAX_LINE):
        number += 1
        if len(chunk) == _MAX_LINE and not chunk.endswith("\n"):
            yield number, None
            _skip_line(file, "\n")
        else:
            yield number, chunk.rstrip("\n")


def _byte_lines(file: BinaryIO) -> Iterator[Line]:
    number = 0
    rest = b""  # the line so far; with line ends of old Macs (CR) a chunk has many lines
    while chunk := file.readline(_MAX_LINE):
        if not rest and chunk.endswith(b"\n") and b"\r" not in chunk:
            number += 1
            yield number, _decode(chunk[:-1])
            continue
        lines = (rest + chunk).splitlines(keepends=True)
        rest = b"" if chunk.endswith(b"\n") else lines.pop()
        for line in lines:
            number += 1
            yield number, _decode(line.rstrip(b"\r\n"))
        if len(rest) >= _MAX_LINE:
            number += 1
            yield number, None
            _skip_line(file, b"\n")
            rest = b""
    if rest:
        yield number + 1, _decode(rest.rstrip(b"\r\n"))


def _skip_line(file: IO[AnyStr], end: AnyStr) -> None:
    """Skip the rest of a line. Called only when the next line is needed, because a line may never end."""
    while (chunk := file.readline(_MAX_LINE)) and not chunk.endswith(end):
        pass


def _decode(line: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("utf-8", "replace")
