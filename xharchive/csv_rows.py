"""Rows of cells from lines of text. A quotation mark without a partner costs its own row only."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["TOO_LONG", "CellReader", "Cut", "Line"]

TOO_LONG = "the line is too long"
"""What is wrong with a row whose line has no text."""

Line = tuple[int, str | None]
"""A line's number from 1, and its text; None: it is too long to be held in memory."""

_LONGEST_ROW = 512 * 1024  # characters; a cell's own limit is that of the csv module
_REREADING = 4  # times the text read so far
_MARKS = "its quotation marks do not match"


@dataclass(frozen=True, slots=True)
class Cut:
    """One row: the number of its first line, its cells, and why there are none."""

    line: int
    cells: list[str]
    problem: str = ""


class CellReader:
    """Reads rows of cells from lines.

    A row may span lines, because a quoted cell may. If it turns out to be malformed, only its first line is
    rejected, and the others are read again.

    The work grows with the size of the table, whatever its quotation marks do: rows that span lines which are
    read again are limited to a few times the text read so far. When the limit is reached, each of these lines
    is a row of its own or malformed. Only tables made for it reach the limit.
    """

    def __init__(self, lines: Iterator[Line], delimiter: str) -> None:
        self._delimiter = delimiter
        self._feed = _Feed(lines)
        self._reader = csv.reader(self._feed, delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[Cut]:
        while True:
            self._feed.begin_row()
            try:
                cells = next(self._reader, None)
            except csv.Error:
                yield self.refuse()
                continue
            if cells is None:
                return
            yield Cut(self._feed.row[0][0], cells)

    @property
    def pieces(self) -> list[list[str]]:
        """The cells of the current row's lines, as they would be without quotation marks."""
        return [(line or "").split(self._delimiter) for _, line in self._feed.row]

    def refuse(self) -> Cut:
        """Reject the current row: return its first line's problem, and have its other lines read again."""
        (number, line), *others = self._feed.row
        self._feed.give_back()
        if line is None:
            return Cut(number, [], TOO_LONG)
        limit = csv.field_size_limit()
        if sum(len(text or "") for _, text in others) > limit // 2:
            return Cut(number, [], f"{_MARKS}, or its cells are too large")
        return Cut(number, [], f"a cell has more than {limit} characters" if len(line) > limit else _MARKS)


class _Feed:
    """Passes lines to a csv reader and records those of the current row."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._size = 0
        self._allowance = 0  # characters that may be read again
        self.row: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        is_again = bool(self._again)
        if is_again and self.row and self._allowance <= 0:
            raise csv.Error("too much was read again")
        number, line = self._again.popleft() if is_again else next(self._lines)
        self.row.append((number, line))
        if line is None:
            raise csv.Error(TOO_LONG)
        self._size += len(line) + 1
        self._allowance += -len(line) - 1 if is_again else _REREADING * (len(line) + 1)
        if self._size > _LONGEST_ROW:  # many cells, each below the limit
            raise csv.Error(TOO_LONG)
        return line + "\n"

    def begin_row(self) -> None:
        """Forget the lines of the previous row."""
        self.row.clear()
        self._size = 0

    def give_back(self) -> None:
        """Have all lines of the current row but the first one read again."""
        self._again.extendleft(reversed(self.row[1:]))
        del self.row[1:]
