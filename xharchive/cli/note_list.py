"""Prints archived notes: a table or a line each, JSON lines, ids, or folders."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from xharchive.archive import Archive, Excerpt, IndexEntry, IndexFilter, excerpt
from xharchive.cli.existing_archive import existing_archive, print_skipped_folders
from xharchive.cli.note_columns import NoteTable, file_counts
from xharchive.cli.text_width import padded
from xharchive.cli.unreadable import report_unreadable
from xharchive.errors import PermissionDenied
from xharchive.manifest import Manifest, State
from xharchive.progress import json_line
from xharchive.sanitize import one_line, printable

__all__ = ["entry_as_json", "excerpt_in", "note_line", "print_notes"]

_AUTHOR_CELLS = 16


def print_notes(args: argparse.Namespace, text: str = "") -> int:
    """Print the notes that pass the filters; return 0, or 5 if this user may not read some notes.

    Args:
        args: the options.
        text: only notes with these words; "" for all.

    Raises:
        UsageError: there is no archive.
        ArchiveError: the archive cannot be read.
    """
    store = existing_archive(Path(args.directory))
    root = store.root.resolve()
    count = 0
    with store.opened(read_only=True):
        print_skipped_folders(store)
        entries = store.notes(_filters(args), text)
        for line in _lines(args, root, store, entries, text):
            sys.stdout.write(line)
            count += 1
        closed = store.closed
    if not count:
        sys.stderr.write("no matching notes\n")
    return int(report_unreadable(store, closed))


def _filters(args: argparse.Namespace) -> IndexFilter:
    return IndexFilter(
        author=args.author,
        type=args.type or "",
        state=State(args.state) if args.state else None,
        after=args.after,
        before=args.before,
        tag=args.tag,
        limit=args.limit,
    )


def _lines(
    args: argparse.Namespace, root: Path, archive: Archive, entries: Iterable[IndexEntry], text: str
) -> Iterator[str]:
    """Yield the printed lines of each note."""
    if args.ids:
        yield from (f"{entry.id}\n" for entry in entries)
    elif args.folders:
        yield from (f"{printable(str(root / entry.folder))}\n" for entry in entries)
    elif args.json:
        for entry in entries:
            found = _excerpt(archive, entry, text)
            more = {"excerpt": str(found) if found else ""} if text else {}
            yield json_line(entry_as_json(entry, root) | more)
    elif sys.stdout.isatty():
        table = NoteTable(shutil.get_terminal_size().columns, _wants_colour(os.environ))
        yield from _table_lines(table, ((entry, _excerpt(archive, entry, text)) for entry in entries))
    else:
        for entry in entries:
            found = _excerpt(archive, entry, text)
            more_lines = f"            {found}\n" if found else ""
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
