"""Prints archived notes: a table or a line each, JSON lines, ids, or folders."""

import argparse
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import accumulate
from pathlib import Path

from xharchive.archive import Archive, Excerpt, IndexEntry, IndexFilter, excerpt
from xharchive.cli.open_archive import existing_archive, print_skipped_folders, report_unreadable
from xharchive.errors import ExitCode, PermissionDenied
from xharchive.manifest import Manifest, State
from xharchive.progress import json_line
from xharchive.sanitize import one_line, printable

_AUTHOR_CELLS = 16
_GAP = "  "
_ROOM_FOR_AUTHOR_AND_TITLE = 30
_WIDEST_AUTHOR = 16
_EXCERPT_INDENT = " " * 12

_BOLD, _NOT_BOLD = "\x1b[1m", "\x1b[22m"
_YELLOW, _DEFAULT_COLOUR = "\x1b[33m", "\x1b[39m"


def width(text: str) -> int:
    """Return the number of cells of a line."""
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


class Form(Enum):
    """How notes are printed."""

    TABLE = "table"
    JSON = "json"
    IDS = "ids"
    FOLDERS = "folders"


def note_filters(args: argparse.Namespace) -> IndexFilter:
    """Return the filters in parsed arguments."""
    return IndexFilter(
        author=args.author,
        type=args.type or "",
        state=State(args.state) if args.state else None,
        after=args.after,
        before=args.before,
        tag=args.tag,
        limit=args.limit,
    )


def note_form(args: argparse.Namespace) -> Form:
    """Return the form in parsed arguments."""
    return next((form for form in Form if vars(args).get(form.value)), Form.TABLE)


def print_notes(directory: str, filters: IndexFilter, form: Form, text: str = "") -> ExitCode:
    """Print the notes that pass the filters; return 0, or 5 if this user may not read some notes.

    Args:
        directory: the folder of the archive.
        filters: which notes.
        form: how to print them; a table only to a terminal, else a line each.
        text: only notes with these words; "" for all.

    Raises:
        UsageError: there is no archive.
        ArchiveError: the archive cannot be read.
    """
    store = existing_archive(directory)
    root = store.root.resolve()
    count = 0
    with store.opened(read_only=True):
        print_skipped_folders(store)
        for line in _lines(form, root, store, store.notes(filters, text), text):
            sys.stdout.write(line)
            count += 1
        closed = store.closed
    if not count:
        sys.stderr.write("no matching notes\n")
    return report_unreadable(store, closed)


def _lines(
    form: Form, root: Path, archive: Archive, entries: Iterable[IndexEntry], text: str
) -> Iterator[str]:
    """Yield the printed lines of each note."""
    if form is Form.IDS:
        yield from (f"{entry.id}\n" for entry in entries)
        return
    if form is Form.FOLDERS:
        yield from (f"{printable(str(root / entry.folder))}\n" for entry in entries)
        return
    found = ((entry, _excerpt(archive, entry, text)) for entry in entries)
    if form is Form.JSON:
        for entry, words in found:
            more = {"excerpt": str(words) if words else ""} if text else {}
            yield json_line(entry_as_json(entry, root) | more)
    elif sys.stdout.isatty():
        table = NoteTable(shutil.get_terminal_size().columns, _wants_colour(os.environ))
        yield from _table_lines(table, found)
    else:
        for entry, words in found:
            more_lines = f"            {words}\n" if words else ""
            yield f"{note_line(entry)}\n{more_lines}"


def _table_lines(table: NoteTable, notes: Iterable[tuple[IndexEntry, Excerpt | None]]) -> Iterator[str]:
    for number, (entry, found) in enumerate(notes):
        if number == 0:
            yield f"{table.header()}\n"
        yield f"{table.row(entry)}\n"
        if found:
            yield f"{table.excerpt(found)}\n"


def _wants_colour(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal shows colours and its user wants them (https://no-color.org)."""
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def note_line(entry: IndexEntry) -> str:
    """Return a note as a line for other programs: all columns, the complete title; safe to print.

    The author's name is cut at the width of its column, so that titles are aligned; --json has all of it.
    """
    author = padded(one_line(entry.author.name), _AUTHOR_CELLS)
    kind = padded(one_line(entry.type), 7)
    date = entry.published[:10]
    line = f"{date}  {entry.id}  {entry.state:<8}  {kind} {file_counts(entry)}  {author}"
    return f"{line}  {one_line(entry.title)}".rstrip()


def entry_as_json(entry: IndexEntry, root: Path) -> dict[str, object]:
    """Return a note as a JSON object that `get -i` reads."""
    counts = entry.counts
    return {
        "id": entry.id.text,
        "folder": str(root / entry.folder),
        "state": entry.state.value,
        "type": entry.type,
        "published": entry.published,
        "title": entry.title,
        "author": {"id": entry.author.id, "name": entry.author.name, "red_id": entry.author.red_id},
        "place": entry.place,
        "tags": list(entry.tags),
        "counts": {
            name: getattr(counts, name) for name in ("likes", "collects", "comments", "shares", "views")
        },
        "pictures": entry.pictures,
        "motions": entry.motions,
        "videos": entry.videos,
        "originals": entry.originals,
        "bytes": entry.bytes,
        "gaps": entry.gaps,
    }


def _excerpt(archive: Archive, entry: IndexEntry, text: str) -> Excerpt | None:
    """Return the excerpt of a note, from the manifest that its folder has now; None if it cannot be read."""
    try:
        manifest = archive.folders.manifest_at(entry.folder) if text else None
    except PermissionDenied:
        return None
    return excerpt_in(manifest, text) if manifest else None


def excerpt_in(manifest: Manifest, text: str) -> Excerpt | None:
    """Return the excerpt with the words from the text, tags or place; title and author are printed anyway."""
    note = manifest.metadata
    places = (note.text, " ".join(f"#{tag}" for tag in note.tags), note.place)
    return next(filter(None, (excerpt(place, text) for place in places)), None)
