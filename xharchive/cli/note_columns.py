"""Table of notes that fits the width of a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from xharchive.archive import Excerpt, IndexEntry
from xharchive.cli.text_width import cut, padded, width
from xharchive.manifest import State
from xharchive.sanitize import one_line

__all__ = ["NoteTable", "file_counts"]

_GAP = "  "
_ROOM_FOR_AUTHOR_AND_TITLE = 30
_WIDEST_AUTHOR = 16
_EXCERPT_INDENT = " " * 12

_BOLD, _NOT_BOLD = "\x1b[1m", "\x1b[22m"
_YELLOW, _DEFAULT_COLOUR = "\x1b[33m", "\x1b[39m"


def file_counts(entry: IndexEntry) -> str:
    """Return the numbers of pictures, live photos and videos of a note, each in its own column."""
    numbers = ((entry.pictures, "pic"), (entry.motions, "live"), (entry.videos, "vid"))
    return " ".join(f"{number:>3} {name}" if number else " " * (len(name) + 4) for number, name in numbers)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    cells: int
    value: Callable[[IndexEntry], str]


_DATE = _Column("DATE", 10, lambda entry: entry.published[:10])
_ID = _Column("ID", 24, lambda entry: entry.id.text)
_STATE = _Column("STATE", 8, lambda entry: entry.state.value)
_TYPE = _Column("TYPE", 7, lambda entry: one_line(entry.type))
_FILES = _Column("FILES", 24, file_counts)
_FIXED = (_DATE, _ID, _STATE, _TYPE, _FILES)
# Columns that a narrow terminal leaves out, in this order. Author and title always stay.
_DISPENSABLE = (_FILES, _TYPE, _ID, _STATE, _DATE)


@dataclass(frozen=True, slots=True)
class NoteTable:
    """Table of notes in a terminal.

    Args:
        cells: width of the terminal; a Chinese character takes two cells.
        colour: whether to use colour and bold type.
    """

    cells: int
    colour: bool

    def header(self) -> str:
        """Return the line with the names of the columns."""
        names = _GAP.join(padded(column.name, column.cells) for column in _columns(self.cells))
        return self._marked(names.rstrip(), _BOLD, _NOT_BOLD)

    def row(self, entry: IndexEntry) -> str:
        """Return the line of a note, no wider than the terminal."""
        return _GAP.join(self._cell(entry, column) for column in _columns(self.cells)).rstrip()

    def excerpt(self, found: Excerpt) -> str:
        """Return the line below a note's row: the found words in bold type, within their text."""
        before = cut(_EXCERPT_INDENT + found.before, self.cells)
        hit = cut(found.hit, self.cells - width(before))
        after = cut(found.after, self.cells - width(before) - width(hit))
        return before + self._marked(hit, _BOLD, _NOT_BOLD) + after

    def _cell(self, entry: IndexEntry, column: _Column) -> str:
        text = padded(column.value(entry), column.cells)
        needs_attention = column is _STATE and entry.state is not State.COMPLETE
        return self._marked(text, _YELLOW, _DEFAULT_COLOUR) if needs_attention else text

    def _marked(self, text: str, begin: str, end: str) -> str:
        return f"{begin}{text}{end}" if self.colour else text


@cache
def _columns(cells: int) -> Sequence[_Column]:
    """Return the columns that fit; author and title share the rest of the width."""
    fixed = list(_FIXED)
    for column in _DISPENSABLE:
        if cells - _taken(fixed) >= _ROOM_FOR_AUTHOR_AND_TITLE:
            break
        fixed.remove(column)
    room = cells - _taken(fixed)
    author = max(1, min(_WIDEST_AUTHOR, room // 3))
    return (
        *fixed,
        _Column("AUTHOR", author, lambda entry: one_line(entry.author.name)),
        _Column("TITLE", max(1, room - author), lambda entry: one_line(entry.title)),
    )


def _taken(fixed: Sequence[_Column]) -> int:
    """Return the width of these columns with the gaps after them and the gap after the author."""
    return sum(column.cells + len(_GAP) for column in fixed) + len(_GAP)
