"""Read CSV rows from lines of text. An unmatched quotation mark spoils only its own row."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["TOO_LONG", "CsvReader", "CsvRow", "Line"]

TOO_LONG = "the line is too long"
"""The problem of a row whose line is too long to be read."""

Line = tuple[int, str | None]
"""The number of a line from 1, and its text; None if it is too long for the memory."""

_MAX_ROW = 512 * 1024  # characters; the csv module limits a single cell
_REREAD_FACTOR = 4  # characters that may be read again, for each character read so far
_UNMATCHED_QUOTES = "its quotation marks do not match"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: the number of its first line, and its cells; or `problem`, the reason why it has none."""

    line: int
    cells: list[str]
    problem: str = ""


class CsvReader:
    """Read CSV rows from numbered lines.

    A row may span lines, because a quoted cell may. If such a row is malformed, only its first line is
    rejected, and the other lines are read again.

    The work is linear in the size of the table, whatever its quotation marks are: lines that are read again
    may add up to a few times the text read so far. Beyond that limit, such a line is a row of its own, or
    malformed. Only hostile tables reach the limit.
    """

    def __init__(self, lines: Iterator[Line], delimiter: str) -> None:
        self._delimiter = delimiter
        self._feed = _LineFeed(lines)
        self._reader = csv.reader(self._feed, delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[CsvRow]:
        while True:
            self._feed.begin_row()
            try:
                cells = next(self._reader, None)
            except csv.Error:
                yield self.reject()
                continue
            if cells is None:
                return
            yield CsvRow(self._feed.row[0][0], cells)

    @property
    def split_lines(self) -> list[list[str]]:
        """The lines of the current row, each split at the delimiters as if it had no quotation marks."""
        return [(line or "").split(self._delimiter) for _, line in self._feed.row]

    def reject(self) -> CsvRow:
        """Reject the current row: return its problem, and read its lines after the first again."""
        (number, line), *others = self._feed.row
        self._feed.unread()
        if line is None:
            return CsvRow(number, [], TOO_LONG)
        limit = csv.field_size_limit()
        if sum(len(text or "") for _, text in others) > limit // 2:
            return CsvRow(number, [], f"{_UNMATCHED_QUOTES}, or its cells are too large")
        return CsvRow(
            number, [], f"a cell has more than {limit} characters" if len(line) > limit else _UNMATCHED_QUOTES
        )


class _LineFeed:
    """Pass lines to a `csv.reader`, and record the lines of the current row."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._unread: deque[Line] = deque()
        self._size = 0
        self._allowance = 0  # characters that may still be read again
        self.row: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        is_reread = bool(self._unread)
        if is_reread and self.row and self._allowance <= 0:
            raise csv.Error("too much was read again")
        number, line = self._unread.popleft() if is_reread else next(self._lines)
        self.row.append((number, line))
        if line is None:
            raise csv.Error(TOO_LONG)
        self._size += len(line) + 1
        self._allowance += -len(line) - 1 if is_reread else _REREAD_FACTOR * (len(line) + 1)
        if self._size > _MAX_ROW:  # many cells, each below the limit
            raise csv.Error(TOO_LONG)
        return line + "\n"

    def begin_row(self) -> None:
        """Clear the record of lines."""
        self.row.clear()
        self._size = 0

    def unread(self) -> None:
        """Read all lines of the current row except the first again."""
        self._unread.extendleft(reversed(self.row[1:]))
        del self.row[1:]
