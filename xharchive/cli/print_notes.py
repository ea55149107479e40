"""Prints archived notes: a table or a line each, JSON lines, ids, or folders."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Literal

from xharchive.archive import Archive, Excerpt, IndexEntry, IndexFilter, excerpt
from xharchive.cli.open_archive import existing_archive, print_skipped_folders, report_unreadable
from xharchive.errors import ExitCode, PermissionDenied
from xharchive.manifest import State
from xharchive.progress import json_line
from xharchive.sanitize import one_line, printable

Form = Literal["table", "json", "ids", "folders"]

_FIXED = {"DATE": 10, "ID": 24, "STATE": 8, "TYPE": 7, "FILES": 24}
"""The cells of each column but author and title."""
_DISPENSABLE = ("FILES", "TYPE", "ID", "STATE", "DATE")
"""Columns that a narrow terminal leaves out, in this order. Author and title always stay."""
_GAP = "  "
_ROOM_FOR_AUTHOR_AND_TITLE = 30
_WIDEST_AUTHOR = 16
_INDENT = " " * 12

_BOLD, _NOT_BOLD = "\x1b[1m", "\x1b[22m"
_YELLOW, _DEFAULT_COLOUR = "\x1b[33m", "\x1b[39m"


def width(text: str) -> int:
    """Return the number of cells of a line; a Chinese character takes two."""
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """Return the text if it fits into `cells`, else its beginning and an ellipsis; "" without any cell."""
    if width(text) <= cells:
        return text
    if cells < 1:
        return ""
    ends = accumulate(map(_cells, text))  # one cell is for the ellipsis
    return text[: sum(end < cells for end in ends)] + "…"


def padded(text: str, cells: int) -> str:
    """Return the text, cut or padded with spaces to exactly `cells` cells."""
    shown = cut(text, cells)
    return shown + " " * (cells - width(shown))


@dataclass(frozen=True, slots=True)
class NoteTable:
    """Table of notes in a terminal with this many cells in a line."""

    cells: int
    colour: bool

    def header(self) -> str:
        """Return the line with the names of the columns."""
        names = _GAP.join(padded(name, cells) for name, cells in _columns(self.cells).items())
        return self._marked(names.rstrip(), _BOLD, _NOT_BOLD)

    def row(self, entry: IndexEntry) -> str:
        """Return the line of a note, no wider than the terminal."""
        values = _values(entry)
        row = {name: padded(values[name], cells) for name, cells in _columns(self.cells).items()}
        if entry.state is not State.COMPLETE and "STATE" in row:
            row["STATE"] = self._marked(row["STATE"], _YELLOW, _DEFAULT_COLOUR)
        return _GAP.join(row.values()).rstrip()

    def excerpt(self, found: Excerpt) -> str:
        """Return the line below a note's row: the found words in bold type, within their text."""
        before = cut(_INDENT + found.before, self.cells)
        hit = cut(found.hit, self.cells - width(before))
        after = cut(found.after, self.cells - width(before) - width(hit))
        return before + self._marked(hit, _BOLD, _NOT_BOLD) + after

    def _marked(self, text: str, begin: str, end: str) -> str:
        return f"{begin}{text}{end}" if self.colour else text


def _values(entry: IndexEntry) -> Mapping[str, str]:
    """Return what the columns show of a note, safe to print."""
    numbers = ((entry.pictures, "pic"), (entry.motions, "live"), (entry.videos, "vid"))
    return {
        "DATE": entry.published[:10],
        "ID": entry.id.text,
        "STATE": entry.state.value,
        "TYPE": one_line(entry.type),
        # each number in its own column
        "FILES": " ".join(
            f"{number:>3} {name}" if number else " " * (len(name) + 4) for number, name in numbers
        ),
        "AUTHOR": one_line(entry.author.name),
        "TITLE": one_line(entry.title),
    }


@cache
def _columns(cells: int) -> Mapping[str, int]:
    """Return the columns that fit, with their cells; author and title share the rest of the width."""
    fixed = dict(_FIXED)
    room = cells
    for column in (*_DISPENSABLE, ""):
        room = cells - sum(fixed.values()) - len(_GAP) * (len(fixed) + 1)
        if room >= _ROOM_FOR_AUTHOR_AND_TITLE or not column:
            break
        del fixed[column]
    author = max(1, min(_WIDEST_AUTHOR, room // 3))
    return fixed | {"AUTHOR": author, "TITLE": max(1, room - author)}


def print_notes(directory: str, filters: IndexFilter, form: Form, text: str = "") -> ExitCode:
    """Print the notes that pass the filters; return 0, or 5 if this user may not read some notes.

    A table goes only to a terminal, else each note is a line. With a `text`: only notes with these words.
    """
    store = existing_archive(directory)
    count = 0
    with store.opened(read_only=True):
        print_skipped_folders(store)
        for line in _lines(form, store, filters, text):
            sys.stdout.write(line)
            count += 1
        closed = store.closed
    if not count:
        sys.stderr.write("no matching notes\n")
    return report_unreadable(store, closed)


def _lines(form: Form, store: Archive, filters: IndexFilter, text: str) -> Iterator[str]:
    """Yield the printed lines of each note."""
    root = store.root.resolve()
    table = NoteTable(shutil.get_terminal_size().columns, _wants_colour())
    is_table = form == "table" and sys.stdout.isatty()
    for number, entry in enumerate(store.notes(filters, text)):
        if form == "ids":
            yield f"{entry.id}\n"
            continue
        if form == "folders":
            yield f"{printable(str(root / entry.folder))}\n"
            continue
        found = _excerpt(store, entry, text)
        if form == "json":
            more = {"excerpt": str(found or "")} if text else {}
            yield json_line(_as_json(entry, root) | more)
        elif is_table:
            yield f"{table.header()}\n" if number == 0 else ""
            yield f"{table.row(entry)}\n"
            yield f"{table.excerpt(found)}\n" if found else ""
        else:
            yield f"{_note_line(entry)}\n"
            yield f"{_INDENT}{found}\n" if found else ""


def _wants_colour() -> bool:
    """Return whether the terminal shows colours and its user wants them (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _note_line(entry: IndexEntry) -> str:
    """Return a note as a line for other programs: all columns, the complete title.

    The author's name is cut at the width of its column, so that titles are aligned; --json has all of it.
    """
    note = {name: padded(value, _FIXED.get(name, _WIDEST_AUTHOR)) for name, value in _values(entry).items()}
    line = "{DATE}  {ID}  {STATE}  {TYPE} {FILES}  {AUTHOR}".format_map(note)
    return f"{line}  {one_line(entry.title)}".rstrip()


def _as_json(entry: IndexEntry, root: Path) -> dict[str, object]:
    """Return a note as a JSON object that `get -i` reads."""
    return {
        "id": entry.id.text,
        "folder": str(root / entry.folder),
        "state": entry.state.value,
        "type": entry.type,
        "published": entry.published,
        "title": entry.title,
        "author": asdict(entry.author),
        "place": entry.place,
        "tags": list(entry.tags),
        "counts": asdict(entry.counts),
        "pictures": entry.pictures,
        "motions": entry.motions,
        "videos": entry.videos,
        "originals": entry.originals,
        "bytes": entry.bytes,
        "gaps": entry.gaps,
    }


def _excerpt(archive: Archive, entry: IndexEntry, text: str) -> Excerpt | None:
    """Return the words within the text, tags or place of a note; title and author are printed anyway.

    They come from the manifest that the folder has now; None if it cannot be read.
    """
    try:
        manifest = archive.folders.manifest_at(entry.folder) if text else None
    except PermissionDenied:
        return None
    if manifest is None:
        return None
    note = manifest.metadata
    places = (note.text, " ".join(f"#{tag}" for tag in note.tags), note.place)
    return next(filter(None, (excerpt(place, text) for place in places)), None)
