"""`xharchive gallery`: refresh the gallery."""

import argparse
import sys

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_json


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Write index.html and a page in each note folder, where something changed. `get`\n"
        "and `resume` do this at their end. Only reads originals and manifests. Sends\n"
        "nothing.",
        examples="""\
  xharchive gallery
  xharchive gallery -d ~/notes
  xharchive gallery -d ~/notes --rebuild
""",
    )
    add_directory(parser)
    parser.group("archive").add_argument(
        "--rebuild", action="store_true", help="write all pages and thumbnails again"
    )
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Refresh the gallery and print the numbers of pages and thumbnails; return the exit code.

    The exit code is 5 if this user may not read or write some folders.
    """
    from xharchive.cli.open_archive import existing_archive, print_skipped_folders, report_unreadable
    from xharchive.cli.signals import run_until_signal
    from xharchive.events import GalleryRefreshed, as_json
    from xharchive.gallery.refresh import RefreshResult, refresh_gallery
    from xharchive.images import Converter, ConvertOptions
    from xharchive.progress import json_line, progress_bar
    from xharchive.sanitize import counted, printable

    rebuild = bool(args.rebuild)
    store = existing_archive(args.directory)

    async def work() -> RefreshResult:
        async with Converter(ConvertOptions()) as converter:
            with progress_bar("note", sys.stderr) as tell:
                return await refresh_gallery(store, converter, rebuild=rebuild, on_progress=tell)

    with store.held():
        refreshed = run_until_signal(work(), console)
    print_skipped_folders(store)
    index = str((store.root / "index.html").resolve())
    done = GalleryRefreshed(refreshed.notes, refreshed.pages, refreshed.pictures, index)
    if args.json:
        sys.stdout.write(json_line(as_json(done)))
    else:
        made = f"{counted(done.pages, 'page')} and {counted(done.pictures, 'thumbnail')} written"
        sys.stdout.write(f"{counted(done.notes, 'note')}; {made}\n{printable(f'browse: {done.index}')}\n")
    return int(report_unreadable(store, refreshed.closed))
