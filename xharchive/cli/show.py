"""`xharchive show`: all that the archive knows of one note."""

import argparse
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "show",
        run,
        summary="show one note of the archive",
        description="Show a note: title, author, times, text, tags, its files, what is missing and why, its\n"
        "folder. Asks nobody. Exit code 2 if the archive does not have the note.",
        examples="""\
  xharchive show 69aed4e2000000000e00c358
  xharchive show 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358?xsec_token=…' -d ~/notes
  xharchive show 69aed4e2000000000e00c358 --json | jq .note.counts
""",
    )
    parser.add_argument("note", metavar="NOTE", help="its id, a link to it, or a share text in quotes")
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="the manifest as it is")


def run(args: argparse.Namespace) -> int:
    """Print the note; return 0.

    Raises:
        UsageError: no note is named, or one that the archive does not have.
        ArchiveError: the archive, or the note's manifest, cannot be read.
    """
    from xharchive.archived_notes import open_archived_notes
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.cli.find_note import named_note
    from xharchive.cli.note_details import card
    from xharchive.disk import translate_os_errors
    from xharchive.errors import ArchiveError
    from xharchive.manifest import FILE_NAME, MAX_MANIFEST_BYTES
    from xharchive.progress import safe_json

    store = existing_store(Path(args.directory))
    with open_archived_notes(store, read_only=True) as holdings:
        print_passed_over(store)
        note_id, folder = named_note(args.note, store, holdings)
        manifest = holdings.manifest_at(folder)
    if manifest is None or manifest.id != note_id:
        raise ArchiveError(f"{note_id} is unfinished or damaged: {folder} has no manifest that can be read")
    path = store.root.resolve() / folder
    if args.json:
        with translate_os_errors(f"reading the manifest of {folder}"):
            text = (store.note_folder(folder) / FILE_NAME).read_bytes(MAX_MANIFEST_BYTES).decode("utf-8-sig")
        sys.stdout.write(safe_json(text))
    else:
        sys.stdout.write(card(manifest, path))
    return 0
