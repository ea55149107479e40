"""`xharchive show`: show one archived note."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from xharchive.cli.console import Console
from xharchive.cli.options import DIRECTORY
from xharchive.cli.parser import Verb, argument, option
from xharchive.manifest import (
    FILE_NAME,
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
    NoteMetadata,
    Role,
    as_timestamps,
)
from xharchive.progress import safe_json, size_text
from xharchive.sanitize import counted, one_line, printable

_LABEL = 11


VERBS = {
    "show": Verb(
        "Show an archived note: title, author, times, text, tags, files, missing assets\n"
        "with their reasons, folder. Sends nothing. Exit code 2 if the note is not\n"
        "archived.",
        """\
  xharchive show 69aed4e2000000000e00c358
  xharchive show 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358'
  xharchive show 69aed4e2000000000e00c358 --json | jq .note.counts""",
        (
            argument("note", "NOTE", "note id, link, or share text in quotes"),
            DIRECTORY,
            option("output: --json", "print the manifest as it is"),
        ),
    )
}


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the note; return 0."""
    from xharchive.archive_path import translate_os_errors
    from xharchive.cli.open_archive import existing_archive, find_note, print_skipped_folders
    from xharchive.errors import ArchiveError

    store = existing_archive(args.directory)
    with store.opened(read_only=True):
        print_skipped_folders(store)
        note_id, folder = find_note(args.note, store)
        manifest = store.folders.manifest_at(folder)
    if manifest is None or manifest.id != note_id:
        raise ArchiveError(f"{note_id} is unfinished or damaged: {folder} has no manifest that can be read")
    path = store.root.resolve() / folder
    if args.json:
        with translate_os_errors(f"reading the manifest of {folder}"):
            text = (store.folders.path(folder) / FILE_NAME).read_bytes(MAX_MANIFEST_BYTES).decode("utf-8-sig")
        sys.stdout.write(safe_json(text))
    else:
        sys.stdout.write(_details_text(manifest, path))
    return 0


def _details_text(manifest: Manifest, path: Path) -> str:
    """Return the metadata, text, files, missing assets and folder of a note as lines."""
    lines = [*_facts(manifest, path), *_body(manifest.metadata), *_files(manifest), *_missing(manifest)]
    return "".join(f"{printable(line).rstrip()}\n" for line in lines)


def _facts(manifest: Manifest, path: Path) -> Iterator[str]:
    note = manifest.metadata
    archived = (as_timestamps(manifest.archived) or {}).get("china", "")
    known = (("red id", note.author.red_id), ("id", note.author.id))
    ids = ", ".join(f"{label} {text}" for label, text in known if text)
    counts = (
        counted(number, name.removesuffix("s"), name)
        for name, number in asdict(note.counts).items()
        if number is not None
    )
    facts = {
        "title": one_line(manifest.title),
        "author": one_line(f"{note.author.name} ({ids})" if ids else note.author.name),
        "note": f"{manifest.id}  {note.type}",
        "link": note.url,
        "published": _time(note.published_text),
        "updated": _time(note.updated_text),
        "place": one_line(note.place),
        "counts": ", ".join(counts),
        "state": f"{manifest.state}, archived {_time(archived)}" if archived else str(manifest.state),
        "folder": str(path),
    }
    yield from (f"{name:<{_LABEL}}{value}" for name, value in facts.items() if value)
    if not manifest.note:
        yield "Every endpoint that was asked answered without this note."


def _time(moment: str) -> str:
    return moment.replace("T", " ")


def _body(note: NoteMetadata) -> Iterator[str]:
    # The app writes a topic as `#name[话题]#`; readers know it as #name.
    text = note.text.replace("[话题]#", " ").strip()
    if text:
        yield from ("", *text.splitlines())
    if note.tags:
        yield from ("", " ".join(f"#{one_line(tag)}" for tag in note.tags))
    if note.remarks:
        yield from ("", *map(one_line, note.remarks))


def _files(manifest: Manifest) -> Iterator[str]:
    if not manifest.files:
        return
    from xharchive.cli.print_notes import padded, width

    yield from ("", "files")
    longest = max(width(printable(entry.path)) for entry in manifest.files)
    for entry in manifest.files:
        name = padded(printable(entry.path), longest)
        yield f"  {name}  {size_text(entry.size):>10}  {_dimensions(entry):<16}  {_origin(entry)}"


def _dimensions(entry: FileEntry) -> str:
    pixels = f"{entry.width}×{entry.height}" if entry.width and entry.height else ""
    seconds = f"{entry.duration_ms / 1000:.1f} s" if entry.duration_ms else ""
    return " ".join(filter(None, (pixels, seconds)))


def _origin(entry: FileEntry) -> str:
    if entry.role is Role.DERIVATIVE:
        return f"made from {entry.derived_from}"
    shown = f"shown in place of {entry.stands_for}" if entry.stands_for else ""
    return "; ".join(filter(None, (str(entry.quality or ""), shown, entry.problem)))


def _missing(manifest: Manifest) -> Iterator[str]:
    if manifest.gaps:
        yield from ("", "missing")
    for gap in manifest.gaps:
        what = f"{gap.slot}" if gap.role is Role.ORIGINAL else f"{gap.slot} ({gap.role})"
        yield one_line(f"{what}: {gap.reason}: {gap.detail}").join(("  ", ""))
