"""`xharchive show`: show one archived note."""

import argparse
import sys
from pathlib import Path

from xharchive.cli.help import Commands
from xharchive.cli.options import add_command, add_directory

__all__ = ["add", "run"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "show",
        run,
        summary="show one archived note",
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


def run(args: argparse.Namespace) -> int:
    """Print the note; return 0.

    Raises:
        UsageError: there is no archive, or no such note in it.
        ArchiveError: the archive or the manifest of the note cannot be read.
    """
    from xharchive.cli.existing_archive import existing_archive, print_skipped_folders
    from xharchive.cli.find_note import find_note
    from xharchive.cli.note_details import details_text
    from xharchive.disk import translate_os_errors
    from xharchive.errors import ArchiveError
    from xharchive.manifest import FILE_NAME, MAX_MANIFEST_BYTES
    from xharchive.progress import safe_json

    store = existing_archive(Path(args.directory))
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
        sys.stdout.write(details_text(manifest, path))
    return 0
