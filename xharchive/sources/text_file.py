"""Read a text file of the user as numbered lines or CSV rows, in any common encoding, with bounded memory."""

import codecs
import csv
import io
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from xharchive.errors import UsageError

TOO_LONG = "the line is too long"
"""The problem of a row whose line is too long to be read."""

Line = tuple[int, str | None]
"""The number of a line from 1, and its text; None if it is too long for the memory."""

_MAX_LINE = 256 * 1024
_ZIP = b"PK\x03\x04"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd")  # gzip, bzip2 and zstd, perhaps without a zero byte
_MAX_ROW = 512 * 1024  # characters; the csv module limits a single cell
_REREAD_FACTOR = 4  # characters that may be read again, for each character read so far
_UNMATCHED_QUOTES = "its quotation marks do not match"


def display_name(name: str) -> str:
    """Return the name of a file for messages; "-" is standard input."""
    return "standard input" if name == "-" else name


def read_lines(name: str) -> Iterator[Line]:
    """Yield the lines of a file with their numbers from 1.

    The text may have any line ending and a byte order mark. Its encoding is UTF-8, UTF-16 with a byte order
    mark, or GB 18030, which Chinese spreadsheets still write. `name` is a path, or "-" for standard input.

    Raises:
        UsageError: the file does not exist, cannot be read, or is no text.
    """
    try:
        with _open(name) as file:
            is_utf_16 = _is_utf_16(file, display_name(name))
            encoding, errors = ("utf-16", "replace") if is_utf_16 else ("utf-8", "surrogateescape")
            text = io.TextIOWrapper(file, encoding, errors)
            try:
                yield from _numbered(text)
            finally:
                text.detach()  # its end would close standard input
    except OSError as problem:
        raise UsageError(f"{display_name(name)}: {problem.strerror or problem}") from None


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    if name != "-":
        return Path(name).open("rb")
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return nullcontext(sys.stdin.buffer)


def _is_utf_16(file: BinaryIO, name: str) -> bool:
    """Whether the first bytes are those of UTF-16 text. Raises UsageError if the file is no text."""
    head = file.peek(4) if isinstance(file, io.BufferedReader) else b""
    if head.startswith(_ZIP):
        raise UsageError(f"{name} is a workbook, not text; save the sheet as CSV and name that file")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not head.startswith(
        codecs.BOM_UTF32_LE
    ):
        return True
    if b"\0" in head or head.startswith(_COMPRESSED):
        raise UsageError(f"{name} is not text; give a list or a table as UTF-8 (of a workbook: as CSV)")
    return False


def _numbered(text: io.TextIOWrapper) -> Iterator[Line]:
    number = 0
    while line := text.readline(_MAX_LINE):
        number += 1
        if len(line) < _MAX_LINE or line.endswith("\n"):
            line = line.rstrip("\n")
            yield number, line if line.isascii() else _decode_again(line)
            continue
        yield number, None
        # Skip the rest only when the next line is needed, because this one may never end.
        while (line := text.readline(_MAX_LINE)) and not line.endswith("\n"):
            pass


def _decode_again(line: str) -> str:
    """Return a line with bytes that are no UTF-8 (as surrogates) decoded as GB 18030."""
    try:
        line.encode()
    except UnicodeEncodeError:
        encoded = line.encode("utf-8", "surrogateescape")
        try:
            return encoded.decode("gb18030")
        except UnicodeDecodeError:
            return encoded.decode("utf-8", "replace")
    return line


class CsvReader:
    """Read CSV rows from numbered lines.

    A row may span lines, because a quoted cell may. If such a row is malformed, only its first line is
    rejected, and the other lines are read again: an unmatched quotation mark spoils only its own row.

    The work is linear in the size of the table, whatever its quotation marks are: lines that are read again
    may add up to a few times the text read so far. Beyond that limit, which only hostile tables reach, such a
    line is a row of its own, or malformed.

    Attributes:
        row: the lines of the current row.
    """

    def __init__(self, lines: Iterator[Line], delimiter: str) -> None:
        self.row: list[Line] = []
        self._lines = lines
        # A reader of its own for each row needs no state of the one before; a made dialect halves its time.
        self._dialect = csv.reader((), delimiter=delimiter, strict=True).dialect
        self._again: deque[Line] = deque()
        self._allowance = 0  # characters that may still be read again

    def __iter__(self) -> Iterator[tuple[int, list[str] | None]]:
        """Yield the number of the first line of each row and its cells; None if it is malformed.

        The caller must `reject` malformed rows, and may reject others.
        """
        while True:
            self.row = []
            try:
                cells = next(csv.reader(self._row_lines(), self._dialect), None)
            except csv.Error:
                cells = None
            if not self.row:
                return
            yield self.row[0][0], cells

    def reject(self) -> str:
        """Reject the current row, so that its lines after the first are read again; return its problem."""
        (_, line), *others = self.row
        self._again.extendleft(reversed(others))
        if line is None:
            return TOO_LONG
        is_large = sum(len(text or "") for _, text in self.row) > csv.field_size_limit() // 2
        return f"{_UNMATCHED_QUOTES}, or its cells are too large" if is_large else _UNMATCHED_QUOTES

    def _row_lines(self) -> Iterator[str]:
        """Yield lines to a `csv.reader`, which takes as many as one row has.

        Raises:
            csv.Error: a line or the row is too long, or too much was read again.
        """
        size = 0
        while True:
            is_again = bool(self._again)
            if is_again and self.row and self._allowance <= 0:
                raise csv.Error
            found = self._again.popleft() if is_again else next(self._lines, None)
            if found is None:
                return
            self.row.append(found)
            _, line = found
            if line is None:
                raise csv.Error
            size += len(line) + 1
            self._allowance += -len(line) - 1 if is_again else _REREAD_FACTOR * (len(line) + 1)
            if size > _MAX_ROW:  # many cells, each below the limit
                raise csv.Error
            yield line + "\n"
