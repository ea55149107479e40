"""Lines into rows of cells. A quotation mark without a partner costs its own row, not those behind it."""

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
_MARKS = "its quotation marks do not match"


@dataclass(frozen=True, slots=True)
class Cut:
    """One row: the number of its first line, its cells, and why there are none."""

    line: int
    cells: list[str]
    problem: str = ""


class CellReader:
    """Reads rows; the lines of a row that was none are read once more, each as the row it may be."""

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
        """Return why the current row is none; what follows its first line will be read again."""
        (number, line), *others = self._feed.row
        self._feed.give_back()
        if line is None:
            return Cut(number, [], TOO_LONG)
        limit = csv.field_size_limit()
        if sum(len(text or "") for _, text in others) > limit // 2:
            return Cut(number, [], f"{_MARKS}, or its cells are too large")
        return Cut(number, [], f"a cell has more than {limit} characters" if len(line) > limit else _MARKS)


class _Feed:
    """Hands lines to a csv reader, and remembers those of the current row."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._size = 0
        self.row: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = self._again.popleft() if self._again else next(self._lines)
        self.row.append((number, line))
        if line is None:
            raise csv.Error(TOO_LONG)
        self._size += len(line) + 1
        if self._size > _LONGEST_ROW:  # many cells, each below the limit
            raise csv.Error(TOO_LONG)
        return line + "\n"

    def begin_row(self) -> None:
        """Forget the lines so far."""
        self.row.clear()
        self._size = 0

    def give_back(self) -> None:
        """Have all lines but the row's first one read again."""
        self._again.extendleft(reversed(self.row[1:]))
        del self.row[1:]
