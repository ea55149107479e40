"""`xharchive open`: the archive or a note, in the browser or the file manager."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.options import add_directory, add_verb
from xharchive.errors import UsageError

if TYPE_CHECKING:
    from xharchive.archive_path import ArchivePath

__all__ = ["add", "run"]

_PAGE = "index.html"
_FILE_MANAGERS = {"darwin": "open", "win32": "explorer"}


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "open",
        run,
        summary="open the archive, or a note, in the browser or as a folder",
        description="Open the page of the archive, or of a note, in the browser ($BROWSER, else the\n"
        "system's); where there is no page yet, and with --folder, the folder. Exit code 2 if nothing\n"
        "opens it.",
        examples="""\
  xharchive open
  xharchive open 69aed4e2000000000e00c358
  xharchive open 69aed4e2000000000e00c358 --folder -d ~/notes
  xharchive open 69aed4e2000000000e00c358 --print
""",
    )
    parser.add_argument(
        "note", nargs="?", metavar="NOTE", help="a note's id or link (default: the archive itself)"
    )
    add_directory(parser)
    parser.add_argument("--folder", action="store_true", help="open the folder, not the page")
    parser.add_argument("--print", action="store_true", help="only print the path")


def run(args: argparse.Namespace) -> int:
    """Open what is named, or print its path; return 0.

    Raises:
        UsageError: the archive does not have it, or nothing opens it.
        ArchiveError: the archive cannot be read.
    """
    from xharchive.sanitize import printable

    found = _folder(args)
    folder = found.unguarded.resolve()
    page = folder / _PAGE
    has_page = (found / _PAGE).is_file() and not args.folder
    if not has_page and not args.folder:
        sys.stderr.write(f"there is no page {printable(str(page))} yet; the folder instead\n")
    if args.print:
        sys.stdout.write(printable(str(page if has_page else folder)) + "\n")
    elif has_page:
        _open_page(page)
    else:
        _open_folder(folder)
    return 0


def _folder(args: argparse.Namespace) -> "ArchivePath":
    from xharchive.archived_notes import open_archived_notes
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.cli.find_note import named_note

    store = existing_store(Path(args.directory))
    if args.note is None:
        return store.folder
    with open_archived_notes(store, read_only=True) as holdings:
        print_passed_over(store)
        _, folder = named_note(args.note, store, holdings)
    return store.note_folder(folder)


def _open_page(page: Path) -> None:
    import webbrowser

    from xharchive.child_process import without_own_settings

    with without_own_settings():
        is_open = webbrowser.open(page.as_uri())
    if not is_open:
        raise UsageError(f"no browser could be started (set BROWSER to one); the page is {page}")


def _open_folder(folder: Path) -> None:
    import os
    import subprocess

    from xharchive.child_process import environment_of_programs

    program = _FILE_MANAGERS.get(sys.platform, "xdg-open")
    try:
        # An absolute path is never taken for an option, and no shell reads it.
        done = subprocess.run(  # noqa: S603
            [program, folder],
            stdin=subprocess.DEVNULL,
            env=environment_of_programs(os.environ),
            check=False,
        )
    except OSError as problem:
        raise UsageError(
            f"{program} cannot be started ({problem.strerror}); the folder is {folder}"
        ) from None
    if done.returncode and program != "explorer":  # that one says 1 when all went well
        raise UsageError(f"{program} could not open the folder {folder}")
