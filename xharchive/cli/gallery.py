"""`xharchive gallery`: refresh the pages to browse."""

import argparse
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "gallery",
        run,
        summary="refresh the pages to browse",
        description="Write index.html and a page in each note folder, as far as they changed. `get` and\n"
        "`resume` do this at their end. Originals and manifests are read, never written; nobody is asked.",
        examples="""\
  xharchive gallery
  xharchive gallery -d ~/notes
  xharchive gallery -d ~/notes --rebuild
""",
    )
    add_directory(parser)
    parser.add_argument("--rebuild", action="store_true", help="make all of it again")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """Refresh the gallery, say what was written; return 0."""
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.cli.signals import until_signalled
    from xharchive.cli.unreadable import report_closed
    from xharchive.events import GalleryRefreshed, as_json
    from xharchive.gallery import Refreshed, refresh_gallery
    from xharchive.images import Converter, ConvertOptions
    from xharchive.progress import counting, json_line
    from xharchive.sanitize import counted, printable

    store = existing_store(Path(args.directory))

    async def work() -> Refreshed:
        async with Converter(ConvertOptions()) as converter:
            with counting("note", sys.stderr) as tell:
                return await refresh_gallery(store, converter, rebuild=args.rebuild, tell=tell)

    with store.held():
        refreshed = until_signalled(work(), args)
    print_passed_over(store)
    index = str((store.root / "index.html").resolve())
    done = GalleryRefreshed(refreshed.notes, refreshed.pages, refreshed.pictures, index)
    if args.json:
        sys.stdout.write(json_line(as_json(done)))
    else:
        made = f"{counted(done.pages, 'page')} and {counted(done.pictures, 'small picture')} written"
        sys.stdout.write(f"{counted(done.notes, 'note')}; {made}\n{printable(f'browse: {done.index}')}\n")
    return int(report_closed(store, refreshed.closed))
