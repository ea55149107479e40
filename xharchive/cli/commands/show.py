"""`xharchive show`: show one archived note."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory
from xharchive.manifest import FILE_NAME, MAX_MANIFEST_BYTES, FileEntry, Manifest, Role, as_timestamps
from xharchive.progress import safe_json, size_text
from xharchive.sanitize import counted, one_line, printable

__all__ = ["configure", "run"]

_LABEL = 11


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Show an archived note: title, author, times, text, tags, files, missing assets\n"
        "with their reasons, folder. Sends nothing. Exit code 2 if the note is not\n"
        "archived.",
        examples="""\
  xharchive show 69aed4e2000000000e00c358
  xharchive show 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358'
  xharchive show 69aed4e2000000000e00c358 --json | jq .note.counts
""",
    )
    parser.add_argument("note", metavar="NOTE", help="note id, link, or share text in quotes")
    add_directory(parser)
    parser.group("output").add_argument("--json", action="store_true", help="print the manifest as it is")


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the note; return 0."""
    from xharchive.archived_notes import open_archived_notes
    from xharchive.cli.open_archive import existing_archive, find_note, print_skipped_folders
    from xharchive.disk import translate_os_errors
    from xharchive.errors import ArchiveError

    store = existing_archive(args.directory)
    with open_archived_notes(store, read_only=True) as archived:
        print_skipped_folders(store)
        note_id, folder = find_note(args.note, store, archived)
        manifest = archived.manifest_at(folder)
    if manifest is None or manifest.id != note_id:
        raise ArchiveError(f"{note_id} is unfinished or damaged: {folder} has no manifest that can be read")
    path = store.root.resolve() / folder
    if args.json:
        with translate_os_errors(f"reading the manifest of {folder}"):
            text = (store.note_folder(folder) / FILE_NAME).read_bytes(MAX_MANIFEST_BYTES).decode("utf-8-sig")
        sys.stdout.write(safe_json(text))
    else:
        sys.stdout.write(_details_text(manifest, path))
    return 0


def _details_text(manifest: Manifest, path: Path) -> str:
    """Return the metadata, text, files, missing assets and folder of a note as lines."""
    lines = [*_header(manifest, path), *_body(manifest.note), *_files(manifest), *_missing_assets(manifest)]
    return "".join(f"{printable(line).rstrip()}\n" for line in lines)


def _header(manifest: Manifest, path: Path) -> Iterator[str]:
    note = manifest.note
    archived = as_timestamps(manifest.archived)
    facts = (
        ("title", one_line(manifest.title)),
        ("author", _author(_mapping(note.get("author")))),
        ("note", f"{manifest.id}  {note.get('type', '')}"),
        ("link", str(note.get("url", ""))),
        ("published", _time(note.get("published"))),
        ("updated", _time(note.get("updated"))),
        ("place", one_line(str(note.get("place", "")))),
        ("counts", _counts(_mapping(note.get("counts")))),
        ("state", f"{manifest.state}, archived {_time(archived)}" if archived else str(manifest.state)),
        ("folder", str(path)),
    )
    yield from (f"{name:<{_LABEL}}{value}" for name, value in facts if value)
    if not note:
        yield "Every endpoint that was asked answered without this note."


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _author(author: Mapping[str, object]) -> str:
    ids = ", ".join(
        f"{label} {author[name]}" for name, label in (("red_id", "red id"), ("id", "id")) if author.get(name)
    )
    return one_line(f"{author.get('name', '')} ({ids})" if ids else str(author.get("name", "")))


def _time(moment: object) -> str:
    return str(_mapping(moment).get("china", "")).replace("T", " ")


def _counts(counts: Mapping[str, object]) -> str:
    return ", ".join(
        counted(number, name.removesuffix("s"), name)
        for name, number in counts.items()
        if isinstance(number, int)
    )


def _body(note: Mapping[str, object]) -> Iterator[str]:
    # The app writes a topic as `#name[话题]#`; readers know it as #name.
    text, tags = str(note.get("text", "")).replace("[话题]#", " "), note.get("tags")
    if text.strip():
        yield ""
        yield from text.strip().splitlines()
    if isinstance(tags, list) and tags:
        yield ""
        yield " ".join(f"#{one_line(str(tag))}" for tag in tags)
    remarks = note.get("remarks")
    if isinstance(remarks, list) and remarks:
        yield ""
        yield from (one_line(str(remark)) for remark in remarks)


def _files(manifest: Manifest) -> Iterator[str]:
    if not manifest.files:
        return
    from xharchive.cli.note_list import padded, width

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


def _missing_assets(manifest: Manifest) -> Iterator[str]:
    if manifest.gaps:
        yield from ("", "missing")
    for gap in manifest.gaps:
        what = f"{gap.slot}" if gap.role is Role.ORIGINAL else f"{gap.slot} ({gap.role})"
        yield one_line(f"{what}: {gap.reason}: {gap.detail}").join(("  ", ""))
