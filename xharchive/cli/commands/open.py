"""`xharchive open`: open the archive, or a note, in the browser or the file manager."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.console import Console
from xharchive.cli.options import DIRECTORY
from xharchive.cli.parser import Verb, argument, option
from xharchive.errors import UsageError
from xharchive.sanitize import printable

if TYPE_CHECKING:
    from xharchive.archive_path import ArchivePath

_PAGE = "index.html"
_FILE_MANAGERS = {"darwin": "open", "win32": "explorer"}


VERBS = {
    "open": Verb(
        "Open the page of the archive, or of a note, in the browser ($BROWSER, else\n"
        "the browser of the system). Opens the folder with --folder, and if there is no\n"
        "page yet. Exit code 2 if no program can open it.",
        """\
  xharchive open
  xharchive open 69aed4e2000000000e00c358
  xharchive open 69aed4e2000000000e00c358 --folder -d ~/notes
  xharchive open 69aed4e2000000000e00c358 --print""",
        (
            argument("note", "NOTE", "note id or link (default: the archive)", nargs="?"),
            DIRECTORY,
            option("output: --folder", "open the folder, not the page"),
            option("output: --print", "only print the path"),
        ),
    )
}


def run(args: argparse.Namespace, _console: Console) -> int:
    """Open the archive or the note, or print its path; return 0."""
    found = _folder(args.directory, args.note)
    folder = found.unguarded.resolve()
    page = folder / _PAGE
    has_page = (found / _PAGE).is_file() and not args.folder
    if not has_page and not args.folder:
        sys.stderr.write(f"there is no page {printable(str(page))} yet; using the folder\n")
    if args.print:
        sys.stdout.write(printable(str(page if has_page else folder)) + "\n")
    elif has_page:
        _open_page(page)
    else:
        _open_folder(folder)
    return 0


def _folder(directory: str, note: str | None) -> "ArchivePath":
    from xharchive.cli.open_archive import existing_archive, find_note, print_skipped_folders

    store = existing_archive(directory)
    if note is None:
        return store.folder
    with store.opened(read_only=True):
        print_skipped_folders(store)
        _, folder = find_note(note, store)
    return store.folders.path(folder)


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
        # An absolute path cannot be read as an option, and no shell is involved.
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
    if done.returncode and program != "explorer":  # Explorer returns 1 on success
        raise UsageError(f"{program} could not open the folder {folder}")
